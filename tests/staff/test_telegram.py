"""The staff bot end to end against the Bot API's stand-in: real HTTP, real polling, real commits."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from bot.conversation.context import World
from bot.gateway import Gateway
from bot.service import Service
from bot.staff import telegram
from bot.staff.counter import Asked, Counter
from domain.errors import ConfigError
from storage.vault import Vault
from tests.builders import NOW_MS
from tests.staff.builders import HERE, a_need, a_worker, an_invite, demand, labels, need_row
from tests.telegram_standin import TOKEN, Standin, User, standin

WORKER = 501


class Office:
    """A running staff bot between a stand-in and a database."""

    def __init__(self, service: Service, platform: Standin, world: World, vault: Vault) -> None:
        self.service, self.platform, self.world, self.vault = service, platform, world, vault
        self.gateway = Gateway(service, clock=lambda: NOW_MS)
        self.task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Starts serving."""
        self.task = asyncio.create_task(
            telegram.run(
                TOKEN,
                self.platform.url,
                self.gateway,
                self.service.database,
                self.world,
                self.vault,
                lambda: NOW_MS,
                poll_s=2,
            )
        )

    async def close(self) -> None:
        """Stops serving as a shutdown would."""
        assert self.task is not None
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    def linked(self) -> User:
        """A worker of HERE with Telegram on the phone."""
        a_worker(self.service.database, self.vault, user=str(WORKER))
        return self.platform.user(WORKER, "小李")


@pytest.fixture
async def office(service: Service, world: World, vault: Vault) -> AsyncIterator[Office]:
    """An open office."""
    async with _office(service, world, vault) as found:
        yield found


@pytest.fixture
async def sqlite_office(sqlite_service: Service, world: World, vault: Vault) -> AsyncIterator[Office]:
    """An open office, for what does not depend on the database."""
    async with _office(sqlite_service, world, vault) as found:
        yield found


@asynccontextmanager
async def _office(service: Service, world: World, vault: Vault) -> AsyncIterator[Office]:
    async with standin() as platform:
        found = Office(service, platform, world, vault)
        found.open()
        try:
            yield found
        finally:
            await found.close()
            await found.gateway.close()


