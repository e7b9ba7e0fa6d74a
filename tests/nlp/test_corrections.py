"""What residents say to correct a receipt, read by the real reader."""

from __future__ import annotations

import pytest

from bot.corrections import read_many
from domain.reading import CONFIDENT
from nlp.reader import Reader


@pytest.mark.parametrize(
    ("words", "leaf"),
    [
        ("不对，是药店", "pharmacy"),
        ("不是食堂是药店", "pharmacy"),
        ("错了，我说的是充电桩（电动车）", "ebike_parking_charging"),
        ("错了，我说的是汽车充电桩", "ev_charging"),
        ("搞错了，应该是公厕", "public_toilet"),
        ("不是停车位，是路灯", "internal_road_lighting"),
        ("记错了，是菜市场", "fresh_market"),
        ("不对，我要的是老人吃饭的地方", "community_canteen"),
        ("我说的是幼儿园", "kindergarten"),
        ("是卫生站，不是药店", "community_health"),
    ],
)
def test_read_many__facility_in_its_place__is_read(reader: Reader, words: str, leaf: str) -> None:
    (reading,) = read_many(reader, [words])
    assert reading.correction is not None
    assert [mention.leaf for mention in reading.correction.named if mention.p >= CONFIDENT] == [leaf]


@pytest.mark.parametrize(
    "words",
    [
        "小区里没有公厕",
        "不是我矫情，是楼道太黑",
        "不对，路灯坏了",
        "不对，我要转人工",
        "不对，还缺个药店",
        "是不是该建个药店",
        "是的，缺个药店",
        "是啊",
        "不对劲",
        "不错",
        "不是很方便",
        "不是没有药店，是药店太贵",
        "应该多建几个公厕",
        "要是夜里起火，消防车都进不来，通道得拓",
        "俺是二级残 装马桶扶手公家给掏多少",
    ],
)
def test_read_many__anything_else__is_no_correction(reader: Reader, words: str) -> None:
    (reading,) = read_many(reader, [words])
    assert reading.correction is None
    assert reading == reader.read(words)
