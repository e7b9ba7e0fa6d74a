"""Structured logs: one JSON line an event, constant text, values as fields. Never a resident's words or ids."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping

import structlog
from structlog.typing import Processor

#: Bot tokens appear in URLs of platform libraries (Bot API: https://core.telegram.org/bots/api#making-requests).
TOKEN = re.compile(r"\b\d{5,12}:[A-Za-z0-9_-]{20,}")
REDACTED = "[redacted]"


def redact(value: object) -> object:
    """The value with anything that looks like a bot token replaced."""
    return TOKEN.sub(REDACTED, value) if isinstance(value, str) else value


def _redact_all(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    for key, value in event.items():
        event[key] = redact(value)
    return event


def configure_logs(level: str) -> None:
    """Sends everything, also what libraries log, through one formatter to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _redact_all,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "aiogram", "telegram", "apscheduler", "uvicorn", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
