"""The outbox's rows: claimed, sent, put back, recovered. Rows say what happened; `bot.outbox` decides what to do.

    ready -> sending -> sent | unknown | refused | expired, or ready again with a later `not_before_ms`

While a row is `sending`, `not_before_ms` is the end of its claim: another process may take it for abandoned after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, or_, select, update

from storage.book import IDENTITY, OUTBOX

CLAIM_MS = 120_000  #: longest time between a claim and its result


@dataclass(frozen=True, slots=True)
class Due:
    """A claimed message. `body` is the encoded message, `address` sealed."""

    id: int
    identity_id: int
    kind: str
    body: bytes
    tries: int
    expires_ms: int | None
    address: bytes
    gone: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a claimed message. With `not_before_ms`, `status` is `ready`."""

    id: int
    status: str
    tries: int
    external_id: str | None = None
    reason: str | None = None
    not_before_ms: int | None = None


def claim(
    tx: Connection, channel: str, account: str, kind: str, now_ms: int, limit: int, not_to: Collection[int] = ()
) -> list[Due]:
    """Takes up to `limit` due rows of one kind, oldest first, one for each identity and none for those in `not_to`.

    A reply waits for older replies to the same identity, whoever sends them: answers arrive in their order.
    """
    query = _DUE_LOCKED if tx.dialect.name == "postgresql" else _DUE
    facts = {
        "channel": channel,
        "account": account,
        "kind": kind,
        "now": now_ms,
        "not_to": list(not_to),
        "most": limit,
    }
    due: dict[int, Due] = {}
    for row in tx.execute(query, facts):
        if row.identity_id not in due:
            due[row.identity_id] = Due(*row)
    if due:
        tx.execute(_CLAIM, [{"row": item.id, "until": now_ms + CLAIM_MS} for item in due.values()])
    return list(due.values())


def next_due_ms(tx: Connection, channel: str, account: str, kinds: Iterable[str], now_ms: int) -> int | None:
    """When the next waiting row of an account, of one of these kinds, may be sent; None when nothing waits."""
    facts = {"channel": channel, "account": account, "now": now_ms}
    times = [tx.scalar(_NEXT, {**facts, "kind": kind}) for kind in kinds]
    return min((time for time in times if time is not None), default=None)


def settle(tx: Connection, results: Sequence[Result], now_ms: int) -> None:
    """Writes down what became of claimed rows."""
    rows = [
        {
            "row": result.id,
            "status": result.status,
            "tries": result.tries,
            "external_id": result.external_id,
            "reason": result.reason,
            "not_before_ms": now_ms if result.not_before_ms is None else result.not_before_ms,
            "sent_ms": now_ms if result.status == "sent" else None,
        }
        for result in results
    ]
    if rows:
        tx.execute(_SETTLE, rows)


def recover(tx: Connection, accounts: Iterable[tuple[str, str]], now_ms: int) -> tuple[int, int]:
    """Rows that a dead process left `sending`: (replies now unknown, pushes ready again).

    SQLite has one process, so whatever is `sending` at its start is abandoned; on PostgreSQL the claim must be over.
    """
    unknown = again = 0
    for channel, account in accounts:
        query = _ABANDONED.where(IDENTITY.c.channel == channel, IDENTITY.c.account == account)
        if tx.dialect.name == "postgresql":
            query = query.where(OUTBOX.c.not_before_ms < now_ms).with_for_update(of=OUTBOX, skip_locked=True)
        found = tx.execute(query).all()
        replies = [row.id for row in found if row.kind == "reply"]
        pushes = [row.id for row in found if row.kind != "reply"]
        if replies:
            _mark(tx, replies, {"status": "unknown", "reason": "interrupted"})
        if pushes:
            _mark(tx, pushes, {"status": "ready", "reason": "interrupted", "not_before_ms": now_ms})
        unknown += len(replies)
        again += len(pushes)
    return unknown, again


def expire(tx: Connection, now_ms: int) -> int:
    """Ends the waiting of rows whose time is over, on every channel. Returns how many."""
    overdue = update(OUTBOX).where(OUTBOX.c.status == "ready", OUTBOX.c.expires_ms <= now_ms)
    return tx.execute(overdue.values(status="expired")).rowcount


def mark_gone(tx: Connection, identity_id: int) -> None:
    """The platform says that nobody is there: what else waits for that identity is refused."""
    resident_id = tx.scalar(select(IDENTITY.c.resident_id).where(IDENTITY.c.id == identity_id))
    tx.execute(update(IDENTITY).where(IDENTITY.c.id == identity_id).values(gone=True))
    waiting = update(OUTBOX).where(
        OUTBOX.c.resident_id == resident_id, OUTBOX.c.identity_id == identity_id, OUTBOX.c.status == "ready"
    )
    tx.execute(waiting.values(status="refused", reason="send.gone"))


