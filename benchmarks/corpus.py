"""The project's training corpus as the benchmarks need it: plain texts and one label each."""

from __future__ import annotations

import re
from pathlib import Path

CORPUS = Path(__file__).resolve().parent.parent / "nlp" / "corpus"
_MARK = re.compile(r"\[(\w+)(?::\w+)?\|([^\]]*)\]")


CHAT = ("chat", "dictated")


def labelled_texts(corpus: Path = CORPUS, registers: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Every corpus message without its marks, with the first facility it asks for, or "none". Sorted by file.

    `registers`: only what was written like this; all of it by default.
    """
    found = []
    for file in sorted(corpus.rglob("*.tsv")):
        for line in file.read_text(encoding="utf-8").splitlines():
            columns = line.split("\t")
            if line.startswith("#") or len(columns) != 4:
                continue
            intent, register, _, marked = columns
            if registers and register not in registers:
                continue
            mark = _MARK.search(marked)
            label = mark[1] if mark and intent == "need_report" else "none"
            found.append((_MARK.sub(r"\2", marked), label))
    return found


def distinct_texts(count: int, longest: int = 300, corpus: Path = CORPUS) -> list[str]:
    """Up to `count` different messages as residents chat, evenly spread over the corpus files; no letters.

    None is longer than `longest` characters.
    """
    texts = list(dict.fromkeys(text for text, _ in labelled_texts(corpus, CHAT) if len(text) <= longest))
    step = max(1.0, len(texts) / count)
    return [texts[int(number * step)] for number in range(min(count, len(texts)))]
