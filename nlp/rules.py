"""Rules of the catalogue that a linear model cannot be trusted with: bare charging points, sufficiency, natures."""

from __future__ import annotations

import re

#: Rule R01: a charging point without saying for which vehicle is asked about, never guessed.
VEHICLE = re.compile(
    r"汽车|新能源|绿牌|电动车|电瓶|电车|电驴|电动|车棚|扫码|换电|两轮|二轮|三轮|四轮|四个轮|轿车|车位|地库|快充|慢充|超充|私桩|比亚迪|特斯拉|五菱"
    r"|小鹏|蔚来|理想|问鼎|增容|飞线|楼道|进楼|上楼|车主|物业[^。]*盖章|报装|加油站|油车|摩托|骑车|ev|电摩|外卖|骑手|电池|充一次|公里|续航|手机|充电宝"
)
#: There is enough: no need, whatever the facility.
ENOUGH = re.compile(r"(?<![不没受真是才])(?:够用了|够停|够了|够使了|足够|尽够)|不缺|用不着|啥都有|都挺全|倒是有|有是有")

#: It is there, said beside what is not: 药店有, 就是没有医院; 有公园, 没有厕所.
THERE = re.compile(r"^[^没不缺]{1,8}(?:倒是|都|也|是)?有了?$|^(?:这边|那边|附近|俺们|我们|小区)?有[^没不缺人点]{1,8}$")
#: In a message that asks for something else: this one is refused (R16).
REFUSED = re.compile(
    r"反对|不同意|不赞成|(?:别|不要|不想|不用|甭)(?:再)?(?:建|修|装|搞|弄|设|划|安|盖)|用不着|迁走|挪走"
)
#: In a message that objects to something else: this one is missed.
MISSED = re.compile(r"缺(?:个|少|一|的是)|没(?:个|地方|处|地儿)|盼着|想要个|就差")
#: In a message that objects: the thing is wanted, the place is not (R16).
SUPPORTED = re.compile(
    r"(?<![不没别])(?:支持|同意|赞成|欢迎|应该|(?<!应)该|需要|是好事|可以|愿意)[^,。!?]{0,4}(?:建|修|装|设|安|盖)|(?:换|挪|移|改|另)(?:个|到|选|一?处)[^,。!?]{0,6}(?:建|装|设|修|安)"
    r"|(?:建|装|设|修|安)(?:到|在)(?:别处|别的地|空地|远处)"
)

#: Of a message of a few words: something is missing, too little, too far, or wished for.
LACK = re.compile(
    r"缺|就差|差个|没(?!事|关系|办法|问题|听|说|想|啥|什么)|太少|不够|不足|难$|太远|想要|希望|盼|能不能[建装设加开]|不方便"
)
LONGEST_BARE = 24

NATURES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("not_barrier_free", re.compile(r"轮椅[^。]{0,8}(?:上不|进不|下不|过不)|没(?:有)?(?:坡道|扶手)")),
    (
        "too_far",
        re.compile(
            r"太远|忒远|远着|好远|老远|[二两三四五六七八九十0-9](?:多)?(?:里|里地|公里|站地|站)(?:地|路|远)?(?!面)|走[^,。]{0,6}(?:分钟|半小时|半天)"
        ),
    ),
    ("unaffordable", re.compile(r"太贵|贵得|忒贵|用不起|上不起|住不起|吃不起|去不起")),
)


#: A message longer than this (characters) is read as a letter or a note: of the corpus's chat 8 % are longer, of its
#: letters and notes 15 % are not.
LETTER = 40


def is_letter(text: str) -> bool:
    """Whether a message is a letter, or an operator's note about a call, rather than chat."""
    return len(text) > LETTER


def meant(intent: str, words: str) -> str:
    """What is wanted of one facility, by the words about it, in a message of this intent; "" if the same."""
    if intent == "need_report" and REFUSED.search(words):
        return "objection"
    if intent == "objection" and MISSED.search(words) and not REFUSED.search(words):
        return "need_report"
    return ""


def is_supported(text: str) -> bool:
    """Whether an objection is to the place only: the facility itself is wanted."""
    return SUPPORTED.search(text) is not None


def is_bare_charging(text: str) -> bool:
    """Whether a short message wants charging without saying for which vehicle."""
    return "充电" in text and len(text) <= LONGEST_BARE and not VEHICLE.search(text)


def lacks(text: str) -> bool:
    """Whether a few words say that something is missing or wished for: with a facility's name that is a need."""
    return len(text) <= LONGEST_BARE and LACK.search(text) is not None


def nature(words: str) -> str | None:
    """The nature that words say outright, or None: then the model decides."""
    for code, pattern in NATURES:
        if pattern.search(words):
            return code
    return None


def is_enough(words: str, *, something_lacks: bool = False) -> bool:
    """Whether a clause says there is enough of something; where another clause lacks something, that it is there."""
    return ENOUGH.search(words) is not None or (something_lacks and THERE.search(words) is not None)
