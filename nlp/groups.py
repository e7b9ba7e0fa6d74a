"""For whom a need is: the groups of the catalogue (`target_groups`), as the words of a need name them."""

from __future__ import annotations

import re

EVERYBODY = "all"
#: The narrower group first: an old person in a wheelchair counts as disabled, who pushes a pram as a parent.
GROUPS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "disabled",
        re.compile(
            r"残疾|残障|轮椅|盲人|盲道|视障|聋|拄拐|拐杖|瘫|失能|失智|半身不遂|坐骨|截肢|腿脚不(?:便|方便|好|利索)|助残"
        ),
    ),
    (
        "elderly",
        re.compile(
            r"老(?:年)?人|老头|老太|老爷子|老伴|老爹|老娘|老妈|老爸|老父|老母|大爷|大娘|大妈|奶奶|爷爷|姥姥|姥爷|(?<!另)外公(?!交)|外婆|俺娘|俺爹|俺妈|俺爸"
            r"|爸妈|父母|爹娘|岁数大|上了?(?:年纪|岁数)|高龄|退休|空巢|独居|养老|[6-9]\d多?岁|[六七八九]十(?:多|来|好几|[一二三四五六七八九])?岁|老年"
        ),
    ),
    (
        "parents",
        re.compile(r"宝妈|宝爸|家长|双职工|带娃|喂奶|母婴|哺乳|孕妇|怀孕|产妇|推(?:着)?(?:婴儿|童|娃娃)?车|二胎|三孩"),
    ),
    (
        "children",
        re.compile(
            r"孩子|小孩|儿童|娃|宝宝|幼儿|婴|学生|孙子|孙女|外孙|闺女|儿子|女儿|小学|放学|上学|滑梯|沙坑|托育|入园|适儿|未成年"
        ),
    ),
    ("youth", re.compile(r"年轻人|小年轻|青年|上班族|打工|租房|大学生|毕业|白领|单身|外卖小哥|骑手|程序员")),
)


def group_of(words: str, message: str) -> str:
    """The group a need's own words name, or else the message around them; `all` if none is named."""
    for text in (words, message):
        for code, pattern in GROUPS:
            if pattern.search(text):
                return code
    return EVERYBODY
