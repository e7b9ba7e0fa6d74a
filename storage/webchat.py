"""What the web chat page reads: one session's history, and the pushes that wait for the pages that are open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select, update

from storage.book import CONVERSATION, IDENTITY, MESSAGE, OUTBOX, RESIDENT

SHOWN = ("carried", "ready", "sending", "sent", "unknown")
PUSHED = ("ready", "sending", "sent", "unknown")
MOST_OWNERS = 400  #: in one question, below SQLite's and PostgreSQL's limits


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chat: the resident's own words, sealed, or the stored body of an answer. `id`: of its row."""

    id: int
    at_ms: int
    original: bytes | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A session as its page shows it. `state`: the stored dialogue."""

    consented: bool
    community: str | None
    state: bytes | None
    lines: tuple[Line, ...]


def standing(tx: Connection, channel: str, account: str, owner: bytes, most: int) -> Standing | None:
    """The session of a fingerprint with its newest `most` lines in the order they were said; None if it is unknown."""
    query = (
        select(RESIDENT.c.id, RESIDENT.c.consent_version, RESIDENT.c.community, CONVERSATION.c.state)
        .join(IDENTITY, IDENTITY.c.resident_id == RESIDENT.c.id)
        .outerjoin(CONVERSATION, CONVERSATION.c.resident_id == RESIDENT.c.id)
        .where(IDENTITY.c.channel == channel, IDENTITY.c.account == account, IDENTITY.c.key_hash == owner)
    )
    found = tx.execute(query).one_or_none()
    if found is None:
        return None
    said = (
        select(MESSAGE.c.id, MESSAGE.c.at_ms, MESSAGE.c.original)
        .where(MESSAGE.c.resident_id == found.id, MESSAGE.c.source != "worker")
        .order_by(MESSAGE.c.at_ms.desc(), MESSAGE.c.id.desc())
        .limit(most)
    )
    answered = (
        select(OUTBOX.c.id, OUTBOX.c.created_ms, OUTBOX.c.body)
        .where(OUTBOX.c.resident_id == found.id, OUTBOX.c.status.in_(SHOWN))
        .order_by(OUTBOX.c.created_ms.desc(), OUTBOX.c.id.desc())
        .limit(most)
    )
    # said before answered within one millisecond
    lines = [(row.at_ms, 0, row.id, Line(row.id, row.at_ms, original=row.original)) for row in tx.execute(said)]
    lines += [(row.created_ms, 1, row.id, Line(row.id, row.created_ms, body=row.body)) for row in tx.execute(answered)]
    lines.sort(key=lambda entry: entry[:3])
    newest = tuple(line for *_, line in lines[-most:])
    return Standing(found.consent_version is not None, found.community, found.state, newest)


def waiting(
    tx: Connection, channel: str, account: str, owners: Sequence[bytes], now_ms: int
) -> Iterator[tuple[bytes, int, bytes]]:
    """(owner, outbox id, body) of what is ready for these owners now, oldest first."""
    for start in range(0, len(owners), MOST_OWNERS):
        query = (
            _pushes(channel, account, owners[start : start + MOST_OWNERS])
            .where(OUTBOX.c.status == "ready", OUTBOX.c.not_before_ms <= now_ms)
            .where((OUTBOX.c.expires_ms.is_(None)) | (OUTBOX.c.expires_ms > now_ms))
        )
        for row in tx.execute(query):
            yield row.key_hash, row.id, row.body


def pushed_since(tx: Connection, channel: str, account: str, owner: bytes, since_ms: int) -> list[tuple[int, bytes]]:
    """(outbox id, body) of what was pushed to one owner since a moment, oldest first: for a page that comes back."""
    query = _pushes(channel, account, [owner]).where(OUTBOX.c.status == "sent", OUTBOX.c.sent_ms >= since_ms)
    return [(row.id, row.body) for row in tx.execute(query)]


def mark_sent(tx: Connection, outbox_ids: Sequence[int], now_ms: int) -> int:
    """These reached a page. Returns how many were still ready: a second page changes nothing."""
    query = update(OUTBOX).where(OUTBOX.c.id.in_(outbox_ids), OUTBOX.c.status == "ready")
    return tx.execute(query.values(status="sent", sent_ms=now_ms, tries=OUTBOX.c.tries + 1)).rowcount


def _pushes(channel: str, account: str, owners: Sequence[bytes]) -> Select[Any]:
    # the resident's id too: the outbox has an index on it
    return (
        select(IDENTITY.c.key_hash, OUTBOX.c.id, OUTBOX.c.body)
        .join(OUTBOX, (OUTBOX.c.resident_id == IDENTITY.c.resident_id) & (OUTBOX.c.identity_id == IDENTITY.c.id))
        .where(IDENTITY.c.channel == channel, IDENTITY.c.account == account, IDENTITY.c.key_hash.in_(owners))
        .order_by(OUTBOX.c.created_ms, OUTBOX.c.id)
    )


__all__ = ["Line", "Standing", "mark_sent", "pushed_since", "standing", "waiting"]
