"""What is no longer needed goes: original words after the term, strangers who never agreed after a day.

Ids are ordered by time, so every table is walked once along its key: a mark in `meta` says how far. A round takes a
bounded number of rows, for it runs between two batches of messages.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Table, and_, case, delete, select, update

from storage import meta
from storage.book import INBOX, MESSAGE, OUTBOX, RESIDENT
from storage.ids import first_id

DAY_MS = 24 * 3600 * 1000
STRANGER_MS = DAY_MS
MOST = 2_000  #: rows of one table in one round


def erase_old(tx: Connection, now_ms: int, raw_text_days: int, most: int = MOST) -> dict[str, int]:
    """Erases what has outlived its purpose, at most `most` rows of each table; returns how many of each kind.

    Original messages lose their sealed text (masked text, needs and counts stay), parked events their sealed content;
    residents without consent go with everything that hangs on them; replies go, the keys of events stay so that a late
    repeat still changes nothing. Events of strangers are never kept, so nothing of theirs is parked.
    Source: retention of the catalogue's policy (PIPL art. 47); the days are the operator's.
    """
    oldest = first_id(now_ms - raw_text_days * DAY_MS)
    counts = {"texts": 0, "strangers": 0, "replies": 0, "parked": 0}
    if (old := _next(tx, MESSAGE, oldest, most)) is not None:
        worded = update(MESSAGE).where(old, MESSAGE.c.original != b"")
        counts["texts"] = tx.execute(worded.values(original=b"")).rowcount
    if (old := _next(tx, RESIDENT, first_id(now_ms - STRANGER_MS), most)) is not None:
        counts["strangers"] = tx.execute(delete(RESIDENT).where(old, RESIDENT.c.consent_version.is_(None))).rowcount
    if (old := _next(tx, OUTBOX, oldest, most)) is not None:
        counts["replies"] = tx.execute(delete(OUTBOX).where(old)).rowcount
    if (old := _next(tx, INBOX, oldest, most)) is not None:
        parked = update(INBOX).where(old, INBOX.c.payload.is_not(None))
        dead = case((INBOX.c.status == "failed", "dead"), else_=INBOX.c.status)
        counts["parked"] = tx.execute(
            parked.values(payload=None, resident_id=None, retry_ms=None, status=dead)
        ).rowcount
        tx.execute(update(INBOX).where(old, INBOX.c.reply.is_not(None)).values(reply=None))
    return counts


def _next(tx: Connection, table: Table, before: int, most: int) -> ColumnElement[bool] | None:
    """The next rows of a table older than the id `before`, as a range of ids; None when there are none."""
    key = f"retention.{table.name}"
    done = int(meta.read(tx, key) or -1)
    found = select(table.c.id).where(table.c.id > done, table.c.id < before).order_by(table.c.id).limit(most)
    ids = tx.scalars(found).all()
    if not ids:
        return None
    meta.write(tx, key, str(ids[-1]))
    return and_(table.c.id > done, table.c.id <= ids[-1])
