"""Which community is meant? Typed names, aliases, slips of the finger. The home of rapidfuzz."""

from __future__ import annotations

from collections.abc import Callable

from domain.areas import AreaTree

SURE = 85.0  #: from this similarity on (rapidfuzz ratio, 0-100) a name is taken as meant
POSSIBLE = 50.0
SUFFIXES = ("社区", "小区", "街道", "居委会", "村")
LOOSE = "。,,.!!??、"
LEADING = ("我们是", "我住在", "我住", "我在", "俺住在", "俺住", "俺在", "住在", "我是", "俺是", "就是", "在")


def community_matcher(tree: AreaTree) -> Callable[[str], tuple[str, ...]]:
    """A function from a typed name to community codes: one when sure, several when unsure, none when unknown.

    Names inside a longer text count too ("我住堤岭儿那边"); exact names beat similar ones.
    """
    names: list[tuple[str, str]] = []
    for area in tree.all_communities:
        street = tree.ancestor(area.code, "street")
        spoken = [
            area.name,
            *area.aliases,
            area.code,
            area.as_written or "",
            (street.name if street else "") + area.name,
        ]
        names += [(name, area.code) for name in {_bare(name) for name in spoken if name} if name]
    names.sort(key=lambda entry: -len(entry[0]))
    streets = {
        _bare(area.name): [community.code for community in tree.communities(area.code)]
        for area in tree.by_code.values()
        if area.kind in ("street", "district")
    }

    def match(text: str) -> tuple[str, ...]:
        typed = _bare(text[:200])
        if not typed:
            return ()
        inside = [(name, code) for name, code in names if len(name) >= 2 and name in typed]
        if inside:
            longest = max(len(name) for name, _ in inside)
            found = tuple(dict.fromkeys(code for name, code in inside if len(name) == longest))
            return found
        if typed in streets:
            return tuple(streets[typed])
        if len(typed) > 12:
            return ()
        from rapidfuzz import fuzz, process  # 2 MB that few messages need

        scored = process.extract(typed, [name for name, _ in names], scorer=fuzz.ratio, limit=5, score_cutoff=POSSIBLE)
        if scored and scored[0][1] >= SURE:
            return (names[scored[0][2]][1],)
        return tuple(dict.fromkeys(names[index][1] for _, _, index in scored))

    return match


def _bare(name: str) -> str:
    """The name without spaces, the words people put before it, and 社区/小区 behind it."""
    bare = "".join(name.split()).strip(LOOSE).casefold()
    for word in LEADING:
        if bare.startswith(word) and len(bare) > len(word) + 1:
            bare = bare[len(word) :]
            break
    for suffix in SUFFIXES:
        if bare.endswith(suffix) and len(bare) > len(suffix) + 1:
            bare = bare[: -len(suffix)]
            break
    return bare
