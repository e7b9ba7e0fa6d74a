"""Words of a text. jieba is the reference (training); rjieba gives the same words 18 times faster (serving).

rjieba leaves Latin and digit runs joined by `- . % _ + # &` in one piece where jieba parts them; those are parted here
with jieba's own pattern. Both sides get the same user words with the same frequency. A test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import rjieba

DICTIONARY = Path(__file__).with_name("dictionary.txt")
USER_FREQUENCY = 20_000  #: high enough to win against the split into known words, the same on both sides
JOINED = re.compile(r"[-.%_+#&]")
PARTS = re.compile(r"([a-zA-Z0-9]+(?:\.\d+)?%?)")

Cut = Callable[[str], list[str]]
_added: set[str] = set()


def user_words(path: Path = DICTIONARY) -> list[str]:
    """The words of the project's dictionary file: one a line, `#` starts a comment."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return sorted({line for line in lines if line})


def serving_cut(words: Iterable[str]) -> Cut:
    """The fast tokeniser, knowing `words` as well. rjieba's dictionary is one per process: words add up."""
    for word in words:
        if word not in _added and not rjieba.has_word(word):
            rjieba.add_word(word, USER_FREQUENCY, "n")
        _added.add(word)
    return cut


def cut(text: str) -> list[str]:
    """The words of a text, without a user dictionary of its own: what `serving_cut` has added counts."""
    words: list[str] = rjieba.cut(text, True)
    if not JOINED.search(text):
        return words
    parted: list[str] = []
    for word in words:
        if len(word) > 1 and JOINED.search(word) and not rjieba.has_word(word):
            parted.extend(part for part in PARTS.split(word) if part)
        else:
            parted.append(word)
    return parted


def reference_cut(words: Iterable[str]) -> Cut:
    """jieba itself with the same user words; slow, for training and for the test of `cut`."""
    import jieba

    jieba.setLogLevel("ERROR")
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    for word in words:
        if not tokenizer.FREQ.get(word):
            tokenizer.add_word(word, USER_FREQUENCY, "n")
    return tokenizer.lcut  # type: ignore[no-any-return]
