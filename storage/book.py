"""The rows of a batch of messages: read together at its start, changed in memory, written together at its end.

One `Book` lives inside one transaction. Changes of one message are made on a `Page`, and only a finished page is
added to the book: a message that fails leaves nothing behind. Counting is done here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from storage import tables as t
from storage.compiled import look_up, write_many
from storage.declare import table_of
from storage.upsert import upsert

WINDOW_MS = 30 * 24 * 3600 * 1000  #: a resident's repeats about one facility within 30 days are one voice

Row = dict[str, object]


INBOX, RESIDENT, IDENTITY = table_of(t.Inbox), table_of(t.Resident), table_of(t.Identity)
CONVERSATION, MESSAGE, NEED, VOICE = table_of(t.Conversation), table_of(t.Message), table_of(t.Need), table_of(t.Voice)
REMARK, LABEL, OUTBOX = table_of(t.Remark), table_of(t.Label), table_of(t.Outbox)
DEMAND, DEMAND_TOTAL = table_of(t.Demand), table_of(t.DemandTotal)
INVITATION, ANSWER = table_of(t.Invitation), table_of(t.Answer)

REMARK_COUNTER = {"objection": "objections", "fault_report": "faults", "service_complaint": "complaints"}


@dataclass(slots=True)
class Person:
    """A resident as a batch knows them."""

    resident_id: int
    identity_id: int
    community: str | None
    consented: bool
    opted_out: bool
    state: bytes | None
    version: int
    is_new: bool = False


@dataclass(slots=True)
class Stored:
    """The answer an accepted event got: whole in its inbox row, or as the outbox rows it led to."""

    reply: bytes | None
    bodies: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class LiveNeed:
    """A need that is still filed or asked, as the counting rules see it."""

    need_id: int
    receipt: str
    message_id: int
    leaf: str
    nature: str
    status: str
    community: str
    day: str
    at_ms: int
    voice_id: int | None


@dataclass(slots=True)
class LiveVoice:
    """A voice and the number of filed needs it rests on."""

    voice_id: int
    leaf: str
    community: str
    ordinal: int
    day: str
    first_ms: int
    needs: int


@dataclass(slots=True)
class Standing:
    """All live needs and voices of one resident."""

    needs: dict[int, LiveNeed] = field(default_factory=dict)
    voices: dict[int, LiveVoice] = field(default_factory=dict)

    def latest_voice(self, community: str, leaf: str) -> LiveVoice | None:
        """The resident's newest voice for a facility in a community."""
        found = [voice for voice in self.voices.values() if voice.leaf == leaf and voice.community == community]
        return max(found, key=lambda voice: voice.ordinal, default=None)


@dataclass(slots=True)
class Page:
    """What one message writes."""

    inserts: list[tuple[Table, Row]] = field(default_factory=list)
    updates: list[tuple[Table, tuple[object, ...], Row]] = field(default_factory=list)
    deletes: list[tuple[Table, tuple[object, ...]]] = field(default_factory=list)
    counters: dict[tuple[str, str, str], dict[str, int]] = field(default_factory=dict)
    totals: dict[tuple[str, str], int] = field(default_factory=dict)
    forgotten: list[int] = field(default_factory=list)

    def count(self, community: str, leaf: str, day: str, counter: str, by: int) -> None:
        """Moves one counter of the demand table."""
        cell = self.counters.setdefault((community, leaf, day), {})
        cell[counter] = cell.get(counter, 0) + by

    def count_resident(self, community: str, leaf: str, by: int) -> None:
        """Moves the number of distinct residents."""
        self.totals[community, leaf] = self.totals.get((community, leaf), 0) + by


# counting


