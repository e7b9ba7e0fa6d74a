"""Settings: every fault at once, in one sentence each, with a way out."""

from __future__ import annotations

import pytest

from app.settings import load_settings
from domain.errors import ConfigError
from domain.texts import load_texts

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
