"""Polling: nothing is confirmed before it is stored, whatever dies in between."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import pytest
import pytest_asyncio

from bot.channels.telegram_polling import CONFLICT_S, Poller
from bot.channels.telegram_sender import LazySender
from bot.conversation.context import World
from bot.gateway import Gateway
from bot.outbox import Outbox
from bot.service import Service
from domain.errors import Busy
from domain.messages import Inbound
from storage.database import Database
from storage.vault import Vault
from tests.builders import FakeReader
from tests.telegram.conftest import ACCOUNT, rows, until
from tests.telegram_standin import TOKEN, Standin, standin


class Sleeps:
    """Notes the pauses, does not take them."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def poller(gateway: Gateway, telegram: Standin) -> AsyncIterator[Poller]:
    """A poller that answers at once."""
    found = Poller(gateway, LazySender(TOKEN, telegram.url), poll_s=0, sleep=Sleeps())
    yield found
    await found.close()


def pauses(poller: Poller) -> list[float]:
    assert isinstance(poller._sleep, Sleeps)
    return poller._sleep.taken


async def test_polling__batch__confirmed_only_by_the_next_call(
    telegram: Standin, poller: Poller, gateway: Gateway
) -> None:
    user = telegram.user()
    for text in ("/start c-P05-01", "同意", "没有公交"):
        user.says(text)
    user.blocks()
    assert await poller.once() == 4
    assert len(telegram.waiting) == 4
    assert await poller.once() == 0
    assert not telegram.waiting
    assert rows(gateway.service.database, "SELECT status, count(*) FROM inbox GROUP BY status") == [("done", 3)]
    assert rows(gateway.service.database, "SELECT gone FROM identity") == [(1,)]
    assert (poller.accepted, poller.ignored) == (3, 1)


async def test_polling__whole_dialogue__answered_through_the_outbox(
    telegram: Standin, poller: Poller, gateway: Gateway, sender: LazySender
) -> None:
    service = gateway.service
    box = Outbox(gateway, service.database, service.vault, {("telegram", ACCOUNT): sender})
    running = [asyncio.create_task(poller.run()), asyncio.create_task(box.run())]
    user = telegram.user()
    user.says("/start c-P05-01")
    await user.gets(1)
    user.presses("同意")
    await user.gets(2)
    user.says("没有公交")
    received = await user.gets(3)
    assert "编号" in received[2]["text"]
    await until(lambda: user.answered and not telegram.waiting)
    running[0].cancel()
    await box.close()
    await asyncio.gather(*running, return_exceptions=True)
    assert rows(service.database, "SELECT DISTINCT status FROM outbox") == [("sent",)]


