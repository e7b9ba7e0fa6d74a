"""Whether two needs are the same one in other words: a probability, and what speaks for it and against it.

Pure: the words and weights of `synonyms.tsv` and `similar.json`, numpy and the tokeniser. `python -m nlp.similar_fit`
makes the weights from labelled pairs (nlp/pairs/README.md).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from domain.errors import DataFileError, InputError
from nlp.normalise import normalise
from nlp.tokenize import Cut, serving_cut, user_words

SYNONYMS = Path(__file__).with_name("synonyms.tsv")
WEIGHTS = Path(__file__).with_name("similar.json")
WITHIN_DAYS = 180  #: needs further apart are not compared: the neighbourhood has changed
SHORTLIST = 120  #: candidates of the index that are compared exactly
WORTH_A_LOOK = 0.25  #: from this probability on a worker is shown a candidate
NAMED = 0.8  #: share of the probability that goes to the things a text names
EVERY_FACILITY = "*"  #: synonyms of what is lacking rather than of a thing

SIDE = re.compile(r"([东南西北])(?:大门|门|区|院|头|侧|边|墙|面)")
NUMBERED = re.compile(r"(\d+|[一二三四五六七八九十]+)(号楼|栋|号门|单元)")
STREET = re.compile(
    r"([\u4e00-\u9fff][\u4e00-\u9fff])(?<![马公道半走铁没修线电过赶迷逛上业行沿出])(大街|路口|胡同|巷|路|街)"
)
SPOT = re.compile(
    r"公园|体育场|体育馆|车站|储藏室|地下室|菜市场|医院|学校|幼儿园|车库|地库|停车场|楼道|楼梯间|广场|河边|铁路|高铁站|步行街|卫生站|食堂|超市|"
    r"长途站|后院|凉亭|大门口|单元门口|商铺|服务中心|开发区"
)
REFUSES = re.compile(
    r"(?<![别特差区])别(?!的|人|处|墅)|不同意|不赞成|反对|坚决不|不能建|不许|不想装|不想要|挪走|想挪|抗议"
)
DIGIT = {character: str(value) for value, character in enumerate("一二三四五六七八九十", 1)}
HOLLOW = frozenset(
    "的 了 在 是 我 我们 俺 俺们 有 没有 没 不 都 也 就 还 能 能不能 想 想要 希望 建议 小区 社区 一个 个 吧 呗 啊 呢 "
    "吗 得 去 要 给 和 太 很 上 下 里 到 把 请求 您好 这 那 好 多 着 让 又 来 说 一 几 年 什么 啥时候 附近 门口".split()
)


@dataclass(frozen=True, slots=True)
class Told:
    """One need as it was told. `span`: the part of the masked `text` that asks for the facility, if known."""

    key: int
    community: str
    leaf: str
    text: str
    day: int = 0  #: number of the day, as `date.toordinal` gives it
    span: str = ""
    nature: str = "unknown"


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two needs are. `p` is the probability that one measure would satisfy both; the rest explains it.

    `text`, `place`, `facility`, `time` lie between 0 and 1; a place is 0.5 when a text names none.
    """

    p: float
    text: float
    place: float
    facility: float
    time: float
    words: tuple[str, ...]  #: what both say, most telling first
    apart: tuple[str, ...]  #: places that differ
    days: int


def compare(first: Told, second: Told) -> Likeness | None:
    """How alike two needs are; None when they cannot be one: another community, or too far apart in time."""
    return _judge(_Seen(first), _Seen(second))


