"""Measures the reader on labelled messages: figures with 95 % intervals, confusions, and whether probabilities hold.

Labelled messages are JSON lines (text, intent, leaves or needs with spans) or lines of the corpus's own format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import TextIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.catalogue import load_catalogue
from domain.errors import InputError
from domain.lines import Faults, OnFault, good_lines, read_line
from domain.reading import Mention, Reading
from nlp import corpus
from nlp.reader import NONE, Reader

TESTSETS = Path(__file__).with_name("testset")  #: frozen; never learnt from
CHAT, LETTERS = TESTSETS / "chat.tsv", TESTSETS / "letters.tsv"  #: in the corpus's format
BINS = 10
RESAMPLES = 2_000
SEED = 20
PRECISE = 0.95  #: how right the needs that are filed without asking should be
EXAMPLE = '{"text": "小区没有公厕", "intent": "need_report", "leaves": ["public_toilet"]}'


class _Need(msgspec.Struct):
    leaf: str
    start: int | None = None
    end: int | None = None


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
            return list(dict.fromkeys(need.leaf for need in self.needs))
        return self.leaves


class Figure(msgspec.Struct, frozen=True):
    """`right` of `n`, or an F1 as doubled hits of what was there plus what was said; 95 % bootstrap interval."""

    right: int
    n: int
    low: float = 0.0
    high: float = 0.0

    @property
    def rate(self) -> float:
        """The share; 0 if there was nothing to get right."""
        return self.right / self.n if self.n else 0.0


class Bin(msgspec.Struct, frozen=True):
    """One column of a reliability diagram: answers given with a probability from `low` to `high`."""

    low: float
    high: float
    n: int
    mean_p: float
    accuracy: float


class Evaluation(msgspec.Struct, frozen=True):
    """What came out. `figures` by name, see `_counts`; confusions as (true, read, how often)."""

    messages: int
    faults: int
    model: str
    figures: dict[str, Figure]
    intents: dict[str, Figure]
    leaves: dict[str, Figure]
    intent_confusions: list[tuple[str, str, int]]
    leaf_confusions: list[tuple[str, str, int]]
    intent_bins: list[Bin]
    leaf_bins: list[Bin]
    intent_ece: float
    leaf_ece: float
    sure_share: float  #: of the needs read, how many can be filed without asking while 95 % of those are right
    sure_cut: float  #: from this probability on


def evaluate_file(
    reader: Reader, source: TextIO, on_fault: OnFault | None = None, with_titles: bool = True
) -> Evaluation:
    """Measures the reader on JSON lines with text, intent, leaves (or needs) and perhaps a title.

    Broken lines and those with unknown labels are reported with number and fault, skipped and counted. A title is read
    as the first line of its message; without `with_titles` the text is read alone.

    Raises:
        InputError("evaluate.empty"): no line is left to measure.
    """
    faults = Faults(on_fault)
    rows = list(good_lines(source, _labelled, faults))
    if not rows:
        raise InputError("evaluate.empty", file=getattr(source, "name", "-"), example=EXAMPLE)
    texts = [f"{row.title}\n{row.text}" if with_titles and row.title else row.text for row in rows]
    return evaluate(rows, reader.read_many(texts), faults.count)


def _labelled(line: str) -> Labelled:
    """A line of a labelled file.

    Raises:
        InputError: it is broken, or a label is none of the catalogue's.
    """
    row = read_line(line, Labelled, EXAMPLE)
    catalogue = load_catalogue()
    if row.intent is not None and row.intent not in catalogue.intents:
        raise InputError("line.intent", intent=row.intent, near=_nearest(row.intent, catalogue.intents))
    for leaf in (*(row.leaves or ()), *(need.leaf for need in row.needs or ())):
        if leaf not in catalogue.leaves:
            raise InputError("line.facility", facility=leaf, near=_nearest(leaf, catalogue.leaves))
    return row


def _nearest(label: str, known: Iterable[str]) -> str:
    return get_close_matches(label, list(known), 1, 0.0)[0]


def labelled(samples: Iterable[corpus.Sample]) -> list[Labelled]:
    """Lines of the corpus's format as labelled messages."""
    return [
        Labelled(sample.text, sample.intent, needs=[_Need(span.leaf, span.start, span.end) for span in sample.spans])
        for sample in samples
    ]


