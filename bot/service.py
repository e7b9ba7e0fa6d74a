"""A batch of messages, from the inbox to the outbox, in one transaction. Synchronous: runs in the writer thread.

    keys seen before?        a repeat gets the stored reply and changes nothing
    step(state, event, ctx)  pure
    apply(effects)           needs, voices, counters, answers, outbox rows
    commit                   and only then is anything acknowledged

A message that fails is kept, sealed, tried again up to `MAX_TRIES` times and then parked with its reason; of a resident
who has not agreed nothing is kept. It never blocks its chat and never fails its batch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from bot.apply import Turn, apply
from bot.conversation import Dialogue, decode, encode, step
from bot.conversation.context import Context, OwnNeed, World
from bot.conversation.events import Commanded, Event, Invited, Pressed, Said, SentUnsupported
from bot.conversation.state import AskCommunity, Filed, Idle
from bot.corrections import read_many
from bot.lookahead import counts_wanted
from domain.messages import Inbound, Outbound
from domain.reading import Reading
from nlp.reader import Reader
from storage import book as b
from storage import inbox
from storage.database import Connection, Database, is_conflict, is_outage
from storage.ids import new_id, new_receipt
from storage.vault import Vault

MAX_TRIES = 5
RETRY_AFTER_MS = (2_000, 10_000, 60_000, 300_000)
REPLY_EXPIRES_MS = 24 * 3600 * 1000
PUSH_EXPIRES_MS = 14 * REPLY_EXPIRES_MS  #: by then the next survey may come
ALL = 99  #: as `carry`: every reply goes out with the answer to the platform's own request

_encode_replies = msgspec.json.Encoder().encode
_decode_replies = msgspec.json.Decoder(tuple[Outbound, ...]).decode
_decode_reply = msgspec.json.Decoder(Outbound).decode
_encode_inbound = msgspec.json.Encoder().encode
_decode_inbound = msgspec.json.Decoder(Inbound).decode

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
HOUR_MS = 3600 * 1000
MAX_DAYS = 10_000  #: hours remembered with their day
NEEDS_IDS = 3  #: facilities one message can carry


@dataclass(frozen=True, slots=True)
class Received:
    """An event with what the channel can do for its reply: `carry` messages go out in the platform's own request."""

    inbound: Inbound
    carry: int = 0


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of an event. `replies`: those to carry; `queued`: some wait in the outbox."""

    replies: tuple[Outbound, ...]
    repeated: bool = False
    queued: bool = False
    failed: bool = False


class Service:
    """Handles residents' messages. One instance per process; not thread-safe: the writer thread owns it."""

    def __init__(self, database: Database, vault: Vault, world: World, reader: Reader) -> None:
        self.database = database
        self.vault = vault
        self.world = world
        self.reader = reader
        self._zone = ZoneInfo(world.city.timezone)
        self._days: dict[int, str] = {}
        self._communities = [area.code for area in world.city.tree.all_communities]

    def handle_many(self, batch: Sequence[Received], now_ms: int) -> list[Handled]:
        """Handles a batch in one transaction; if that fails as a whole, one by one.

        Raises:
            Exception: the database cannot be written to (`is_outage`); nothing may be acknowledged.
        """
        batch = [_storable(item) for item in batch]
        readings = self._read([item.inbound for item in batch])
        try:
            with self.database.transaction() as tx:
                return self._handle(tx, batch, readings, now_ms)
        except Exception as exc:
            if is_outage(exc):
                raise
        return [self._alone(item, reading, now_ms) for item, reading in zip(batch, readings, strict=True)]

    def _alone(self, item: Received, reading: Reading | None, now_ms: int, tries: int = 3) -> Handled:
        try:
            with self.database.transaction() as tx:
                return self._handle(tx, [item], [reading], now_ms)[0]
        except Exception as exc:
            if is_outage(exc):
                raise
            if is_conflict(exc) and tries > 1:  # the same event or newcomer at another process
                return self._alone(item, reading, now_ms, tries - 1)
            with self.database.transaction() as tx:
                return self._park(tx, item, exc, now_ms)

    def _read(self, batch: Sequence[Inbound]) -> list[Reading | None]:
        """The readings of a batch, before the transaction; a text that cannot be read alone is read as nothing."""
        texts = [(index, inbound.text) for index, inbound in enumerate(batch) if inbound.text is not None]
        readings: list[Reading | None] = [None] * len(batch)
        try:
            for (index, _), reading in zip(texts, read_many(self.reader, [text for _, text in texts]), strict=True):
                readings[index] = reading
        except Exception:  # one by one: the bad one is parked by `_event`
            for index, text in texts:
                try:
                    readings[index] = read_many(self.reader, [text])[0]
                except Exception:
                    readings[index] = None
        return readings

    # one transaction

    def _handle(
        self, tx: Connection, batch: Sequence[Received], readings: Sequence[Reading | None], now_ms: int
    ) -> list[Handled]:
        book = b.Book(tx)
        stored = book.replies([item.inbound.key for item in batch])
        handled: list[Handled | None] = [None] * len(batch)
        waiting: list[tuple[int, tuple[str, str, bytes]]] = []
        for index, item in enumerate(batch):
            inbound = item.inbound
            if inbound.key in stored:
                handled[index] = _repeat(stored[inbound.key], item.carry)
            else:
                print_ = self.vault.fingerprint(inbound.channel, inbound.account, inbound.user)
                waiting.append((index, (inbound.channel, inbound.account, print_)))
        book.lock([who for _, who in waiting])
        while waiting:
            wave, later = _wave(waiting, batch)
            for index, result in self._wave(book, wave, batch, readings, now_ms):
                handled[index] = result
            book.write_rows()
            again = []
            for index, who in later:
                key = batch[index].inbound.key
                first = next((i for i, _ in wave if batch[i].inbound.key == key), None)
                if first is None:
                    again.append((index, who))
                else:
                    done = handled[first]
                    assert done is not None
                    handled[index] = replace(done, repeated=True, queued=False)
            waiting = again
        book.write()
        return [result for result in handled if result is not None]

    def _wave(
        self,
        book: b.Book,
        wave: list[tuple[int, tuple[str, str, bytes]]],
        batch: Sequence[Received],
        readings: Sequence[Reading | None],
        now_ms: int,
    ) -> Iterable[tuple[int, Handled]]:
        people = book.people([who for _, who in wave])
        dialogues = {who: decode(people[who].state) or Dialogue() if who in people else Dialogue() for _, who in wave}
        known = [people[who].resident_id for _, who in wave if who in people and people[who].consented]
        standings = book.standings(known)
        wanted: set[tuple[str, str]] = set()
        for index, who in wave:
            person = people.get(who)
            standing = standings.get(person.resident_id) if person else None
            wanted.update(
                counts_wanted(
                    batch[index].inbound, readings[index], dialogues[who], person, standing, self._communities
                )
            )
        asking = book.residents_asking(wanted)
        for index, who in wave:
            item = batch[index]
            page = b.Page()
            person = people.get(who)
            if person is None:
                person = self._newcomer(page, item.inbound, who, now_ms)
            standing = standings.get(person.resident_id) or b.Standing()
            inbox_id = new_id(now_ms)
            owner = person.resident_id if person.consented else None  # before this turn, which may not come to pass
            try:
                turn = self._turn(
                    book, page, person, standing, dialogues[who], item, readings[index], asking, inbox_id, now_ms
                )
            except Exception as exc:
                fresh = b.Page()
                yield index, self._fail(fresh, item, owner, exc, now_ms)
                book.add(fresh)
                continue
            if turn.forgotten:
                self._blank(page, item, who, turn.says, now_ms)
            says = turn.says
            # the replies of a resident stand in the outbox; after an erasure nothing of theirs is there to hold them
            reply = _encode_replies(says) if turn.forgotten else None
            self._inbox_row(page, item.inbound, None, "done", now_ms, inbox_id=inbox_id, reply=reply)
            book.add(page)
            yield index, Handled(tuple(says[: item.carry]), queued=len(says) > item.carry)

    def _blank(
        self, page: b.Page, item: Received, who: tuple[str, str, bytes], says: list[Outbound], now_ms: int
    ) -> None:
        """After erasure: nobody, unless a last word still has to find its way; then a blank identity carries it."""
        if len(says) > item.carry:
            _outbox(page, self._newcomer(page, item.inbound, who, now_ms), says, item.carry, now_ms)

    def _turn(
        self,
        book: b.Book,
        page: b.Page,
        person: b.Person,
        standing: b.Standing,
        dialogue: Dialogue,
        item: Received,
        reading: Reading | None,
        asking: dict[tuple[str, str], int],
        inbox_id: int,
        now_ms: int,
    ) -> Turn:
        inbound = item.inbound
        event = _event(inbound, reading, now_ms)
        at_ms = min(inbound.at_ms, now_ms)
        day = self._day(at_ms)
        context = Context(
            world=self.world,
            consented=person.consented,
            community=person.community,
            fresh=tuple((new_id(now_ms), new_receipt()) for _ in range(_ids_needed(dialogue, event))),
            residents=asking,
            own_needs=_own_needs(standing, asking),
            channel=inbound.channel,
            own_voices=frozenset((voice.community, voice.leaf) for voice in standing.voices.values()),
        )
        after, effects = step(dialogue, event, context)
        turn = Turn(book, page, person, standing, now_ms, at_ms, day, self.vault)
        for effect in effects:
            apply(effect, turn)
        if item.carry == 1 and len(turn.says) > 1:
            turn.says[:] = [_joined(turn.says)]
        if turn.forgotten:
            return turn
        page.inserts.append(
            (
                b.CONVERSATION,
                {
                    "resident_id": person.resident_id,
                    "state": encode(after),
                    "version": person.version + 1,
                    "updated_ms": now_ms,
                },
            )
        )
        _outbox(page, person, turn.says, item.carry, now_ms, inbox_id=inbox_id)
        return turn

    def _day(self, at_ms: int) -> str:
        """The city's day; remembered by the hour, since no zone changes its day within one."""
        hour = at_ms // HOUR_MS
        if (day := self._days.get(hour)) is None:
            if len(self._days) > MAX_DAYS:
                self._days.clear()
            day = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self._zone).date().isoformat()
            self._days[hour] = day
        return day

    def _newcomer(self, page: b.Page, inbound: Inbound, who: tuple[str, str, bytes], now_ms: int) -> b.Person:
        person = b.Person(new_id(now_ms), new_id(now_ms), None, False, False, None, 0, is_new=True)
        page.inserts.append(
            (
                b.RESIDENT,
                {
                    "id": person.resident_id,
                    "created_ms": now_ms,
                    "community": None,
                    "consent_version": None,
                    "consent_ms": None,
                    "opted_out": False,
                },
            )
        )
        page.inserts.append(
            (
                b.IDENTITY,
                {
                    "id": person.identity_id,
                    "resident_id": person.resident_id,
                    "channel": who[0],
                    "account": who[1],
                    "key_hash": who[2],
                    "address": self.vault.seal(inbound.address),
                    "gone": False,
                },
            )
        )
        return person

    # failures

    def _park(self, tx: Connection, item: Received, exc: BaseException, now_ms: int) -> Handled:
        book = b.Book(tx)
        page = b.Page()
        inbound = item.inbound
        who = (inbound.channel, inbound.account, self.vault.fingerprint(inbound.channel, inbound.account, inbound.user))
        person = book.people([who]).get(who)
        owner = person.resident_id if person and person.consented else None
        result = self._fail(page, item, owner, exc, now_ms)
        book.add(page)
        book.write()
        return result

    def _fail(self, page: b.Page, item: Received, owner: int | None, exc: BaseException, now_ms: int) -> Handled:
        """Keeps the event sealed for another try, with its owner so that erasure finds it.

        Without an owner nobody agreed that we keep anything: the event is dead at once, without its words, and the
        stranger is asked to send it again.
        """
        says = (Outbound(self.world.texts("failed.kept" if owner is not None else "failed.again")),)
        self._inbox_row(
            page,
            item.inbound,
            owner,
            "dead" if owner is None else "failed",
            now_ms,
            reply=_encode_replies(says),
            reason=type(exc).__name__,
            retry_ms=None if owner is None else now_ms + RETRY_AFTER_MS[0],
            payload=None if owner is None else self.vault.seal(_encode_inbound(item.inbound).decode()),
        )
        return Handled(says[: item.carry], failed=True)

    def _inbox_row(
        self,
        page: b.Page,
        inbound: Inbound,
        resident_id: int | None,
        status: str,
        now_ms: int,
        *,
        inbox_id: int | None = None,
        reply: bytes | None,
        tries: int = 1,
        reason: str | None = None,
        retry_ms: int | None = None,
        payload: bytes | None = None,
    ) -> None:
        page.inserts.append(
            (
                b.INBOX,
                {
                    "id": inbox_id or new_id(now_ms),
                    "channel": inbound.channel,
                    "account": inbound.account,
                    "external_id": inbound.external_id,
                    "resident_id": resident_id,
                    "received_ms": now_ms,
                    "status": status,
                    "tries": tries,
                    "reason": reason,
                    "retry_ms": retry_ms,
                    "payload": payload,
                    "reply": reply,
                },
            )
        )

    def retry_failed(self, now_ms: int, limit: int = 50) -> int:
        """Tries the failed messages that are due once more. Returns how many were tried."""
        with self.database.transaction() as tx:
            due = inbox.due_failures(tx, now_ms, limit)
        for inbox_id, tries, payload in due:
            try:
                inbound = _decode_inbound(self.vault.open(payload).encode())
                reading = read_many(self.reader, [inbound.text])[0] if inbound.text is not None else None
                with self.database.transaction() as tx:
                    if not inbox.take_failure(tx, inbox_id):
                        continue  # another process has it
                    if self._handle(tx, [Received(inbound)], [reading], now_ms)[0].failed:
                        raise _StillFailingError
            except Exception as exc:
                self._failed_again(inbox_id, tries + 1, exc, now_ms)
        return len(due)

    def _failed_again(self, inbox_id: int, tries: int, exc: BaseException, now_ms: int) -> None:
        reason = None if isinstance(exc, _StillFailingError) else type(exc).__name__
        retry_ms = None if tries >= MAX_TRIES else now_ms + RETRY_AFTER_MS[min(tries - 1, len(RETRY_AFTER_MS) - 1)]
        with self.database.transaction() as tx:
            inbox.fail_again(tx, inbox_id, tries, reason, retry_ms)

    # invitations

    def invite(self, invitations: Sequence[tuple[int, Invited, str]], now_ms: int) -> int:
        """Delivers (resident id, invitation, dedupe key) through the same steps as a message, by the outbox.

        Returns how many were invited now; a resident invited before is left alone.
        """
        with self.database.transaction() as tx:
            book = b.Book(tx)
            people = book.by_resident([resident_id for resident_id, _, _ in invitations])
            known = book.known_pushes([key for _, _, key in invitations])
            asking: dict[tuple[str, str], int] = {}
            count = 0
            for resident_id, event, key in invitations:
                person = people.get(resident_id)
                if person is None or key in known:
                    continue
                page = b.Page()
                self._invite_one(book, page, person, event, key, asking, now_ms)
                book.add(page)
                count += 1
            book.write()
            return count

    def _invite_one(
        self,
        book: b.Book,
        page: b.Page,
        person: b.Person,
        event: Invited,
        key: str,
        asking: dict[tuple[str, str], int],
        now_ms: int,
    ) -> None:
        context = Context(self.world, person.consented, person.community, (), asking)
        after, effects = step(decode(person.state) or Dialogue(), event, context)
        turn = Turn(book, page, person, b.Standing(), now_ms, now_ms, "", self.vault)
        for effect in effects:
            apply(effect, turn)
        page.inserts.append(
            (
                b.CONVERSATION,
                {
                    "resident_id": person.resident_id,
                    "state": encode(after),
                    "version": person.version + 1,
                    "updated_ms": now_ms,
                },
            )
        )
        _outbox(page, person, turn.says, 0, now_ms, kind="push", dedupe_key=key)