async def test_polling__one_update_not_stored__whole_batch_asked_for_again(
    telegram: Standin, poller: Poller, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = gateway.receive
    refused: list[Inbound] = []

    async def receive(inbound: Inbound, carry: int = 0) -> object:
        if inbound.text == "2" and not refused:
            refused.append(inbound)
            raise Busy("gateway.full")
        return await real(inbound, carry)

    monkeypatch.setattr(gateway, "receive", receive)
    for n in range(5):
        telegram.user(100 + n).says(str(n))
    running = asyncio.create_task(poller.run())
    await until(lambda: not telegram.waiting)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert rows(gateway.service.database, "SELECT count(*) FROM inbox") == [(5,)]
    assert gateway.repeats == 4
    assert pauses(poller) == [1.0]


async def test_polling__unknown_and_broken_updates__do_not_hold_up_the_others(
    telegram: Standin, poller: Poller, gateway: Gateway
) -> None:
    telegram.update(77, "message", {"message_id": 1, "date": 1, "chat": "not a chat"})
    telegram.update(77, "message", {"message_id": 1, "date": 1, "chat": {"id": 77, "type": "new_kind_of_chat"}})
    telegram.user().says("没有公交")
    assert await poller.once() == 3
    assert (poller.malformed, poller.ignored, poller.accepted) == (1, 1, 1)


async def test_polling__second_poller__backs_off_for_long(
    telegram: Standin, poller: Poller, caplog: pytest.LogCaptureFixture
) -> None:
    poller._poll_s = 5
    other = LazySender(TOKEN, telegram.url)
    bot = await other.bot()
    running = asyncio.create_task(poller.run())
    await until(lambda: any(method == "getUpdates" for method, _ in telegram.calls))
    await bot.get_updates(timeout=0)
    await until(lambda: poller.conflicts == 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await other.close()
    assert pauses(poller) == [CONFLICT_S]
    assert "telegram.conflict" in caplog.text


async def test_polling__webhook_left_over__taken_away(telegram: Standin, poller: Poller, gateway: Gateway) -> None:
    telegram.webhook = {"url": "http://127.0.0.1:9/"}
    telegram.user().says("没有公交")
    running = asyncio.create_task(poller.run())
    await until(lambda: poller.accepted == 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(("fault", "least"), [("429", 3.0), ("500", 1.0), ("html", 1.0), ("cut", 1.0), ("lost", 1.0)])
async def test_polling__fault__waits_and_goes_on(telegram: Standin, poller: Poller, fault: str, least: float) -> None:
    telegram.retry_after = 3
    telegram.faults.append(("getUpdates", fault))
    telegram.user().says("没有公交")
    running = asyncio.create_task(poller.run())
    await until(lambda: not telegram.waiting)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert pauses(poller) == [least]


# killed for real

MESSAGES = 1_500
KILLS = 12


def _platform(pipe: Pipe, users: int) -> None:
    """A stand-in with messages waiting, in a process of its own; says what still waits when asked."""

    async def main() -> None:
        async with standin() as telegram:
            for n in range(MESSAGES):
                telegram.user(1000 + n % users).says(f"没有公交 {n}")
            pipe.send(telegram.url)
            while True:
                while not pipe.poll():
                    await asyncio.sleep(0.005)
                if pipe.recv() == "end":
                    return
                pipe.send(len(telegram.waiting))

    asyncio.run(main())


def _poll(url: str, path: Path, world: World) -> None:
    """A poller as it runs in production, with a reader that takes its time."""

    class SlowReader(FakeReader):
        def read_many(self, texts):  # type: ignore[no-untyped-def]
            time.sleep(0.08)
            return super().read_many(texts)

    async def main() -> None:
        service = Service(Database(f"sqlite:///{path}"), Vault(bytes(range(32))), world, SlowReader())  # type: ignore[arg-type]
        poller = Poller(Gateway(service), LazySender(TOKEN, url), poll_s=1)
        await poller.run()

    asyncio.run(main())


def test_polling__killed_again_and_again__nothing_lost_nothing_doubled(
    tmp_path: Path, sqlite_template: Path, world: World
) -> None:
    """SIGKILL between fetch and commit, commit and confirmation, and anywhere else."""
    import aiogram  # noqa: F401  (so that every child has it at once)

    path = tmp_path / "buqi.db"
    shutil.copy(sqlite_template, path)
    forked = multiprocessing.get_context("fork")
    pipe, theirs = forked.Pipe()
    platform = forked.Process(target=_platform, args=(theirs, 50), daemon=True)
    platform.start()
    url = pipe.recv()

    def waiting() -> int:
        pipe.send("how many")
        return int(pipe.recv())

    chance = random.Random(7)
    kills = 0
    deadline = time.monotonic() + 120
    while waiting() and time.monotonic() < deadline:
        child = forked.Process(target=_poll, args=(url, path, world), daemon=True)
        child.start()
        if kills < KILLS:
            child.join(0.15 + chance.random() * 0.35)
        else:
            while waiting() and time.monotonic() < deadline:
                time.sleep(0.05)
        kills += 1
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    pipe.send("end")
    platform.join(5)
    assert kills >= 4, "the kills never hit"
    database = Database(f"sqlite:///{path}")
    assert rows(database, "SELECT count(*), count(DISTINCT external_id) FROM inbox") == [(MESSAGES, MESSAGES)]
    assert rows(database, "SELECT DISTINCT status FROM inbox") == [("done",)]
    assert rows(database, "SELECT count(*) FROM outbox") >= [(MESSAGES,)]
    database.close()