def evaluate_testset(reader: Reader, path: Path = CHAT) -> Evaluation:
    """Measures the reader on the project's frozen test set.

    Raises:
        DataFileError: a line is broken.
    """
    rows = labelled(corpus.load_file(load_catalogue(), path))
    return evaluate(rows, reader.read_many([row.text for row in rows]))


def evaluate(rows: Sequence[Labelled], readings: Sequence[Reading], faults: int = 0) -> Evaluation:
    """Compares readings with labels."""
    both = list(zip(rows, readings, strict=True))
    by_intent = [(row.intent, reading) for row, reading in both if row.intent is not None]
    by_leaf = [(row.truth, reading) for row, reading in both if row.truth is not None]
    pairs = [(intent, reading.intent) for intent, reading in by_intent]
    firsts = [(truth[0] if truth else NONE, _first(reading)) for truth, reading in by_leaf]
    intent_bins = _bins((reading.intent_p, intent == reading.intent) for intent, reading in by_intent)
    mentions = [(mention.p, mention.leaf in truth) for truth, reading in by_leaf for mention in reading.mentions]
    leaf_bins = _bins(mentions)
    share, cut = _sure([(m.p, m.leaf in truth) for truth, reading in by_leaf for m in reading.needs])
    return Evaluation(
        messages=len(rows),
        faults=faults,
        model=readings[0].model if readings else "",
        figures=_figures([_counts(row, reading) for row, reading in both]),
        intents=_per_class(pairs),
        leaves=_per_class(firsts),
        intent_confusions=_confusions(pairs),
        leaf_confusions=_confusions(firsts),
        intent_bins=intent_bins,
        leaf_bins=leaf_bins,
        intent_ece=_ece(intent_bins),
        leaf_ece=_ece(leaf_bins),
        sure_share=share,
        sure_cut=cut,
    )


NAMES = {
    "intent": "intent",
    "need_f1": "need_report against rest, F1",
    "first_leaf": "first facility",
    "first_leaf_or_none": "first facility or none",
    "top3": "first facility in top 3",
    "leaf_f1": "facilities, micro-F1",
    "multi_leaf_f1": "several facilities, micro-F1",
    "multi_span_f1": "several facilities, F1 of marked characters",
    "emergency_recall": "emergencies recognised",
    "false_alarms": "false alarms among the others",
    "read_as_need": "read as a need",
}


def _counts(row: Labelled, reading: Reading) -> dict[str, tuple[int, int]]:
    """What one message adds to each figure: (above, below) the line."""
    counts = {"read_as_need": (int(bool(reading.needs)), 1)}
    if row.intent is not None:
        true, read = row.intent == "need_report", reading.intent == "need_report"
        danger = row.intent == "emergency"
        counts["intent"] = (int(row.intent == reading.intent), 1)
        counts["need_f1"] = (2 * int(true and read), int(true) + int(read))
        alarm = int(reading.emergency is not None)
        counts["emergency_recall" if danger else "false_alarms"] = (alarm, 1)
    truth = row.truth
    if truth is None:
        return counts
    said = {mention.leaf for mention in reading.mentions}
    counts["first_leaf_or_none"] = (int((truth[0] if truth else NONE) == _first(reading)), 1)
    counts["leaf_f1"] = (2 * len(set(truth) & said), len(set(truth)) + len(said))
    if truth:
        counts["first_leaf"] = (int(truth[0] == _first(reading)), 1)
        counts["top3"] = (int(truth[0] in _candidates(reading)), 1)
    if len(set(truth)) > 1:
        counts["multi_leaf_f1"] = counts["leaf_f1"]
        if row.needs and all(need.start is not None for need in row.needs):
            marked, found = _characters(row.needs), _characters(reading.mentions)
            counts["multi_span_f1"] = (2 * len(marked & found), len(marked) + len(found))
    return counts


def _figures(counts: Sequence[dict[str, tuple[int, int]]]) -> dict[str, Figure]:
    """Sums of what the messages add, with percentile intervals over messages drawn again."""
    if not counts:
        return {}
    names = [name for name in NAMES if any(name in one for one in counts)]
    table = np.array([[one.get(name, (0, 0)) for name in names] for one in counts], dtype=np.float64)
    random = np.random.default_rng(SEED)
    drawn = random.multinomial(len(table), np.full(len(table), 1 / len(table)), RESAMPLES).astype(np.float64)
    sums = np.einsum("rm,mnk->rnk", drawn, table, optimize=True)
    rates = sums[:, :, 0] / np.maximum(sums[:, :, 1], 1)
    low, high = np.percentile(rates, [2.5, 97.5], axis=0)
    totals = table.sum(axis=0)
    return {
        name: Figure(int(totals[at, 0]), int(totals[at, 1]), float(low[at]), float(high[at]))
        for at, name in enumerate(names)
    }


