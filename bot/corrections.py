"""“不对，是药店”: texts that say an earlier one was read wrongly, and which facility they name in its place.

A name alone says nothing to the reader, which learnt from what people miss: it is read as something missing.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import structs

from domain.reading import CONFIDENT, Correction, Mention, Reading
from nlp.reader import Reader

LONGEST = 40  #: characters; a longer text tells a story
MISSING = "缺"
#: Such a message wants an answer of its own, however it begins: "不对，路灯坏了".
OTHERWISE = frozenset(
    "fault_report service_complaint objection policy_question progress_question data_rights human_handoff".split()
)

GAPS = string.whitespace + "\u3000\xa0,，。.、!！~…;；:："
GAP = rf"[\s{GAPS}]"
ME = r"(?:我|俺|咱)们?"
DENIED = (
    rf"(?:不好意思{GAP}*)?[哎诶唉啊哦嗯]?(?:不[对對](?:的|呀|啊|吧|了)?|不是(?:的|这样的?|这个|那个|啊|呀)?|不(?={GAP})|"
    rf"(?:[你您]们?|{ME})?(?:又|都)?(?:搞|弄|记|記|听|聽|看|理解|识别|认|说|說|打|写|选|点)?[错錯]字?(?:了|啦)(?:吧|啊|呀)?)"
)
MEANT = (
    rf"(?:{ME}是[说說指]|(?:{ME})?(?:刚才|刚刚|本来)?(?:想?[要说說讲指]|反映|需要|缺)的(?:应该|應該|其实|就)?是"
    rf"|(?:应该|應該|应当|其实|就)?是|应为|[改換换]成)"
)
WANTED = rf"(?:{ME})?(?:想?要|需要|缺)的?个?"
NAME = rf"(?!{GAP}|[的啊呀吧呢嘛哦不没沒這这那又再])[^?？还還也另]{{1,24}}?"
OTHER = r"(?![很太没沒有])[^,，。!！?？吗嗎]{1,10}"

DENIAL = re.compile(rf"(?:{DENIED}(?:{GAP}+|$|(?={MEANT}|{DENIED})))+")
NOT_THIS_BUT_THAT = re.compile(rf"不是(?P<denied>{OTHER}?){GAP}*(?:而是|(?>{MEANT}))(?P<named>{NAME})$")
NOT_THIS = re.compile(rf"不是(?P<denied>{OTHER})$")
THAT_NOT_THIS = re.compile(rf"(?>(?:{MEANT}|{WANTED})?)(?P<named>{NAME}){GAP}*而?不是(?P<denied>{OTHER})$")
THAT = re.compile(rf"(?>(?:{MEANT}|{WANTED})?)(?P<named>{NAME})$")
NAMING = re.compile(MEANT)  #: without a denial only such words name: "我说的是药店"
TELLING = re.compile(rf"[缺没沒有要真该太了很吧吗嗎呢]|{GAP}")  #: and they tell nothing: "是真缺药店"
QUALIFIED = re.compile(r"(.+)[(（](.+)[)）]$")  #: "充电桩（电动车）", which is an 电动车充电桩


class Parts(NamedTuple):
    """The words that name what was not meant, and what was. `is_denial`: the text says outright that it is wrong."""

    denied: str
    named: str
    is_denial: bool


def read_many(reader: Reader, texts: Sequence[str]) -> list[Reading]:
    """The readings of texts, in one call; those that correct an earlier text say so."""
    parts = [parse(text) for text in texts]
    named = [MISSING + words for part in parts if part for words in (part.denied, part.named) if words]
    readings = reader.read_many([*texts, *named])
    of_names = iter(readings[len(texts) :])
    return [
        structs.replace(reading, correction=_correction(text, part, reading, of_names)) if part else reading
        for text, part, reading in zip(texts, parts, readings, strict=False)
    ]


def parse(text: str) -> Parts | None:
    """The parts of a text that may correct what was understood; None for any other."""
    text = text.strip(GAPS)
    if not text or len(text) > LONGEST:
        return None
    denial = DENIAL.match(text)
    rest = text[denial.end() :] if denial else text
    found = NOT_THIS_BUT_THAT.match(rest) or NOT_THIS.match(rest)
    if found is None and (denial or NAMING.match(rest)):
        found = THAT_NOT_THIS.match(rest) or THAT.match(rest)
    parts = found.groupdict() if found else {}
    denied, named = parts.get("denied", ""), QUALIFIED.sub(r"\2\1", parts.get("named", ""))
    is_vague = not denied and (not named or TELLING.search(named) is not None)
    return None if is_vague and not denial else Parts(denied, named, denial is not None)


def _correction(text: str, part: Parts, reading: Reading, of_names: Iterator[Reading]) -> Correction | None:
    correction = Correction(
        denied=_placed(next(of_names).needs, part.denied, text) if part.denied else (),
        named=_placed(next(of_names).needs, part.named, text) if part.named else (),
        is_denial=part.is_denial or bool(part.denied),
    )
    denied, named = ({mention.leaf for mention in sure} for sure in (correction.sure_denied, correction.sure_named))
    is_refusal = reading.intent == "objection" and bool(named)  # so reads a mere "不对"
    if reading.intent in OTHERWISE and reading.intent_p >= CONFIDENT and not is_refusal:
        return None
    if not part.denied and not part.named and reading.needs:  # "不对，还缺药店" asks for one thing more
        return None
    if part.denied and not part.is_denial and not denied:  # "不是我矫情，是楼道太黑"
        return None
    if part.denied and part.named and named <= denied:  # "不是没药店，是药店太贵"
        return None
    return correction if correction.is_denial or named else None


def _placed(mentions: Sequence[Mention], words: str, text: str) -> tuple[Mention, ...]:
    """What was read in `MISSING` and these words, where it stands in the text; nowhere if a name was turned round."""
    at = text.find(words)
    shift = at - len(MISSING)
    return tuple(
        structs.replace(mention, start=max(at, mention.start + shift), end=mention.end + shift)
        if at >= 0
        else structs.replace(mention, start=0, end=0)
        for mention in mentions
    )
