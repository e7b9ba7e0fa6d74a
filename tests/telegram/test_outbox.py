"""The outbox: every state a message can end in, the pace, and what a crash leaves behind."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bot.channels.telegram_sender import LazySender
from bot.gateway import Gateway
from bot.outbox import IDLE_S, IN_FLIGHT, Outbox, Pacer
from bot.service import Service
from domain.errors import ChannelDown, ConfigError, OutcomeUnknown, Rejected, ResidentGone, Throttled
from domain.messages import Button, Outbound
from storage import outbox as stored
from storage.database import Database
from storage.vault import Vault
from tests.telegram.conftest import ACCOUNT, fill, queue, rows, until
from tests.telegram_standin import TOKEN, Standin

KEY = ("telegram", ACCOUNT)
NOW_MS = 1_800_000_000_000


class FakeTime:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.s = 1000.0

    def monotonic(self) -> float:
        return self.s

    def clock(self) -> int:
        return NOW_MS + int(self.s * 1000)

    async def sleep(self, seconds: float) -> None:
        self.s += seconds
        await asyncio.sleep(0)


class FakeSender:
    """Notes what it is asked to send; fails as told, in turn."""

    def __init__(self, time: FakeTime, *failures: Exception | None) -> None:
        self.time = time
        self.failures = list(failures)
        self.sent: list[tuple[float, str, str]] = []

    async def send(self, address: str, outbound: Outbound) -> str:
        started = self.time.s
        await asyncio.sleep(0)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.sent.append((started, address, outbound.text))
        return f"m{len(self.sent)}"

    async def acknowledge(self, callback_id: str) -> None: ...

    async def close(self) -> None: ...


@pytest.fixture
def make_outbox(service: Service) -> Callable[..., tuple[Outbox, FakeSender, FakeTime]]:
    """An outbox with fake time on either database."""

    def make(*failures: Exception | None) -> tuple[Outbox, FakeSender, FakeTime]:
        time = FakeTime()
        sender = FakeSender(time, *failures)
        gateway = Gateway(service, time.clock)
        box = Outbox(gateway, service.database, service.vault, {KEY: sender}, time.clock, time.sleep, time.monotonic)
        return box, sender, time

    return make


def states(database: Database) -> list[tuple[Any, ...]]:
    return rows(database, "SELECT status, tries, reason FROM outbox ORDER BY id")


Make = Callable[..., tuple[Outbox, FakeSender, FakeTime]]


async def test_outbox__sends_what_is_due__and_leaves_other_channels_alone(
    make_outbox: Make, database: Database, vault: Vault
) -> None:
    box, sender, time = make_outbox()
    fill(database, vault, [1, 2, 3])
    fill(database, vault, [4], channel="webchat", account="web")
    fill(database, vault, [5], not_before_ms=time.clock() + 3_600_000)
    fill(database, vault, [6], expires_ms=time.clock() - 1)
    await box.recover()
    await box.drain()
    assert sorted(address for _, address, _ in sender.sent) == ["1", "2", "3"]
    found = rows(database, "SELECT status, count(*) FROM outbox GROUP BY status ORDER BY status")
    assert found == [("expired", 1), ("ready", 2), ("sent", 3)]
    assert rows(database, "SELECT count(*) FROM outbox WHERE external_id LIKE 'm%' AND sent_ms > 0") == [(3,)]
    await box.close()


@pytest.mark.parametrize(
    ("failure", "kind", "state"),
    [
        (Rejected("send.rejected", fault="x"), "reply", ("refused", 1, "send.rejected")),
        (ResidentGone("send.gone"), "push", ("refused", 1, "send.gone")),
        (OutcomeUnknown("send.unknown"), "reply", ("unknown", 1, "send.unknown")),
        (RuntimeError("bug"), "reply", ("unknown", 1, "RuntimeError")),
        (OutcomeUnknown("send.unknown"), "push", ("ready", 1, "send.unknown")),
        (Throttled(7.0), "reply", ("ready", 1, "send.throttled")),
        (ChannelDown("send.down"), "reply", ("ready", 1, "send.down")),
        (ConfigError("telegram.token"), "reply", ("unknown", 1, "ConfigError")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_outbox__failure__ends_in_its_state(
    make_outbox: Make, database: Database, vault: Vault, failure: Exception, kind: str, state: tuple[str, int, str]
) -> None:
    box, sender, _ = make_outbox(failure)
    fill(database, vault, [1], kind=kind)
    await box.drain()
    assert states(database) == [state]
    assert not sender.sent
    await box.close()


async def test_outbox__resident_gone__marked_and_the_rest_refused__until_reached_again(
    make_outbox: Make, database: Database, vault: Vault
) -> None:
    box, _, _ = make_outbox(ResidentGone("send.gone"))
    fill(database, vault, [1], kind="push")
    ((resident, identity),) = rows(database, "SELECT resident_id, id FROM identity")
    with database.transaction() as tx:
        queue(tx, resident, identity, kind="push", created_ms=5)
    await box.drain()
    assert rows(database, "SELECT count(*) FROM outbox WHERE status = 'refused'") == [(2,)]
    assert rows(database, "SELECT gone FROM identity WHERE gone") != []
    with database.transaction() as tx:
        queue(tx, resident, identity)
    await box.drain()
    assert rows(database, "SELECT gone FROM identity WHERE gone") == []
    await box.close()


async def test_outbox__throttled__whole_account_waits_then_goes_on(
    make_outbox: Make, database: Database, vault: Vault
) -> None:
    box, sender, time = make_outbox(Throttled(30.0))
    fill(database, vault, range(40))
    start = time.s
    await box.drain()
    early = len(sender.sent)
    assert early < IN_FLIGHT + 1  # those under way may still arrive
    time.s = start + 30.5
    await box.drain()
    assert len(sender.sent) == 40
    assert all(at >= start + 30 for at, _, _ in sender.sent[early:])
    await box.close()


async def test_outbox__channel_down__later_and_later_then_expired(
    make_outbox: Make, database: Database, vault: Vault
) -> None:
    box, _, time = make_outbox(*[ChannelDown("send.down")] * 100)
    fill(database, vault, [1], expires_ms=time.clock() + 600_000)
    moments = []
    while rows(database, "SELECT status FROM outbox") == [("ready",)]:
        moments.append(time.s)
        await box.drain()
        time.s += max(box._lanes[0].pacer.held_s(), 0.001)
    assert rows(database, "SELECT status FROM outbox") == [("expired",)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert max(gaps) <= 61
    assert 10 < len(moments) < 30
    await box.close()


async def test_outbox__one_chat__a_second_apart_and_in_order(
    make_outbox: Make, database: Database, vault: Vault
) -> None:
    box, sender, _ = make_outbox()
    fill(database, vault, [1], created_ms=0)
    ((resident, identity),) = rows(database, "SELECT resident_id, id FROM identity")
    with database.transaction() as tx:
        for n in range(1, 5):
            queue(tx, resident, identity, created_ms=n, body=msgspec.json.encode(Outbound(f"{n}")))
    await box.drain()
    assert [text for _, _, text in sender.sent] == ["您好", "1", "2", "3", "4"]
    times = [at for at, _, _ in sender.sent]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 1.0
    await box.close()


async def test_outbox__replies_before_pushes(make_outbox: Make, database: Database, vault: Vault) -> None:
    box, sender, _ = make_outbox()
    fill(database, vault, range(100, 160), kind="push")
    fill(database, vault, range(10), kind="reply", not_before_ms=5)
    await box.drain()
    assert sorted(int(address) for _, address, _ in sender.sent[:10]) == list(range(10))
    assert len(sender.sent) == 70
    times = [at for at, _, _ in sender.sent]
    assert all(times[n + 30] - times[n] > 1.0 for n in range(len(times) - 30))
    await box.close()


async def test_outbox__found_sending_at_start__replies_unknown_pushes_again(
    make_outbox: Make, database: Database, vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    box, sender, time = make_outbox()
    fill(database, vault, [1, 2], status="sending", kind="reply", tries=0)
    fill(database, vault, [3], status="sending", kind="push", tries=0)
    with caplog.at_level(logging.WARNING):
        await box.recover()
    assert "outbox.recovered" in caplog.text
    time.s += 2
    await box.drain()
    assert [address for _, address, _ in sender.sent] == ["3"]
    found = rows(database, "SELECT kind, status, count(*) FROM outbox GROUP BY kind, status ORDER BY kind")
    assert found == [("push", "sent", 1), ("reply", "unknown", 2)]
    await box.close()


async def test_outbox__other_process_alive_on_postgres__its_claims_are_left_alone(
    postgres_database: Database, vault: Vault
) -> None:
    fill(postgres_database, vault, range(6), status="ready")
    with postgres_database.transaction() as tx:
        mine = stored.claim(tx, *KEY, "reply", 1000, 3)
        with postgres_database.transaction() as other:  # at the same time
            theirs = stored.claim(other, *KEY, "reply", 1000, 10)
    assert len(mine) == len(theirs) == 3
    assert not {due.id for due in mine} & {due.id for due in theirs}
    with postgres_database.transaction() as tx:
        assert stored.recover(tx, [KEY], 1000) == (0, 0)
        assert stored.recover(tx, [KEY], 1001 + stored.CLAIM_MS) == (6, 0)


async def test_outbox__closing__what_never_left_is_ready_again(
    make_outbox: Make, database: Database, vault: Vault
) -> None:
    box, sender, _ = make_outbox()
    fill(database, vault, range(50))
    await box._round()
    await box.close()
    found = dict(rows(database, "SELECT status, count(*) FROM outbox GROUP BY status"))
    assert found.get("sending", 0) == 0
    assert found.get("sent", 0) == len(sender.sent)
    assert sum(found.values()) == 50


async def test_outbox__quiet__replies_go_and_pushes_wait_for_the_morning(
    make_outbox: Make, database: Database, vault: Vault
) -> None:
    box, sender, _time = make_outbox()
    quiet = True
    box.quiet = lambda at_ms: quiet and at_ms > NOW_MS
    fill(database, vault, [1, 2], kind="push")
    fill(database, vault, [3])
    await box.drain()
    assert [address for _, address, _ in sender.sent] == ["3"]
    assert await box._round() == IDLE_S, "what waits for the morning must not keep the loop busy"
    quiet = False
    await box.drain()
    assert sorted(address for _, address, _ in sender.sent) == ["1", "2", "3"]
    await box.close()


def rows_of(tx: Any, query: str) -> list[tuple[Any, ...]]:
    from sqlalchemy import text

    return [tuple(row) for row in tx.execute(text(query))]


async def test_pacer__any_second__holds_at_most_thirty_turns_and_nearly_as_many() -> None:
    """Ten minutes of sends with holds in between and a jittery clock."""
    time = FakeTime()
    chance = random.Random(5)

    async def sleep(seconds: float) -> None:
        await time.sleep(seconds + chance.random() * 0.0003)

    pacer = Pacer(30, time.monotonic, sleep)
    turns: list[float] = []
    while len(turns) < 18_000:
        assert await pacer.turn()
        turns.append(time.s)
    assert all(turns[n + 30] - turns[n] > 1.0 for n in range(len(turns) - 30))
    assert len(turns) / (turns[-1] - turns[0]) > 29.9
    pacer.hold(5)
    assert not await pacer.turn()
    assert pacer.room() == 0


# against the stand-in, in real time


class Timed:
    """A sender that notes when each request leaves."""

    def __init__(self, inner: LazySender) -> None:
        self.inner = inner
        self.times: list[float] = []
        self.acknowledge = inner.acknowledge
        self.close = inner.close

    async def send(self, address: str, outbound: Outbound) -> str:
        self.times.append(time.monotonic())
        return await self.inner.send(address, outbound)


async def test_outbox__telegram__full_rate_without_one_429(
    telegram: Standin, gateway: Gateway, sender: LazySender
) -> None:
    """Exactly thirty leave in a second; the stand-in allows for what the network's jitter makes of them."""
    service = gateway.service
    telegram.chat_burst, telegram.per_second, telegram.latency_s = 1, 40, 0.05
    for chat in range(1, 106):
        telegram.user(chat)
    await sender.bot()
    timed = Timed(sender)
    box = Outbox(gateway, service.database, service.vault, {KEY: timed})
    running = asyncio.create_task(box.run())
    fill(service.database, service.vault, range(1, 106), kind="push")
    gateway.on_queued()
    await until(lambda: len(telegram.sends) == 105)
    await box.close()
    await running
    assert telegram.refused == []
    assert all(timed.times[n + 30] - timed.times[n] > 1.0 for n in range(75))
    assert timed.times[90] - timed.times[0] < 3.6  # 3.0 on an idle machine
    assert rows(service.database, "SELECT status, count(*) FROM outbox GROUP BY status") == [("sent", 105)]