class _StillFailingError(Exception):
    """The message failed once more; its transaction is rolled back."""


def _wave(
    waiting: list[tuple[int, tuple[str, str, bytes]]], batch: Sequence[Received]
) -> tuple[list[tuple[int, tuple[str, str, bytes]]], list[tuple[int, tuple[str, str, bytes]]]]:
    """The first message of each resident and each key; the rest waits for the next wave."""
    wave, later = [], []
    people, keys = set(), set()
    for index, who in waiting:
        key = batch[index].inbound.key
        if who in people or key in keys:
            later.append((index, who))
        else:
            wave.append((index, who))
        people.add(who)
        keys.add(key)
    return wave, later


def _storable(item: Received) -> Received:
    """The event without NUL and lone surrogates: PostgreSQL and UTF-8 have no place for them."""
    fields = msgspec.structs.asdict(item.inbound)
    if UNSTORABLE.search("".join([value for value in fields.values() if isinstance(value, str)])) is None:
        return item
    mended = {
        name: UNSTORABLE.sub("\ufffd", value) if isinstance(value, str) else value for name, value in fields.items()
    }
    return replace(item, inbound=msgspec.convert(mended, Inbound))


def _repeat(stored: b.Stored, carry: int) -> Handled:
    replies = _decode_replies(stored.reply) if stored.reply else tuple(map(_decode_reply, stored.bodies))
    return Handled(replies[:carry], repeated=True)


