"""Community workers: their invitations, who they are, and the cases of their own area.

Every reading takes the communities a worker is bound to; what lies elsewhere does not exist for it.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, insert, select, update

from domain.errors import InputError, NotFound
from domain.review import value
from storage import tables as t
from storage.book import INBOX, LiveNeed
from storage.ids import new_id
from storage.upsert import upsert
from storage.vault import hash_code

ROLES = ("worker", "planner")
INVITE_VALID_MS = 24 * 3600 * 1000
WAITING = ("asked", "filed")  #: the statuses of needs that can wait for a judgement
MOST_WAITING, FEWEST_WAITING = 4_000, 20  #: needs looked at for one order: of an area, of a community and status
CHANNEL = "staff"  #: of the inbox rows that make an update count once


@dataclass(frozen=True, slots=True)
class Staff:
    """A linked worker or planner. Nothing that names them."""

    staff_id: int
    role: str
    area: str


@dataclass(frozen=True, slots=True)
class Case:
    """One need with the masked message it came from. `resident_id` is for the counting only and never shown."""

    need_id: int
    receipt: str
    message_id: int
    resident_id: int
    community: str
    leaf: str
    nature: str
    p: float
    status: str
    confirmed_by: str | None
    day: str
    at_ms: int
    masked: str
    span_start: int
    span_end: int
    said_intent: str | None  #: what the last worker to judge it said the message is

    @property
    def is_judged(self) -> bool:
        """Whether a worker has spoken."""
        return self.confirmed_by == "worker"

    def as_live(self) -> LiveNeed:
        """The need as the counting rules see it when it does not count."""
        return LiveNeed(
            self.need_id,
            self.receipt,
            self.message_id,
            self.leaf,
            self.nature,
            self.status,
            self.community,
            self.day,
            self.at_ms,
            None,
        )


@dataclass(frozen=True, slots=True)
class Today:
    """What happened in an area on one day. `to_review` counts all days."""

    messages: int
    needs: int
    remarks: int
    confirmed: int
    to_review: int


# invitations


def create_invite(tx: Connection, role: str, area: str, now_ms: int) -> str:
    """A one-time code of 128 random bits, valid for 24 hours; only its hash is kept, so show it now.

    It fits a Telegram deep link (`?start=<code>`).

    Raises:
        InputError("staff.role"): not one of `ROLES`.
        InputError("area.unknown"): no such area.
    """
    if role not in ROLES:
        raise InputError("staff.role", role=role, known=", ".join(ROLES))
    areas = sorted(tx.scalars(select(t.Area.code)))
    if area not in areas:
        raise InputError("area.unknown", area=area, known=", ".join(areas))
    code = secrets.token_urlsafe(16)
    tx.execute(
        insert(t.StaffInvite).values(
            code_hash=hash_code(code),
            role=role,
            area=area,
            created_ms=now_ms,
            expires_ms=now_ms + INVITE_VALID_MS,
            used_ms=None,
        )
    )
    return code


def redeem(tx: Connection, code: str, key_hash: bytes, now_ms: int) -> Staff:
    """Links somebody to an invitation, once. Whoever was linked before moves to the new role and area.

    One UPDATE decides: of any number of simultaneous redemptions exactly one finds the code unused.

    Raises:
        InputError("staff.invite_unknown"), InputError("staff.invite_used"), InputError("staff.invite_expired")
    """
    invite = t.StaffInvite
    taken = tx.execute(
        update(invite)
        .where(invite.code_hash == hash_code(code), invite.used_ms.is_(None), invite.expires_ms > now_ms)
        .values(used_ms=now_ms)
        .returning(invite.role, invite.area)
    ).one_or_none()
    if taken is None:
        raise InputError(_refusal(tx, code))
    linked = {"role": taken.role, "area": taken.area, "revoked_ms": None}
    tx.execute(
        upsert(t.Staff, tx.dialect.name)
        .values(id=new_id(now_ms), key_hash=key_hash, created_ms=now_ms, **linked)
        .on_conflict_do_update(index_elements=["key_hash"], set_=linked)
    )
    staff = by_key(tx, key_hash)
    assert staff is not None
    return staff


def _refusal(tx: Connection, code: str) -> str:
    found = tx.execute(select(t.StaffInvite.used_ms).where(t.StaffInvite.code_hash == hash_code(code))).one_or_none()
    if found is None:
        return "staff.invite_unknown"
    return "staff.invite_expired" if found.used_ms is None else "staff.invite_used"


def by_key(tx: Connection, key_hash: bytes) -> Staff | None:
    """The linked, not revoked person behind a keyed hash."""
    query = select(t.Staff.id, t.Staff.role, t.Staff.area)
    row = tx.execute(query.where(t.Staff.key_hash == key_hash, t.Staff.revoked_ms.is_(None))).one_or_none()
    return Staff(*row) if row else None


def everybody(tx: Connection) -> list[Staff]:
    """All who are linked and not revoked."""
    query = select(t.Staff.id, t.Staff.role, t.Staff.area).where(t.Staff.revoked_ms.is_(None))
    return [Staff(*row) for row in tx.execute(query.order_by(t.Staff.id))]


def revoke(tx: Connection, staff_id: int, now_ms: int) -> bool:
    """Ends somebody's access at once; False when there was none. Their judgements stay."""
    done = tx.execute(
        update(t.Staff).where(t.Staff.id == staff_id, t.Staff.revoked_ms.is_(None)).values(revoked_ms=now_ms)
    )
    return bool(done.rowcount)