def file_need(page: Page, standing: Standing, resident_id: int, need: LiveNeed, new_id: int) -> None:
    """Makes a need count: it joins the resident's voice of the last 30 days, or raises a new one.

    Source: counting rule of the catalogue (classification.yaml, `counting_rule`).
    """
    voice = standing.latest_voice(need.community, need.leaf)
    if voice is not None and need.at_ms - voice.first_ms < WINDOW_MS:
        voice.needs += 1
        page.updates.append((VOICE, (voice.voice_id,), {"needs": voice.needs}))
    else:
        if voice is None:
            page.count_resident(need.community, need.leaf, 1)
        ordinal = voice.ordinal + 1 if voice else 1
        voice = LiveVoice(new_id, need.leaf, need.community, ordinal, need.day, need.at_ms, 1)
        standing.voices[voice.voice_id] = voice
        page.inserts.append(
            (
                VOICE,
                {
                    "id": voice.voice_id,
                    "resident_id": resident_id,
                    "leaf": voice.leaf,
                    "community": voice.community,
                    "ordinal": ordinal,
                    "day": voice.day,
                    "first_ms": voice.first_ms,
                    "needs": 1,
                },
            )
        )
        page.count(need.community, need.leaf, need.day, "voices", 1)
    page.count(need.community, need.leaf, need.day, "needs", 1)
    need.voice_id = voice.voice_id
    need.status = "filed"
    standing.needs[need.need_id] = need


def unfile_need(page: Page, standing: Standing, need: LiveNeed) -> None:
    """Makes a filed need no longer count. A voice without needs falls silent, and is gone from the counters.

    The need's own row is the caller's to update.
    """
    voice = standing.voices[need.voice_id] if need.voice_id is not None else None
    if need.status != "filed" or voice is None:
        return
    page.count(need.community, need.leaf, need.day, "needs", -1)
    need.voice_id = None
    voice.needs -= 1
    if voice.needs:
        page.updates.append((VOICE, (voice.voice_id,), {"needs": voice.needs}))
        return
    del standing.voices[voice.voice_id]
    page.deletes.append((VOICE, (voice.voice_id,)))
    page.count(voice.community, voice.leaf, voice.day, "voices", -1)
    if standing.latest_voice(voice.community, voice.leaf) is None:
        page.count_resident(voice.community, voice.leaf, -1)


# reading


