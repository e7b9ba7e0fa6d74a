"""What of a message is wanted, for whom, and which words say so."""

import pytest

from nlp.features import classes
from nlp.groups import group_of
from nlp.lexicon import Lexicon
from nlp.reader import Reader


def test_read__traditional_characters__read_as_simplified(reader: Reader) -> None:
    text = "樓下電動車沒處充電"
    (mention,) = reader.read(text).mentions
    assert mention.leaf == "ebike_parking_charging"
    assert text[mention.start : mention.end] == text


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("老人下楼费劲，想装电梯", "elderly"),
        ("轮椅出不了单元门", "disabled"),
        ("孩子放学没地方去", "children"),
        ("推婴儿车上不了台阶", "parents"),
        ("年轻人租房没地方", "youth"),
        ("没有车位", "all"),
    ],
)
def test_group_of__words__group(text: str, group: str) -> None:
    assert group_of(text, text) == group


def test_read__need_of_old_people__group_of_the_need(reader: Reader) -> None:
    (mention, *_) = reader.read("小区里七八十岁的老人多，白天没人照看，盼着有个日间照料的地方").mentions
    assert (mention.leaf, mention.group) == ("elderly_day_care", "elderly")


def test_read__one_wanted_one_refused__objection_beside_the_need(reader: Reader) -> None:
    reading = reader.read("俺们缺个公厕，垃圾站可别建俺们楼下")
    assert [mention.leaf for mention in reading.needs] == ["public_toilet"]
    assert [mention.leaf for mention in reading.meant("objection")] == ["waste_facility"]


def test_read__wanted_but_not_here__need_and_objection(reader: Reader) -> None:
    reading = reader.read("反对把垃圾站建在俺家窗户底下，支持建，但得换个地方建")
    assert reading.intent == "objection"
    assert [mention.leaf for mention in reading.meant("objection")] == ["waste_facility"]
    assert [mention.leaf for mention in reading.needs] == ["waste_facility"]


@pytest.mark.parametrize(
    "text",
    [
        "我不同意在楼下建垃圾站，太臭了",
        "我们不同意装电梯",
        "不应该在这里建公厕",
        "不需要再建停车场",
        "反对在楼下建变电站",
    ],
)
def test_read__plainly_refused__no_need(reader: Reader, text: str) -> None:
    assert reader.read(text).needs == ()


@pytest.mark.parametrize(
    ("text", "leaf"),
    [
        ("健身器材倒是有，就是没个篮球场", "sports_field"),
        ("药店有，就是没有社区医院", "community_health"),
        ("超市有了，就差个菜市场", "fresh_market"),
        ("有公园，没有厕所", "public_toilet"),
    ],
)
def test_read__one_there_one_missing__only_the_missing(reader: Reader, text: str, leaf: str) -> None:
    assert [mention.leaf for mention in reader.read(text).needs] == [leaf]


def test_deciding_words__need__name_the_thing(reader: Reader) -> None:
    assert "公交站" in reader.deciding_words("我们村口没有公交站，老人出门不方便", "bus_stop")
    assert reader.deciding_words("随便说说", "no_such_facility") == []


def test_classes__thing_beside_which_something_is__is_near() -> None:
    lexicon = Lexicon([("thing.fresh_market", "菜市场"), ("thing.public_toilet", "厕所"), ("loc", "旁边")])
    found = {kind for _, kind in classes(lexicon.find("菜市场旁边没有厕所"))}
    assert found == {"near.fresh_market", "thing.public_toilet", "loc"}
