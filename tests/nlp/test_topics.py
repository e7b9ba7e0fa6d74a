"""Sub-topics: found, named, recognised a week later, raised when they grow and left alone when they do not."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest

from domain.catalogue import load_catalogue
from nlp.corpus import Sample, load_corpus
from nlp.topics import Row, Topic, find, movements

START = 700_000
WATER = [
    "公园里想有个直饮水机",
    "广场没有直饮水机，渴了没处喝",
    "装几台直饮水机吧，遛弯的都带壶",
    "孩子玩渴了没水喝，盼直饮水机",
    "希望社区广场安装直饮水机",
    "直饮水机能不能放到健身角",
    "夏天热，院里放台直饮水机",
    "河边步道也该有直饮水机",
    "直饮水机一台都没有",
    "外卖小哥想接口水，直饮水机没有",
    "能不能给小公园配直饮水机",
    "跑步的想要直饮水机补水",
]
STEADY_LEAVES = ("bus_stop", "drainage", "ebike_parking_charging", "other_facility", "car_parking")


@pytest.fixture(scope="module")
def spoken() -> dict[str, list[str]]:
    """What the corpus's writers say of some facilities."""
    found: dict[str, list[str]] = {leaf: [] for leaf in STEADY_LEAVES}
    samples: Sequence[Sample] = load_corpus(load_catalogue())
    for sample in samples:
        if sample.source.startswith("nlp/corpus/needs/") and len(sample.spans) == 1 and len(sample.text) < 60:
            leaf = sample.spans[0].leaf
            if leaf in found and "饮水" not in sample.text:
                found[leaf].append(sample.text)
    return found


def steady_weeks(spoken: dict[str, list[str]], seed: int, weeks: int, per_week: int = 24) -> list[Row]:
    """Messages at one rate, each by somebody else, on random days."""
    chance = random.Random(seed)
    ids = itertools.count(1)
    rows = []
    for week in range(weeks):
        for _ in range(per_week):
            leaf = chance.choice(STEADY_LEAVES)
            number = next(ids)
            rows.append(Row(number, number, leaf, chance.choice(spoken[leaf]), START + week * 7 + chance.randrange(7)))
    return rows


def planted(first_day: int, how_many: int, first_id: int = 50_000) -> list[Row]:
    """A new sub-topic, one resident a line."""
    return [
        Row(first_id + number, first_id + number, "other_facility", WATER[number % len(WATER)], first_day + number % 7)
        for number in range(how_many)
    ]


def of_water(topics: Sequence[Topic]) -> list[Topic]:
    return [topic for topic in topics if "饮水" in topic.name]


def test_find__planted_topic__is_found_named_and_keeps_name_and_id_for_four_weeks(
    spoken: dict[str, list[str]],
) -> None:
    rows = steady_weeks(spoken, 1, 20)
    ids = itertools.count(1)
    known: list[Topic] = []
    seen: list[list[tuple[int, str]]] = []
    alarms: list[bool] = []
    for week in range(16, 20):
        today = START + week * 7 + 6
        grown = [row for at in range(16, week + 1) for row in planted(START + at * 7, 6, 50_000 + at * 100)]
        heard = [row for row in rows if row.day <= today] + grown
        known = find(heard, known, lambda: next(ids))
        (water,) = of_water([topic for topic in known if topic.status == "active"])
        planted_needs = {row.need for row in grown}
        assert len(planted_needs & set(water.needs)) >= 0.8 * len(planted_needs)
        assert len(planted_needs & set(water.needs)) >= 0.8 * len(water.needs)
        seen.append([(water.id, water.name)])
        alarms.append(movements(known, heard, today)[water.id].is_growing)
    assert seen == [seen[0]] * 4
    assert alarms[0], "it is raised in the week it appears"


def test_movements__known_topic_grows__alarm_in_that_week_not_before(spoken: dict[str, list[str]]) -> None:
    steady = steady_weeks(spoken, 2, 17)
    slow = [row for at in range(16) for row in planted(START + at * 7, 1, 60_000 + at * 10)]
    burst = planted(START + 16 * 7, 14, 70_000)
    ids = itertools.count(1)
    before, after = START + 15 * 7 + 6, START + 16 * 7 + 6
    known = find([row for row in steady if row.day <= before] + slow, [], lambda: next(ids))
    (water,) = of_water(known)
    calm = movements(known, [row for row in steady if row.day <= before] + slow, before)[water.id]
    assert not calm.is_growing
    assert not calm.is_new
    known = find(steady + slow + burst, known, lambda: next(ids))
    moved = movements(known, steady + slow + burst, after)[water.id]
    assert moved.is_growing
    assert not moved.is_new


def false_alarms(spoken: dict[str, list[str]], seeds: Sequence[int]) -> tuple[int, int]:
    """(weeks with any alarm, weeks looked at) where nothing grows."""
    raised = 0
    for seed in seeds:
        rows = steady_weeks(spoken, seed, 16)
        ids = itertools.count(1)
        topics = find(rows, [], lambda ids=ids: next(ids))  # type: ignore[misc]
        raised += any(moved.is_growing for moved in movements(topics, rows, START + 16 * 7 - 1).values())
    return raised, len(seeds)


def test_movements__steady_rates__seldom_alarm(spoken: dict[str, list[str]]) -> None:
    raised, looked_at = false_alarms(spoken, range(100, 110))
    assert raised <= 2, f"{raised} of {looked_at}"


def test_movements__everybody_talks_more__is_no_growth_of_one_topic(spoken: dict[str, list[str]]) -> None:
    """A campaign triples every topic alike."""
    rows = steady_weeks(spoken, 5, 16)
    more = steady_weeks(spoken, 6, 4, per_week=72)
    rows += [Row(row.need + 90_000, row.need + 90_000, row.leaf, row.span, row.day + 12 * 7) for row in more]
    ids = itertools.count(1)
    topics = find(rows, [], lambda: next(ids))
    assert not any(moved.is_growing for moved in movements(topics, rows, START + 16 * 7 - 1).values())


def test_find__one_busy_resident__makes_no_topic() -> None:
    rows = [Row(number, 1, "other_facility", text, START) for number, text in enumerate(WATER)]
    assert find(rows, [], itertools.count(1).__next__) == []


def test_find__a_word_of_one_resident__is_kept_nowhere() -> None:
    rows = [Row(number, number, "other_facility", text, START) for number, text in enumerate(WATER)]
    rows.append(Row(99, 99, "other_facility", "直饮水机请装在欧阳锋家门口", START))
    (topic,) = of_water(find(rows, [], itertools.count(1).__next__))
    assert 99 in topic.needs
    assert not [term for term in topic.centroid if "阳锋" in term]
    assert "欧阳" not in topic.name


def test_find__vanished__is_dormant_and_wakes_with_its_name() -> None:
    rows = [Row(number, number, "other_facility", text, START) for number, text in enumerate(WATER)]
    ids = itertools.count(1)
    known = find(rows, [], lambda: next(ids))
    asleep = find([], known, lambda: next(ids))
    assert [(topic.name, topic.status, topic.needs) for topic in asleep] == [(known[0].name, "dormant", ())]
    again = [Row(row.need + 500, row.resident + 500, row.leaf, row.span, START + 60) for row in rows]
    awake = find(again, asleep, lambda: next(ids))
    assert [(topic.id, topic.name, topic.status) for topic in awake] == [(known[0].id, known[0].name, "active")]
