"""Structured logs: one JSON line an event, constant text, values as fields. Never a resident's words or ids."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

#: Bot tokens appear in URLs of platform libraries (Bot API: https://core.telegram.org/bots/api#making-requests), there
#: right behind the word "bot".
TOKEN = re.compile(r"\d{5,12}(?::|%3A)[A-Za-z0-9_-]{20,}", re.IGNORECASE)
REDACTED = "[redacted]"
#: What every record has; anything else came as `extra`.
_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """A record as one line of JSON: event, level, time in UTC, its `extra` fields, the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with anything that looks like a bot token replaced."""
        fields: dict[str, object] = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _ORDINARY}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return TOKEN.sub(REDACTED, json.dumps(fields, ensure_ascii=False, default=str))


def configure_logs(level: str) -> None:
    """Sends everything, also what libraries log, through one formatter to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "aiogram", "telegram", "apscheduler", "uvicorn", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
