"""The short way into `buqi serve` takes plain options only, and brings no library that a server would just keep."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.main import serve_options

NEVER = (
    "sqlalchemy.orm",
    "rapidfuzz",
    "pypinyin",
    "structlog",
    "typer",
    "rich",
    "pydantic",
    "babel",
    "aiogram",
    "telegram",
    "httpx",
    "fastapi",
    "alembic",
    "sklearn",
    "jieba",
)


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("serve", (None, None)),
        ("serve --port 0", (None, 0)),
        ("serve --host ::1 --port=80", ("::1", 80)),
        ("serve --port", None),
        ("serve --port many", None),
        ("serve --help", None),
        ("serve --colour red", None),
        ("migrate", None),
        ("", None),
    ],
)
def test_serve_options__plain_ones__are_read_here(line: str, options: tuple[str | None, int | None] | None) -> None:
    assert serve_options(line.split()) == options


def test_serving__modules__stay_few() -> None:
    code = "import sys, app.main, app.serve, app.wiring; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "sqlalchemy"} <= set(loaded)
    assert set(NEVER) & set(loaded) == set()
