"""The tables of a survey: one row per respondent, counts with who answered and who was invited."""

from __future__ import annotations

import pytest

from bot.service import Service
from domain.errors import InputError
from surveys.results import Table, results_tables
from tests.builders import COMMUNITY, DAY_MS
from tests.surveys.talk import Talk


def tables(service: Service, language: str = "zh") -> tuple[Table, Table]:
    with service.database.transaction() as tx:
        answers, counts = results_tables(tx, service.world.surveys, "resident_form", language)
    return answers, counts


def counted(counts: Table) -> dict[object, tuple[object, ...]]:
    return {row[1]: row[3:] for row in counts.rows}


def test_results__two_of_three_answer__are_counted_against_the_invited(service: Service) -> None:
    first, second, _ = (Talk(service, user=f"u{number}") for number in range(3))
    first.push()
    first.tick()
    first.say("1", "1", "5", "1 4", "没有食堂", "1", "2", "=东门", "1", "2", "1", "0")
    second.now_ms = first.now_ms
    second.say("1", "1", "6", "0", "缺食堂", "2")
    answers, counts = tables(service)
    assert len(answers.rows) == 2
    assert all(len(row) == len(answers.columns) for row in answers.rows)
    row = dict(zip(answers.columns, answers.rows[0], strict=True))
    assert row["状态"] == "已填完"
    assert "60到69岁" in row.values()
    assert "over_60;pupil" in row.values()
    assert "社区食堂、“没有食堂”" in row.values()
    assert "=东门" in row.values()
    found = counted(counts)
    assert found["age_60_69"] == (1, 2, 3)
    assert found["community_canteen"] == (2, 2, 3)
    assert found["words"] == (2, 2, 3)
    assert found["over_60"] == (1, 1, 3)
    assert found[COMMUNITY] == (2, 2, 3)


def test_results__answered_in_two_campaigns__counts_the_resident_once(sqlite_service: Service) -> None:
    talk = Talk(sqlite_service)
    talk.begin()
    talk.say("1", "5", "取消")
    talk.now_ms += 15 * DAY_MS
    talk.begin()
    talk.say("1", "6", "取消")
    answers, counts = tables(sqlite_service)
    assert [row[:2] for row in answers.rows] == [(1, 1), (1, 2)]
    assert counted(counts)["age_60_69"] == (0, 1, 1)
    assert counted(counts)["age_70_79"] == (1, 1, 1)


def test_results__erased_resident__is_gone(sqlite_service: Service) -> None:
    talk = Talk(sqlite_service)
    talk.begin()
    talk.say("1", "5", "删除我的信息", "1")
    assert tables(sqlite_service)[0].rows == ()


def test_results__in_english__has_english_heads(sqlite_service: Service) -> None:
    answers, counts = tables(sqlite_service, "en")
    assert answers.columns[:4] == ("No.", "Campaign", "Community", "Status")
    assert counts.columns[-1] == "Residents invited"


def test_results__unknown_survey__names_what_there_is(sqlite_service: Service) -> None:
    with sqlite_service.database.transaction() as tx, pytest.raises(InputError, match="resident_form"):
        results_tables(tx, sqlite_service.world.surveys, "nothing", "zh")