class Index:
    """Needs to look among: an inverted index of n-grams and things, one shortlist exactly compared.

    Args:
        needs: any number; those of other communities are never candidates of each other.
    """

    def __init__(self, needs: Iterable[Told]) -> None:
        self._needs = [_Seen(told) for told in needs]
        postings: dict[str, list[tuple[int, float]]] = {}
        for place, seen in enumerate(self._needs):
            for term, weight in seen.terms.items():
                postings.setdefault(term, []).append((place, weight))
        self._postings = {
            term: (np.array([place for place, _ in found]), np.array([weight for _, weight in found]))
            for term, found in postings.items()
        }

    def best(self, told: Told, most: int = 5, at_least: float = 0.0) -> list[tuple[Told, Likeness]]:
        """The most alike needs, best first; the need itself (its key) is never among them."""
        asked = _Seen(told)
        scores = np.zeros(len(self._needs))
        for term, weight in asked.terms.items():
            if (found := self._postings.get(term)) is not None:
                scores[found[0]] += weight * found[1]  # a need stands once in a term's list
        order = np.argsort(-scores, kind="stable")[:SHORTLIST]
        judged = []
        for place in order[scores[order] > 0]:
            seen = self._needs[place]
            likeness = None if seen.told.key == told.key else _judge(asked, seen)
            if likeness is not None and likeness.p >= at_least:
                judged.append((seen.told, likeness))
        return sorted(judged, key=lambda one: (-one[1].p, -one[1].text, one[0].key))[:most]


def threshold() -> float:
    """From this probability on two needs are called near-duplicates; chosen by `nlp.similar_fit`."""
    return _weights().threshold


def things_named(leaf: str, text: str) -> set[str]:
    """The things of a facility that a normalised text names, by the table of synonyms."""
    return set(_things(leaf, text))


def evidence(first: Told, second: Told) -> dict[str, float]:
    """The numbers the probability is made of, by name; for fitting."""
    return _evidence(_Seen(first), _Seen(second))


def context(text: str) -> set[str]:
    """What tells which thing is meant when none is named: characters and pairs of a normalised text."""
    kept = "".join(character for character in text if character.isalnum())
    return {*kept, *(kept[start : start + 2] for start in range(len(kept) - 1))}


# what is seen of a need


