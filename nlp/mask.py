"""Replaces personal data by placeholders: phones, ID and card numbers, plates, e-mails, accounts, cued names.

Numbers that say where or what (bus lines, years, building numbers, 12345, 120) stay. Digits may be full-width,
spaced or hyphenated, and a telephone number may be spelt in Chinese digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from nlp.normalise import fold

GAP = r"[ \-·.]{0,2}"
SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章云苏潘葛范彭郎鲁韦昌马苗凤方俞任袁柳"
    "鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟黄穆萧尹姚邵汪祁毛禹狄米贝臧计伏成戴宋庞熊纪舒屈项祝"
    "董梁杜阮蓝闵席季贾路娄江童颜郭梅林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫房解应宗丁宣邓单杭洪包诸左石崔吉龚程邢滑裴陆荣"
    "翁荀甄曲封储靳段焦巴谷车侯全班仲伊宫宁仇甘厉武符刘景詹束龙叶幸司白蒲卓池乔翟谭冉桑桂牛边燕尚温庄晏柴瞿阎慕茹习艾鱼向古易"
    "廖耿匡文寇广禄东殴欧沃利蔚越隆师巩聂晁敖冷辛简饶曾沙丰关游权盖益桓公丛岳帅佟闫肖"
)
FULL_NAME = rf"[{SURNAMES}][\u4e00-\u9fff]{{1,2}}"
TITLE = "先生|女士|小姐|阿姨|大爷|大妈|大娘|大叔|师傅|老师|书记|主任|经理|医生|大夫"


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_card(match: re.Match[str]) -> bool:
    digits = re.sub(r"\D", "", match[0])
    return 15 <= len(digits) <= 19 and _luhn(digits)


def _always(_match: re.Match[str]) -> bool:
    return True


Rule = tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]]
#: In order of precedence; group 1, where there is one, is what gets replaced.
NUMBERS: tuple[Rule, ...] = (
    ("[邮箱]", re.compile(r"[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+"), _always),
    (
        "[身份证]",
        re.compile(rf"(?<!\d)[1-9](?:{GAP}\d){{5}}{GAP}(?:1{GAP}9|2{GAP}0)(?:{GAP}\d){{9}}{GAP}[\dx](?!\d)"),
        _always,
    ),
    ("[银行卡]", re.compile(rf"(?<!\d)\d(?:{GAP}\d){{14,18}}(?!\d)"), _is_card),
    ("[电话]", re.compile(rf"(?<!\d)(?:\+?86{GAP})?1{GAP}[3-9](?:{GAP}\d){{9}}(?!\d)"), _always),
    ("[电话]", re.compile(r"(?<!\d)\(?0\d{2,3}\)?[ \-]{0,2}[2-9]\d{6,7}(?!\d)"), _always),
    ("[电话]", re.compile(r"(?:电话|座机|手机|联系)[^\d\n]{0,6}([2-9]\d{6,7})(?!\d)"), _always),
    ("[电话]", re.compile(r"[一幺][三四五六七八九][一二三四五六七八九零幺〇]{9}"), _always),
    (
        "[车牌]",
        re.compile(
            r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
            r"[a-hj-z][·. ]?[a-hj-np-z0-9]{5,6}(?![a-z0-9])"
        ),
        _always,
    ),
    ("[账号]", re.compile(r"(?:微信|vx|qq|扣扣)(?:号码|号)?(?:是|为)?[:: ]{0,2}([a-z0-9][a-z0-9_-]{4,19})"), _always),
)
NAMES: tuple[Rule, ...] = (
    ("[姓名]", re.compile(rf"(?:我叫|俺叫|名叫|姓名(?:是|为)?[:: ]{{0,2}}|联系人[:: ]{{0,2}})({FULL_NAME})"), _always),
    ("[姓名]", re.compile(rf"(?<![\u4e00-\u9fff])([{SURNAMES}][\u4e00-\u9fff]{{0,2}}?)(?:{TITLE})"), _always),
    ("[姓名]", re.compile(rf"(?<=[我俺姓找是叫让问给跟的])([{SURNAMES}])(?:先生|女士|阿姨|大爷|大妈|大娘)"), _always),
)
HAS_NUMBER = re.compile(r"[0-9@零〇一幺][0-9a-z ._\-一二三四五六七八九零幺〇]{3}")
HAS_NAME = re.compile(rf"叫|姓名|联系人|{TITLE}")


def mask(text: str, folded: str | None = None) -> str:
    """The text with personal data replaced by [电话], [身份证], [银行卡], [车牌], [邮箱], [账号] or [姓名].

    `folded`: the same text folded, if it is at hand.
    """
    if folded is None:
        folded = fold(text)
    if len(folded) != len(text):
        text = folded  # characters that stand for several: the folded text is what can be masked
    rules = (*(NUMBERS if HAS_NUMBER.search(folded) else ()), *(NAMES if HAS_NAME.search(folded) else ()))
    found: list[tuple[int, int, str]] = []
    for placeholder, pattern, holds in rules:
        for match in pattern.finditer(folded):
            start, end = match.span(1 if pattern.groups else 0)
            if holds(match) and not any(start < other[1] and other[0] < end for other in found):
                found.append((start, end, placeholder))
    for start, end, placeholder in sorted(found, reverse=True):
        text = text[:start] + placeholder + text[end:]
    return text
