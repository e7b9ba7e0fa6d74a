"""Which community a typed text names: taken only where that is sure, asked about where it is a guess."""

from __future__ import annotations

import pytest

from bot.places import community_matcher
from domain.catalogue import load_city
from nlp.places import Entry

TREE = load_city("dezhou").tree
GAZETTEER = (
    Entry("锦绣城", "estate", "P05-01"),
    Entry("人民医院", "landmark", "P05-04"),
    Entry("西街小学", "landmark"),
    Entry("滨河湾", "estate", "P05-01"),
    Entry("滨河湾", "estate", "P05-05"),
)
match = community_matcher(TREE, GAZETTEER)


@pytest.mark.parametrize(
    ("typed", "community"),
    [
        ("石家园社区", "石家园社区"),
        ("石家园", "石家园社区"),
        ("石家园小区。", "石家园社区"),
        ("俺家住石家园那边的", "石家园社区"),
        ("您好，我是石家园的啊", "石家园社区"),
        ("家在 石家园", "石家园社区"),
        ("我住堤岭儿那边", "堤岭社区"),
        ("堤嶺社區", "堤岭社区"),
        ("p05-05", "堤岭社区"),
        ("Ｐ０５－０５", "堤岭社区"),
        ("南部", "南部社区"),
        ("广川街道南部社区", "南部社区"),
        ("德城区广川街道堤岭", "堤岭社区"),
        ("袁桥", "袁桥社区"),
        ("堤岭社区没有食堂", "堤岭社区"),
        ("我们北园没有食堂", "北园社区"),
        ("袁桥没有公交", "袁桥社区"),
        ("我住堤岭，去北园买菜不方便", "堤岭社区"),
        ("不是北园，是堤岭", "堤岭社区"),
        ("原来在堤岭社区，现在搬到北园社区", "北园社区"),
        ("以前住石家园社区后来搬到北园社区", "北园社区"),
        ("我刚搬来堤岭", "堤岭社区"),
        ("我住北园，在堤岭上班", "北园社区"),
        ("我爸腿不好，俺家在堤岭社区没有电梯", "堤岭社区"),
        ("我妈说我们石家园社区没有食堂", "石家园社区"),
        ("堤岭社区上学不方便", "堤岭社区"),
        ("我在堤岭社区，工作人员态度不好", "堤岭社区"),
        ("十二里装", "十二里庄社区"),
        ("锦绣城", "石家园社区"),
        ("锦绣城没有食堂", "石家园社区"),
    ],
)
def test_match__name_or_alias__is_sure(typed: str, community: str) -> None:
    meant = match(typed)
    assert meant.sure is not None
    assert (TREE[meant.sure].name, meant.possible) == (community, ())


@pytest.mark.parametrize(
    ("typed", "communities"),
    [
        ("石家庄", ["石家园社区"]),
        ("世家园", ["石家园社区"]),
        ("佳园小区", ["石家园社区"]),
        ("石家", ["石家园社区"]),
        ("北苑", ["北园社区"]),
        ("提岭", ["堤岭社区"]),
        ("地铃儿", ["堤岭社区"]),
        ("元桥", ["袁桥社区"]),
        ("秋家", ["邱家社区"]),
        ("肖庄", ["肖何庄社区"]),
        ("萧何庄", ["肖何庄社区"]),
        ("凤凰城", ["凤仪城社区"]),
        ("十里庄", ["十二里庄社区"]),
        ("新湖街道", ["北园社区"]),
        ("我们新湖街道没有食堂", ["北园社区"]),
        ("广川街道", ["南部社区", "堤岭社区"]),
        ("我住北园附近", ["北园社区"]),
        ("我从石家园来的", ["石家园社区"]),
        ("离我们十二里地", ["十二里庄社区"]),
        ("西街路上没有路灯", ["西街社区"]),
        ("东西街没有路灯", ["西街社区"]),
        ("人民医院", ["北园社区"]),
        ("人民医院门口没有公交", ["北园社区"]),
        ("北园旁边的锦绣城", ["北园社区", "石家园社区"]),
        ("以前住石家园社区", ["石家园社区"]),
        ("过去我家在堤岭", ["堤岭社区"]),
        ("我妈住石家园社区", ["石家园社区"]),
        ("我爸住堤岭", ["堤岭社区"]),
        ("我闺女家在石家园社区没有幼儿园", ["石家园社区"]),
        ("他们堤岭社区有食堂", ["堤岭社区"]),
        ("我在堤岭上班", ["堤岭社区"]),
        ("俺在石家园社区那边打工", ["石家园社区"]),
        ("上班的地方在堤岭", ["堤岭社区"]),
        ("打算搬到北园社区", ["北园社区"]),
        ("滨河湾", ["石家园社区", "堤岭社区"]),
        ("我们滨河湾没有食堂", ["石家园社区", "堤岭社区"]),
        ("石家园和堤岭都没有食堂", ["石家园社区", "堤岭社区"]),
    ],
)
def test_match__near_a_name__is_a_guess(typed: str, communities: list[str]) -> None:
    meant = match(typed)
    assert meant.sure is None
    assert [TREE[code].name for code in meant.possible] == communities


@pytest.mark.parametrize(
    "typed",
    [
        "火星",
        "公园",
        "张家",
        "花园小区",
        "社区",
        "村",
        "我",
        "。",
        "",
        "99",
        "我不住北园",
        "我们小区南部没有路灯",
        "西街小学",
        "幸福家园",
    ],
)
def test_match__no_name__is_nothing(typed: str) -> None:
    assert match(typed) == (None, ())


@pytest.mark.parametrize(
    ("name", "typed"), [("张庄", "臧庄"), ("常庄", "仓庄"), ("石庄", "寺庄"), ("天庄", "电庄"), ("宁庄", "林庄")]
)
def test_match__sounds_mixed_up_in_the_north__is_a_guess(name: str, typed: str) -> None:
    assert community_matcher(TREE, [Entry(name, "estate", "P05-01")])(typed) == (None, ("P05-01",))
