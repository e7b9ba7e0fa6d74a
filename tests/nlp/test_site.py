"""Judgements as samples: who said it weighs, masked words only, nothing from what is not known."""

from __future__ import annotations

import pytest

from domain.judgement import Judgement
from nlp import site, train
from nlp.corpus import Sample, Span
from tests.corpora import judged

TEXT = "没有车位，公交也少"
PARKING = Judgement(1, 9, TEXT, 0, 4, "car_parking", "car_parking", "need_report", "worker", is_whole=True)
BUS = Judgement(2, 9, TEXT, 5, 9, "bus_stop", "bus_stop", "need_report", "resident", is_whole=True)


def test_samples__message_whose_needs_are_all_judged__is_one_sentence_with_the_lowest_weight() -> None:
    (sample,) = site.samples([PARKING, BUS])
    assert (sample.text, sample.intent, sample.weight) == (TEXT, "need_report", site.WEIGHT["resident"])
    assert sample.spans == (Span("car_parking", None, 0, 4), Span("bus_stop", None, 5, 9))


def test_samples__one_need_still_waits__only_the_judged_words_are_learnt() -> None:
    (sample,) = site.samples([PARKING._replace(is_whole=False)])
    assert (sample.text, sample.spans) == ("没有车位", (Span("car_parking", None, 0, 4),))
    assert sample.weight == site.WEIGHT["worker"] == 1.0


def test_samples__worker_says_it_is_a_fault__is_learnt_as_one() -> None:
    (sample,) = site.samples([PARKING._replace(intent="fault_report")])
    assert (sample.intent, {span.leaf for span in sample.spans}) == ("fault_report", {"car_parking"})


def test_samples__out_of_scope__is_about_nothing() -> None:
    (sample,) = site.samples([PARKING._replace(intent="out_of_scope", leaf=None)])
    assert (sample.intent, sample.spans) == ("out_of_scope", ())


def test_samples__no_need_and_nobody_said_what__is_measured_but_not_learnt() -> None:
    rejected = PARKING._replace(intent=None, leaf=None)
    assert site.samples([rejected]) == []
    (truth,) = site.truths([rejected])
    assert (truth.intent, truth.leaves, truth.is_need) == (None, None, False)


def test_samples__one_need_confirmed_one_not__is_a_need_of_the_confirmed_one() -> None:
    (sample,) = site.samples([PARKING, BUS._replace(intent=None, leaf=None)])
    assert (sample.intent, sample.spans) == ("need_report", (Span("car_parking", None, 0, 4),))
    assert sample.weight == 1.0


def test_own_words__after_a_placeholder__are_not_to_be_found() -> None:
    masked = "没有车位，我电话[电话]，公交也少"
    assert site.own_words(masked, 0, 4) == (0, 4)
    assert site.own_words(masked, 20, 24) is None
    assert site.own_words("没有", 0, 4) is None
    (sample,) = site.samples([PARKING._replace(masked=masked, start=20, end=24)])
    assert sample.spans == (Span("car_parking", None, 0, len(masked)),)


def test_is_held_out__any_message__always_the_same_and_about_a_quarter() -> None:
    chosen = [number for number in range(4000) if site.is_held_out(number)]
    assert chosen == [number for number in range(4000) if site.is_held_out(number)]
    assert 0.22 < len(chosen) / 4000 < 0.28


def test_by_source__judgements__are_counted() -> None:
    assert site.by_source([*judged(["a", "b"]), *judged(["c"], source="resident")]) == {"resident": 1, "worker": 2}


def test_rows__a_sample_of_half_weight__weighs_half() -> None:
    one = Sample("没有车位", "need_report", (Span("car_parking", None, 0, 4),), "chat", "a")
    half = one._replace(writer="b", weight=0.5)
    messages = [train.Row(("x",), frozenset({sample.intent}), sample.writer) for sample in (one, half)]
    assert [row.weight for row in train.weighted([one, half], messages)] == pytest.approx([1.0, 0.5])
    assert [row.weight for row in train.leaf_rows([one, half], messages)] == [1.0, 0.5]
