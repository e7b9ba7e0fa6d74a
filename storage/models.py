"""Which model reads, where it comes from, and how every challenger was judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from storage.tables import ModelVersion


class Entry(NamedTuple):
    """One model of the history."""

    version: str
    created_ms: int
    active: bool
    corpus: str | None
    dictionary: str | None
    parent: str | None
    verdict: str | None
    labels: dict[str, int]
    comparison: dict[str, Any]
    figures: dict[str, Any]


def activate(
    tx: Connection,
    version: str,
    figures: Mapping[str, object],
    now_ms: int,
    corpus: str | None = None,
    dictionary: str | None = None,
) -> bool:
    """Notes that this version reads from now on; planners' intervals use its figures. False if it did before."""
    active = tx.scalar(select(ModelVersion.version).where(ModelVersion.active))
    if active == version:
        return False
    tx.execute(update(ModelVersion).where(ModelVersion.active).values(active=False))
    values = {"figures": _json(figures), "active": True, "corpus": corpus, "dictionary": dictionary}
    if not tx.execute(update(ModelVersion).where(ModelVersion.version == version).values(**values)).rowcount:
        tx.execute(insert(ModelVersion).values(version=version, created_ms=now_ms, **values))
    return True


def note(
    tx: Connection,
    version: str,
    now_ms: int,
    *,
    corpus: str,
    dictionary: str,
    parent: str,
    verdict: str,
    labels: Mapping[str, int],
    comparison: Mapping[str, object],
    figures: Mapping[str, object],
) -> None:
    """Notes how a challenger was judged; a later judgement of the same one takes the place of the earlier."""
    values = {
        "created_ms": now_ms,
        "corpus": corpus,
        "dictionary": dictionary,
        "parent": parent,
        "verdict": verdict,
        "labels": _json(labels),
        "comparison": _json(comparison),
        "figures": _json(figures),
    }
    if not tx.execute(update(ModelVersion).where(ModelVersion.version == version).values(**values)).rowcount:
        tx.execute(insert(ModelVersion).values(version=version, active=False, **values))


def set_verdict(tx: Connection, version: str, verdict: str) -> None:
    """Changes what became of a model."""
    tx.execute(update(ModelVersion).where(ModelVersion.version == version).values(verdict=verdict))


def history(tx: Connection) -> list[Entry]:
    """Every model that was judged or has read, newest first."""
    model = ModelVersion
    query = select(
        model.version,
        model.created_ms,
        model.active,
        model.corpus,
        model.dictionary,
        model.parent,
        model.verdict,
        model.labels,
        model.comparison,
        model.figures,
    ).order_by(model.created_ms.desc(), model.version)
    return [Entry(*row[:7], *(json.loads(column or "{}") for column in row[7:])) for row in tx.execute(query)]


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, sort_keys=True)