# updates


def first_time(tx: Connection, account: str, external_id: str, now_ms: int, reason: str | None = None) -> bool:
    """Notes an update in the inbox; False when it was there. With a `reason` it is parked as dead.

    No reply is kept: a repeat is answered from the rows as they are now, so no text outlives its message here.
    """
    row = {
        "id": new_id(now_ms),
        "channel": CHANNEL,
        "account": account,
        "external_id": external_id,
        "resident_id": None,
        "received_ms": now_ms,
        "status": "dead" if reason else "done",
        "tries": 1,
        "reason": reason,
        "retry_ms": None,
        "payload": None,
        "reply": None,
    }
    noted = upsert(INBOX, tx.dialect.name).values(**row).on_conflict_do_nothing().returning(INBOX.c.id)
    return tx.execute(noted).one_or_none() is not None


# reading


def today(tx: Connection, communities: Sequence[str], start_ms: int, end_ms: int) -> Today:
    """The counts of one day, `start_ms` to before `end_ms`."""
    need, message, remark = t.Need, t.Message, t.Remark
    # ids are ordered by time: counting from the day's start reads the day, not the archive
    before = new_id(start_ms - 1)
    judged = need.confirmed_by.is_not(None)
    in_day = and_(need.at_ms >= start_ms, need.at_ms < end_ms)
    rows = tx.execute(
        select(need.status, judged.label("judged"), func.count().label("count"))
        .where(need.community.in_(communities), need.status.in_(("filed", "asked")), in_day)
        .group_by(need.status, judged)
    ).all()
    waiting = select(func.count()).where(need.community.in_(communities), need.status == "asked")

    def count_of(table: type[t.Message] | type[t.Remark]) -> Select[int]:
        in_time = and_(table.id > before, table.at_ms >= start_ms, table.at_ms < end_ms)
        return select(func.count()).select_from(table).where(in_time, table.community.in_(communities))

    return Today(
        messages=tx.scalar(count_of(message)) or 0,
        needs=sum(row[2] for row in rows),
        remarks=tx.scalar(count_of(remark)) or 0,
        confirmed=sum(row[2] for row in rows if row.status == "filed" and row.judged),
        to_review=tx.scalar(waiting) or 0,
    )


