"""Failed messages: due again, taken, tried, parked."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, update

from storage.book import INBOX


def due_failures(tx: Connection, now_ms: int, limit: int) -> list[tuple[int, int, bytes]]:
    """(inbox id, tries so far, sealed event) of the failed messages whose time has come."""
    query = select(INBOX.c.id, INBOX.c.tries, INBOX.c.payload).where(
        INBOX.c.status == "failed", INBOX.c.retry_ms <= now_ms
    )
    return [(row.id, row.tries, row.payload) for row in tx.execute(query.order_by(INBOX.c.id).limit(limit))]


def take_failure(tx: Connection, inbox_id: int) -> bool:
    """Removes the row so that the message can be handled anew; False when somebody else has it."""
    return bool(tx.execute(delete(INBOX).where(INBOX.c.id == inbox_id, INBOX.c.status == "failed")).rowcount)


def fail_again(tx: Connection, inbox_id: int, tries: int, reason: str | None, retry_ms: int | None) -> None:
    """Notes another failure; without `retry_ms` the message is parked as dead.

    Its content stays sealed, and its owner known, until the term for original words is over (`storage.retention`).
    """
    changes: dict[str, object] = {"tries": tries, "retry_ms": retry_ms}
    if retry_ms is None:
        changes["status"] = "dead"
    if reason is not None:
        changes["reason"] = reason
    tx.execute(update(INBOX).where(INBOX.c.id == inbox_id).values(**changes))


def counts_by_status(tx: Connection) -> dict[str, int]:
    """How many events are done, failed, dead."""
    rows = tx.execute(select(INBOX.c.status, func.count()).group_by(INBOX.c.status))
    return {str(status): int(count) for status, count in rows}
