"""`buqi topics`: found, kept and told; small cells without words; beside a running server too."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
import pytest

from app import wiring
from app.settings import Settings
from app.topics import topics_report
from bot.gateway import now_ms
from bot.service import Service
from domain.errors import InputError
from nlp.reader import Reader
from storage import topics as rows
from tests.builders import DAY_MS, FakeReader, a_world
from tests.staff.builders import ELSEWHERE, HERE, a_need


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation in which six residents want parking, two of them in another community."""
    here = [("没有车位", HERE, number) for number in range(4)]
    return _with_needs(tmp_path, [*here, *[("没有车位", ELSEWHERE, 40)] * 2])


def _with_needs(data_dir: Path, needs: Sequence[tuple[str, str, int]]) -> Settings:
    """An installation in which each need (text, community, days ago) is somebody else's."""
    made = Settings(data_dir=data_dir)
    database, vault = wiring.open_database(made, "test")
    service = Service(database, vault, a_world(), cast(Reader, FakeReader()))
    for number, (text, community, days_ago) in enumerate(needs):
        a_need(service, text, f"u{number}", community, now_ms() - days_ago * DAY_MS)
    database.close()
    return made


def test_topics__told_with_residents_and_masked_examples(settings: Settings) -> None:
    told = topics_report(settings, None, None, "text")
    assert "机动车停车位" in told
    assert "6 人 6 条；近 28 天 4 人，之前 84 天 2 人次" in told
    assert "“车位”" in told
    english = topics_report(msgspec.structs.replace(settings, language="en"), None, None, "text")
    assert ": 6 residents, 6 needs" in english


def test_topics__fewer_than_three_residents__no_words(settings: Settings) -> None:
    told = topics_report(settings, ELSEWHERE, None, "text")
    assert "2 人 2 条" in told
    assert "不足 3 人，不列原话" in told
    assert "“" not in told


def test_topics__since_a_day__counts_from_there(settings: Settings) -> None:
    assert "4 人 4 条" in topics_report(settings, None, _day(-30), "text")
    assert "还没有" in topics_report(settings, None, _day(+2), "text")


def test_topics__csv__one_row_a_topic(settings: Settings) -> None:
    (line,) = csv.DictReader(io.StringIO(topics_report(settings, None, None, "csv")))
    assert (line["facility"], line["residents"], line["needs"]) == ("car_parking", "6", "6")
    assert (line["last_28_days"], line["before_84_days"], line["status"]) == ("4", "2", "steady")


def test_topics__csv__no_word_of_a_resident_becomes_a_formula(tmp_path: Path) -> None:
    made = _with_needs(tmp_path, [("\u3000＝[没有车位", HERE, number) for number in range(3)])
    (line,) = csv.DictReader(io.StringIO(topics_report(made, None, None, "csv")))
    assert line["examples"].startswith("'")
    assert "＝" in line["examples"]
    assert line["facility"] == "car_parking"


def test_topics__run_again__same_id_and_name(settings: Settings) -> None:
    topics_report(settings, None, None, "text")
    first = _kept(settings)
    topics_report(settings, None, None, "text")
    assert _kept(settings) == first
    assert len(first) == 1


@pytest.mark.parametrize(
    ("area", "since", "format", "code"),
    [
        ("nowhere", None, "text", "area.unknown"),
        (None, "soon", "text", "topics.day"),
        (None, None, "xml", "topics.format"),
    ],
)
def test_topics__wrong_options__are_told(
    settings: Settings, area: str | None, since: str | None, format: str, code: str
) -> None:
    with pytest.raises(InputError) as fault:
        topics_report(settings, area, since, format)
    assert fault.value.code == code


def _kept(settings: Settings) -> list[tuple[int, str]]:
    reading = wiring.open_reading(settings)
    with reading.transaction() as tx:
        found = [(topic.id, topic.name) for topic in rows.known(tx)]
    reading.close()
    return found


def _day(days: int) -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime.fromtimestamp(now_ms() / 1000, UTC) + timedelta(days=days)).date().isoformat()
