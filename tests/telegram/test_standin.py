"""The stand-in is strict and speaks so that both libraries understand it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiogram.exceptions as ae
import pytest
import pytest_asyncio
import telegram as ptb
from aiogram import Bot as AiogramBot
from aiogram import types
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, RetryAfter

from tests.telegram_standin import TOKEN, Standin

KEYBOARD = {"inline_keyboard": [[{"text": "对", "callback_data": "ok"}]]}


@pytest_asyncio.fixture
async def aio(telegram: Standin) -> AsyncIterator[AiogramBot]:
    bot = AiogramBot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(telegram.url)))
    yield bot
    await bot.session.close()


@pytest_asyncio.fixture
async def py(telegram: Standin) -> AsyncIterator[ptb.Bot]:
    bot = ptb.Bot(TOKEN, base_url=telegram.url + "/bot", base_file_url=telegram.url + "/file/bot")
    async with bot:
        yield bot


async def test_standin__every_method__decodes_in_aiogram(telegram: Standin, aio: AiogramBot) -> None:
    user = telegram.user()
    me = await aio.get_me()
    assert me.is_bot
    user.says("/start x")
    user.sends({"photo": [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}], "caption": "看"})
    sent = await aio.send_message(77, "对吗？", reply_markup=types.InlineKeyboardMarkup.model_validate(KEYBOARD))
    user.presses("对")
    user.edits(1, "改")
    user.blocks()
    updates = await aio.get_updates()
    assert [update.event_type for update in updates] == [
        "message", "message", "callback_query", "edited_message", "my_chat_member",
    ]  # fmt: skip
    user.blocks(False)
    assert await aio.answer_callback_query(updates[2].callback_query.id)  # type: ignore[union-attr]
    edited = await aio.edit_message_text("记下了", chat_id=77, message_id=sent.message_id)
    assert isinstance(edited, types.Message)
    assert edited.text == "记下了"
    markup = types.InlineKeyboardMarkup.model_validate(KEYBOARD)
    assert await aio.edit_message_reply_markup(chat_id=77, message_id=sent.message_id, reply_markup=markup)
    assert await aio.send_chat_action(77, "typing")
    assert await aio.set_my_commands([types.BotCommand(command="mine", description="我的")])
    assert await aio.set_webhook(telegram.url + "/nowhere", secret_token="abc", max_connections=3)
    info = await aio.get_webhook_info()
    assert info.max_connections == 3
    assert await aio.delete_webhook(drop_pending_updates=True)
    assert not (await aio.get_updates())


async def test_standin__every_method__decodes_in_ptb(telegram: Standin, py: ptb.Bot) -> None:
    user = telegram.user()
    assert (await py.get_me()).is_bot
    user.says("/start x")
    sent = await py.send_message(77, "对吗？", reply_markup=ptb.InlineKeyboardMarkup.de_json(KEYBOARD, py))
    user.presses(1)
    user.blocks()
    updates = await py.get_updates()
    assert updates[0].message is not None
    assert updates[0].message.text == "/start x"
    assert updates[1].callback_query is not None
    assert updates[2].my_chat_member is not None
    user.blocks(False)
    assert await py.answer_callback_query(updates[1].callback_query.id)
    edited = await py.edit_message_text("记下了", 77, sent.message_id)
    assert isinstance(edited, ptb.Message)
    assert await py.edit_message_reply_markup(
        77, sent.message_id, reply_markup=ptb.InlineKeyboardMarkup.de_json(KEYBOARD, py)
    )
    assert await py.send_chat_action(77, "typing")
    assert await py.set_my_commands([("mine", "我的")])
    assert await py.set_webhook(telegram.url + "/nowhere", secret_token="abc")
    assert (await py.get_webhook_info()).url.endswith("/nowhere")
    assert await py.delete_webhook()


REFUSALS: list[tuple[dict[str, Any], type[Exception], type[Exception]]] = [
    ({"chat_id": 999, "text": "x"}, ae.TelegramBadRequest, BadRequest),
    ({"chat_id": 77, "text": " \n"}, ae.TelegramBadRequest, BadRequest),
    ({"chat_id": 77, "text": "长" * 4097}, ae.TelegramBadRequest, BadRequest),
    ({"chat_id": 77, "text": "😀" * 2049}, ae.TelegramBadRequest, BadRequest),
    ({"chat_id": 78, "text": "x"}, ae.TelegramForbiddenError, Forbidden),
]


@pytest.mark.parametrize(("params", "in_aiogram", "in_ptb"), REFUSALS, ids=range(len(REFUSALS)))
async def test_standin__refuses__as_both_libraries_expect(
    telegram: Standin, aio: AiogramBot, py: ptb.Bot, params: dict[str, Any],
    in_aiogram: type[Exception], in_ptb: type[Exception],
) -> None:  # fmt: skip
    telegram.user()
    telegram.user(78).blocks()
    with pytest.raises(in_aiogram):
        await aio.send_message(**params)
    with pytest.raises(in_ptb):
        await py.send_message(**params)


async def test_standin__payload_of_65_bytes__refused(telegram: Standin, aio: AiogramBot) -> None:
    telegram.user()
    button = types.InlineKeyboardButton(text="x", callback_data="长" * 22)
    with pytest.raises(ae.TelegramBadRequest, match="BUTTON_DATA_INVALID"):
        await aio.send_message(77, "x", reply_markup=types.InlineKeyboardMarkup(inline_keyboard=[[button]]))


async def test_standin__wrong_token_and_method__401_and_404(telegram: Standin, aio: AiogramBot) -> None:
    other = AiogramBot(TOKEN + "x", session=aio.session)
    with pytest.raises(ae.TelegramUnauthorizedError):
        await other.get_me()
    with pytest.raises(ae.TelegramNotFound):
        await aio.log_out()
    wrong = ptb.Bot(TOKEN + "x", base_url=telegram.url + "/bot")
    with pytest.raises(InvalidToken):
        await wrong.initialize()
    await wrong.shutdown()


async def test_standin__too_many__429_with_retry_after_that_holds_the_bot(
    telegram: Standin, aio: AiogramBot, py: ptb.Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # otherwise PTB warns about its own future
    telegram.chat_burst = 1
    telegram.user()
    telegram.user(78)
    await aio.send_message(77, "1")
    with pytest.raises(ae.TelegramRetryAfter) as caught:
        await aio.send_message(77, "2")
    assert caught.value.retry_after == 1
    with pytest.raises(RetryAfter):
        await py.send_message(78, "2")
    assert telegram.in_ban == 1
    await asyncio.sleep(1.01)
    await aio.send_message(77, "2")


async def test_standin__offset__alone_confirms(telegram: Standin, aio: AiogramBot) -> None:
    user = telegram.user()
    ids = [user.says(str(n)) for n in range(5)]
    assert [u.update_id for u in await aio.get_updates(limit=2)] == ids[:2]
    assert [u.update_id for u in await aio.get_updates()] == ids
    assert [u.update_id for u in await aio.get_updates(offset=ids[3])] == ids[3:]
    assert [u.update_id for u in await aio.get_updates(offset=-1)] == ids[4:]
    assert not await aio.get_updates(offset=ids[4] + 1)


async def test_standin__allowed_updates__hold_for_later_ones(telegram: Standin, aio: AiogramBot) -> None:
    user = telegram.user()
    await aio.get_updates(allowed_updates=["message"])
    user.blocks()
    user.says("x")
    assert [u.event_type for u in await aio.get_updates()] == ["message"]


async def test_standin__second_poller__ends_the_first(telegram: Standin, aio: AiogramBot, py: ptb.Bot) -> None:
    first = asyncio.create_task(aio.get_updates(timeout=5))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(py.get_updates(timeout=5))
    with pytest.raises(ae.TelegramConflictError, match="terminated by other"):
        await first
    telegram.user().says("x")
    assert len(await second) == 1


async def test_standin__polling_beside_a_webhook__409(telegram: Standin, aio: AiogramBot, py: ptb.Bot) -> None:
    await aio.set_webhook(telegram.url + "/nowhere")
    with pytest.raises(ae.TelegramConflictError):
        await aio.get_updates()
    with pytest.raises(Conflict):
        await py.get_updates()
