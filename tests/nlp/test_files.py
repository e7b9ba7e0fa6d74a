"""Whole files: labelling, measuring, and the measurement on real messages where they are at hand."""

import io
import json
import os
from pathlib import Path

import pytest

from domain.errors import InputError
from domain.texts import LANGUAGES, load_texts
from nlp.classify import classify_file
from nlp.evaluate import LETTERS, evaluate_file, evaluate_testset, render
from nlp.evaluate_mask import evaluate_masking
from nlp.reader import Reader

REAL = os.environ.get("BUQI_EVAL_DIR")


def test_classify_file__two_good_lines_and_two_broken__labels_and_counts(reader: Reader) -> None:
    source = io.StringIO(
        '{"id": 7, "text": "俺们小区没车位，电话13812345678"}\nnonsense\n{"id": 8}\n\n{"id": "b", "text": "着火了"}\n'
    )
    sink, faults = io.StringIO(), []
    count = classify_file(reader, source, sink, lambda number, fault: faults.append(number))
    first, second = map(json.loads, sink.getvalue().splitlines())
    assert (count, faults) == (2, [2, 3])
    assert (first["id"], first["intent"], first["needs"][0]["leaf"]) == (7, "need_report", "car_parking")
    assert first["masked"] == "俺们小区没车位，电话[电话]"
    assert (second["id"], second["emergency"], second["needs"]) == ("b", "fire", [])


def test_evaluate_file__labels_and_disagreements__scores_what_is_agreed(reader: Reader) -> None:
    rows = [
        {"text": "俺们小区没车位", "intent": "need_report", "leaves": ["car_parking"]},
        {"text": "小区没有健身器材", "intent": "need_report", "needs": [{"leaf": "fitness_equipment"}]},
        {"text": "你好", "intent": None, "leaves": []},
        {"text": "谢谢", "intent": "objection", "leaves": None},
    ]
    source = io.StringIO("\n".join(json.dumps(row) for row in rows) + "\n{broken\n")
    result = evaluate_file(reader, source)
    figures = result.figures
    assert (result.messages, result.faults) == (4, 1)
    assert (figures["intent"].right, figures["intent"].n) == (2, 3)
    assert (figures["first_leaf"].right, figures["first_leaf"].n) == (2, 2)
    assert (figures["first_leaf_or_none"].right, figures["first_leaf_or_none"].n) == (3, 3)
    assert result.intent_confusions == [("objection", "thanks", 1)]
    assert figures["leaf_f1"].rate == figures["need_f1"].rate == 1.0
    assert "objection read as thanks: 1" in render(result)


def test_evaluate_file__title__is_the_first_line_unless_left_out(reader: Reader) -> None:
    row = {"title": "请求增设公共厕所", "text": "我们这里人多。", "intent": "need_report", "leaves": ["public_toilet"]}
    read, unread = (
        evaluate_file(reader, io.StringIO(json.dumps(row)), with_titles=titles).figures["first_leaf"].right
        for titles in (True, False)
    )
    assert (read, unread) == (1, 0)


@pytest.mark.parametrize(
    ("row", "code", "named", "near"),
    [
        ({"intent": "need_raport", "leaves": []}, "line.intent", "need_raport", "need_report"),
        ({"intent": None, "leaves": ["car_parkin"]}, "line.facility", "car_parkin", "car_parking"),
        ({"needs": [{"leaf": "public_toilets"}]}, "line.facility", "public_toilets", "public_toilet"),
    ],
)
def test_evaluate_file__unknown_label__is_told_and_counts_as_no_error(
    reader: Reader, row: dict[str, object], code: str, named: str, near: str
) -> None:
    good = {"text": "谢谢", "intent": "thanks", "leaves": []}
    source = io.StringIO("\n".join(map(json.dumps, [good, {"text": "没有公厕"} | row])))
    faults: list[tuple[int, InputError]] = []
    result = evaluate_file(reader, source, lambda number, fault: faults.append((number, fault)))
    assert (result.messages, result.faults, result.figures["intent"].rate) == (1, 1, 1.0)
    ((number, fault),) = faults
    assert (number, fault.code) == (2, code)
    for language in LANGUAGES:
        told = load_texts(language).error(fault)
        assert named in told
        assert near in told


@pytest.mark.parametrize("text", ["", "\n\n", "{broken\n"])
def test_evaluate_file__nothing_to_measure__is_a_fault(reader: Reader, text: str) -> None:
    with pytest.raises(InputError, match=r"evaluate\.empty"):
        evaluate_file(reader, io.StringIO(text))


def test_evaluate__intervals__hold_the_rate_and_narrow_with_more(reader: Reader) -> None:
    few = evaluate_testset(reader)
    for figure in few.figures.values():
        assert figure.low <= figure.rate <= figure.high
    assert few.figures["intent"].high - few.figures["intent"].low < 0.05


def test_evaluate_testset__frozen_messages__no_worse_than_promised(reader: Reader) -> None:
    result = evaluate_testset(reader)
    at_least = {
        "intent": 0.92,
        "first_leaf": 0.88,
        "top3": 0.96,
        "multi_leaf_f1": 0.88,
        "multi_span_f1": 0.78,
        "need_f1": 0.95,
    }
    assert {
        name: result.figures[name].rate for name, least in at_least.items() if result.figures[name].rate < least
    } == {}
    assert result.messages >= 800
    assert max(result.intent_ece, result.leaf_ece) <= 0.04
    assert result.sure_share >= 0.75


def test_evaluate_testset__letters_hard_on_purpose__no_worse_than_measured_and_no_surer(reader: Reader) -> None:
    result = evaluate_testset(reader, LETTERS)
    assert result.messages == 1580
    assert result.figures["intent"].rate >= 0.70
    assert result.figures["first_leaf"].rate >= 0.89
    assert result.intent_ece <= 0.04


def test_evaluate_masking__marked_messages__numbers_and_names_hidden_harmless_left() -> None:
    result = evaluate_masking()
    assert result.numbers.rate >= 0.99
    assert result.kinds["name"].rate >= 0.9
    assert result.kinds["door"].rate >= 0.9
    assert result.harmless.rate >= 0.995


@pytest.mark.skipif(REAL is None, reason="BUQI_EVAL_DIR is not set: no real messages at hand")
def test_evaluate_file__real_messages__no_worse_than_measured(reader: Reader) -> None:
    assert REAL is not None
    with (Path(REAL) / "real_dev.jsonl").open(encoding="utf-8") as source:
        result = evaluate_file(reader, source)
    with (Path(REAL) / "out_of_scope_dev.jsonl").open(encoding="utf-8") as source:
        foreign = reader.read_many([json.loads(line)["text"] for line in source])
    assert result.figures["first_leaf"].rate >= 0.81
    assert result.figures["intent"].rate >= 0.74
    assert result.figures["leaf_f1"].rate >= 0.76
    assert sum(bool(reading.needs) for reading in foreign) / len(foreign) <= 0.02