def mark_reached(tx: Connection, identity_ids: Sequence[int]) -> None:
    """Messages arrive there again."""
    if identity_ids:
        tx.execute(update(IDENTITY).where(IDENTITY.c.id.in_(identity_ids)).values(gone=False))


def set_gone(tx: Connection, channel: str, account: str, key_hash: bytes, gone: bool) -> bool:
    """Notes what a platform tells about a person it knows; False when we do not know them."""
    found = tx.scalar(
        select(IDENTITY.c.id).where(
            IDENTITY.c.channel == channel, IDENTITY.c.account == account, IDENTITY.c.key_hash == key_hash
        )
    )
    if found is None:
        return False
    if gone:
        mark_gone(tx, found)
    else:
        mark_reached(tx, [found])
    return True


def counts_by_status(tx: Connection) -> dict[str, int]:
    """How many messages are ready, sent, unknown, ..."""
    query = select(OUTBOX.c.status, func.count()).group_by(OUTBOX.c.status)
    return {str(row[0]): int(row[1]) for row in tx.execute(query)}


def _mark(tx: Connection, row_ids: Sequence[int], values: dict[str, object]) -> None:
    tx.execute(update(OUTBOX).where(OUTBOX.c.id.in_(row_ids)).values(**values))


_OF_ACCOUNT = (
    OUTBOX.c.status == "ready",
    OUTBOX.c.kind == bindparam("kind"),
    IDENTITY.c.channel == bindparam("channel"),
    IDENTITY.c.account == bindparam("account"),
    or_(OUTBOX.c.expires_ms.is_(None), OUTBOX.c.expires_ms > bindparam("now")),
)
_JOINED = OUTBOX.join(IDENTITY, IDENTITY.c.id == OUTBOX.c.identity_id)
_OLDER = OUTBOX.alias("older")
_OLDER_REPLY = (
    select(_OLDER.c.id)
    .where(
        _OLDER.c.resident_id == OUTBOX.c.resident_id,
        _OLDER.c.identity_id == OUTBOX.c.identity_id,
        _OLDER.c.kind == "reply",
        _OLDER.c.status.in_(("ready", "sending")),
        or_(
            _OLDER.c.created_ms < OUTBOX.c.created_ms,
            and_(_OLDER.c.created_ms == OUTBOX.c.created_ms, _OLDER.c.id < OUTBOX.c.id),
        ),
    )
    .correlate(OUTBOX)
    .exists()
)
_DUE: Select[Any] = (
    select(
        OUTBOX.c.id,
        OUTBOX.c.identity_id,
        OUTBOX.c.kind,
        OUTBOX.c.body,
        OUTBOX.c.tries,
        OUTBOX.c.expires_ms,
        IDENTITY.c.address,
        IDENTITY.c.gone,
    )
    .select_from(_JOINED)
    .where(
        *_OF_ACCOUNT,
        OUTBOX.c.not_before_ms <= bindparam("now"),
        OUTBOX.c.identity_id.not_in(bindparam("not_to", expanding=True)),
        or_(OUTBOX.c.kind != "reply", ~_OLDER_REPLY),
    )
    .order_by(OUTBOX.c.not_before_ms, OUTBOX.c.id)  # as the index has it: a million may wait
    .limit(bindparam("most"))
)
_DUE_LOCKED = _DUE.with_for_update(of=OUTBOX, skip_locked=True)
_NEXT = (
    select(OUTBOX.c.not_before_ms).select_from(_JOINED).where(*_OF_ACCOUNT).order_by(OUTBOX.c.not_before_ms).limit(1)
)
_CLAIM = (
    update(OUTBOX)
    .where(OUTBOX.c.id == bindparam("row"))
    .values(status="sending", not_before_ms=bindparam("until"), reason=None)
)
_SETTLE = (
    update(OUTBOX)
    .where(OUTBOX.c.id == bindparam("row"), OUTBOX.c.status == "sending")
    .values(
        status=bindparam("status"),
        tries=bindparam("tries"),
        external_id=bindparam("external_id"),
        reason=bindparam("reason"),
        not_before_ms=bindparam("not_before_ms"),
        sent_ms=bindparam("sent_ms"),
    )
)
_ABANDONED = select(OUTBOX.c.id, OUTBOX.c.kind).select_from(_JOINED).where(OUTBOX.c.status == "sending")

__all__ = [
    "Due",
    "Result",
    "claim",
    "counts_by_status",
    "expire",
    "mark_gone",
    "mark_reached",
    "next_due_ms",
    "recover",
    "set_gone",
    "settle",
]
