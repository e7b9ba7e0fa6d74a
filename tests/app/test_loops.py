"""What the clock's ticks do beside the messages."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import select

from app import loops
from app.settings import Settings
from bot.service import Received, Service
from storage import tables as t
from tests.builders import DAY_MS, NOW_MS, a_consented_resident, an_inbound, say


def an_app(service: Service) -> Any:
    """As much of an installation as the housekeeping touches."""
    return SimpleNamespace(database=service.database, settings=Settings(), world=service.world)


def test_keep_house__without_a_sender__old_replies_expire(service: Service) -> None:
    a_consented_resident(service)
    service.handle_many([Received(an_inbound("没有车位"))], NOW_MS)
    loops.keep_house(an_app(service), "p1", NOW_MS + 2 * DAY_MS)
    with service.database.transaction() as tx:
        assert "ready" not in set(tx.scalars(select(t.Outbox.status)))
        assert "expired" in set(tx.scalars(select(t.Outbox.status)))


def test_keep_house__many_ticks__erase_once_a_minute_and_log_only_what_went(
    sqlite_service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    a_consented_resident(sqlite_service)
    say(sqlite_service, "没有车位")
    app = an_app(sqlite_service)
    later = NOW_MS + 181 * DAY_MS
    with caplog.at_level(logging.INFO):
        done = [loops.keep_house(app, "p1", later + second * 1000) for second in range(0, 300, 5)]
    assert sum(done) == 5
    assert [record.msg for record in caplog.records] == ["retention.done"]
    assert cast(Any, caplog.records[0]).texts == 1


def test_quiet__follows_the_citys_clock(sqlite_service: Service) -> None:
    quiet = loops.quiet_times(an_app(sqlite_service))
    assert not quiet(NOW_MS)  # 16:00 in Dezhou
    assert quiet(NOW_MS + 6 * 3600 * 1000)