class _Seen:
    """A need with what is compared of it."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.text = normalise(told.text).text
        span = normalise(told.span).text
        self.grams = _vector(_grams(self.text))
        self.span = _vector(_grams(span)) if span and span != self.text else self.grams
        named = _things(told.leaf, self.text)
        self.things = {f"{told.leaf}/{thing}" for thing in named}
        self.likely = _likely(told.leaf, self.text, named)
        self.lacks = set(_things(EVERY_FACILITY, self.text))
        if told.nature in NATURES:
            self.lacks.add(NATURES[told.nature])
        self.places = _places(told.leaf, self.text)
        self.refuses = bool(REFUSES.search(self.text))

    @cached_property
    def words(self) -> dict[str, float]:
        """Words with some weight of their own."""
        return _vector(Counter(word for word in _cut()(self.text) if word not in HOLLOW and word.isalnum()))

    @cached_property
    def terms(self) -> dict[str, float]:
        """What the index finds a need by: n-grams, things and the facility, in its own community only."""
        community = self.told.community
        terms = {f"{community}|{gram}": weight for gram, weight in self.grams.items() if len(gram) > 1}
        terms |= {f"{community}|#{thing}": 0.5 for thing in self.things}
        terms[f"{community}|@{self.told.leaf}"] = 0.4
        return terms


NATURES = {"too_far": "远", "unaffordable": "贵", "hours": "时间", "damaged": "破旧", "unsafe": "危险"}


def _grams(text: str) -> Counter[str]:
    kept = "".join(character for character in text if character.isalnum())
    return Counter(kept[start : start + size] for size in (1, 2, 3) for start in range(len(kept) - size + 1))


def _vector(counts: Mapping[str, int]) -> dict[str, float]:
    """Weighted by rarity, of length 1."""
    idf, rare = _weights().idf, _weights().rare
    weighted = {term: (1 + math.log(count)) * idf.get(term, rare) for term, count in counts.items()}
    norm = math.sqrt(sum(weight * weight for weight in weighted.values())) or 1.0
    return {term: weight / norm for term, weight in weighted.items()}


def _things(leaf: str, text: str) -> dict[str, str]:
    """The things of a facility a text names: thing -> the word it named it by. Longer words win where they overlap."""
    pattern, thing_of = _synonyms().get(leaf, (None, {}))
    found: dict[str, str] = {}
    for word in pattern.findall(text) if pattern else ():
        for thing in thing_of[word]:
            found.setdefault(thing, word)
    return found


def _likely(leaf: str, text: str, named: Mapping[str, str]) -> dict[str, float]:
    """Thing -> the probability that it is meant, by the words around; mostly those named, if any are."""
    learnt = _weights().things.get(leaf, {})
    grams = context(text)
    scores = {thing: bias + sum(of.get(gram, 0.0) for gram in grams) for thing, (bias, of) in learnt.items()}
    highest = max(scores.values(), default=0.0)
    weights = {thing: math.exp(score - highest) for thing, score in scores.items()}
    total = sum(weights.values())
    share = 1 - NAMED if named else 1.0
    likely = {thing: share * weight / total for thing, weight in weights.items()}
    for thing in named:
        likely[thing] = likely.get(thing, 0.0) + NAMED / len(named)
    return likely


def _places(leaf: str, text: str) -> dict[str, frozenset[str]]:
    """Kind of place -> those named. What the facility itself is called by (公园 of a park) is no place."""
    found: dict[str, set[str]] = {}
    for side in SIDE.findall(text):
        found.setdefault("side", set()).add(side)
    for number, kind in NUMBERED.findall(text):
        found.setdefault(kind, set()).add(DIGIT.get(number, number) + kind)
    for name, kind in STREET.findall(text):
        found.setdefault("street", set()).add(name + kind)
    own = _synonyms().get(leaf, (None, {}))[1]
    for spot in SPOT.findall(text):
        if spot not in own:
            found.setdefault("spot", set()).add(spot)
    return {kind: frozenset(names) for kind, names in found.items()}


# comparing


def _evidence(a: _Seen, b: _Seen) -> dict[str, float]:
    """Symmetric by construction: every number is a function of the two as a set."""
    same_leaf = a.told.leaf == b.told.leaf
    both = a.things & b.things
    named = bool(a.things) and bool(b.things)
    lacks = a.lacks & b.lacks
    shared, _ = _compare_places(a.places, b.places)
    kinds = [kind for kind in a.places if kind in b.places and not a.places[kind] & b.places[kind]]
    against = {
        "things_apart": named and not both and same_leaf,
        "lacks_apart": bool(a.lacks) and bool(b.lacks) and not lacks,
        "place_apart": any(kind != "spot" for kind in kinds),
        "spot_apart": "spot" in kinds,
        "refuses_apart": a.refuses != b.refuses,
    }
    calm = same_leaf and not any(against.values())  # where a contrast is named, the likeness of the rest says little
    agreed = sum(p * b.likely.get(thing, 0.0) for thing, p in sorted(a.likely.items())) if same_leaf else 0.0
    text, words = _text(a, b), _cosine(a.words, b.words)
    return {
        "text_alone": max(text, words) if calm and not both else 0.0,
        "swapped": text * _swapped(a, b) if calm else 0.0,
        "facility": float(same_leaf),
        "things_shared": len(both) / len(a.things | b.things) if both else 0.0,
        "things_some": float(bool(both)),
        "things_likely": agreed,
        "things_doubtful": math.log(agreed + 0.05) if same_leaf else 0.0,
        "lacks_shared": float(bool(lacks)),
        "lacks_one_silent": float(bool(a.lacks) != bool(b.lacks)),
        "place_shared": float(bool(shared)),
        "place_unlike": float(bool(a.places) and bool(b.places) and a.places.keys().isdisjoint(b.places)),
        "time": _time(a, b),
        **{name: float(value) for name, value in against.items()},
    }


def _swapped(a: _Seen, b: _Seen) -> float:
    """How telling a word each has instead of the other's: high in 缺篮球场 and 缺足球场, 0 if one only says more."""
    left = max((weight for word, weight in a.words.items() if word not in b.text), default=0.0)
    right = max((weight for word, weight in b.words.items() if word not in a.text), default=0.0)
    return min(left, right)


