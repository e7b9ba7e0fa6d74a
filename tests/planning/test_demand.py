"""The selection and its figures, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from domain.errors import AppError, InputError
from domain.texts import load_texts
from planning.demand import Demand, DemandQuery
from planning.reading import read_demand
from storage import demand as rows
from storage import tables as t
from storage.database import Database
from tests.planning.rows import CATALOGUE, CITY, FIRST_DAY, MADE_MS, Rows, a_town, fill


def read(database: Database, **given: str) -> Demand:
    query = DemandQuery.parse(given, CITY, CATALOGUE)
    with rows.snapshot(database) as tx:
        return read_demand(tx, query, CITY, CATALOGUE, MADE_MS)


def test_demand__whole_city__totals_equal_the_rows_they_count(database: Database) -> None:
    fill(database)
    totals = read(database).totals
    with database.transaction() as tx:
        recounts = {row.counter: row.rows for row in rows.recounts(tx, DemandQuery("DZ").scope(CITY, CATALOGUE))}
    assert totals.voices > 500
    assert recounts == {name: getattr(totals, name) for name in rows.COUNTERS}


def test_demand__parts_of_the_city__add_up_to_the_whole(database: Database) -> None:
    fill(database)
    whole = read(database).totals
    districts = [read(database, area=code).totals for code in ("DZ-DC", "DZ-TQ", "DZ-LC")]
    groups = [read(database, group=code).totals for code in CATALOGUE.groups]
    other = read(database, leaf="other_facility").totals
    early, late = read(database, until="2026-04-15").totals, read(database, since="2026-04-16").totals
    for name in ("voices", "needs", "objections", "faults", "complaints", "awaiting"):
        expected = getattr(whole, name)
        assert sum(getattr(part, name) for part in districts) == expected
        assert sum(getattr(part, name) for part in (*groups, other)) == expected
        assert getattr(early, name) + getattr(late, name) == expected
    assert 0 < early.voices < whole.voices


def test_demand__one_cell__every_figure_is_as_written(database: Database) -> None:
    town = Rows()
    people = [town.resident() for _ in range(6)]
    for number, resident in enumerate(people):
        town.need(
            resident, "nursery", day=FIRST_DAY + timedelta(days=number), confirmed_by=("worker", None)[number % 2]
        )
    town.need(people[0], "nursery", day=FIRST_DAY + timedelta(days=9), confirmed_by="resident")
    town.need(people[1], "nursery", status="asked")
    town.need(people[2], "nursery", status="withdrawn")
    for intent in ("objection", "objection", "fault_report", "service_complaint"):
        town.remark(people[0], "nursery", intent)
    fill(database, town)
    (row,) = read(database).rows
    assert (row.community, row.leaf) == ("P05-01", "nursery")
    assert (row.voices, row.needs, row.residents, row.awaiting) == (6, 7, 6, 1)
    assert (row.objections, row.faults, row.complaints) == (2, 1, 1)
    assert (row.by_worker, row.by_resident) == (3, 1)
    assert row.share(row.by_worker) == pytest.approx(3 / 7)
    assert (row.first_day, row.last_day) == ("2026-03-01", "2026-03-10")
    assert not row.is_small
    assert row.interval.low == 2 and row.interval.high == 14


def test_demand__with_period__gives_no_distinct_residents(database: Database) -> None:
    fill(database)
    assert all(row.residents is None for row in read(database, since="2026-03-05").rows)
    assert all(row.residents is not None for row in read(database).rows)


def test_demand__counter_fallen_back_to_zero__leaves_no_row(sqlite_database: Database) -> None:
    with sqlite_database.transaction() as tx:
        zero = dict.fromkeys(rows.COUNTERS, 0)
        tx.execute(insert(t.Demand).values(community="P05-01", leaf="nursery", day="2026-03-01", **zero))
    assert read(sqlite_database).rows == ()


def test_demand__only_awaiting_needs__are_listed_without_voices(sqlite_database: Database) -> None:
    town = Rows()
    town.need(town.resident(), "pocket_park", status="asked")
    fill(sqlite_database, town)
    (row,) = read(sqlite_database).rows
    assert (row.voices, row.needs, row.awaiting) == (0, 0, 1)
    assert row.is_small


def test_demand__rows__stand_in_the_order_of_places_and_catalogue(sqlite_database: Database) -> None:
    fill(sqlite_database)
    found = read(sqlite_database)
    again = read(sqlite_database)
    assert found.rows == again.rows
    districts = [CITY.tree.ancestor(row.community, "district") for row in found.rows]
    names = [district.name for district in districts if district]
    assert list(dict.fromkeys(names)) == ["德城区", "天衢新区", "陵城区"]
    first = [CATALOGUE.leaves.index(row.leaf) for row in found.rows if row.community == found.rows[0].community]
    assert first == sorted(first)


def test_demand__model_with_measured_error__widens_the_interval(sqlite_database: Database) -> None:
    fill(sqlite_database)
    before = {(row.community, row.leaf): row for row in read(sqlite_database).rows}
    measured = '{"leaves": {"nursery": {"precision": 0.9, "recall": 0.8, "support": 60}, "odd": 3}}'
    with sqlite_database.transaction() as tx:
        model = {"version": "m-1", "created_ms": 1, "figures": measured}
        tx.execute(insert(t.ModelVersion).values(active=True, **model))
    found = read(sqlite_database)
    assert found.model == "m-1"
    changed = [row for row in found.rows if row.interval.basis == "counting_and_reading"]
    assert changed and {row.leaf for row in changed} == {"nursery"}
    assert all(row.interval.high > before[row.community, row.leaf].interval.low for row in changed)
    with sqlite_database.transaction() as tx:
        tx.execute(update(t.ModelVersion).values(figures="not json"))
    assert read(sqlite_database).model is None


def test_need_lines__withdrawn__come_without_words(database: Database) -> None:
    town = Rows()
    resident = town.resident()
    town.identity(resident, "wechat")
    town.need(resident, "nursery", status="withdrawn", masked="不要给人看")
    town.need(resident, "nursery", masked="没有托儿所")
    fill(database, town)
    with database.transaction() as tx:
        lines = list(rows.need_lines(tx, DemandQuery("DZ").scope(CITY, CATALOGUE)))
    assert [(line.status, line.masked) for line in lines] == [("withdrawn", ""), ("filed", "没有托儿所")]
    assert {line.channel for line in lines} == {"*"}


def test_quality__figures__are_those_of_the_rows(database: Database) -> None:
    fill(database, a_town(80))
    with rows.snapshot(database) as tx:
        found = rows.quality(tx, DemandQuery("DZ").scope(CITY, CATALOGUE))
        people = len(set(tx.scalars(select(t.Message.resident_id))))
    assert found.inbox == {"dead": 1, "done": 2, "failed": 1}
    assert found.messages == sum(found.intents.values()) == sum(row.messages for row in found.answered)
    assert found.residents == people == sum(row.residents for row in found.answered)
    assert all(row.counted == row.rows for row in found.recounts)
    assert sum(found.statuses.values()) == found.intents["need_report"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"area": "XX"}, "area.unknown"),
        ({"area": "\x00' OR 1=1 --"}, "area.unknown"),
        ({"since": "yesterday"}, "planning.date"),
        ({"since": "20250430"}, "planning.date"),
        ({"until": "2025-02-30"}, "planning.date"),
        ({"until": "9999-12-31"}, "planning.date"),
        ({"until": "2025-01-01\n"}, None),
        ({"since": "２０２５-01-01"}, "planning.date"),
        ({"since": "2025-05-02", "until": "2025-05-01"}, "planning.period"),
        ({"leaf": "spaceport"}, "planning.leaf_unknown"),
        ({"group": "none"}, "planning.group_unknown"),
        ({"leaf": "nursery", "group": "mobility"}, "planning.leaf_group"),
        ({"leaf": "other_facility", "group": "mobility"}, "planning.leaf_group"),
        ({"leaf": "nursery", "group": "child_education"}, None),
        ({"area": "", "since": " ", "leaf": ""}, None),
    ],
)
def test_query__parse__names_the_fault(given: dict[str, str], code: str | None) -> None:
    if code is None:
        DemandQuery.parse(given, CITY, CATALOGUE)
        return
    with pytest.raises(InputError) as raised:
        DemandQuery.parse(given, CITY, CATALOGUE)
    assert raised.value.code == code
    for language in ("zh", "en"):
        sentence = load_texts(language).error(raised.value)
        assert "{" not in sentence and "\x00" not in sentence


def test_query__parameters__give_the_same_query_again() -> None:
    given = {"area": "DZ-DC", "since": "2025-01-01", "until": "2025-02-01", "group": "health", "leaf": "pharmacy"}
    query = DemandQuery.parse(given, CITY, CATALOGUE)
    assert DemandQuery.parse(query.parameters(), CITY, CATALOGUE) == query


def test_query__days__are_days_of_the_city() -> None:
    scope = DemandQuery("DZ", "2025-01-01", "2025-01-01").scope(CITY, CATALOGUE)
    assert scope.since_ms == 1735660800000  # 2024-12-31T16:00Z
    assert scope.until_ms is not None and scope.until_ms - scope.since_ms == 24 * 3600 * 1000


def test_errors__every_planning_code__has_its_sentences() -> None:
    codes = [key for key in load_texts("zh").sentences if key.startswith("error.planning.")]
    assert codes and all(key in load_texts("en").sentences for key in codes)
    assert isinstance(InputError("planning.date"), AppError)
