"""What the linear models see of a text: words, character n-grams, and classes of the lexicon."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from operator import add

from nlp import rules
from nlp.lexicon import Hit, Lexicon
from nlp.tokenize import Cut

DIGITS = re.compile(r"\d+")
#: Addresses in letters and notes. They say nothing of what is meant, but are full of roads, gardens and schools.
_NAMED = "市|区|县|镇|乡|街道|路|大道|大街|街|巷|村|小区|花园|家园|公寓|新城|大厦|广场|华府|苑|庭|城|湾|府|里"
_GOES_ON = "路|街|道|巷|村|小区|号|栋|幢|楼|区|旁|对面|附近|门口|前|后|处|段|交|的业主|业主|居民|住户|内|里"
ADDRESS = re.compile(
    rf"[\u4e00-\u9fff]{{1,6}}?(?:{_NAMED})(?=[\u4e00-\u9fffa-z\d]{{0,8}}?(?:{_GOES_ON}))"
    r"|(?<!\d)\d++(?:号|栋|幢|#|单元|室|楼|座|期|弄|组|米|路)"
)
PLACE = ","  #: what stands for an address: no word, and no n-gram goes across
MOST = 4  #: signs of one class are told apart up to this many
STEP, LONGEST = 25, 8  #: length of a message in steps of 25 characters, up to 8 steps
BESIDE = 2  #: a place word at most so many characters behind a thing makes it mere location
THING, NEAR = "thing.", "loc"
ASIDE = ("who.", "near.", NEAR)  #: classes that say who and where, not what
CLOSE = 5  #: classes in a clause count as together up to so many behind one


def features(
    text: str, spans: Sequence[tuple[int, int]], cut: Cut, lexicon: Lexicon
) -> tuple[list[list[str]], list[str]]:
    """The features of each clause, and what only the whole message shows.

    Args:
        text: normalised.
        spans: its clauses (`nlp.clauses.split`).
    """
    found = classes(lexicon.find(text))
    is_letter = rules.is_letter(text)
    each = []
    for start, end in spans:
        clause = text[start:end]
        kinds = {kind for place, kind in found if start <= place < end}
        each.append(
            [*clause_features(without_addresses(clause) if is_letter else clause, cut), *map("@".__add__, kinds)]
        )
    return each, message_features(text, spans, found, is_letter)


def clause_features(text: str, cut: Cut) -> list[str]:
    """Words (prefixed by a blank) and character 1- to 3-grams of one normalised clause; numbers read as 0."""
    if not text.isalpha():
        text = DIGITS.sub("0", text)
    found: list[str] = []
    for part in text.split(PLACE):
        after = part[1:]
        pairs = list(map(add, part, after))
        found += [*map(" ".__add__, cut(part)), *part, *pairs, *map(add, pairs, after[1:])]
    return found


def without_addresses(text: str) -> str:
    """A clause of a letter, its addresses cut out."""
    return ADDRESS.sub(PLACE, text)


def classes(hits: Sequence[Hit]) -> list[tuple[int, str]]:
    """(place, class) of each word of the lexicon; a thing that only says where is `near.`, not `thing.`."""
    beside = {hit.start for hit in hits if hit.kind == NEAR}
    found = []
    for hit in hits:
        kind = hit.kind
        if kind.startswith(THING) and any(at in beside for at in range(hit.end, hit.end + BESIDE + 1)):
            kind = "near." + kind[len(THING) :]
        found.append((hit.start, kind))
    return found


def message_features(
    text: str, spans: Sequence[tuple[int, int]], found: Sequence[tuple[int, str]], is_letter: bool
) -> list[str]:
    """What only the whole message shows: how it begins and ends, whether it asks, how long it is, which signs it has.

    Args:
        text: normalised.
        spans: its clauses.
        found: `classes` of its words.
    """
    if not spans:
        return ["#empty"]
    first, last = spans[0][0], spans[-1][1]
    length = last - first
    whole = ["^" + text[first : first + 2], "^" + text[first : first + 1], text[last - 2 : last] + "$"]
    whole.append("#long" if length > 80 else "#middle" if length > 30 else "#short" if length > 8 else "#tiny")
    if len(spans) == 1:
        whole.append("#one")
    if "?" in text:
        whole.append("#asks")
    if "!" in text:
        whole.append("#shouts")
    return whole + _signs(text, spans, found) if is_letter else whole


def _in_order(kinds: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Classes of a clause with those that follow closely, but who and where: wish and build, again and cutoff."""
    told = ["thing" if kind.startswith(THING) else kind for kind in kinds if not kind.startswith(ASIDE)]
    for at, one in enumerate(told):
        yield from ((one, other) for other in told[at + 1 : at + 1 + CLOSE] if one != other)


def _signs(text: str, spans: Sequence[tuple[int, int]], found: Sequence[tuple[int, str]]) -> list[str]:
    """Signs of a letter: words of each class, classes together, in one clause, in the first and in the last one."""
    counts = Counter(kind for _, kind in set(found))
    signs = [f"#{kind}{step}" for kind, count in counts.items() for step in range(1, min(count, MOST) + 1)]
    signs += [f"#{one}&{other}" for one, other in combinations(sorted(counts), 2)]
    signs += dict.fromkeys(
        f"#{one}>{other}"
        for start, end in spans
        for one, other in _in_order([kind for place, kind in found if start <= place < end])
    )
    (start, end), last = spans[0], spans[-1][0]
    signs += ["#<" + kind for place, kind in found if start <= place < end]
    signs += ["#>" + kind for place, kind in found if place >= last]
    signs.append(f"#length{min(LONGEST, len(text) // STEP)}")
    return signs
