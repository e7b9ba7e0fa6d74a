"""Nearly the same words come together, and only those of one kind."""

from __future__ import annotations

from nlp.batches import batches

WORDS = ["没有车位", "小区没有车位", "没有车位！", "想要公交站", "车位不够", "没有车位", "想要个公交站"]


def test_batches__alike_and_not__groups_largest_first() -> None:
    kinds = ["parking"] * 3 + ["bus"] + ["parking"] * 2 + ["bus"]
    assert [sorted(group) for group in batches(WORDS, kinds)] == [[0, 1, 2, 5], [3, 6]]


def test_batches__same_words_read_as_something_else__stay_apart() -> None:
    assert batches(["没有车位", "没有车位"], ["car_parking", "ev_charging"]) == []


def test_batches__same_input__same_groups_each_text_once() -> None:
    words = [f"{who}没有{what}" for who in ("俺们", "我们小区", "这里", "") for what in ("车位", "车", "公园")] * 5
    first = batches(words, ["x"] * len(words))
    assert first == batches(words, ["x"] * len(words))
    members = [one for group in first for one in group]
    assert len(members) == len(set(members))


def test_batches__nothing_or_no_words__no_groups() -> None:
    assert batches([], []) == []
    assert batches(["？", "！"], ["x", "x"]) == []