def _event(inbound: Inbound, reading: Reading | None, now_ms: int) -> Event:
    if inbound.text is not None:
        if reading is None:
            raise ValueError("this text cannot be read")
        return Said(inbound.text, reading, new_id(now_ms))
    if inbound.button is not None:
        return Pressed(inbound.button)
    if inbound.command is not None:
        return Commanded(inbound.command, inbound.argument)
    return SentUnsupported(inbound.unsupported or "unknown")


def _joined(says: Sequence[Outbound]) -> Outbound:
    """Several messages as one, for a request that can carry one; the buttons that count are the last ones shown."""
    shown = [outbound.buttons for outbound in says if outbound.buttons]
    return Outbound("\n\n".join(outbound.text for outbound in says), shown[-1] if shown else ())


def _ids_needed(dialogue: Dialogue, event: Event) -> int:
    """How many needs the event may file: outside surveys and open questions, what the text mentions or corrects."""
    if isinstance(event, Said) and isinstance(dialogue.stage, Idle | Filed):
        named = event.reading.correction.named if event.reading.correction else ()
        return max(1, len(event.reading.mentions), len(named))
    waiting = dialogue.stage.pending if isinstance(dialogue.stage, AskCommunity) else ()
    return NEEDS_IDS * (1 + len(waiting))


