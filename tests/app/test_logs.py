"""Logs: one line of JSON an event, without bot tokens wherever they stand."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from app.logs import REDACTED, JsonLines

TOKEN = "123456789:" + "AbC-_" * 7


def _line(event: str, exc_info: Any = None, **extra: object) -> str:
    record = logging.makeLogRecord({"msg": event, "levelname": "INFO", "exc_info": exc_info, "created": 0.5, **extra})
    return JsonLines().format(record)


def test_logs__an_event_with_fields__is_one_line_of_json() -> None:
    line = _line("serve.ready", port=80, where={"a": object})
    assert "\n" not in line
    found = json.loads(line)
    assert found | {"where": None} == {
        "event": "serve.ready",
        "level": "info",
        "timestamp": "1970-01-01T00:00:00.500000Z",
        "port": 80,
        "where": None,
    }


@pytest.mark.parametrize(
    "text", [TOKEN, f"https://api.telegram.org/bot{TOKEN}/getMe", f"a\n{TOKEN}", TOKEN.replace(":", "%3A")]
)
def test_logs__a_token__is_redacted_in_text_and_fields(text: str) -> None:
    for line in (_line(text), _line("event", url=text), _line("event", deep=[{"url": text}])):
        assert "AbC-_AbC" not in line
        assert REDACTED in line


def test_logs__a_token_in_a_traceback__is_redacted() -> None:
    try:
        raise ValueError(f"no host for bot{TOKEN}")
    except ValueError:
        line = _line("loop.died", exc_info=sys.exc_info())
    assert "AbC-_AbC" not in line
    assert "Traceback" in json.loads(line)["exception"]
