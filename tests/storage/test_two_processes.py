"""Two processes on one PostgreSQL hear the same residents at the same time: no event counts twice, no turn is lost."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

from sqlalchemy import func, select

from bot.service import ALL, Received, Service
from domain.messages import Inbound
from storage import recount
from storage.book import CONVERSATION, IDENTITY, NEED, OUTBOX
from storage.database import Database, is_outage
from tests.builders import COMMUNITY, NOW_MS, a_consented_resident, an_inbound

USERS = [f"u{number}" for number in range(6)]
TEXTS = ("没有车位", "没有公交和食堂", "电梯坏了", "想要公园", "反对装电梯")


def work(make_service: Callable[[Database], Service], url: str, events: list[Inbound], seed: int) -> int:
    """A forked process that handles all events in its own order and batches; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        chance = random.Random(seed)
        service = make_service(Database(url))
        while events:
            batch, events = events[:8], events[8:]
            chance.shuffle(batch)
            try:
                service.handle_many([Received(event, ALL) for event in batch], NOW_MS + 1000)
            except Exception as exc:  # deadlock: nothing is acknowledged, the platform delivers again
                if not is_outage(exc):
                    raise
                events += batch
        code = 0
    finally:
        os._exit(code)


def test_events__of_the_same_residents_at_two_processes__count_once(
    postgres_database: Database, make_service: Callable[[Database], Service]
) -> None:
    service = make_service(postgres_database)
    for user in USERS[:-2]:
        a_consented_resident(service, user)
    events = []
    for number in range(240):
        user = USERS[number % len(USERS)]
        if user in USERS[-2:] and number < 12:
            events.append(an_inbound(user=user, command="start", argument=f"c-{COMMUNITY}"))
        else:
            events.append(an_inbound(TEXTS[number % len(TEXTS)], user=user))
    postgres_database.engine.dispose()
    url = postgres_database.url.render_as_string(hide_password=False)
    both = [events[seed::2] + events[seed + 1 :: 6] for seed in (0, 1)]  # own ones, and a third of the other's
    workers = [work(make_service, url, share, seed) for seed, share in enumerate(both)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers] == [0, 0]
    with postgres_database.transaction() as tx:
        assert recount.differences(tx) == []
        answered = select(OUTBOX.c.resident_id, func.count(OUTBOX.c.inbox_id.distinct())).group_by(OUTBOX.c.resident_id)
        done = {row[0]: row[1] for row in tx.execute(answered)}
        assert sum(done.values()) == len(events) + 2 * (len(USERS) - 2)
        assert {row.resident_id: row.version for row in tx.execute(select(CONVERSATION))} == done
        assert tx.scalar(select(func.count()).select_from(IDENTITY)) == len(USERS)
        assert tx.scalar(select(func.count()).select_from(NEED)) == sum(
            {"没有车位": 1, "没有公交和食堂": 2, "想要公园": 1}.get(event.text or "", 0)
            for event in events
            if event.user not in USERS[-2:]
        )