def _characters(places: Iterable[_Need] | Iterable[Mention]) -> set[tuple[str, int]]:
    """Each marked character with its facility."""
    return {(one.leaf, at) for one in places for at in range(one.start or 0, one.end or 0)}


def _first(reading: Reading) -> str:
    return reading.mentions[0].leaf if reading.mentions else NONE


def _candidates(reading: Reading) -> list[str]:
    """The three facilities a resident would be offered."""
    if not reading.mentions:
        return []
    mentioned = [mention.leaf for mention in reading.mentions]
    return [*mentioned, *(other for other in reading.mentions[0].others if other not in mentioned)][:3]


def _sure(answers: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    """The largest share of answers, the surest first, of which 95 % are right, and the probability where it ends."""
    if not answers:
        return 0.0, 1.0
    p, right = map(np.array, zip(*sorted(answers, reverse=True), strict=True))
    precise = np.flatnonzero(np.cumsum(right) / np.arange(1, len(right) + 1) >= PRECISE)
    return (float((precise[-1] + 1) / len(p)), float(p[precise[-1]])) if len(precise) else (0.0, 1.0)


def _per_class(pairs: Sequence[tuple[str, str]]) -> dict[str, Figure]:
    every = Counter(true for true, _ in pairs)
    right = Counter(true for true, read in pairs if true == read)
    return {code: Figure(right[code], n) for code, n in sorted(every.items())}


def _confusions(pairs: Iterable[tuple[str, str]], most: int = 20) -> list[tuple[str, str, int]]:
    wrong = Counter((true, read) for true, read in pairs if true != read)
    return [
        (true, read, count) for (true, read), count in sorted(wrong.items(), key=lambda one: (-one[1], one[0]))[:most]
    ]


def _bins(answers: Iterable[tuple[float, bool]]) -> list[Bin]:
    known = list(answers)
    p = np.array([one for one, _ in known], dtype=np.float64)
    right: NDArray[np.bool_] = np.array([one for _, one in known], dtype=bool)
    at = np.minimum((p * BINS).astype(int), BINS - 1)
    return [
        Bin(low, high, int(chosen.sum()), float(p[chosen].mean()), float(right[chosen].mean()))
        for index, (low, high) in enumerate(pairwise(np.linspace(0, 1, BINS + 1).tolist()))
        if (chosen := at == index).any()
    ]


def _ece(bins: Sequence[Bin]) -> float:
    """Expected calibration error: the gap between said and true, by how often it was said (Guo et al. 2017)."""
    total = sum(one.n for one in bins)
    return sum(one.n * abs(one.mean_p - one.accuracy) for one in bins) / total if total else 0.0


def render(result: Evaluation) -> str:
    """The evaluation as a plain text table."""
    lines = [f"model {result.model}, {result.messages} messages, {result.faults} broken lines"]
    lines += [
        f"{NAMES[name]:<44} {figure.rate:.3f} [{figure.low:.3f}, {figure.high:.3f}] ({figure.right} of {figure.n})"
        for name, figure in result.figures.items()
    ]
    lines += [
        f"{'calibration error (ECE)':<44} intent {result.intent_ece:.3f}, facility {result.leaf_ece:.3f}",
        f"{'needs filed without asking at 95 % right':<44} {result.sure_share:.3f} from p {result.sure_cut:.2f}",
    ]
    for title, figures in (("intent", result.intents), ("facility", result.leaves)):
        lines += ["", f"by {title}"]
        lines += [
            f"  {code:<26} {figure.rate:.3f} ({figure.right} of {figure.n})"
            for code, figure in sorted(figures.items(), key=lambda item: -item[1].n)
        ]
    for title, confusions in (("intents", result.intent_confusions), ("facilities", result.leaf_confusions)):
        lines += ["", f"confused {title}"]
        lines += [f"  {true} read as {read}: {count}" for true, read, count in confusions]
    for title, bins in (("intent", result.intent_bins), ("facility", result.leaf_bins)):
        lines += ["", f"reliability, {title}: said, was, n"]
        lines += [f"  {one.low:.1f}-{one.high:.1f}  {one.mean_p:.2f}  {one.accuracy:.2f}  {one.n}" for one in bins]
    return "\n".join(lines) + "\n"
