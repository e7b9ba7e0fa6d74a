"""A file of messages goes the whole way; broken lines are told by number; twice is once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from app.replay import read_lines, replay
from bot.gateway import Gateway
from bot.service import Service
from storage.book import NEED
from storage.database import Database
from storage.recount import differences

GOOD = {"channel": "webchat", "resident": "a", "community": "P05-01", "at": "2026-09-01T08:00:00", "text": "没有车位"}


def _write(path: Path, *lines: object) -> Path:
    path.write_text(
        "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines),
        encoding="utf-8",
    )
    return path


def test_replay__broken_lines__are_told_by_number_and_the_rest_counts_once(
    tmp_path: Path, sqlite_database: Database, make_service: Callable[[Database], Service]
) -> None:
    service = make_service(sqlite_database)
    file = _write(
        tmp_path / "messages.jsonl",
        GOOD,
        "{broken",
        GOOD | {"community": "Atlantis"},
        GOOD | {"at": "yesterday"},
        GOOD | {"channel": "pigeon"},
        GOOD | {"text": "  "},
        "",
        GOOD | {"at": "2026-09-02T08:00:00+08:00", "text": "没有食堂", "community": "P05-02"},
        GOOD | {"resident": "b", "community": "石家园社区"},
    )
    faults: list[int] = []
    lines = read_lines(file, service.world, lambda number, _: faults.append(number))
    assert faults == [2, 3, 4, 5, 6]
    first = asyncio.run(replay(Gateway(service), lines))
    assert (first.messages, first.repeats, first.failed) == (3, 0, 0)
    again = asyncio.run(replay(Gateway(service), lines))
    assert (again.messages, again.repeats) == (3, 3)
    with sqlite_database.transaction() as tx:
        found = sorted((row.community, row.leaf, row.day) for row in tx.execute(NEED.select()))
        assert found == [
            ("P05-01", "car_parking", "2026-09-01"),
            ("P05-01", "car_parking", "2026-09-01"),
            ("P05-02", "community_canteen", "2026-09-02"),
        ]
        assert differences(tx) == []
