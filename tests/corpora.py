"""A corpus small enough to be learnt in a second, and judgements of a word it does not know."""

from __future__ import annotations

from pathlib import Path

from domain.judgement import Judgement
from nlp import corpus

WORD = "呱唧台"  #: of no dictionary: what one neighbourhood calls its square
MEANT = "activity_square"
FRAMES = ("俺们这缺个{}", "想要个{}", "小区里没有{}", "能不能建个{}", "希望有个{}", "附近连个{}都没有", "{}太少了")
WHO = ("", "咱", "我们", "楼下", "村里", "街坊都说", "老人说", "孩子说", "真的", "请问")


def a_small_corpus(folder: Path, every: int = 25) -> Path:
    """Every so many lines of the project's corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    for path in corpus.files():
        lines += [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    (folder / "few.tsv").write_text("\n".join(lines[::every]) + "\n", encoding="utf-8")
    return folder


def sentences() -> list[str]:
    """Seventy ways to ask for the unknown thing."""
    return [who + frame.format(WORD) for frame in FRAMES for who in WHO]


def judged(
    texts: list[str], leaf: str | None = MEANT, intent: str | None = "need_report", source: str = "worker"
) -> list[Judgement]:
    """One judgement for each text, each of a message of its own."""
    return [
        Judgement(number, number, text, 0, len(text), "fresh_market", leaf, intent, source, is_whole=True)
        for number, text in enumerate(texts, 1)
    ]
