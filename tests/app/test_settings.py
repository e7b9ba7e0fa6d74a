"""Settings: every fault at once, in one sentence each, with a way out."""

from __future__ import annotations

import re
from typing import cast

import pytest

from app.settings import load_settings
from domain.errors import AppError, ConfigError
from domain.texts import LANGUAGES, load_texts

TOKEN = "123456:" + "A" * 30


def _faults(**environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings({f"BUQI_{name}": value for name, value in environment.items()})
    return load_texts("zh").error(caught.value)


def test_settings__nothing_set__are_the_embedded_default() -> None:
    settings = load_settings({})
    assert settings.url.startswith("sqlite:////")
    assert settings.telegram_mode == "off"


def test_settings__unknown_name__is_refused_with_the_nearest() -> None:
    assert "BUQI_PORT" in _faults(PROT="1")


def test_settings__several_faults__are_all_told_at_once() -> None:
    told = _faults(PORT="many", LANGUAGE="fr", COLOUR="red", QUIET_FROM="9pm")
    assert "4 处" in told
    for name in ("BUQI_PORT", "BUQI_LANGUAGE", "BUQI_COLOUR", "BUQI_QUIET_FROM"):
        assert name in told


def test_settings__webhook_without_secret__is_refused() -> None:
    told = _faults(TELEGRAM_MODE="webhook", TELEGRAM_TOKEN=TOKEN, TELEGRAM_ABROAD_ACCEPTED="true")
    assert "BUQI_TELEGRAM_WEBHOOK_SECRET" in told


def test_settings__telegram_without_decision__is_refused() -> None:
    assert "BUQI_TELEGRAM_ABROAD_ACCEPTED" in _faults(TELEGRAM_MODE="polling", TELEGRAM_TOKEN=TOKEN)


def test_settings__staff_bot_without_decision__is_refused() -> None:
    assert "BUQI_TELEGRAM_ABROAD_ACCEPTED" in _faults(STAFF_TOKEN=TOKEN)


def test_settings__one_token_for_both_bots__is_refused() -> None:
    told = _faults(TELEGRAM_MODE="polling", TELEGRAM_TOKEN=TOKEN, STAFF_TOKEN=TOKEN, TELEGRAM_ABROAD_ACCEPTED="true")
    assert "BUQI_STAFF_TOKEN" in told


def test_settings__secrets__do_not_show() -> None:
    settings = load_settings(
        {"BUQI_STAFF_TOKEN": TOKEN, "BUQI_PLANNER_TOKEN": "p" * 20, "BUQI_TELEGRAM_ABROAD_ACCEPTED": "true"}
    )
    assert TOKEN not in repr(settings)
    assert "p" * 20 not in str(settings)


def test_settings__wrong_secret__is_not_repeated_in_the_fault() -> None:
    assert "hunter2" not in _faults(STAFF_TOKEN="hunter2")


def test_settings__wrong_word__is_told_the_right_ones() -> None:
    assert "off, webhook, polling" in _faults(TELEGRAM_MODE="on")


def test_settings__text_of_a_variable__becomes_the_type_of_its_field() -> None:
    settings = load_settings({"BUQI_PORT": "0", "BUQI_TELEGRAM_ABROAD_ACCEPTED": "true", "BUQI_COMMUNITY_PHONE": "12"})
    assert (settings.port, settings.telegram_abroad_accepted) == (0, True)
    assert settings.contacts == {"community_phone": "12"}


ABROAD = {"TELEGRAM_ABROAD_ACCEPTED": "true"}
EVERY_FAULT = [
    ("settings.unknown", "BUQI_PROT", {"PROT": "1"}),
    ("settings.word", "BUQI_TELEGRAM_MODE", {"TELEGRAM_MODE": "on"}),
    ("settings.word", "BUQI_TELEGRAM_ABROAD_ACCEPTED", {"TELEGRAM_ABROAD_ACCEPTED": "maybe"}),
    ("settings.number", "BUQI_PORT", {"PORT": "many"}),
    ("settings.number", "BUQI_PORT", {"PORT": "65536"}),
    ("settings.number", "BUQI_RAW_TEXT_DAYS", {"RAW_TEXT_DAYS": "0"}),
    ("settings.time", "BUQI_QUIET_FROM", {"QUIET_FROM": "9pm"}),
    ("settings.bot_token", "BUQI_STAFF_TOKEN", {"STAFF_TOKEN": "hunter2"}),
    ("settings.webhook_secret", "BUQI_TELEGRAM_WEBHOOK_SECRET", {"TELEGRAM_WEBHOOK_SECRET": "short"}),
    ("settings.planner_token", "BUQI_PLANNER_TOKEN", {"PLANNER_TOKEN": "hunter2"}),
    ("settings.needs_token", "BUQI_TELEGRAM_TOKEN", {"TELEGRAM_MODE": "polling", **ABROAD}),
    (
        "settings.needs_webhook_secret",
        "BUQI_TELEGRAM_WEBHOOK_SECRET",
        {"TELEGRAM_MODE": "webhook", "TELEGRAM_TOKEN": TOKEN, **ABROAD},
    ),
    ("settings.abroad", "BUQI_TELEGRAM_ABROAD_ACCEPTED", {"STAFF_TOKEN": TOKEN}),
    ("settings.open_pages", "BUQI_PLANNER_TOKEN", {"HOST": "0.0.0.0"}),
    ("settings.one_token", "BUQI_STAFF_TOKEN", {"STAFF_TOKEN": TOKEN, "TELEGRAM_TOKEN": TOKEN, **ABROAD}),
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("code", "name", "environment"), EVERY_FAULT)
def test_settings__each_fault__is_told_in_the_language_of_its_reader(
    language: str, code: str, name: str, environment: dict[str, str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({f"BUQI_{key}": value for key, value in environment.items()})
    (fault,) = cast("tuple[AppError, ...]", caught.value.params["faults"])
    assert (fault.code, fault.params["name"]) == (code, name)
    told = load_texts(language).error(caught.value)
    assert name in told
    words = re.sub(r"[A-Z_]{2,}|Telegram|BotFather|webhook|polling|off|true|false", "", told)
    assert (re.search("[\u4e00-\u9fff]", words) is not None) == (language == "zh")
    assert re.search("[a-z]{3}", words) is None or language == "en"
    assert "hunter2" not in told


def test_settings__frozen() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        load_settings({}).port = 1  # type: ignore[misc]


def test_settings__pages_reachable_without_password__are_refused() -> None:
    assert "BUQI_PLANNER_TOKEN" in _faults(PUBLIC_URL="https://buqi.example.cn")
    assert "BUQI_PLANNER_TOKEN" in _faults(HOST="0.0.0.0")


def test_settings__password_of_the_database__does_not_show() -> None:
    settings = load_settings({"BUQI_DATABASE_URL": "postgresql://buqi:hunter2@db/buqi"})
    assert settings.url == "postgresql://buqi:hunter2@db/buqi"
    assert "hunter2" not in repr(settings)
