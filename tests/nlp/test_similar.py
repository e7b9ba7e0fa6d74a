"""The same need in other words: explained, symmetric, only within one community and half a year."""

from __future__ import annotations

import itertools

import pytest

from domain.catalogue import load_catalogue
from domain.errors import DataFileError
from nlp import similar_fit
from nlp.similar import SYNONYMS, WITHIN_DAYS, WORTH_A_LOOK, Index, Told, compare, threshold
from nlp.similar_fit import LATER, load_pairs, measure, render, render_later

PAIRS = load_pairs()
numbers = itertools.count(1)


def told(text: str, leaf: str = "ebike_parking_charging", community: str = "P05-01", day: int = 100) -> Told:
    return Told(next(numbers), community, leaf, text, day)


def test_compare__same_thing_other_words__is_likely_and_says_why() -> None:
    found = compare(told("电动车没个车棚，天天淋雨"), told("小区能不能搭个车棚给电瓶车", day=112))
    assert found is not None
    assert found.p >= threshold()
    assert "车棚" in found.words
    assert (found.days, found.facility) == (12, 1.0)


@pytest.mark.parametrize(
    ("one", "other", "leaf"),
    [
        ("东门没有路灯", "西门没有路灯", "internal_road_lighting"),
        ("3号楼缺消火栓", "九号楼缺消火栓", "fire_facility"),
        ("缺篮球场", "缺足球场", "sports_field"),
        ("末班车太早", "候车亭没座", "bus_stop"),
        ("楼下建个车棚吧", "别在楼下建车棚", "ebike_parking_charging"),
    ],
)
def test_compare__other_place_thing_or_wish__is_below_the_threshold(one: str, other: str, leaf: str) -> None:
    found = compare(told(one, leaf), told(other, leaf))
    assert found is not None
    assert found.p < threshold()


def test_compare__other_place__names_both() -> None:
    found = compare(told("东门没有路灯", "internal_road_lighting"), told("西门没有路灯", "internal_road_lighting"))
    assert found is not None
    assert (found.place, found.apart) == (0.0, ("东", "西"))


def test_compare__other_facility_by_the_same_words__is_below_the_threshold() -> None:
    found = compare(told("小区没有充电桩"), told("小区没有充电桩", "ev_charging"))
    assert found is not None
    assert found.p < threshold()


def test_compare__every_pair__is_symmetric() -> None:
    for pair in PAIRS:
        assert compare(pair.a, pair.b) == compare(pair.b, pair.a)


def test_compare__a_need_with_itself__is_certain() -> None:
    for pair in PAIRS[::7]:
        found = compare(pair.a, pair.a)
        assert found is not None
        assert (found.p, found.days, found.apart) == (1.0, 0, ())
        assert found.text == pytest.approx(1.0)


def test_compare__other_community_or_half_a_year__is_no_candidate() -> None:
    one = told("没有车棚")
    assert compare(one, told("没有车棚", community="P05-02")) is None
    assert compare(one, told("没有车棚", day=100 + WITHIN_DAYS + 1)) is None
    assert compare(one, told("没有车棚", day=100 + WITHIN_DAYS)) is not None


def test_index__among_many__finds_the_best_and_never_itself_or_elsewhere() -> None:
    mine = told("电动车没有车棚，下雨座子全湿")
    same, elsewhere = told("想给电瓶车搭个车棚"), told("想给电瓶车搭个车棚", community="P05-02")
    others = [told(pair.a.text, pair.a.leaf) for pair in PAIRS if "棚" not in pair.a.text]
    index = Index([mine, same, elsewhere, *others])
    best = index.best(mine, 5, WORTH_A_LOOK)
    assert best[0][0] == same
    assert not {mine.key, elsewhere.key} & {found.key for found, _ in best}
    assert [likeness.p for _, likeness in best] == sorted((likeness.p for _, likeness in best), reverse=True)


def test_index__finds_what_comparing_all_would__in_order() -> None:
    every = [told(pair.a.text, pair.a.leaf) for pair in PAIRS if pair.a.leaf in ("bus_stop", "drainage")]
    index = Index(every)
    for asked in every[::9]:
        found = {other.key: compare(asked, other) for other in every if other.key != asked.key}
        best = max(likeness.p for likeness in found.values() if likeness)
        assert index.best(asked, 1)[0][1].p == best


def test_pairs__are_enough_unique_and_hold_no_personal_data() -> None:
    assert sum(pair.place == "here" for pair in PAIRS) >= 600
    later = load_pairs(LATER)
    texts = [(pair.a.text, pair.b.text) for pair in PAIRS + later]
    assert len(texts) == len(set(texts))
    from nlp.mask import mask

    assert [text for pair in texts for text in pair if mask(text) != text] == []


def test_pairs__groups__no_text_on_two_sides() -> None:
    pairs = [pair for pair in PAIRS if pair.place == "here"]
    owner: dict[str, int] = {}
    for pair, group in zip(pairs, similar_fit.groups(pairs), strict=True):
        for text in (pair.a.text, pair.b.text):
            assert owner.setdefault(text, group) == group


def test_measure__cross_validated__is_as_precise_as_published() -> None:
    found = measure(PAIRS)
    assert found.precision[1] >= 0.9, render(found)
    assert found.recall[1] >= 0.8, render(found)
    assert found.precision[0] <= found.precision[1] <= found.precision[2]
    assert "written later" in render_later(load_pairs(LATER))


def test_load_pairs__broken_line__is_told_with_its_number(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "pairs.tsv"
    path.write_text("# head\nsame\there\t3\tcastle\t=\t甲\t乙\n", encoding="utf-8")
    with pytest.raises(DataFileError, match="line=2"):
        load_pairs(path)


def test_synonyms__every_facility__is_one_of_the_catalogue() -> None:
    lines = [
        line.split("\t") for line in SYNONYMS.read_text(encoding="utf-8").splitlines() if line[:1] not in ("", "#")
    ]
    assert {leaf for leaf, _, _ in lines} == {*load_catalogue().leaves, "*"}
