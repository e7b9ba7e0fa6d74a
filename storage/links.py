"""Needs that workers called one and the same: pairs of needs, and the groups they make. Counters never look here.

A link goes with either of its needs. A need that held others together parts them when it goes.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, delete, or_, select

from storage import tables as t
from storage.declare import table_of
from storage.staff import CASE, Case
from storage.upsert import upsert

LINK = table_of(t.NeedLink)
LIVE = ("asked", "filed")


def neighbours(tx: Connection, case: Case, within_ms: int, most: int) -> list[Case]:
    """Live needs of the same community and facility around the case's time, newest first, the case left out."""
    query = CASE.where(
        t.Need.community == case.community,
        t.Need.status.in_(LIVE),
        t.Need.at_ms.between(case.at_ms - within_ms, case.at_ms + within_ms),
        t.Need.leaf == case.leaf,
        t.Need.id != case.need_id,
    )
    return [Case(*row) for row in tx.execute(query.order_by(t.Need.at_ms.desc(), t.Need.id.desc()).limit(most))]


def link(tx: Connection, one: int, other: int, staff_id: int, score: float, now_ms: int) -> None:
    """Calls two needs one and the same; a repeat changes nothing.

    Raises:
        ValueError: a need and itself.
    """
    if one == other:
        raise ValueError("a need cannot be linked to itself")
    first, second = sorted((one, other))
    row = {"first_id": first, "second_id": second, "staff_id": staff_id, "at_ms": now_ms, "score": score}
    tx.execute(upsert(LINK, tx.dialect.name).values(**row).on_conflict_do_nothing())


def unlink(tx: Connection, need_id: int) -> int:
    """Takes a need out of its group; returns the number of links that went."""
    return tx.execute(delete(LINK).where(_touches([need_id]))).rowcount


def group(tx: Connection, need_id: int) -> set[int]:
    """The needs linked with this one, directly or through others, itself among them."""
    found: set[int] = {need_id}
    fresh = [need_id]
    while fresh:
        rows = tx.execute(select(LINK.c.first_id, LINK.c.second_id).where(_touches(fresh)))
        fresh = sorted({need for row in rows for need in row} - found)
        found.update(fresh)
    return found


def live_group(tx: Connection, need_id: int) -> list[str]:
    """Receipt numbers of a need's group, oldest first; those taken back or rejected are left out."""
    ids = group(tx, need_id)
    query = select(t.Need.receipt).where(t.Need.id.in_(ids), t.Need.status.in_(LIVE))
    return list(tx.scalars(query.order_by(t.Need.at_ms, t.Need.id))) if len(ids) > 1 else []


def _touches(needs: list[int]) -> ColumnElement[bool]:
    return or_(LINK.c.first_id.in_(needs), LINK.c.second_id.in_(needs))
