"""Measures the masking of personal data on messages in which it is marked: `{kind|words}`, one message a line."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from nlp.evaluate import TESTSETS, Figure
from nlp.mask import find

PERSONAL = TESTSETS / "personal.txt"
MARK = re.compile(r"\{([a-z]+)\|([^{}]+)\}")
NUMBERS = frozenset("phone id card plate mail account".split())  #: the others are names and rooms


class Masked(msgspec.Struct, frozen=True):
    """How much of what is personal was masked, and how many messages without any were left as they are."""

    kinds: dict[str, Figure]
    numbers: Figure
    harmless: Figure  #: left alone


def parse(line: str) -> tuple[str, list[tuple[str, int, int]]]:
    """The message without its marks, and (kind, start, end) of each."""
    text, marks, last = "", [], 0
    for match in MARK.finditer(line):
        text += line[last : match.start()]
        marks.append((match[1], len(text), len(text) + len(match[2])))
        text += match[2]
        last = match.end()
    return text + line[last:], marks


def evaluate_masking(path: Path = PERSONAL) -> Masked:
    """Measures on a file of marked messages; a datum is masked when none of its characters is left."""
    right: dict[str, int] = {}
    every: dict[str, int] = {}
    alone = harmless = 0
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        text, marks = parse(line)
        found = find(text)
        hidden = {at for start, end, _ in found for at in range(start, end)}
        for kind, start, end in marks:
            every[kind] = every.get(kind, 0) + 1
            right[kind] = right.get(kind, 0) + hidden.issuperset(range(start, end))
        if not marks:
            harmless += 1
            alone += not found
    kinds = {kind: Figure(right[kind], n) for kind, n in sorted(every.items())}
    numbers = [figure for kind, figure in kinds.items() if kind in NUMBERS]
    return Masked(
        kinds=kinds,
        numbers=Figure(sum(one.right for one in numbers), sum(one.n for one in numbers)),
        harmless=Figure(alone, harmless),
    )


def render(result: Masked) -> str:
    """The measurement as lines of text."""
    lines = [f"{kind:<44} {figure.rate:.3f} ({figure.right} of {figure.n})" for kind, figure in result.kinds.items()]
    lines.append(f"{'numbers masked':<44} {result.numbers.rate:.3f} ({result.numbers.right} of {result.numbers.n})")
    left = result.harmless
    lines.append(f"{'harmless messages left alone':<44} {left.rate:.3f} ({left.right} of {left.n})")
    return "\n".join(lines) + "\n"
