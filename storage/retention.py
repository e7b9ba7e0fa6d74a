"""What is no longer needed goes: original words after the term, strangers who never agreed after a day."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, update

from storage.book import INBOX, MESSAGE, OUTBOX, RESIDENT

STRANGER_MS = 24 * 3600 * 1000


def erase_old(tx: Connection, now_ms: int, raw_text_days: int) -> dict[str, int]:
    """Erases what has outlived its purpose; returns how many rows of each kind.

    Original messages lose their sealed text (masked text, needs and counts stay); residents without consent go with
    everything that hangs on them; replies go, the keys of events stay so that a late repeat still changes nothing.
    Source: retention of the catalogue's policy (PIPL art. 47); the days are the operator's.
    """
    oldest_ms = now_ms - raw_text_days * 24 * 3600 * 1000
    texts = tx.execute(
        update(MESSAGE).where(MESSAGE.c.at_ms < oldest_ms, MESSAGE.c.original != b"").values(original=b"")
    )
    strangers = select(RESIDENT.c.id).where(
        RESIDENT.c.consent_version.is_(None), RESIDENT.c.created_ms < now_ms - STRANGER_MS
    )
    gone = tx.execute(delete(RESIDENT).where(RESIDENT.c.id.in_(strangers)))
    replies = tx.execute(delete(OUTBOX).where(OUTBOX.c.created_ms < oldest_ms))
    tx.execute(update(INBOX).where(INBOX.c.received_ms < oldest_ms, INBOX.c.reply.is_not(None)).values(reply=None))
    return {"texts": texts.rowcount, "strangers": gone.rowcount, "replies": replies.rowcount}
