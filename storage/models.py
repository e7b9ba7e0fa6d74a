"""Which model reads: its version and how well it read people it was not trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import Connection, insert, select, update

from storage.tables import ModelVersion


def activate(tx: Connection, version: str, figures: Mapping[str, object], now_ms: int) -> bool:
    """Notes that this version reads from now on; planners' intervals use its figures. False if it did before."""
    active = tx.scalar(select(ModelVersion.version).where(ModelVersion.active))
    if active == version:
        return False
    tx.execute(update(ModelVersion).where(ModelVersion.active).values(active=False))
    values = {"figures": json.dumps(figures, sort_keys=True), "active": True}
    if not tx.execute(update(ModelVersion).where(ModelVersion.version == version).values(**values)).rowcount:
        tx.execute(insert(ModelVersion).values(version=version, created_ms=now_ms, **values))
    return True
