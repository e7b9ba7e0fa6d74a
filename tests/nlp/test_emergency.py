"""Danger now is recognised; the past, the possible, the wished for and figures of speech are not."""

import pytest

from domain.catalogue import Catalogue
from nlp import emergency
from nlp.corpus import Sample
from nlp.evaluate import evaluate_testset
from nlp.reader import Reader


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("着火了！5号楼", "fire"),
        ("屋里有煤气味", "gas_leak"),
        ("家里一股煤气味，想顺便改造管道", "gas_leak"),
        ("俺爹晕倒了咋办", "medical"),
        ("楼下打起来了", "police"),
        ("孩子丢了快帮忙找", "police"),
        ("路口撞车了有人躺着", "traffic"),
        ("电梯里困着人", "elevator_trapped"),
        ("俺娘俩被关电梯里出不来了", "elevator_trapped"),
        ("电线掉地上了滋滋冒火花", "building_danger"),
        ("路边井盖没了，有个孩子刚掉进去", "building_danger"),
        ("不想活了", "self_harm"),
        ("吃了一整瓶安眠药", "self_harm"),
        ("我想结束这一切", "self_harm"),
        ("活着真没意思", "self_harm"),
        ("俺爹说不出话，半边身子发麻", "medical"),
        ("楼道里都是烟", "fire"),
        ("电梯突然往下掉，停在两层中间", "elevator_trapped"),
    ],
)
def test_read__danger_now__kind_of_emergency(reader: Reader, text: str, kind: str) -> None:
    reading = reader.read(text)
    assert (reading.intent, reading.emergency, reading.mentions) == ("emergency", kind, ())


def test_read__fault_without_people_in_danger__fault(reader: Reader) -> None:
    reading = reader.read("电梯坏了")
    assert (reading.intent, reading.emergency) == ("fault_report", None)


def test_read__whole_corpus__danger_only_with_its_kind(reader: Reader, samples: list[Sample]) -> None:
    readings = reader.read_many([sample.text for sample in samples])
    assert {reading.intent == "emergency" for reading in readings if reading.emergency} == {True}
    assert {reading.emergency for reading in readings if reading.intent != "emergency"} == {None}


@pytest.mark.parametrize(
    "text",
    [
        "找不着车位急死了",
        "孩子没处玩快把我累死了",
        "小区门口那家店火了，天天堵车",
        "想改造燃气管道",
        "去年三号楼着火，消防车进不来，盼着修消防通道",
        "万一着火消防车都进不来",
        "希望社区搞个防火演练",
        "想给电梯加装应急按钮",
        "小区没有电梯，老人下不来楼",
    ],
)
def test_read__no_danger_now__no_emergency(reader: Reader, text: str) -> None:
    assert reader.read(text).emergency is None


def test_find__triggers_of_the_catalogue__each_is_recognised(catalogue: Catalogue) -> None:
    missed = [
        (code, trigger)
        for code, kind in catalogue.emergency.items()
        for trigger in kind.triggers
        if emergency.find(trigger) is None
    ]
    assert missed == []
    assert set(emergency.KINDS) == set(catalogue.emergency)


def test_read__frozen_test_set__every_danger_found_and_few_false(reader: Reader) -> None:
    figures = evaluate_testset(reader).figures
    assert figures["emergency_recall"].rate == 1.0
    assert figures["false_alarms"].rate <= 0.002


def test_read__whole_corpus__few_missed_and_few_false(samples: list[Sample], reader: Reader) -> None:
    readings = reader.read_many([sample.text for sample in samples])
    danger = [
        reading.emergency for sample, reading in zip(samples, readings, strict=True) if sample.intent == "emergency"
    ]
    false = [
        sample.text
        for sample, reading in zip(samples, readings, strict=True)
        if sample.intent != "emergency" and reading.emergency
    ]
    assert sum(kind is not None for kind in danger) >= 0.95 * len(danger)
    assert len(false) <= 0.002 * len(samples)
