"""What planners read: the demand counters of an area and a period, the needs behind them, and how sound they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, case, func, or_, select

from domain.demand import Answered, Cell, Judged, NeedLine, Quality, Recount, Scope
from storage import tables as t
from storage.database import Database
from storage.declare import table_of

INBOX, MESSAGE, IDENTITY, MODEL = (table_of(model) for model in (t.Inbox, t.Message, t.Identity, t.ModelVersion))
NEED, VOICE, REMARK = (table_of(model) for model in (t.Need, t.Voice, t.Remark))
DEMAND, TOTAL = (table_of(model) for model in (t.Demand, t.DemandTotal))

COUNTERS = ("voices", "needs", "objections", "faults", "complaints")
REMARKS = {"objections": "objection", "faults": "fault_report", "complaints": "service_complaint"}


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """A transaction in which every query sees the same moment, so that totals agree with each other."""
    if database.dialect == "postgresql":
        with database.engine.connect().execution_options(isolation_level="REPEATABLE READ") as tx, tx.begin():
            yield tx
    else:
        with database.transaction() as tx:
            yield tx


def _where(table: Table, scope: Scope) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [table.c.community.in_(scope.communities)]
    if scope.leaves is not None:
        conditions.append(table.c.leaf.in_(scope.leaves))
    if scope.since is not None:
        conditions.append(table.c.day >= scope.since)
    if scope.until is not None:
        conditions.append(table.c.day <= scope.until)
    return and_(*conditions)


def cells(tx: Connection, scope: Scope) -> list[Cell]:
    """The counters by community and facility; cells in which everything is zero are left out."""
    sums = [func.coalesce(func.sum(DEMAND.c[name]), 0) for name in COUNTERS]
    asked_day = case((DEMAND.c.voices + DEMAND.c.needs > 0, DEMAND.c.day))
    query = (
        select(DEMAND.c.community, DEMAND.c.leaf, *sums, func.min(asked_day), func.max(asked_day))
        .where(_where(DEMAND, scope))
        .group_by(DEMAND.c.community, DEMAND.c.leaf)
        .having(or_(*(total != 0 for total in sums)))
    )
    return [
        Cell(row[0], row[1], int(row[2]), int(row[3]), int(row[4]), int(row[5]), int(row[6]), row[7], row[8])
        for row in tx.execute(query)
    ]


def residents(tx: Connection, scope: Scope) -> dict[tuple[str, str], int]:
    """Distinct residents who ever asked, by (community, leaf). The period plays no part."""
    query = select(TOTAL.c.community, TOTAL.c.leaf, TOTAL.c.residents).where(TOTAL.c.community.in_(scope.communities))
    return {(row[0], row[1]): row[2] for row in tx.execute(query)}


def judged(tx: Connection, scope: Scope) -> dict[tuple[str, str], Judged]:
    """Needs awaiting review, and filed needs somebody confirmed, by (community, leaf)."""
    asked = NEED.c.status == "asked"
    filed = NEED.c.status == "filed"
    query = (
        select(
            NEED.c.community,
            NEED.c.leaf,
            _count_if(asked),
            _count_if(and_(filed, NEED.c.confirmed_by == "resident")),
            _count_if(and_(filed, NEED.c.confirmed_by == "worker")),
        )
        .where(_where(NEED, scope), or_(asked, and_(filed, NEED.c.confirmed_by.is_not(None))))
        .group_by(NEED.c.community, NEED.c.leaf)
    )
    return {(row[0], row[1]): Judged(*map(int, row[2:])) for row in tx.execute(query)}


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _channel_of(resident_id: ColumnElement[int]) -> ColumnElement[str | None]:
    """The resident's channel, or "*" for several."""
    return (
        select(
            case(
                (func.min(IDENTITY.c.channel) == func.max(IDENTITY.c.channel), func.min(IDENTITY.c.channel)), else_="*"
            )
        )
        .where(IDENTITY.c.resident_id == resident_id)
        .scalar_subquery()
    )


def need_lines(tx: Connection, scope: Scope) -> Iterator[NeedLine]:
    """Every need in the order of its number, read in portions: a hundred thousand take no more memory than a few.

    The words of a need its resident took back are not given.
    """
    words = case((NEED.c.status == "withdrawn", ""), else_=MESSAGE.c.masked)
    query = (
        select(
            NEED.c.receipt,
            NEED.c.day,
            NEED.c.community,
            NEED.c.leaf,
            NEED.c.nature,
            NEED.c.source,
            _channel_of(NEED.c.resident_id),
            NEED.c.status,
            NEED.c.confirmed_by,
            NEED.c.p,
            words,
        )
        .select_from(NEED.join(MESSAGE, MESSAGE.c.id == NEED.c.message_id))
        .where(_where(NEED, scope))
        .order_by(NEED.c.id)
    )
    for row in tx.execution_options(yield_per=1000).execute(query):
        yield NeedLine(*row)


