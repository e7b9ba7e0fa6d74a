"""Measures the reader on labelled messages: accuracy, F1, confusions, and whether its probabilities can be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TextIO

import msgspec

from domain.reading import Reading
from nlp.reader import NONE, Reader

BINS = 10
OnFault = Callable[[int, str], None]


class _Need(msgspec.Struct):
    leaf: str


class Labelled(msgspec.Struct):
    """One labelled message; `intent`, `leaves` are None where the labellers disagree; `needs` stands for `leaves`."""

    text: str
    intent: str | None = None
    leaves: list[str] | None = None
    needs: list[_Need] | None = None
    title: str | None = None

    @property
    def truth(self) -> list[str] | None:
        """The facilities the message is about, the main one first."""
        if self.leaves is None and self.needs is not None:
            return [need.leaf for need in self.needs]
        return self.leaves


class Score(msgspec.Struct, frozen=True):
    """Right answers out of `n`."""

    right: int
    n: int

    @property
    def rate(self) -> float:
        """The share of right answers; 0 if there were none to give."""
        return self.right / self.n if self.n else 0.0


class Bin(msgspec.Struct, frozen=True):
    """One column of a reliability diagram: answers given with a probability from `low` to `high`."""

    low: float
    high: float
    n: int
    mean_p: float
    accuracy: float


class Evaluation(msgspec.Struct, frozen=True):
    """What came out. `leaf_*` count facilities, the main one first; `none` stands for "about no facility"."""

    messages: int
    faults: int
    intent: Score
    intents: dict[str, Score]
    first_leaf: Score
    first_leaf_or_none: Score
    leaves: dict[str, Score]
    top3: Score
    leaf_f1: float
    need_f1: float
    intent_confusions: list[tuple[str, str, int]]
    leaf_confusions: list[tuple[str, str, int]]
    intent_bins: list[Bin]
    leaf_bins: list[Bin]
    intent_ece: float
    leaf_ece: float
    model: str


def evaluate_file(
    reader: Reader, source: TextIO, on_fault: OnFault | None = None, with_title: bool = False
) -> Evaluation:
    """Measures the reader on JSON lines with text, intent, leaves (or needs) and perhaps a title.

    Broken lines are reported with number and fault, skipped and counted. `with_title` reads title and text together.
    """
    rows: list[Labelled] = []
    faults = 0
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        try:
            rows.append(msgspec.json.decode(line.encode("utf-8", "surrogatepass"), type=Labelled))
        except (msgspec.DecodeError, UnicodeError) as exc:
            faults += 1
            if on_fault is not None:
                on_fault(number, f"{exc}; a line is a JSON object with text, intent and leaves")
    texts = [f"{row.title}\n{row.text}" if with_title and row.title else row.text for row in rows]
    return evaluate(rows, reader.read_many(texts), faults)


def evaluate(rows: Sequence[Labelled], readings: Sequence[Reading], faults: int = 0) -> Evaluation:
    """Compares readings with labels."""
    by_intent = [(row.intent, reading) for row, reading in zip(rows, readings, strict=True) if row.intent is not None]
    by_leaf = [(row.truth, reading) for row, reading in zip(rows, readings, strict=True) if row.truth is not None]
    pairs = [(intent, reading.intent) for intent, reading in by_intent]
    firsts = [(truth[0] if truth else NONE, _first(reading)) for truth, reading in by_leaf]
    named = [(truth, reading) for truth, reading in by_leaf if truth]
    intent_bins = _bins((reading.intent_p, intent == reading.intent) for intent, reading in by_intent)
    leaf_bins = _bins((mention.p, mention.leaf in truth) for truth, reading in by_leaf for mention in reading.mentions)
    return Evaluation(
        messages=len(rows),
        faults=faults,
        intent=_score(pairs),
        intents=_per_class(pairs),
        first_leaf=_score([(truth[0], _first(reading)) for truth, reading in named]),
        first_leaf_or_none=_score(firsts),
        leaves=_per_class(firsts),
        top3=Score(sum(truth[0] in _candidates(reading) for truth, reading in named), len(named)),
        leaf_f1=_micro_f1((set(truth), {mention.leaf for mention in reading.mentions}) for truth, reading in by_leaf),
        need_f1=_micro_f1(({true} & {"need_report"}, {read} & {"need_report"}) for true, read in pairs),
        intent_confusions=_confusions(pairs),
        leaf_confusions=_confusions(firsts),
        intent_bins=intent_bins,
        leaf_bins=leaf_bins,
        intent_ece=_ece(intent_bins),
        leaf_ece=_ece(leaf_bins),
        model=readings[0].model if readings else "",
    )


def render(result: Evaluation) -> str:
    """The evaluation as a plain text table."""
    lines = [
        f"model {result.model}, {result.messages} messages, {result.faults} broken lines",
        f"intent                     {_share(result.intent)}",
        f"need_report against rest   F1 {result.need_f1:.3f}",
        f"first facility             {_share(result.first_leaf)}",
        f"first facility or none     {_share(result.first_leaf_or_none)}",
        f"first facility in top 3    {_share(result.top3)}",
        f"facilities                 micro F1 {result.leaf_f1:.3f}",
        f"calibration error (ECE)    intent {result.intent_ece:.3f}, facility {result.leaf_ece:.3f}",
    ]
    for title, scores in (("intent", result.intents), ("facility", result.leaves)):
        lines += ["", f"by {title}"]
        lines += [
            f"  {code:<26} {_share(score)}" for code, score in sorted(scores.items(), key=lambda item: -item[1].n)
        ]
    for title, confusions in (("intents", result.intent_confusions), ("facilities", result.leaf_confusions)):
        lines += ["", f"confused {title}"]
        lines += [f"  {true} read as {read}: {count}" for true, read, count in confusions]
    for title, bins in (("intent", result.intent_bins), ("facility", result.leaf_bins)):
        lines += ["", f"reliability, {title}: said, was, n"]
        lines += [f"  {one.low:.1f}-{one.high:.1f}  {one.mean_p:.2f}  {one.accuracy:.2f}  {one.n}" for one in bins]
    return "\n".join(lines) + "\n"


def _share(score: Score) -> str:
    return f"{score.rate:.3f} ({score.right} of {score.n})"


def _first(reading: Reading) -> str:
    return reading.mentions[0].leaf if reading.mentions else NONE


def _candidates(reading: Reading) -> list[str]:
    """The three facilities a resident would be offered."""
    if not reading.mentions:
        return []
    mentioned = [mention.leaf for mention in reading.mentions]
    return [*mentioned, *(other for other in reading.mentions[0].others if other not in mentioned)][:3]


def _score(pairs: Sequence[tuple[str, str]]) -> Score:
    return Score(sum(true == read for true, read in pairs), len(pairs))


def _per_class(pairs: Sequence[tuple[str, str]]) -> dict[str, Score]:
    every = Counter(true for true, _ in pairs)
    right = Counter(true for true, read in pairs if true == read)
    return {code: Score(right[code], n) for code, n in sorted(every.items())}


def _confusions(pairs: Iterable[tuple[str, str]], most: int = 20) -> list[tuple[str, str, int]]:
    wrong = Counter((true, read) for true, read in pairs if true != read)
    return [
        (true, read, count) for (true, read), count in sorted(wrong.items(), key=lambda one: (-one[1], one[0]))[:most]
    ]


def _micro_f1(sets: Iterable[tuple[set[str], set[str]]]) -> float:
    both = total = 0
    for true, read in sets:
        both += len(true & read)
        total += len(true) + len(read)
    return 2 * both / total if total else 0.0


def _bins(answers: Iterable[tuple[float, bool]]) -> list[Bin]:
    columns: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for p, right in answers:
        columns[min(int(p * BINS), BINS - 1)].append((p, right))
    return [
        Bin(
            low=index / BINS,
            high=(index + 1) / BINS,
            n=len(column),
            mean_p=sum(p for p, _ in column) / len(column),
            accuracy=sum(right for _, right in column) / len(column),
        )
        for index, column in enumerate(columns)
        if column
    ]


def _ece(bins: Sequence[Bin]) -> float:
    total = sum(one.n for one in bins)
    return sum(one.n * abs(one.mean_p - one.accuracy) for one in bins) / total if total else 0.0
