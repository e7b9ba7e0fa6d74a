"""What every module of bot/channels has to keep, found by folder: a new channel is tested by being there."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bot.channels
from domain.errors import InputError
from domain.messages import Button, Capabilities, Inbound, Outbound

FOLDER = Path(bot.channels.__file__).parent


def channels() -> list[ModuleType]:
    """Modules that name a channel; helpers of one (`telegram_wire`) are reached through it."""
    stems = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    mains = [stem for stem in stems if not any(stem.startswith(other + "_") for other in stems)]
    return [importlib.import_module(f"bot.channels.{stem}") for stem in mains]


CHANNELS = channels()
each_channel = pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.NAME)


def arguments(channel: ModuleType) -> dict[str, Any]:
    """Further keywords of `parse`, such as a session or a configured secret."""
    named = {"user": "someone-0123456789"}
    parameters = inspect.signature(channel.parse).parameters
    return {name: value for name, value in named.items() if name in parameters}


def test_channels__folder__has_telegram_and_webchat() -> None:
    assert {"telegram", "webchat"} <= {channel.NAME for channel in CHANNELS}


@each_channel
def test_channel__says_what_it_is(channel: ModuleType) -> None:
    assert channel.__name__ == f"bot.channels.{channel.NAME}"
    assert isinstance(channel.CAPABILITIES, Capabilities)
    assert channel.CAPABILITIES.max_chars >= 100
    assert channel.CAPABILITIES.per_second > 0
    assert callable(channel.parse)
    assert callable(channel.render)


@each_channel
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.one_of(st.binary(max_size=300), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_channel__garbage__raises_nothing_but_input_error(channel: ModuleType, raw: bytes) -> None:
    try:
        found = channel.parse(raw, "main", 1_800_000_000_000, **arguments(channel))
    except InputError:
        return
    assert found is None or isinstance(found, Inbound)


@each_channel
@pytest.mark.parametrize("raw", [b"[" * 200_000, b'{"a":' * 200_000, b"<a>" * 200_000, b"\x00" * 1000], ids=range(4))
def test_channel__bomb__raises_nothing_but_input_error(channel: ModuleType, raw: bytes) -> None:
    try:
        channel.parse(raw, "main", 1_800_000_000_000, **arguments(channel))
    except InputError:
        return


def texts_in(value: object) -> list[str]:
    """Every string of a payload, however deep."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, bytes):
        return [value.decode()]
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts_in(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in texts_in(inner)]
    return []


@each_channel
@pytest.mark.parametrize("length", [1, 50, 3_000, 20_000])
def test_channel__render__fits_and_offers_every_button(channel: ModuleType, length: int) -> None:
    """The payload or the number of each button is in what is sent, and no text is longer than the channel takes."""
    said = ("没有公交车站。\n" * length)[:length]
    buttons = (Button("对", "ok:1"), Button("不对", "no:" + "9" * 61))
    rendered = channel.render(Outbound(said, buttons), "77")
    found = texts_in(rendered)
    if not isinstance(rendered, dict):  # a channel that splits
        assert max(map(len, found)) <= channel.CAPABILITIES.max_chars
    for number, button in enumerate(buttons, 1):
        numbered = any(f"{number}. {button.label}" in text for text in found)
        assert numbered or button.payload in found
    assert sum(text.count("公交车站") for text in found) == said.count("公交车站") or length == 20_000