def case(tx: Connection, communities: Iterable[str], *, need_id: int | None = None, receipt: str | None = None) -> Case:
    """One case of these communities, by id or by receipt number.

    Raises:
        NotFound("staff.case"): no such case, or it lies elsewhere; nobody can tell which.
    """
    key = t.Need.id == need_id if receipt is None else t.Need.receipt == receipt
    row = tx.execute(CASE.where(key, t.Need.community.in_(list(communities)))).one_or_none()
    if row is None:
        raise NotFound("staff.case")
    return Case(*row)


def lock_residents(tx: Connection, resident_ids: Iterable[int]) -> None:
    """Holds the residents' rows until the commit, so that their counting stands still. SQLite has one writer anyway.

    In the order of their ids, as everybody who locks residents does: two never wait in a ring.
    """
    wanted = t.Resident.id.in_(sorted(set(resident_ids)))
    tx.execute(select(t.Resident.id).where(wanted).order_by(t.Resident.id).with_for_update())


def next_case(tx: Connection, communities: Sequence[str], today: date, after: Case | None = None) -> Case | None:
    """The case to look at next: the one whose label is worth most (`queue`), or the one that follows `after`."""
    waiting = queue(tx, communities, today)
    place = waiting.index(after.need_id) + 1 if after is not None and after.need_id in waiting else 0
    return case(tx, communities, need_id=waiting[place]) if place < len(waiting) else None


def queue(tx: Connection, communities: Sequence[str], today: date) -> list[int]:
    """The needs nobody judged, by the value of a label (`domain.review`), newest first among equals.

    Looks at the newest of each community, `MOST_WAITING` in all or a few more: a walk down an index each, however
    large the archive is.
    """
    most = max(FEWEST_WAITING, MOST_WAITING // max(len(communities), 1) // len(WAITING))
    rows = [row for code in communities for status in WAITING for row in _waiting(tx, code, status, most)]
    reach = Counter((row.community, row.leaf) for row in rows)

    def order(row: Row[Any]) -> tuple[float, int, int]:
        days = (today - date.fromisoformat(row.day)).days
        return value(row.p, reach[row.community, row.leaf], days), row.at_ms, row.id

    return [row.id for row in sorted(rows, key=order, reverse=True)]


def waiting_cases(tx: Connection, communities: Sequence[str], today: date, most: int) -> list[Case]:
    """The `most` valuable cases nobody judged, in the order of their ids."""
    ids = queue(tx, communities, today)[:most]
    found = tx.execute(CASE.where(t.Need.id.in_(ids), t.Need.community.in_(list(communities))).order_by(t.Need.id))
    return [Case(*row) for row in found]


def _waiting(tx: Connection, community: str, status: str, most: int) -> list[Row[Any]]:
    need = t.Need
    query = (
        select(need.id, need.community, need.leaf, need.p, need.day, need.at_ms)
        .where(need.community == community, need.status == status, need.confirmed_by.is_(None))
        .order_by(need.at_ms.desc(), need.id.desc())
        .limit(most)
    )
    return list(tx.execute(query))


#: What a worker said a rejected need is instead.
_SAID = (
    select(t.Label.intent)
    .where(t.Label.need_id == t.Need.id, t.Label.by_role == "worker")
    .order_by(t.Label.at_ms.desc(), t.Label.id.desc())
    .limit(1)
    .scalar_subquery()
)
CASE: Select[*tuple[Any, ...]] = select(
    t.Need.id,
    t.Need.receipt,
    t.Need.message_id,
    t.Need.resident_id,
    t.Need.community,
    t.Need.leaf,
    t.Need.nature,
    t.Need.p,
    t.Need.status,
    t.Need.confirmed_by,
    t.Need.day,
    t.Need.at_ms,
    t.Message.masked,
    t.Need.span_start,
    t.Need.span_end,
    _SAID,
).join_from(t.Need, t.Message, t.Message.id == t.Need.message_id)
