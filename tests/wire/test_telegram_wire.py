"""The Bot API's JSON: what becomes of real updates, and that nothing else gets further than InputError."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.telegram_wire import MAX_BODY, UNREADABLE, membership, parse, render
from domain.errors import InputError
from domain.messages import Button, Inbound, Outbound

NOW_MS = 1_800_000_000_000
USER = {"id": 77, "is_bot": False, "first_name": "张"}
CHAT = {"id": 77, "type": "private"}


def update(**content: Any) -> bytes:
    return json.dumps({"update_id": 5, **content}).encode()


def message(**content: Any) -> dict[str, Any]:
    return {"message_id": 1, "from": USER, "chat": CHAT, "date": NOW_MS // 1000 - 60, **content}


def parsed(**content: Any) -> Inbound | None:
    return parse(update(**content), "main", NOW_MS)


def test_parse__text__is_said_by_user_at_its_time() -> None:
    assert parsed(message=message(text="没有公交")) == Inbound(
        "telegram", "main", "u5", "77", "77", NOW_MS - 60_000, text="没有公交"
    )


@pytest.mark.parametrize(
    ("text", "command", "argument"),
    [
        ("/start", "start", ""),
        ("/start c-P05-01", "start", "c-P05-01"),
        ("/Start@buqi_bot  x y ", "start", "x y"),
        ("/help\nplease", "help", "please"),
    ],
)
def test_parse__command__has_name_and_argument(text: str, command: str, argument: str) -> None:
    found = parsed(message=message(text=text))
    assert found is not None
    assert (found.command, found.argument, found.text) == (command, argument, None)


@pytest.mark.parametrize("text", ["/", "/路灯坏了", "//x", "/ start", "/a-b"])
def test_parse__slash_that_is_no_command__is_text(text: str) -> None:
    found = parsed(message=message(text=text))
    assert found is not None
    assert (found.text, found.command) == (text, None)


@pytest.mark.parametrize("kind", UNREADABLE)
def test_parse__media__is_unsupported_but_its_caption_counts(kind: str) -> None:
    bare = parsed(message=message(**{kind: {"file_id": "x"}}))
    assert bare is not None
    assert (bare.unsupported, bare.text) == (kind, None)
    captioned = parsed(message=message(**{kind: {"file_id": "x"}}, caption="路灯不亮"))
    assert captioned is not None
    assert (captioned.unsupported, captioned.text) == (None, "路灯不亮")


def test_parse__button__is_pressed_now() -> None:
    query = {"id": "q1", "from": USER, "message": message(text="?"), "data": "ok:1", "chat_instance": "1"}
    found = parsed(callback_query=query)
    assert found == Inbound("telegram", "main", "u5", "77", "77", NOW_MS, button="ok:1", callback_id="q1")


def test_parse__button_of_old_message__is_pressed() -> None:
    """Telegram replaces messages beyond its memory by {"chat", "message_id", "date": 0}."""
    query = {"id": "q1", "from": USER, "message": {"chat": CHAT, "message_id": 1, "date": 0}, "data": "ok:1"}
    assert parsed(callback_query=query) is not None


def test_parse__edited__is_an_event_of_its_own() -> None:
    found = parsed(edited_message=message(text="没有公园", edit_date=NOW_MS // 1000))
    assert found is not None
    assert (found.text, found.external_id, found.at_ms) == ("没有公园", "u5", NOW_MS)


@pytest.mark.parametrize(
    "content",
    [
        {"message": message(text="x", chat={"id": -1, "type": "group"})},
        {"message": message(text="x", chat={"id": -1, "type": "supergroup"})},
        {"channel_post": message(text="x", chat={"id": -1, "type": "channel"})},
        {"edited_message": message(location={"latitude": 1, "longitude": 1})},
        {"message": message(pinned_message={})},
        {"message": message(text="")},
        {"callback_query": {"id": "1", "from": USER, "data": "x"}},
        {"callback_query": {"id": "1", "from": USER, "message": message(), "game_short_name": "x"}},
        {"my_chat_member": {"chat": CHAT, "from": USER, "new_chat_member": {"status": "kicked"}}},
        {"something_new": {"a": [1, 2, {"b": None}]}},
        {},
    ],
)
def test_parse__not_a_resident_speaking__is_none(content: dict[str, Any]) -> None:
    assert parsed(**content) is None


@pytest.mark.parametrize(
    ("status", "expected"), [("kicked", ("77", False)), ("left", ("77", False)), ("member", ("77", True))]
)
def test_membership__says_whether_one_may_write(status: str, expected: tuple[str, bool]) -> None:
    change = {"chat": CHAT, "from": USER, "new_chat_member": {"status": status}}
    assert membership(update(my_chat_member=change)) == expected


@pytest.mark.parametrize("date", [0, -(1 << 40), 1 << 50, NOW_MS // 1000 + 3600, NOW_MS // 1000 - 90_000])
def test_parse__impossible_time__is_now(date: int) -> None:
    found = parsed(message=message(text="x", date=date))
    assert found is not None
    assert found.at_ms == NOW_MS


def test_parse__nul__is_left_out() -> None:
    """PostgreSQL cannot keep it."""
    found = parsed(message=message(text="a\x00b"))
    assert found is not None
    assert found.text == "ab"


BROKEN = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"{}",
    b'{"update_id":"1"}',
    b'{"update_id":-1}',
    b'{"update_id":1.5}',
    b'{"update_id":99999999999999999999999999}',
    b'{"update_id":1,"message":[]}',
    b'{"update_id":1,"message":{"chat":{"id":"x","type":"private"},"date":1}}',
    b'{"update_id":1,"message":{"chat":{"id":1,"type":"private"},"date":1,"text":5}}',
    b'{"update_id":1,"message":{"chat":{"id":1,"type":"private"},"date":1,"text":"\\ud800"}}',
    b'{"update_id":1,"message":{"chat":{"id":1,"type":"private"},"date":1e300,"text":"x"}}',
    b'{"update_id":1,"x":' + b"[" * 100_000,
    b'{"update_id":1,"x":' + b'{"a":' * 100_000,
    b'{"update_id":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"update_id":1,"message":{"chat":{"id":1,"type":"private"},"photo":' + b"[" * 5000 + b"]" * 5000 + b"}}",
    b" " * (MAX_BODY + 1),
]


@pytest.mark.parametrize("raw", BROKEN, ids=range(len(BROKEN)))
def test_parse__no_update__is_an_input_error(raw: bytes) -> None:
    with pytest.raises(InputError, match=r"telegram\.body"):
        parse(raw, "main", NOW_MS)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
KEYS = st.sampled_from(
    ["message", "edited_message", "callback_query", "my_chat_member", "chat", "from", "id", "type", "date", "text",
     "caption", "photo", "data", "message_id", "edit_date", "new_chat_member", "status", "update_id"]
)  # fmt: skip
LIKE_UPDATES = st.recursive(
    JSON_VALUES | st.just("private") | st.integers(0, 2**40),
    lambda inner: st.dictionaries(KEYS, inner, max_size=8),
    max_leaves=30,
)


def only_input_errors(raw: bytes) -> None:
    for read in (lambda: parse(raw, "main", NOW_MS), lambda: membership(raw)):
        try:
            found = read()
        except InputError:
            continue
        if isinstance(found, Inbound):
            contents = [found.text, found.button, found.command, found.unsupported]
            assert sum(content is not None for content in contents) == 1
            found.text and found.text.encode()


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(KEYS, LIKE_UPDATES, max_size=5), st.integers(0, 2**40))
def test_parse__anything_like_an_update__raises_only_input_errors(content: dict[str, Any], number: int) -> None:
    only_input_errors(json.dumps({"update_id": number, **content}).encode())


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 400))
def test_parse__damaged_updates__raise_only_input_errors(noise: bytes, start: int, end: int) -> None:
    real = update(message=message(text="我们小区没有公交", photo=[{"file_id": "x"}]))
    only_input_errors(noise)
    only_input_errors(real[:start] + noise + real[end:])


BUTTONS = st.lists(st.builds(Button, st.text(max_size=30), st.text(max_size=40)), max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300), st.integers(1, 60), BUTTONS)
def test_render__any_message__fits_telegrams_limits(text: str, times: int, buttons: list[Button]) -> None:
    pieces = render(Outbound(text * times, tuple(buttons)), "77")
    assert pieces
    for piece in pieces:
        assert piece["chat_id"] == 77
        assert piece["text"].strip()
        assert len(piece["text"].encode("utf-16-le", "surrogatepass")) // 2 <= 4096
    assert all("reply_markup" not in piece for piece in pieces[:-1])
    for row in pieces[-1].get("reply_markup", {"inline_keyboard": []})["inline_keyboard"]:
        assert 1 <= len(row[0]["callback_data"].encode()) <= 64


def test_render__buttons__one_a_row_and_numbered_in_the_text() -> None:
    piece = render(Outbound("对吗？", (Button("对", "ok"), Button("不对", "no"))), "77")[0]
    assert piece["text"] == "对吗？\n1. 对\n2. 不对"
    assert piece["reply_markup"]["inline_keyboard"] == [
        [{"text": "对", "callback_data": "ok"}],
        [{"text": "不对", "callback_data": "no"}],
    ]
