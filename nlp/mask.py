"""Replaces personal data by placeholders: phones, ID and card numbers, plates, e-mails, accounts, rooms, cued names.

Numbers that say where or what (bus lines, years, buildings, 12345, 120, 400 lines) stay. Digits may be full-width,
spaced, hyphenated or Chinese. Formats: GB 11643 (ID numbers), ISO/IEC 7812 (cards, Luhn), GA 36 (plates), the
national numbering plan (phones).
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable

from nlp import names
from nlp.normalise import fold, origins

#: Chinese digits as digits, one for one, so that places stay.
CHINESE = {
    ord(sign): str(value)
    for value, signs in enumerate("零〇 一幺壹 二贰 三叁 四肆 五伍 六陆 七柒 八捌 九玖".split())
    for sign in signs
}
GAP = r"[ \-·.,、]{0,2}"
WIDE = r"[ \-·.,、]{0,3}"
CARD_CUE = re.compile(r"(?:卡号|银行卡|账号|账户|帐号|储蓄卡|信用卡)[^\d\n]{0,6}$")
PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_card(match: re.Match[str]) -> bool:
    digits = re.sub(r"\D", "", match[0])
    return 15 <= len(digits) <= 19 and (_luhn(digits) or CARD_CUE.search(match.string, 0, match.start()) is not None)


def _is_plate(match: re.Match[str]) -> bool:
    return sum(sign.isdigit() for sign in match[0]) >= 2


def _always(_match: re.Match[str]) -> bool:
    return True


#: Whatever stands for personal data in a masked text.
PLACEHOLDER = re.compile(r"\[(?:邮箱|身份证|银行卡|电话|车牌|账号|门牌|姓名)\]")
Rule = tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]]
SPELT = frozenset({"[电话]", "[门牌]"})  #: also read with Chinese digits as digits
#: In order of precedence; group 1, where there is one, is what gets replaced.
NUMBERS: tuple[Rule, ...] = (
    (
        "[邮箱]",
        re.compile(r"(?<![a-z0-9._%+-])[a-z0-9._%+-]{1,64}+ ?@ ?[a-z0-9-]{1,63}(?: ?\.[a-z0-9-]{1,63}){1,8}"),
        _always,
    ),
    (
        "[身份证]",
        re.compile(rf"(?<![a-z\d])[1-8](?:{GAP}\d){{5}}{GAP}(?:1{GAP}9|2{GAP}0)(?:{GAP}\d){{9}}{GAP}[\dx](?![a-z\d])"),
        _always,
    ),
    (
        "[身份证]",
        re.compile(r"(?<![a-z\d])[1-8]\d{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?![a-z\d])"),
        _always,
    ),
    ("[银行卡]", re.compile(rf"(?<![a-z\d])\d(?:{GAP}\d){{14,18}}(?![a-z\d])"), _is_card),
    ("[电话]", re.compile(rf"(?<!\d)(?:\+?(?:00)?86{GAP})?1{GAP}[3-9](?:{GAP}\d){{9}}(?!\d)"), _always),
    (
        "[电话]",
        re.compile(rf"(?<!\d)[(\[]?0\d{{2,3}}[)\]]?{WIDE}[2-9]\d{{2,3}}{GAP}\d{{4}}(?!\d)(?:(?:转|分机|-)\d{{1,6}})?"),
        _always,
    ),
    (
        "[电话]",
        re.compile(rf"(?:电话|座机|固话|手机|联系|号码)[^\d\n]{{0,8}}([2-9]\d{{2,3}}{GAP}\d{{4}})(?![\d年])"),
        _always,
    ),
    (
        "[车牌]",
        re.compile(
            rf"[{PROVINCES}] ?[a-hj-z][·.\- ]?(?:[a-hj-np-z0-9]{{5,6}}(?![a-z0-9])|[a-z0-9]{{4}}[学警挂领港澳使试超])"
        ),
        _is_plate,
    ),
    (
        "[账号]",
        re.compile(
            r"(?:微信|薇信|威信|weixin|wechat|vx|wx|qq|扣扣|企鹅|(?<![a-z])v)(?:号码|号)?(?:是|为)?[: ]{0,2}"
            r"([a-z0-9][a-z0-9_-]{4,19})"
        ),
        _always,
    ),
    ("[账号]", re.compile(r"(?<![a-z0-9_])([a-z][a-z0-9_-]{4,19})(?=\(?(?:微信|qq|vx))"), _always),
    (
        "[门牌]",
        re.compile(
            r"(?:\d{1,2}|[甲乙丙丁]) ?单元 ?(?:\d{1,2} ?[楼层] ?)?-?\d{3,4}(?: ?(?:室|户|房|号))?"
            r"|(?<![\da-z])\d{3,4} ?室(?!外|内)|(?<![\d码号-])\d{1,2}-\d{1,2}-\d{3,4}(?![\d-])"
            r"|(?:\d{1,2}|[甲乙丙丁]) ?单元 ?\d{1,2} ?[楼层] ?[东西南北中]户|(?<=[楼栋幢])-?\d{1,2}-\d{3,4}(?!\d)"
        ),
        _always,
    ),
)
HAS_NUMBER = re.compile(r"[0-9@]|[零〇一幺壹][零〇一幺二三四五六七八九壹贰叁肆伍陆柒捌玖\d]|微信|薇信|wechat|vx|qq")


def mask(text: str, folded: str | None = None) -> str:
    """The text with personal data replaced by [电话], [身份证], [银行卡], [车牌], [邮箱], [账号], [门牌] or [姓名].

    `folded`: the same text folded, if it is at hand.
    """
    for start, end, placeholder in reversed(find(text, folded)):
        text = text[:start] + placeholder + text[end:]
    return text


def find(text: str, folded: str | None = None) -> list[tuple[int, int, str]]:
    """Where personal data stands, start and end, and the placeholder for it; in its order, none inside another."""
    if folded is None:
        folded = fold(text)
    found = _personal(folded)
    if found and len(folded) != len(text):  # characters that stand for several
        origin = origins(text)
        found = [(origin[start], origin[end - 1] + 1, placeholder) for start, end, placeholder in found]
    return found


def _personal(folded: str) -> list[tuple[int, int, str]]:
    """Where personal data stands in a folded text, and its placeholder."""
    found: list[tuple[int, int, str]] = []
    if HAS_NUMBER.search(folded):
        digits = folded.translate(CHINESE)
        for placeholder, pattern, holds in NUMBERS:
            for view in (folded, digits) if placeholder in SPELT and digits != folded else (folded,):
                for match in pattern.finditer(view):
                    start, end = match.span(1 if pattern.groups else 0)
                    if holds(match):
                        _add((start, end, placeholder), found)
    for start, end in names.find(folded):
        _add((start, end, "[姓名]"), found)
    return found


def _add(one: tuple[int, int, str], found: list[tuple[int, int, str]]) -> None:
    """Puts it into its place among what was found, unless it touches any of it."""
    place = bisect(found, one)
    if (place == 0 or found[place - 1][1] <= one[0]) and (place == len(found) or one[1] <= found[place][0]):
        found.insert(place, one)