async def test_outbox__telegram__throttled_blocked_lost_cut(
    telegram: Standin, gateway: Gateway, sender: LazySender
) -> None:
    """What goes wrong on the network ends in the right state, and nothing is sent inside a ban."""
    service = gateway.service
    for chat in range(1, 7):
        telegram.user(chat)
    telegram.user(4).blocks()
    await sender.bot()
    box = Outbox(gateway, service.database, service.vault, {KEY: sender})
    faults = ["429", "500", "lost", "html"]
    for chat, fault in enumerate([*faults[:3], None, faults[3]], 1):
        fill(service.database, service.vault, [chat])
        if fault:
            telegram.faults.append(("sendMessage", fault))
        await box.drain()
        if fault == "429":
            await asyncio.sleep(1.1)
            await box.drain()
    fill(service.database, service.vault, [999])
    body = msgspec.json.encode(Outbound("对吗？", (Button("对", "ok:1"),)))
    fill(service.database, service.vault, [6], body=body)
    await box.drain()
    found = rows(service.database, "SELECT status, reason, tries FROM outbox ORDER BY id")
    assert telegram.in_ban == 0
    assert sorted(found, key=str) == [
        ("refused", "send.gone", 1),
        ("refused", "send.gone", 1),
        ("sent", None, 1),
        ("sent", None, 2),
        ("unknown", "send.unknown", 1),
        ("unknown", "send.unknown", 1),
        ("unknown", "send.unknown", 1),
    ]
    assert telegram.users[6].received[0]["reply_markup"]["inline_keyboard"][0][0]["callback_data"] == "ok:1"
    assert len(telegram.users[3].received) == 1  # "lost" arrived, and is not repeated
    await box.close()


async def test_sender__nobody_listens__channel_down_and_no_token_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sender = LazySender(TOKEN, "http://127.0.0.1:9")
    with pytest.raises(ChannelDown):
        await sender.send("77", Outbound("x"))
    await sender.acknowledge("1")
    await sender.close()
    assert "telegram.not_acknowledged" in caplog.text
    assert TOKEN.partition(":")[2] not in caplog.text


async def test_sender__not_a_token__config_error() -> None:
    with pytest.raises(ConfigError, match=r"telegram\.token") as caught:
        await LazySender("no token").send("77", Outbound("x"))
    assert "no token" not in repr(caught.value)


async def test_sender__second_piece_throttled__unknown_not_repeated(telegram: Standin, sender: LazySender) -> None:
    telegram.chat_burst = 1
    telegram.user()
    with pytest.raises(OutcomeUnknown):
        await sender.send("77", Outbound("长" * 5000))
    assert len(telegram.sends) == 1
