"""Many thousand duplicate, late and interleaved events leave what a second, simple account of them says."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from bot.service import Received, Service
from domain.messages import Outbound
from storage import recount
from storage.book import (
    CONVERSATION,
    COUNTERS,
    DEMAND,
    DEMAND_TOTAL,
    IDENTITY,
    INBOX,
    MESSAGE,
    NEED,
    OUTBOX,
    RESIDENT,
    VOICE,
)
from storage.database import Connection, Database
from tests.builders import NOW_MS
from tests.storage.history import Model, Players

NUMBER = re.compile(r"第(\d+)条")


def play(service: Service, seed: int, updates: int, users: int) -> Model:
    """Feeds service and model the same deliveries, in batches of random size; three hours pass between batches."""
    chance, model, players = random.Random(seed), Model(), Players(seed, users)
    now_ms, done = NOW_MS, 0
    first: dict[str, tuple[Outbound, ...]] = {}
    while done < updates:
        now_ms += chance.randrange(6 * 3_600_000)
        batch = players.batch(model, min(chance.randint(1, 128), updates - done), now_ms)
        handled = service.handle_many([Received(event, carry) for event, carry in batch], now_ms)
        for (event, carry), result in zip(batch, handled, strict=True):
            new = model.take(event, carry, now_ms)
            assert result.repeated is not new
            assert result.failed is (new and event.external_id in model.failed) or not new
            if carry:
                assert result.replies in (first.setdefault(event.external_id, result.replies), ())
        learn(service, model, now_ms)
        done += len(batch)
    return model


def learn(service: Service, model: Model, now_ms: int) -> None:
    """Tells the model the ids of the needs made at `now_ms`."""
    from storage.ids import _EPOCH_MS, _LOW_BITS

    query = (
        select(MESSAGE.c.masked, NEED.c.message_id, NEED.c.id)
        .join(MESSAGE)
        .where(NEED.c.id >= (now_ms - _EPOCH_MS) << _LOW_BITS)
        .order_by(NEED.c.message_id, NEED.c.id)
    )
    places: Counter[int] = Counter()
    with service.database.transaction() as tx:
        for text, message_id, need_id in tx.execute(query):
            number = int(NUMBER.match(text)[1])  # type: ignore[index]
            model.learn(number, places[number], message_id, need_id)
            places[number] += 1


def check(service: Service, model: Model) -> None:
    """Everything the tables hold against the model."""
    with service.database.transaction() as tx:
        assert recount.differences(tx) == []
        assert demand(tx) == model.demand()
        totals = tx.execute(select(DEMAND_TOTAL).where(DEMAND_TOTAL.c.residents != 0))
        assert {(row.community, row.leaf): row.residents for row in totals} == model.totals()
        people = residents(tx, service)
        assert people.keys() == model.residents.keys()
        for user, who in model.residents.items():
            found = people[user]
            assert (found["consented"], found["community"], found["turns"]) == (who.consented, who.community, who.turns)
            assert found["needs"] == {
                (key, need.leaf, need.status, need.community, need.at_ms) for key, need in who.needs.items()
            }
            assert found["messages"] == len(who.messages)
            assert found["voices"] == Counter(
                (*place, voice.first_ms, len(voice.needs)) for place, voices in who.voices.items() for voice in voices
            )
        answered_once(tx, model)


def demand(tx: Connection) -> dict[tuple[str, str, str, str], int]:
    """(community, leaf, day, counter) -> how many, without zeros."""
    return {
        (row.community, row.leaf, row.day, name): getattr(row, name)
        for row in tx.execute(select(DEMAND))
        for name in COUNTERS
        if getattr(row, name)
    }


def residents(tx: Connection, service: Service) -> dict[str, dict[str, object]]:
    """What the tables know of each user."""
    users = {bytes(row.key_hash): row.resident_id for row in tx.execute(select(IDENTITY))}
    names = {
        users[mark]: f"u{n}"
        for n in range(5000)
        if (mark := service.vault.fingerprint("console", "test", f"u{n}")) in users
    }
    turns = {row.resident_id: row.version for row in tx.execute(select(CONVERSATION))}
    messages = Counter(tx.scalars(select(MESSAGE.c.resident_id)).all())
    found: dict[int, dict[str, object]] = {}
    needs: dict[int, set[object]] = {}
    voices: dict[int, Counter[object]] = {}
    for row in tx.execute(select(RESIDENT)):
        needs[row.id], voices[row.id] = set(), Counter()
        found[row.id] = {
            "consented": row.consent_version is not None,
            "community": row.community,
            "turns": turns.get(row.id, 0),
            "messages": messages[row.id],
            "needs": needs[row.id],
            "voices": voices[row.id],
        }
    places: Counter[int] = Counter()
    for row in tx.execute(select(NEED, MESSAGE.c.masked).join(MESSAGE).order_by(NEED.c.id)):
        number = int(NUMBER.match(row.masked)[1])  # type: ignore[index]
        needs[row.resident_id].add(((number, places[number]), row.leaf, row.status, row.community, row.at_ms))
        places[number] += 1
    for row in tx.execute(select(VOICE)):
        voices[row.resident_id][row.community, row.leaf, row.first_ms, row.needs] += 1
    assert len(names) == len(found)
    return {names[resident_id]: facts for resident_id, facts in found.items()}


def answered_once(tx: Connection, model: Model) -> None:
    """One inbox row per event; one to three answers to each, of residents who are still there."""
    answers = func.count(OUTBOX.c.id)
    rows = tx.execute(
        select(INBOX.c.external_id, INBOX.c.status, INBOX.c.reply, answers)
        .outerjoin(OUTBOX, OUTBOX.c.inbox_id == INBOX.c.id)
        .group_by(INBOX.c.id)
    ).all()
    assert sorted(row[0] for row in rows) == sorted(model.accepted)
    for _, status, reply, count in rows:
        assert 0 <= count <= 3
        if status == "done" and reply is not None:  # erased, and so are the answers
            assert count == 0
    answered = tx.execute(select(INBOX.c.id).join(OUTBOX, OUTBOX.c.inbox_id == INBOX.c.id).distinct()).all()
    living = tx.scalar(select(func.count()).select_from(RESIDENT))
    assert len(answered) >= (living or 0)


@pytest.mark.timeout(600)
def test_history__of_many_thousand_updates_on_sqlite__equals_the_model(
    sqlite_database: Database, make_service: Callable[[Database], Service], request: pytest.FixtureRequest
) -> None:
    updates = request.config.getoption("--updates")
    service = make_service(sqlite_database)
    model = play(service, 1, updates, users=min(5000, max(20, updates // 25)))
    check(service, model)
    print(f"\n{updates} updates, {len(model.accepted)} events, {len(model.residents)} residents, 0 differences")


@pytest.mark.timeout(300)
def test_history__on_postgresql__equals_the_model(
    postgres_database: Database, make_service: Callable[[Database], Service], request: pytest.FixtureRequest
) -> None:
    updates = request.config.getoption("--updates") // 10
    service = make_service(postgres_database)
    check(service, play(service, 2, updates, users=min(5000, max(20, updates // 25))))


@pytest.mark.parametrize("seed", range(100, 110))
def test_history__of_few_residents__equals_the_model(sqlite_service: Service, seed: int) -> None:
    """Few residents and long histories: every conversation gets into every corner."""
    check(sqlite_service, play(sqlite_service, seed, 500, users=4))