def _own_needs(standing: b.Standing, asking: dict[tuple[str, str], int]) -> tuple[OwnNeed, ...]:
    needs = sorted(standing.needs.values(), key=lambda need: -need.at_ms)
    return tuple(
        OwnNeed(
            need.need_id,
            need.receipt,
            need.message_id,
            need.leaf,
            need.nature,
            need.status,
            need.community,
            need.day,
            asking.get((need.community, need.leaf), 0),
        )
        for need in needs
    )


def _outbox(
    page: b.Page,
    person: b.Person,
    says: Sequence[Outbound],
    carry: int,
    now_ms: int,
    *,
    inbox_id: int | None = None,
    kind: str = "reply",
    dedupe_key: str | None = None,
) -> None:
    for number, outbound in enumerate(says):
        carried = number < carry
        page.inserts.append(
            (
                b.OUTBOX,
                {
                    "id": new_id(now_ms),
                    "resident_id": person.resident_id,
                    "identity_id": person.identity_id,
                    "inbox_id": inbox_id,
                    "kind": kind,
                    "body": _encode_replies(outbound),
                    "status": "carried" if carried else "ready",
                    "tries": 0,
                    "created_ms": now_ms + number,
                    "not_before_ms": now_ms,
                    "expires_ms": now_ms + (PUSH_EXPIRES_MS if kind == "push" else REPLY_EXPIRES_MS),
                    "sent_ms": now_ms if carried else None,
                    "external_id": None,
                    "reason": None,
                    "dedupe_key": dedupe_key if number == 0 else None,
                },
            )
        )
