"""What is no longer needed goes: original words after the term, strangers who never agreed after a day."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, update

from storage.book import INBOX, MESSAGE, RESIDENT

STRANGER_MS = 24 * 3600 * 1000
REPEAT_MS = 30 * 24 * 3600 * 1000  #: no platform repeats an event after a day; a month is kept


def erase_old(tx: Connection, now_ms: int, raw_text_days: int) -> dict[str, int]:
    """Erases what has outlived its purpose; returns how many rows of each kind.

    Original messages lose their sealed text (masked text, needs and counts stay); residents without consent go with
    everything that hangs on them; stored replies go, their keys stay so that a late repeat still changes nothing.
    Source: retention of the catalogue's policy (PIPL art. 47); the days are the operator's.
    """
    oldest_ms = now_ms - raw_text_days * 24 * 3600 * 1000
    texts = tx.execute(
        update(MESSAGE).where(MESSAGE.c.at_ms < oldest_ms, MESSAGE.c.original != b"").values(original=b"")
    )
    strangers = select(RESIDENT.c.id).where(
        RESIDENT.c.consent_version.is_(None), RESIDENT.c.created_ms < now_ms - STRANGER_MS
    )
    detached = update(INBOX).where(INBOX.c.resident_id.in_(strangers)).values(resident_id=None, reply=None)
    tx.execute(detached)
    gone = tx.execute(delete(RESIDENT).where(RESIDENT.c.id.in_(strangers)))
    replies = tx.execute(
        update(INBOX)
        .where(INBOX.c.received_ms < now_ms - REPEAT_MS, INBOX.c.status == "done", INBOX.c.reply.is_not(None))
        .values(reply=None)
    )
    return {"texts": texts.rowcount, "strangers": gone.rowcount, "replies": replies.rowcount}
