"""The webhook: forged, repeated, broken and real updates, up to the resident's phone."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import aiogram.methods
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.channels.telegram import Webhook, webhook
from bot.channels.telegram_sender import LazySender, register_webhook
from bot.gateway import Gateway
from bot.service import Service
from domain.errors import ConfigError
from tests.telegram.conftest import ACCOUNT, SECRET, rows, serving, until
from tests.telegram_standin import TOKEN, Standin

HEADER = b"x-telegram-bot-api-secret-token"
Headers = list[tuple[bytes, bytes]]


def text_update(number: int, text: str = "没有公交", user: int = 77) -> bytes:
    person = {"id": user, "is_bot": False, "first_name": "张"}
    chat = {"id": user, "type": "private"}
    message = {"message_id": number, "from": person, "chat": chat, "date": int(time.time()), "text": text}
    return json.dumps({"update_id": number, "message": message}).encode()


async def post(
    app: Webhook, body: bytes, headers: Headers | None = None, method: str = "POST", chunk: int = 1 << 16
) -> tuple[int, bytes]:
    """One raw ASGI request."""
    chunks = [body[at : at + chunk] for at in range(0, len(body), chunk)] or [b""]
    asked = iter([{"type": "http.request", "body": c, "more_body": n < len(chunks)} for n, c in enumerate(chunks, 1)])
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return next(asked)

    async def send(event: Any) -> None:
        sent.append(event)

    right = [(HEADER, SECRET.encode())]
    await app({"type": "http", "method": method, "headers": right if headers is None else headers}, receive, send)
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize("secret", [None, "", "short", "with a blank in it!", "密" * 20, "x" * 257])
def test_webhook__no_usable_secret__does_not_start(gateway: Gateway, secret: str | None) -> None:
    with pytest.raises(ConfigError, match=r"telegram\.secret"):
        webhook(gateway, ACCOUNT, secret)


FORGED = st.one_of(
    st.just([]),
    st.binary(max_size=40).map(lambda value: [(HEADER, value)]),
    st.integers(0, len(SECRET) - 1).map(lambda end: [(HEADER, SECRET[:end].encode())]),
    st.binary(min_size=1, max_size=8).map(lambda tail: [(HEADER, SECRET.encode() + tail)]),
    st.text(max_size=30).map(lambda value: [(HEADER, value.encode("utf-8", "surrogatepass"))]),
    st.binary(max_size=40).map(lambda value: [(HEADER, SECRET.encode()), (HEADER, value)]),
    st.just([(HEADER, SECRET.encode()), (HEADER, SECRET.encode())]),
    st.just([(b"x-secret-token", SECRET.encode())]),
    st.just([(HEADER, SECRET.upper().encode())]),
)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(headers=FORGED)
def test_webhook__forged_secret__403_and_nothing_stored(sqlite_service: Service, headers: Headers) -> None:
    if headers == [(HEADER, SECRET.encode())]:
        return
    app = webhook(Gateway(sqlite_service), ACCOUNT, SECRET)
    assert asyncio.run(post(app, text_update(1), headers)) == (403, b"")
    assert app.accepted == 0


async def test_webhook__other_methods_and_bodies__4xx(gateway: Gateway) -> None:
    app = webhook(gateway, ACCOUNT, SECRET)
    assert (await post(app, b"", method="GET"))[0] == 405
    assert (await post(app, b"{"))[0] == 400
    assert (await post(app, b"[" * 100_000))[0] == 400
    assert (await post(app, b" " * (2 << 20)))[0] == 413
    assert (await post(app, text_update(1, "长" * 1000), chunk=7))[0] == 200
    assert (app.malformed, app.accepted) == (3, 1)


async def test_webhook__repeat__same_answer_and_one_row(gateway: Gateway) -> None:
    app = webhook(gateway, ACCOUNT, SECRET)
    answers = await asyncio.gather(*[post(app, text_update(1, "/start c-P05-01")) for _ in range(20)])
    answers += [await post(app, text_update(1, "/start c-P05-01"))]
    assert len(set(answers)) == 1
    method = json.loads(answers[0][1])
    assert method.pop("method") == "sendMessage"
    aiogram.methods.SendMessage.model_validate(method)
    assert rows(gateway.service.database, "SELECT count(*) FROM inbox") == [(1,)]
    assert rows(gateway.service.database, "SELECT status, count(*) FROM outbox GROUP BY status") == [("carried", 1)]


async def test_webhook__poison_message_of_a_stranger__noted_and_200(gateway: Gateway) -> None:
    app = webhook(gateway, ACCOUNT, SECRET)
    status, answer = await post(app, text_update(1, "炸"))
    assert status == 200
    assert json.loads(answer)["text"]
    assert rows(gateway.service.database, "SELECT status FROM inbox") == [("dead",)]


async def test_webhook__kind_we_do_not_handle__200_and_counted(gateway: Gateway) -> None:
    app = webhook(gateway, ACCOUNT, SECRET)
    assert await post(app, b'{"update_id": 3, "poll": {"id": "1"}}') == (200, b"")
    assert app.ignored == 1


async def test_webhook__database_away__503_and_later_taken(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    def away(*_: object) -> None:
        raise OperationalError("BEGIN", {}, Exception("disk full"))

    app = webhook(gateway, ACCOUNT, SECRET)
    with monkeypatch.context() as patch:
        patch.setattr(gateway.service, "handle_many", away)
        assert (await post(app, text_update(1)))[0] == 503
    assert (await post(app, text_update(1)))[0] == 200
    assert app.busy == 1


async def test_webhook__resident_blocks_and_comes_back__noted(gateway: Gateway) -> None:
    app = webhook(gateway, ACCOUNT, SECRET)
    await post(app, text_update(1))
    for status, gone in (("kicked", 1), ("member", 0)):
        change = {"chat": {"id": 77, "type": "private"}, "new_chat_member": {"status": status}}
        assert await post(app, json.dumps({"update_id": 9, "my_chat_member": change}).encode()) == (200, b"")
        assert rows(gateway.service.database, "SELECT gone FROM identity") == [(gone,)]


async def test_webhook__whole_dialogue__reaches_the_phone(
    telegram: Standin, gateway: Gateway, sender: LazySender
) -> None:
    """Scan, agree by button, report: every answer on the phone, presses acknowledged, one need filed."""
    app = webhook(gateway, ACCOUNT, SECRET, sender)
    async with serving(app) as url:
        await register_webhook(TOKEN, url, SECRET, telegram.url)
        user = telegram.user()
        user.says("/start c-P05-01")
        await user.gets(1)
        user.presses("同意")
        await user.gets(2)
        user.says("我们小区没有公交")
        received = await user.gets(3)
        assert "编号" in received[2]["text"]
        user.sends({"sticker": {"file_id": "x"}})
        await user.gets(4)
        await until(lambda: user.answered and not telegram.waiting)
        telegram.webhook = {"url": ""}
    await app.close()
    assert {status for _, status in telegram.deliveries} == {200}
    assert rows(gateway.service.database, "SELECT status, leaf FROM need") == [("filed", "bus_stop")]
    for method, params in telegram.calls:
        plain = {
            name: json.loads(value) if isinstance(value, str) and value[:1] in ("[", "{") else value
            for name, value in params.items()
        }
        getattr(aiogram.methods, method[0].upper() + method[1:]).model_validate(plain)


async def test_webhook__answers_lost_on_the_way__redelivered_without_harm(telegram: Standin, gateway: Gateway) -> None:
    """Every first delivery is answered 500 after the commit; the resident still gets each answer once."""
    app = webhook(gateway, ACCOUNT, SECRET)
    seen: set[bytes] = set()

    async def unlucky(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        fresh = message["body"] not in seen
        seen.add(message["body"])

        async def again() -> Any:
            return message

        async def answer(event: Any) -> None:
            if fresh and event["type"] == "http.response.start":
                event["status"] = 500
            await send(event)

        await app(scope, again, answer)

    async with serving(unlucky) as url:
        await register_webhook(TOKEN, url, SECRET, telegram.url)
        user = telegram.user()
        for text in ("/start c-P05-01", "同意", "没有公交"):
            user.says(text)
        await user.gets(3)
        await until(lambda: not telegram.waiting)
        telegram.webhook = {"url": ""}
    assert [status for _, status in telegram.deliveries] == [500, 200] * 3
    assert len(user.received) == 3
    assert rows(gateway.service.database, "SELECT count(*) FROM need") == [(1,)]
    assert gateway.repeats == 3
