"""Where a message says it is: names of the area tree and of the operator's gazetteer, estates, buildings, gates, roads.

To the reader these are hints, not decisions. Where a resident lives is decided in `bot.places`, from the known names
alone: what is sure is taken, a guess is asked about. Door numbers are personal data and never a hint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from domain.areas import AreaTree
from domain.errors import ConfigError, InputError
from domain.reading import PlaceHint
from nlp.normalise import fold

GAZETTEER = "gazetteer.tsv"  #: in the data folder; made and edited by the operator
KINDS = ("estate", "building", "road", "gate", "landmark", "community")  #: what its names can be of
MAX_HINTS = 6

#: What may stand before a name in running text.
BEFORE = r"(?:(?<![\u4e00-\u9fff])|(?<=[在住到从去离是和跟与的,]))(?:我们|咱们|俺们|我|俺|咱|住|在|到|从|去|离|是)?"
#: Names by their form. Group 1 is the name.
FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "estate",
        re.compile(
            BEFORE + r"([\u4e00-\u9fff]{2,6}?(?:[一二三四五六七八东西南北]区)?"
            r"(?:小区|家园|花园|新村|公寓|嘉园|宿舍|家属院|佳苑|新苑|名苑|豪庭|华府|花苑)(?:[一二三四五六七八东西南北]区)?)"
        ),
    ),
    (
        "building",
        re.compile(r"((?:[a-d0-9]{1,3}|[一二三四五六七八九十]{1,3})(?:号|#)?(?:楼|栋|幢)(?!上|下|顶|道|房|梯|层))"),
    ),
    ("gate", re.compile(r"((?:东|西|南|北)(?:大|侧|小|偏)?门)(?!诊|面|店)")),
    (
        "road",
        re.compile(
            BEFORE
            + r"([\u4e00-\u9fff]{2,4}?(?:大道|大街|路|街|巷|胡同)(?!边|面|灯|过|口|上|都|走|牌|道|办|坊)(?:\d{1,4}号)?)"
        ),
    ),
)
#: Words that only look like a name of a road or an estate.
COMMON = re.compile(
    r"^(?:这|那|哪|各|每|整|老旧|全|本|该|其他|别的|隔壁|对面|附近|旁边|我们|咱们|俺们|人家|一个|多个|很多|小区|没有|这个|那个|修|走|马|公|铁|"
    r"高速|断头|回家|上学|下班|上班|必经|十字|水泥|柏油|土|石子|盲|网|电|线|套|思|一条|这条|那条|条|过马|出|大马|门前|门口|背|步行|商业|美食)"
)


class Entry(NamedTuple):
    """A name and what it names. `area`: the code of the area it is, or of the community it lies in, where known."""

    name: str
    kind: str
    area: str | None = None


def tree_entries(tree: AreaTree) -> list[Entry]:
    """Every name and alias of the areas below the city."""
    return [
        Entry(name, area.kind, area.code)
        for area in tree.by_code.values()
        if area.kind != "city"
        for name in (area.name, *area.aliases)
        if len(name) > 1
    ]


def read_gazetteer(path: Path, tree: AreaTree) -> list[Entry]:
    """The operator's own names: one a line, `name TAB kind [TAB community]`, `#` starts a comment. No file: none.

    Raises:
        ConfigError("gazetteer"): lists every broken line with fault and way out.
    """
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as exc:
        raise ConfigError("gazetteer.encoding", file=path) from exc
    entries, faults = [], []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            try:
                entries.append(_entry(line, number, tree))
            except InputError as fault:
                faults.append(fault)
    if faults:
        raise ConfigError("gazetteer", file=path, count=len(faults), faults=tuple(faults))
    return entries


def _entry(line: str, number: int, tree: AreaTree) -> Entry:
    """A line of the gazetteer.

    Raises:
        InputError: the first fault of the line.
    """
    name, kind, area, *_ = [cell.strip() for cell in line.split("\t")] + ["", ""]
    if kind not in KINDS:
        raise InputError("gazetteer.kind", line=number, kind=kind, known=", ".join(KINDS))
    if len(name) < 2:
        raise InputError("gazetteer.name", line=number, name=name)
    if not area:
        return Entry(name, kind)
    communities = ", ".join(community.code for community in tree.all_communities)
    if area not in tree:
        raise InputError("gazetteer.area", line=number, area=area, known=communities)
    if tree[area].kind != "community":
        raise InputError("gazetteer.not_community", line=number, area=area, name=tree[area].name, known=communities)
    return Entry(name, kind, area)


class Places:
    """Finds places in texts; a name of several areas is a hint for each of them. Immutable."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries: dict[str, dict[str | None, Entry]] = {}
        for entry in entries:
            self._entries.setdefault(fold(entry.name), {})[entry.area] = entry

    @cached_property
    def _names(self) -> Any:
        import ahocorasick

        automaton = ahocorasick.Automaton()
        for name, by_area in self._entries.items():
            automaton.add_word(name, tuple(by_area.values()))
        automaton.make_automaton()
        return automaton

    def find(self, text: str) -> list[PlaceHint]:
        """The places a normalised text names, in its order; a longer name hides what lies inside it."""
        formed = [
            PlaceHint(kind, match[1], match.start(1), match.end(1))
            for kind, form in FORMS
            for match in form.finditer(text)
            if not COMMON.match(match[1])
        ]
        return _apart([*self._known(text), *formed])[:MAX_HINTS]

    def named(self, text: str) -> list[PlaceHint]:
        """Only the known names in a normalised text; a longer one hides what lies inside it."""
        return _apart(list(self._known(text)))

    def _known(self, text: str) -> Iterator[PlaceHint]:
        if self._entries:
            for last, entries in self._names.iter(text):
                for entry in entries:
                    start = last + 1 - len(entry.name)
                    yield PlaceHint(entry.kind, text[start : last + 1], start, last + 1, entry.area)


def _apart(hints: list[PlaceHint]) -> list[PlaceHint]:
    """The longest of those that overlap, in the order of the text; every area of one name."""
    if len(hints) < 2:
        return hints
    kept: list[PlaceHint] = []
    for hint in sorted(hints, key=lambda hint: (hint.start - hint.end, hint.area is None)):
        if not any(_hides(other, hint) for other in kept):
            kept.append(hint)
    return sorted(kept, key=lambda hint: hint.start)


def _hides(longer: PlaceHint, hint: PlaceHint) -> bool:
    overlap = hint.start < longer.end and longer.start < hint.end
    is_other_area = hint.area is not None and (hint.start, hint.end) == (longer.start, longer.end)
    return overlap and not is_other_area