def active_figures(tx: Connection) -> tuple[str, dict[str, object]] | None:
    """Version and measured figures of the model in use, or None when none is registered."""
    row = tx.execute(
        select(MODEL.c.version, MODEL.c.figures).where(MODEL.c.active).order_by(MODEL.c.created_ms.desc()).limit(1)
    ).first()
    if row is None:
        return None
    try:
        figures = json.loads(row.figures)
    except ValueError:
        figures = {}
    return row.version, figures if isinstance(figures, dict) else {}


def quality(tx: Connection, scope: Scope) -> Quality:
    """Everything of the sheet on data quality. Reads rows, not counters: for a download, not for each page view."""
    messages = _messages(scope)
    return Quality(
        intents=_tally(tx, select(MESSAGE.c.intent, func.count()).where(messages).group_by(MESSAGE.c.intent)),
        statuses=_tally(tx, select(NEED.c.status, func.count()).where(_where(NEED, scope)).group_by(NEED.c.status)),
        confirmed=_tally(
            tx,
            select(NEED.c.confirmed_by, func.count())
            .where(_where(NEED, scope), NEED.c.status == "filed", NEED.c.confirmed_by.is_not(None))
            .group_by(NEED.c.confirmed_by),
        ),
        answered=_answered(tx, messages),
        residents=tx.scalar(select(func.count(MESSAGE.c.resident_id.distinct())).where(messages)) or 0,
        messages=tx.scalar(select(func.count()).select_from(MESSAGE).where(messages)) or 0,
        models=_tally(tx, select(MESSAGE.c.model, func.count()).where(messages).group_by(MESSAGE.c.model)),
        inbox=_tally(tx, select(INBOX.c.status, func.count()).group_by(INBOX.c.status)),
        recounts=tuple(recounts(tx, scope)),
    )


def _messages(scope: Scope) -> ColumnElement[bool]:
    inside: ColumnElement[bool] = MESSAGE.c.community.in_(scope.communities)
    conditions = [or_(inside, MESSAGE.c.community.is_(None)) if scope.whole_city else inside]
    if scope.since_ms is not None:
        conditions.append(MESSAGE.c.at_ms >= scope.since_ms)
    if scope.until_ms is not None:
        conditions.append(MESSAGE.c.at_ms < scope.until_ms)
    return and_(*conditions)


def _tally(tx: Connection, query: Select[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in sorted(tx.execute(query), key=lambda row: str(row[0]))}


def _answered(tx: Connection, messages: ColumnElement[bool]) -> tuple[Answered, ...]:
    per_resident = (
        select(
            MESSAGE.c.community,
            _channel_of(MESSAGE.c.resident_id).label("channel"),
            MESSAGE.c.resident_id,
            func.count().label("messages"),
        )
        .where(messages)
        .group_by(MESSAGE.c.community, MESSAGE.c.resident_id)
        .subquery()
    )
    query = select(
        per_resident.c.community, per_resident.c.channel, func.count(), func.sum(per_resident.c.messages)
    ).group_by(per_resident.c.community, per_resident.c.channel)
    found = [Answered(row[0], row[1], int(row[2]), int(row[3])) for row in tx.execute(query)]
    return tuple(sorted(found, key=lambda row: (row.community or "", row.channel or "")))


def recounts(tx: Connection, scope: Scope) -> Iterator[Recount]:
    """Each counter of a scope beside the rows it is the count of; they differ only if something is broken."""
    counted = tx.execute(
        select(*(func.coalesce(func.sum(DEMAND.c[name]), 0) for name in COUNTERS)).where(_where(DEMAND, scope))
    ).one()
    rows = {
        "voices": select(func.count()).select_from(VOICE).where(_where(VOICE, scope)),
        "needs": select(func.count()).select_from(NEED).where(_where(NEED, scope), NEED.c.status == "filed"),
    }
    for name, intent in REMARKS.items():
        rows[name] = select(func.count()).select_from(REMARK).where(_where(REMARK, scope), REMARK.c.intent == intent)
    for name, total in zip(COUNTERS, counted, strict=True):
        yield Recount(name, int(total), tx.scalar(rows[name]) or 0)
