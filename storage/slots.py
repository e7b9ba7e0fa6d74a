"""Slots of scheduled jobs: whoever inserts the row first has the tick. Any number of processes, one winner."""

from __future__ import annotations

from sqlalchemy import Connection, delete

from storage import tables as t
from storage.declare import table_of
from storage.upsert import upsert

KEEP_MS = 3600 * 1000  #: claimed slots older than this are forgotten; no two clocks are so far apart

SLOT = table_of(t.Slot)


def claim(tx: Connection, job: str, slot: str, owner: str, now_ms: int) -> bool:
    """Whether `owner` has this slot of the job now. It is nobody else's once the transaction is committed.

    A process that dies after its claim loses only that slot; the next one is free again.
    """
    row = {"job": job, "slot": slot, "owner": owner, "claimed_ms": now_ms}
    claimed = upsert(SLOT, tx.dialect.name).values(row).on_conflict_do_nothing().returning(SLOT.c.owner)
    won = tx.execute(claimed).first() is not None
    if won:
        tx.execute(delete(SLOT).where(SLOT.c.job == job, SLOT.c.claimed_ms < now_ms - KEEP_MS))
    return won