def _text(a: _Seen, b: _Seen) -> float:
    return min(max(_cosine(a.grams, b.grams), _cosine(a.span, b.span)), 1.0)


def _judge(a: _Seen, b: _Seen) -> Likeness | None:
    days = abs(a.told.day - b.told.day)
    if a.told.community != b.told.community or days > WITHIN_DAYS:
        return None
    numbers = _evidence(a, b)
    weights = _weights()
    score = weights.bias + sum(weights.of[name] * value for name, value in numbers.items())
    p = 1.0 if a.text == b.text and a.told.leaf == b.told.leaf else 1 / (1 + math.exp(-score))
    shared, apart = _compare_places(a.places, b.places)
    return Likeness(
        p=p,
        text=_text(a, b),
        place=0.0 if apart else 1.0 if shared else 0.5,
        facility=numbers["facility"],
        time=numbers["time"],
        words=(*_shared_words(a, b), *shared),
        apart=apart,
        days=days,
    )


def _time(a: _Seen, b: _Seen) -> float:
    return 1 - min(abs(a.told.day - b.told.day), WITHIN_DAYS) / WITHIN_DAYS


def _shared_words(a: _Seen, b: _Seen, most: int = 4) -> tuple[str, ...]:
    """The things both name, then the most telling words both use, none inside another."""
    things = sorted(thing.partition("/")[2] for thing in a.things & b.things)
    common = {word: weight * b.words[word] for word, weight in a.words.items() if word in b.words and len(word) > 1}
    words = list(things)
    for word in sorted(common, key=lambda word: (-common[word], word)):
        if not any(word in other or other in word for other in words):
            words.append(word)
    return tuple(words[:most])


def _compare_places(
    a: Mapping[str, frozenset[str]], b: Mapping[str, frozenset[str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Places both name; places of one kind of which each names others."""
    shared: set[str] = set()
    apart: set[str] = set()
    for kind in a.keys() & b.keys():
        both = a[kind] & b[kind]
        shared |= both
        if not both:
            apart |= a[kind] | b[kind]
    return tuple(sorted(shared)), tuple(sorted(apart))


def _cosine(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    if len(b) < len(a) or (len(a) == len(b) and sorted(b) < sorted(a)):
        a, b = b, a  # one order of adding, so that both directions give the same bits
    return sum(weight * b[term] for term, weight in sorted(a.items()) if term in b)


# the data files


@lru_cache(maxsize=1)
def _cut() -> Cut:
    return serving_cut(user_words())


@dataclass(frozen=True, slots=True)
class _Weights:
    bias: float
    of: Mapping[str, float]
    threshold: float
    idf: Mapping[str, float]
    rare: float
    things: Mapping[str, Mapping[str, tuple[float, Mapping[str, float]]]]  #: facility -> thing -> bias, weights


@lru_cache(maxsize=1)
def _weights() -> _Weights:
    found = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return _Weights(found["bias"], found["weights"], found["threshold"], found["idf"], found["rare"], found["things"])


_Table = Mapping[str, tuple["re.Pattern[str]", Mapping[str, Sequence[str]]]]


@lru_cache(maxsize=1)
def _synonyms() -> _Table:
    """Facility -> (pattern of its words, word -> its things).

    Raises:
        DataFileError: a line has not three columns.
    """
    things: dict[str, dict[str, list[str]]] = {}
    for number, line in enumerate(SYNONYMS.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        columns = line.split("\t")
        if len(columns) != 3:
            raise DataFileError("nlp/synonyms.tsv", number, InputError("data.synonyms", count=len(columns)))
        leaf, thing, words = columns
        for word in words.split():
            things.setdefault(leaf, {}).setdefault(word, []).append(thing)
    return {
        leaf: (re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True)))), words)
        for leaf, words in things.items()
    }