class Book:
    """Reads what a batch needs and writes what it made. Between two writes a resident may stand on one page only."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx
        self._pages: list[Page] = []
        self._counters: dict[tuple[str, str, str], dict[str, int]] = {}
        self._totals: dict[tuple[str, str], int] = {}
        self._locked: set[tuple[str, str, bytes]] = set()
        self._dialect = tx.dialect.name

    def replies(self, keys: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], Stored]:
        """What was answered to events that were accepted before."""
        by_account: dict[tuple[str, str], list[tuple[str]]] = {}
        for channel, account, external_id in keys:
            by_account.setdefault((channel, account), []).append((external_id,))
        found: dict[tuple[str, str, str], Stored] = {}
        by_inbox: dict[int, Stored] = {}
        for (channel, account), asked in by_account.items():
            fixed = {"channel": channel, "account": account}
            for external_id, inbox_id, reply in look_up(
                self._tx, "seen", _seen, asked, [INBOX.c.external_id.type], fixed
            ):
                found[channel, account, external_id] = by_inbox[inbox_id] = Stored(reply)
        ids = [(inbox_id,) for inbox_id in by_inbox]
        for inbox_id, body in look_up(self._tx, "answered", _answered, ids, [INBOX.c.id.type]):
            by_inbox[inbox_id].bodies.append(body)
        return found

    def lock(self, prints: Iterable[tuple[str, str, bytes]]) -> None:
        """Keeps other processes from these residents until the commit; all at once, so that two never wait in a ring.

        A statement of its own: the rows joined to a locked one are as old as the statement that waited for the lock.
        """
        new = set(prints) - self._locked
        self._locked |= new
        if self._dialect == "postgresql":
            for fixed, hashes in _by_account(new):
                look_up(self._tx, "lock", _lock, hashes, [IDENTITY.c.key_hash.type], fixed)

    def people(self, prints: Iterable[tuple[str, str, bytes]]) -> dict[tuple[str, str, bytes], Person]:
        """The residents behind (channel, account, key hash), locked until the commit where the database can."""
        prints = list(prints)
        self.lock(prints)
        found = {}
        for fixed, hashes in _by_account(prints):
            for row in look_up(self._tx, "people", _people, hashes, [IDENTITY.c.key_hash.type], fixed):
                key_hash, identity_id, resident_id, community, consent, opted_out, state, version = row
                found[fixed["channel"], fixed["account"], bytes(key_hash)] = Person(
                    resident_id, identity_id, community, consent is not None, bool(opted_out), state, version or 0
                )
        return found

    def by_resident(self, resident_ids: Sequence[int]) -> dict[int, Person]:
        """The residents by id, through their newest identity; locked until the commit where the database can."""
        found: dict[int, Person] = {}
        if self._dialect == "postgresql":
            self._tx.execute(_LOCK_BY_ID, {"ids": list(resident_ids)})
        for row in self._tx.execute(_BY_RESIDENT, {"ids": list(resident_ids)}):
            _, identity_id, resident_id, community, consent, opted_out, state, version = row
            found[resident_id] = Person(
                resident_id, identity_id, community, consent is not None, opted_out, state, version or 0
            )
        return found

    def standings(self, resident_ids: Sequence[int]) -> dict[int, Standing]:
        """Live needs and voices of some residents."""
        found = {resident_id: Standing() for resident_id in resident_ids}
        if not found:
            return found
        ids = [(resident_id,) for resident_id in found]
        for resident_id, *rest in look_up(self._tx, "needs", _live_needs, ids, [NEED.c.resident_id.type]):
            found[resident_id].needs[rest[0]] = LiveNeed(*rest)
        for resident_id, *rest in look_up(self._tx, "voices", _live_voices, ids, [VOICE.c.resident_id.type]):
            found[resident_id].voices[rest[0]] = LiveVoice(*rest)
        return found

    def residents_asking(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """Distinct residents for some (community, leaf)."""
        keys = sorted(set(wanted))
        types = [DEMAND_TOTAL.c.community.type, DEMAND_TOTAL.c.leaf.type]
        rows = look_up(self._tx, "totals", _totals, keys, types)
        found = {(community, leaf): residents for community, leaf, residents in rows}
        for key in keys:
            if by := self._totals.get(key):
                found[key] = found.get(key, 0) + by
        return found

    def known_pushes(self, dedupe_keys: Sequence[str]) -> set[str]:
        """Those of the keys under which something was already put into the outbox."""
        query = select(OUTBOX.c.dedupe_key).where(OUTBOX.c.dedupe_key.in_(dedupe_keys))
        return {key for key in self._tx.scalars(query) if key}

    def forget(self, page: Page, resident_id: int, standing: Standing) -> None:
        """Erases a resident with everything that hangs on them; the counters fall by exactly their share."""
        for need in list(standing.needs.values()):
            unfile_need(page, standing, need)
        for community, leaf, day, intent in self._tx.execute(_REMARKS, {"resident_id": resident_id}):
            page.count(community, leaf, day, REMARK_COUNTER[intent], -1)
        page.forgotten.append(resident_id)

    def add(self, page: Page) -> None:
        """Takes over a finished page."""
        self._pages.append(page)

    # writing

    def write(self) -> None:
        """Everything, with the counters last: they are what two transactions most often both want."""
        self.write_rows()
        if self._counters:
            rows = [_counter_row(cell, moves) for cell, moves in sorted(self._counters.items())]
            write_many(self._tx, "count", lambda: _count(self._dialect), rows)
        totals = [
            {"community": community, "leaf": leaf, "residents": by}
            for (community, leaf), by in sorted(self._totals.items())
            if by
        ]
        if totals:
            write_many(self._tx, "count total", lambda: _count_total(self._dialect), totals)
        self._counters, self._totals = {}, {}

    def write_rows(self) -> None:
        """The rows so far: one statement per table, children after parents. The counters wait for `write`."""
        inserts: dict[Table, list[Row]] = {}
        updates: dict[tuple[Table, tuple[str, ...]], list[Row]] = {}
        deletes: dict[Table, list[tuple[object, ...]]] = {}
        for page in self._pages:
            for table, row in page.inserts:
                inserts.setdefault(table, []).append(row)
            for table, key, row in page.updates:
                names = _key_names(table)
                values = {f"key_{name}": value for name, value in zip(names, key, strict=True)}
                updates.setdefault((table, tuple(row)), []).append({**row, **values})
            for table, key in page.deletes:
                deletes.setdefault(table, []).append(key)
            for cell, moves in page.counters.items():
                target = self._counters.setdefault(cell, {})
                for counter, by in moves.items():
                    target[counter] = target.get(counter, 0) + by
            for where, by in page.totals.items():
                self._totals[where] = self._totals.get(where, 0) + by
        gone = [{"gone": resident_id} for page in self._pages for resident_id in page.forgotten]
        self._pages = []
        if gone:
            self._tx.execute(_DETACH, gone)
            self._tx.execute(_ERASE, gone)
        for table in ORDER:
            if table in inserts:
                write_many(self._tx, ("insert", table), partial(_insert, table, self._dialect), inserts[table])
        for (table, columns), rows in updates.items():
            write_many(self._tx, ("update", table, columns), partial(_update, table, columns), rows)
        for table in reversed(ORDER):
            if table in deletes:
                keys = [_key_row(table, key) for key in deletes[table]]
                write_many(self._tx, ("delete", table), partial(_delete, table), keys)


ORDER = [RESIDENT, IDENTITY, CONVERSATION, INBOX, MESSAGE, VOICE, NEED, REMARK, LABEL, OUTBOX, INVITATION, ANSWER]
REPLACING = {CONVERSATION, ANSWER, INVITATION}  #: an insert of these replaces the row of the same key
COUNTERS = ("voices", "needs", "objections", "faults", "complaints")

_OF_ACCOUNT = (IDENTITY.c.channel == bindparam("channel"), IDENTITY.c.account == bindparam("account"))
_PERSON = (
    select(
        IDENTITY.c.key_hash,
        IDENTITY.c.id,
        RESIDENT.c.id,
        RESIDENT.c.community,
        RESIDENT.c.consent_version,
        RESIDENT.c.opted_out,
        CONVERSATION.c.state,
        CONVERSATION.c.version,
    )
    .select_from(IDENTITY.join(RESIDENT).outerjoin(CONVERSATION, CONVERSATION.c.resident_id == RESIDENT.c.id))
    .order_by(RESIDENT.c.id)
)
_LOCK_BY_ID = (
    select(RESIDENT.c.id)
    .where(RESIDENT.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(RESIDENT.c.id)
    .with_for_update()
)
_BY_RESIDENT = _PERSON.where(RESIDENT.c.id.in_(bindparam("ids", expanding=True))).order_by(IDENTITY.c.id)

Keys = list[Any]


def _seen(external_ids: Keys) -> Select[Any]:
    return select(INBOX.c.external_id, INBOX.c.id, INBOX.c.reply).where(
        INBOX.c.channel == bindparam("channel"),
        INBOX.c.account == bindparam("account"),
        INBOX.c.external_id.in_(external_ids),
    )


def _answered(inbox_ids: Keys) -> Select[Any]:
    return (
        select(OUTBOX.c.inbox_id, OUTBOX.c.body)
        .where(OUTBOX.c.inbox_id.in_(inbox_ids))
        .order_by(OUTBOX.c.created_ms, OUTBOX.c.id)
    )


def _people(hashes: Keys) -> Select[Any]:
    return _PERSON.where(*_OF_ACCOUNT, IDENTITY.c.key_hash.in_(hashes))


def _lock(hashes: Keys) -> Select[Any]:
    return (
        select(RESIDENT.c.id)
        .select_from(RESIDENT.join(IDENTITY))
        .where(*_OF_ACCOUNT, IDENTITY.c.key_hash.in_(hashes))
        .order_by(RESIDENT.c.id)
        .with_for_update(of=RESIDENT)
    )


def _live_needs(ids: Keys) -> Select[Any]:
    return select(
        NEED.c.resident_id,
        NEED.c.id,
        NEED.c.receipt,
        NEED.c.message_id,
        NEED.c.leaf,
        NEED.c.nature,
        NEED.c.status,
        NEED.c.community,
        NEED.c.day,
        NEED.c.at_ms,
        NEED.c.voice_id,
    ).where(NEED.c.resident_id.in_(ids), or_(NEED.c.status == "filed", NEED.c.status == "asked"))


def _live_voices(ids: Keys) -> Select[Any]:
    return select(
        VOICE.c.resident_id,
        VOICE.c.id,
        VOICE.c.leaf,
        VOICE.c.community,
        VOICE.c.ordinal,
        VOICE.c.day,
        VOICE.c.first_ms,
        VOICE.c.needs,
    ).where(VOICE.c.resident_id.in_(ids))


def _totals(places_and_leaves: Keys) -> Select[Any]:
    return select(DEMAND_TOTAL.c.community, DEMAND_TOTAL.c.leaf, DEMAND_TOTAL.c.residents).where(
        or_(
            *[
                and_(DEMAND_TOTAL.c.community == community, DEMAND_TOTAL.c.leaf == leaf)
                for community, leaf in places_and_leaves
            ]
        )
    )


_REMARKS = select(REMARK.c.community, REMARK.c.leaf, REMARK.c.day, REMARK.c.intent).where(
    REMARK.c.resident_id == bindparam("resident_id")
)
_DETACH = (
    update(INBOX)
    .where(INBOX.c.resident_id == bindparam("gone"))
    .values(
        resident_id=None,
        reply=None,
        payload=None,
        retry_ms=None,
        status=case((INBOX.c.status == "failed", "dead"), else_=INBOX.c.status),
    )
)
_ERASE = delete(RESIDENT).where(RESIDENT.c.id == bindparam("gone"))


def _by_account(prints: Iterable[tuple[str, str, bytes]]) -> list[tuple[dict[str, str], list[tuple[bytes]]]]:
    found: dict[tuple[str, str], list[tuple[bytes]]] = {}
    for channel, account, key_hash in sorted(prints):
        found.setdefault((channel, account), []).append((key_hash,))
    return [({"channel": channel, "account": account}, hashes) for (channel, account), hashes in found.items()]


def _key_names(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _key_row(table: Table, key: tuple[object, ...]) -> Row:
    return {f"key_{name}": value for name, value in zip(_key_names(table), key, strict=True)}


def _insert(table: Table, dialect: str) -> Executable:
    if table not in REPLACING:
        return insert(table)
    statement = upsert(table, dialect)
    if table is ANSWER:
        # by a forged button anybody can start a survey: only who was invited answers
        statement = statement.from_select(table.columns.keys(), _answer_of_invited())
    keys = _key_names(table)
    others = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return cast(Executable, statement.on_conflict_do_update(index_elements=keys, set_=others))


def _answer_of_invited() -> Select[Any]:
    values = [bindparam(column.name, type_=column.type) for column in ANSWER.columns]
    invited = exists().where(
        INVITATION.c.campaign_id == bindparam("campaign_id"), INVITATION.c.resident_id == bindparam("resident_id")
    )
    return select(*values).where(invited)


def _update(table: Table, columns: tuple[str, ...]) -> Executable:
    return update(table).where(*_is_row(table)).values({name: bindparam(name) for name in columns})


def _delete(table: Table) -> Executable:
    return delete(table).where(*_is_row(table))


def _is_row(table: Table) -> list[ColumnElement[bool]]:
    return [table.c[name] == bindparam(f"key_{name}", type_=table.c[name].type) for name in _key_names(table)]


def _counter_row(cell: tuple[str, str, str], moves: dict[str, int]) -> Row:
    community, leaf, day = cell
    return {"community": community, "leaf": leaf, "day": day, **{name: moves.get(name, 0) for name in COUNTERS}}


def _count(dialect: str) -> Executable:
    statement = upsert(DEMAND, dialect)
    sums = {name: DEMAND.c[name] + statement.excluded[name] for name in COUNTERS}
    return cast(Executable, statement.on_conflict_do_update(index_elements=["community", "leaf", "day"], set_=sums))


def _count_total(dialect: str) -> Executable:
    statement = upsert(DEMAND_TOTAL, dialect)
    total = {"residents": DEMAND_TOTAL.c.residents + statement.excluded.residents}
    return cast(Executable, statement.on_conflict_do_update(index_elements=["community", "leaf"], set_=total))


__all__ = ["Book", "LiveNeed", "Page", "Person", "Standing", "Stored", "file_need", "unfile_need"]
