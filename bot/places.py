"""Which community is meant, and is that sure or a guess? The home of rapidfuzz and pypinyin.

the whole text is a name       sure; a street's name is a guess at its communities
a sentence says a name         sure; a guess where it may be another place: "near X", "from X", "X road", "my
                               mother lives in X", "I used to live in X", "I work in X"
the text is nearly a name      sure for one character of a long name that sounds the same, otherwise a guess
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache

from bot.conversation.context import Meant
from domain.areas import Area, AreaTree
from domain.reading import PlaceHint
from nlp.normalise import fold
from nlp.places import Entry, Places, tree_entries

ALIKE = 65.0  #: from this likeness on (rapidfuzz ratio, 0-100, of characters or sounds) a name is worth asking about
NEARLY = 20.0  #: behind the best by more than this, a name is not offered
LONG = 4  #: characters; so long a name is still known when one of them is written as another of the same sound
LONGEST = 12  #: characters; a longer text is a sentence, no name with a slip in it
MOST = 5  #: guesses offered at once
NEAR = 30  #: characters before a name that may say whose it is
HOMES = ("community", "estate", "building")  #: kinds of places people live in; others are only near

#: A name as people say it: "俺家住石家园那边的".
SAID = re.compile(
    r"(?:[您你]好)?\W*(?:[我俺咱]们?家?|家(?=[住在]))?就?(?:是|住|在|来自|属于)*"
    r"(.{2,}?)"
    r"(?:社区|小区|街道|居委会|村委会|村)?[那这]?(?:边|块|里|儿)?的?[啊呀哈吧呢了嘛]?\W*"
)
#: What may stand before a name, so that it is not the end of another word ("东西街").
BEGINS = re.compile(r"(?:^|[^\u4e00-\u9fff]|[我俺咱们家住在是叫到来从去离往和跟与州市道镇办]|(?<![小社])区)$")
DENIED = re.compile(r"(?:[不没](?:是|住|在)|搬出|搬离|离开|除了)(?:在|了)?$")
ELSEWHERE = re.compile(
    r"(?:离|(?<!搬)[去到]|从|往|靠近?|挨着|路过|经过|隔壁|旁边|对面|像|比)的?$"
    r"|(?:打算|准备|[想要将])搬[到来去]$|(?:上班|工作|上学|打工)的?(?:地方|单位)?[在是]$"
)
#: What the clause of a name may say before it: not now, or not the one who writes.
FORMERLY = re.compile(r"(?:以前|之前|从前|原来|原先|早先|过去|曾经|小时候)(?!.*(?:现在|如今|后来|搬))")
SOMEBODY_ELSE = re.compile(
    r"(?:[爸妈爹娘爷奶姥姐妹哥弟姑姨舅叔婶]|父[母亲]|母亲|公公|婆婆|岳[父母]|儿子|女儿|闺女|亲戚|朋友|同学|同事|单位|公司|(?<!其)[他她])"
    r"(?!.*[我俺咱])"
)
WORKS = re.compile(r"(?:社区|小区)?(?:那边|这边|里)?(?:上班|工作(?!人员|者|站)|上学|打工|读书|念书|做生意|开店)")
NOT_THERE = re.compile(
    r"(?:社区|小区)?的?(?:附近|旁|对面|隔壁|边上|边儿上|[东西南北][边面]|以?外|路|大?街|大道|巷|[里公]?地|远)"
)


def community_matcher(tree: AreaTree, gazetteer: Sequence[Entry] = ()) -> Callable[[str], Meant]:
    """A function from what somebody typed to the community it names.

    Args:
        gazetteer: the operator's own names; those with a community stand for it.
    """
    names: dict[str, set[str]] = {}
    homes = [(place.name, place.area) for place in gazetteer if place.area and place.kind in HOMES]
    for name, code in [*_tree_names(tree), *homes]:
        names.setdefault(_bare(name), set()).add(code)
    whole = {
        _bare(area.name): Meant(None, _codes(tree, area)) for area in tree.by_code.values() if area.kind != "community"
    }
    whole |= {name: _one_of(sorted(codes)) for name, codes in names.items()}
    shortened = [Entry(name, "", code) for name, codes in names.items() if len(name) > 1 for code in sorted(codes)]
    spoken = Places([*shortened, *tree_entries(tree), *gazetteer])

    def match(text: str) -> Meant:
        folded = fold(text)
        typed = _bare(folded)
        if typed in whole:
            return whole[typed]
        if hints := spoken.named(folded):
            return _heard(folded, hints, tree)
        return _alike(typed, names) if 1 < len(typed) <= LONGEST else Meant()

    return match


def _tree_names(tree: AreaTree) -> Iterator[tuple[str, str]]:
    """Every way to write a community, with its code."""
    for area in tree.all_communities:
        street = tree.ancestor(area.code, "street")
        for name in (
            area.name,
            *area.aliases,
            area.code,
            area.as_written,
            f"{street.name if street else ''}{area.name}",
        ):
            if name:
                yield name, area.code


def _bare(name: str) -> str:
    """The name without spaces, the words people put around it, and 社区/小区 behind it."""
    folded = "".join(fold(name).split())
    said = SAID.fullmatch(folded)
    return said[1] if said else folded


def _codes(tree: AreaTree, area: Area) -> tuple[str, ...]:
    return tuple(community.code for community in tree.communities(area.code))


def _one_of(codes: Iterable[str]) -> Meant:
    """Sure when there is but one."""
    found = tuple(dict.fromkeys(codes))
    return Meant(found[0]) if len(found) == 1 else Meant(None, found)


# in a sentence


def _heard(text: str, hints: Sequence[PlaceHint], tree: AreaTree) -> Meant:
    """What a sentence says of its names: where somebody lives, where they do not, or perhaps."""
    sure, perhaps, wider = [], [], []
    for hint in hints:
        before, after = text[max(0, hint.start - NEAR) : hint.start], text[hint.end :]
        begins = BEGINS.search(before) or hint.name.endswith("社区")
        if hint.area is None or DENIED.search(before) or not (hint.kind or begins):
            continue
        if tree[hint.area].kind != "community":
            wider.append(_codes(tree, tree[hint.area]))
        elif hint.kind not in HOMES or not begins or _is_elsewhere(before, after):
            perhaps.append(hint.area)
        else:
            sure.append(hint.area)
    if sure:
        return _one_of(sure)
    return Meant(None, tuple(dict.fromkeys(perhaps)) or min(wider, key=len, default=()))


def _is_elsewhere(before: str, after: str) -> bool:
    """Whether the words around a name leave room for another home."""
    clause = re.split(r"[,，。.!！?？;；:：\s]", before)[-1]
    return bool(
        ELSEWHERE.search(before)
        or NOT_THERE.match(after)
        or FORMERLY.search(clause)
        or SOMEBODY_ELSE.search(clause)
        or (before.endswith("在") and WORKS.match(after))
    )


# with a slip


def _alike(typed: str, names: dict[str, set[str]]) -> Meant:
    """The names that look or sound like what was typed, best first."""
    from rapidfuzz import fuzz  # 2 MB that few messages need

    heard = _sounds(typed)
    scored = [
        (max(fuzz.ratio(typed, name), fuzz.ratio(*map(_dull, (heard, _sounds(name))))), name)
        for name in names
        if not name.isascii()
    ]
    scored = sorted((pair for pair in scored if pair[0] >= ALIKE), reverse=True)
    slips = {code for _, name in scored if _is_slip(typed, name) for code in names[name]}
    if len(slips) == 1:
        return Meant(slips.pop())
    near = [name for score, name in scored if score >= scored[0][0] - NEARLY]
    return Meant(None, tuple(dict.fromkeys(code for name in near for code in sorted(names[name])))[:MOST])


def _is_slip(typed: str, name: str) -> bool:
    """Whether just one character of a long name was written as another of the same sound."""
    differ = sum(mine != theirs for mine, theirs in zip(typed, name, strict=False))
    return len(typed) == len(name) >= LONG and differ == 1 and _sounds(typed) == _sounds(name)


@cache
def _pinyin() -> Callable[[str], list[str]]:
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")  # 44 MB of words; names are sounded by character
    from pypinyin import lazy_pinyin  # 12 MB that few messages need

    read: Callable[[str], list[str]] = lazy_pinyin
    return read


@lru_cache(4096)
def _sounds(name: str) -> tuple[str, ...]:
    return tuple(_pinyin()(name))


def _dull(sounds: Sequence[str]) -> list[str]:
    """The sounds as a half-deaf or northern ear hears them: zh as z, t as d, n as l, -ng as -n."""
    flat = [re.sub("^([zcs])h", r"\1", sound) for sound in sounds]
    return [sound[:1].translate(DULL) + re.sub("g$", "", sound[1:]) for sound in flat]


DULL = str.maketrans("ptkcqrn", "bdgzjll")