async def until(condition: Callable[[], Any], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


def calls(platform: Standin, method: str) -> list[dict[str, Any]]:
    return [params for name, params in platform.calls if name == method]


async def test_worker__invited__links_reviews_and_corrects(office: Office) -> None:
    """The whole way: link, today, next, correct with two taps, next, reject."""
    a_need(office.service, "没有车位", "u1")
    doubt = a_need(office.service, "想要个公园", "u2")
    code = an_invite(office.service.database)
    worker = office.platform.user(WORKER, "小李")
    worker.says(f"/start {code}")
    assert "社区工作人员" in (await worker.gets(1))[0]["text"]
    worker.says("/today")
    assert "新需求 2 条" in (await worker.gets(2))[1]["text"]
    worker.says("/next")
    card = (await worker.gets(3))[2]
    assert need_row(office.service.database, doubt).receipt in card["text"]
    for label in ("改", "停车充电与出行", office.world.catalogue.leaf_name("bus_stop")):
        before = card["text"]
        worker.presses(label, card)
        await until(lambda before=before: card["text"] != before)
    assert "工作人员核对过" in card["text"]
    worker.presses("下一条", card)
    await until(lambda: "没有车位" in card["text"])
    worker.presses("不是需求", card)
    await until(lambda: "标为不是需求" in card["text"])
    assert len(worker.answered) == 5
    assert len(worker.received) == 3, "a press changes its message"
    assert demand(office.service.database) == {(HERE, "bus_stop"): (1, 1, 1)}
    assert office.platform.refused == []


async def test_messages__to_workers__are_protected_and_visit_no_links(sqlite_office: Office) -> None:
    worker = sqlite_office.linked()
    worker.says("/help")
    await worker.gets(1)
    (sent,) = calls(sqlite_office.platform, "sendMessage")
    assert sent["protect_content"] in (True, "true")
    assert "is_disabled" in str(sent["link_preview_options"])


async def test_stranger__writes_and_presses__one_sentence(sqlite_office: Office) -> None:
    stranger = sqlite_office.platform.user(9, "路人")
    for text in ("/start", "/today", "/start nosuchcode12345678901", "你好"):
        stranger.says(text)
    received = await stranger.gets(4)
    unknown = sqlite_office.world.texts("staff.unknown")
    wrong = sqlite_office.world.texts("error.staff.invite_unknown")
    assert [message["text"] for message in received] == [unknown, unknown, wrong, unknown]


async def test_photo_from_worker__arrives__gets_help(sqlite_office: Office) -> None:
    worker = sqlite_office.linked()
    worker.sends({"photo": [{"file_id": "a", "file_unique_id": "a", "width": 1, "height": 1}]})
    assert "怎么用" in (await worker.gets(1))[0]["text"]


async def test_group__command__nothing_but_a_warning(sqlite_office: Office) -> None:
    """Cases never reach a group, where others read along."""
    worker = sqlite_office.linked()
    group = sqlite_office.platform.user(-100, "群")
    message = worker._message({"text": "/next"}) | {"chat": {"id": -100, "type": "supergroup", "title": "群"}}
    sqlite_office.platform.update(-100, "message", message)
    assert (await group.gets(1))[0]["text"] == sqlite_office.world.texts("staff.private_only")
    assert worker.received == []


async def test_update_of_unknown_shape__between_others__is_passed_over(sqlite_office: Office) -> None:
    worker = sqlite_office.linked()
    sqlite_office.platform.update(WORKER, "message", {"message_id": 1, "date": "yesterday", "chat": 5})
    worker.says("/help")
    assert "怎么用" in (await worker.gets(1))[0]["text"]


async def test_restart__commit_done_offset_not__acts_once_and_answers(office: Office) -> None:
    """Killed between commit and offset: the update comes again, changes nothing, and is answered."""
    need_id = a_need(office.service, "没有车位")
    worker = office.linked()
    worker.says("/next")
    card = (await worker.gets(1))[0]
    await office.close()
    update_id = worker.presses("不是需求", card)
    raw = office.platform.waiting[-1][1]
    assert raw["update_id"] == update_id
    asked = Asked(str(update_id), str(WORKER), button=raw["callback_query"]["data"])
    lost = Counter(office.service.database, office.world, office.vault, TOKEN.partition(":")[0])
    await office.gateway.run(lambda: lost.answer(asked, NOW_MS))
    assert demand(office.service.database) == {}
    office.open()
    await until(lambda: "标为不是需求" in card["text"])
    worker.presses("还是需求", card)
    await until(lambda: "工作人员核对过" in card["text"])
    assert labels(office.service.database) == [
        ("worker", "car_parking", None),
        ("worker", "car_parking", "car_parking"),
    ]
    assert need_row(office.service.database, need_id).status == "filed"


async def test_shutdown__after_answers__offset_is_told(sqlite_office: Office) -> None:
    worker = sqlite_office.linked()
    worker.says("/help")
    await worker.gets(1)
    await asyncio.sleep(0.3)  # the answer's own request has come back: the bot is asking for updates again
    await sqlite_office.close()
    assert not sqlite_office.platform.waiting
    sqlite_office.open()
    worker.says("/today")
    await worker.gets(2)
    await asyncio.sleep(0.1)
    assert len(worker.received) == 2, "nothing is answered twice"


async def test_offset__database_out_of_reach__waits_and_loses_nothing(
    sqlite_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The update is neither acknowledged nor dropped while the database is away."""
    monkeypatch.setattr(telegram, "FIRST_PAUSE_S", 0.05)
    worker = sqlite_office.linked()
    gateway, real, failures = sqlite_office.gateway, sqlite_office.gateway.run, []

    async def away(work: Callable[[], Any]) -> Any:
        if len(failures) < 3:
            failures.append(len(sqlite_office.platform.waiting))
            raise OperationalError("disk full", None, Exception())
        return await real(work)

    monkeypatch.setattr(gateway, "run", away)
    worker.says("/help")
    await worker.gets(1)
    assert failures == [1, 1, 1]


@pytest.mark.parametrize("fault", ["500", "html", "429", "cut", "lost"])
async def test_polling__fails__goes_on(sqlite_office: Office, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(telegram, "FIRST_PAUSE_S", 0.05)
    worker = sqlite_office.linked()
    worker.says("/help")
    await worker.gets(1)
    sqlite_office.platform.faults.append(("getUpdates", fault))
    worker.says("/today")
    await until(lambda: not sqlite_office.platform.faults)
    await worker.gets(2)
    asked = len(calls(sqlite_office.platform, "getUpdates"))
    assert asked < 20, "no tight loop"


@pytest.mark.parametrize("method", ["answerCallbackQuery", "editMessageText"])
@pytest.mark.parametrize("fault", ["500", "429", "cut"])
async def test_answering__fails_once__the_worker_still_sees_the_outcome(
    sqlite_office: Office, monkeypatch: pytest.MonkeyPatch, method: str, fault: str
) -> None:
    monkeypatch.setattr(telegram, "FIRST_PAUSE_S", 0.05)
    a_need(sqlite_office.service, "没有车位")
    worker = sqlite_office.linked()
    worker.says("/next")
    card = (await worker.gets(1))[0]
    sqlite_office.platform.faults.append((method, fault))
    worker.presses("对", card)
    await until(lambda: "工作人员核对过" in card["text"])
    assert not sqlite_office.platform.faults


async def test_edit__message_is_gone__a_new_one_is_sent(sqlite_office: Office) -> None:
    a_need(sqlite_office.service, "没有车位")
    worker = sqlite_office.linked()
    worker.says("/next")
    card = (await worker.gets(1))[0]
    worker.received.clear()
    worker.presses("对", card)
    assert "工作人员核对过" in (await worker.gets(1))[0]["text"]


async def test_worker_blocked_the_bot__others__are_served(sqlite_office: Office) -> None:
    gone = sqlite_office.platform.user(9, "走了")
    gone.says("/start")
    gone.blocks()
    worker = sqlite_office.linked()
    worker.says("/help")
    assert "怎么用" in (await worker.gets(1))[0]["text"]


async def test_second_poller__same_token__is_named_and_waited_out(
    sqlite_office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    worker = sqlite_office.linked()
    worker.says("/help")
    await worker.gets(1)
    with caplog.at_level(logging.WARNING):
        await until(lambda: not sqlite_office.platform.waiting)  # our next poll is under way
        await sqlite_office.platform.call("getUpdates", {"timeout": 1})
        worker.says("/today")
        await worker.gets(2)
    assert "another poller" in {getattr(record, "reason", "") for record in caplog.records}


async def test_token__refused__stops_with_the_way_out(
    sqlite_service: Service, world: World, vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    gateway, wrong = Gateway(sqlite_service), "123456:AAwrong-wrong-wrong-wrong-wrong-wrong"
    async with standin() as platform:
        with pytest.raises(ConfigError) as caught, caplog.at_level(logging.DEBUG):
            await telegram.run(wrong, platform.url, gateway, sqlite_service.database, world, vault, lambda: NOW_MS)
    await gateway.close()
    assert caught.value.code == "staff.token"
    assert "BUQI_STAFF_TOKEN" in world.texts.error(caught.value)
    assert "AAwrong" not in caplog.text + str(caught.value) + repr(caught.value.__cause__)


async def test_logs__everything_on__carry_neither_token_nor_text(
    sqlite_office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(telegram, "FIRST_PAUSE_S", 0.05)
    with caplog.at_level(logging.DEBUG):
        a_need(sqlite_office.service, "没有车位")
        worker = sqlite_office.linked()
        sqlite_office.platform.faults.extend([("getUpdates", "500"), ("sendMessage", "500")])
        worker.says("/next")
        await worker.gets(1)
        sqlite_office.platform.update(WORKER, "message", {"message_id": 1, "date": "没有车位", "chat": 5})
        worker.says("/help")
        await worker.gets(2)
    said = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert TOKEN.partition(":")[2] not in said
    assert "车位" not in said
    assert str(WORKER) not in caplog.text


def test_import__of_the_module__does_not_load_the_library() -> None:
    code = "import sys, bot.staff.telegram; sys.exit('telegram' in sys.modules or 'httpx' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
