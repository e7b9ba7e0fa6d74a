"""Words by what they stand for: things of each facility, signs of each intent, topics that are no facility's business.

A linear model learns from it what it could not learn word by word: that 取缔 and 清退 ask for the same. The file is the
project's own, see `lexicon.tsv`. The home of the Aho-Corasick automaton.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import ahocorasick

from domain.errors import DataFileError, InputError

FILE = Path(__file__).with_name("lexicon.tsv")


class Hit(NamedTuple):
    """Characters `start` to `end` of a text are a word of a class."""

    start: int
    end: int
    kind: str


class Lexicon:
    """Finds the words of a list in texts. Immutable."""

    def __init__(self, words: Iterable[tuple[str, str]]) -> None:
        classes: dict[str, list[str]] = {}
        for kind, word in words:
            classes.setdefault(word, []).append(kind)
        self._automaton: Any = ahocorasick.Automaton()
        for word, kinds in classes.items():
            self._automaton.add_word(word, (len(word), tuple(kinds)))
        self._automaton.make_automaton()

    def find(self, text: str) -> list[Hit]:
        """Every word in a normalised text, in its order, each class of it; of words inside a longer one only that."""
        words = [(last + 1 - length, -last, kinds) for last, (length, kinds) in self._automaton.iter(text)]
        words.sort()
        found: list[Hit] = []
        reached = 0
        for start, last, kinds in words:
            end = 1 - last
            if end > reached:
                found += [Hit(start, end, kind) for kind in kinds]
                reached = end
        return found


def read_words(path: Path = FILE) -> list[tuple[str, str]]:
    """(class, word) of a lexicon file.

    Raises:
        DataFileError: a line is broken; names file, line, fault and way out.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        kind, tab, words = line.partition("\t")
        if not tab or not words.split() or " " in kind.strip():
            raise DataFileError(path.name, number, InputError("data.lexicon"))
        found += [(kind.strip(), word) for word in words.split()]
    return found


@cache
def own() -> Lexicon:
    """The project's lexicon."""
    return Lexicon(read_words())
