"""Reads every sample with a model that has not seen its writer: what the reader's errors and probabilities rest on.

`python -m nlp.crossfit` prints the figures; the same go with the model (`Model.figures`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from domain.catalogue import Catalogue, load_catalogue
from domain.reading import CONFIDENT, Reading
from nlp import rules, versions
from nlp.corpus import Sample, catalogue_samples, load_corpus, load_file
from nlp.model import Model
from nlp.reader import CARRIES_ONE, Reader, belief, believable
from nlp.train import SEED, assemble, prepare

FOLDS = 5
LARGEST = 0.15  #: share of the corpus
#: Files of what was written to be hard: learnt from and measured, but no scale for how sure the reader may be.
HARD = ("/indirect_", "/rules", "/contrast_", "/danger/")
#: Never learnt from: chat of hands that know no sentence of the corpus, and letters as doubtful as real ones. By them
#: the reader learns how sure it may be of chat and of a letter's intent. Much of the corpus's chat was written to be
#: hard and is read less rightly; its letters were written with an intent in mind and are read more rightly.
SCALE = versions.SCALE
SPOKEN = frozenset({"chat", "dictated"})
CATALOGUE = "catalogue"  #: the writer of the catalogue's examples, learnt from in every fold and never measured
ODDS_LIMIT = 1e-6


class HeldOut(NamedTuple):
    """A sample and how it was read by a model that knows nothing its writer wrote."""

    sample: Sample
    reading: Reading

    @property
    def is_letter(self) -> bool:
        """Whether the reader took it for a letter."""
        return rules.is_letter(self.sample.text)

    @property
    def leaves(self) -> list[str]:
        """The facilities it is about."""
        return list(dict.fromkeys(span.leaf for span in self.sample.spans))


def train_measured(samples: Sequence[Sample], catalogue: Catalogue, version: str = "", seed: int = SEED) -> Model:
    """The model of these samples, with probabilities and figures measured on held-out writers."""
    prepared = prepare(samples, catalogue)
    leaf, intent, nature = (head.fit((), seed) for head in prepared.heads)
    model = assemble(prepared, leaf, intent, nature, version)
    readings: list[HeldOut] = []
    for fold in writer_folds(samples):
        leaf, intent = (head.fit(fold, seed) for head in prepared.heads[:2])
        part = assemble(prepared, leaf, intent, nature)
        readings += read_fold(part, [sample for sample in samples if sample.writer in fold])
    known = believable_maps(one for one in readings if not any(part in one.sample.source for part in HARD))
    unknown = believable_maps(read_fold(model, load_file(catalogue, SCALE)))
    facilities_of_letters = {name: value for name, value in known.items() if name.startswith("leaf_letter")}
    settings = {**model.settings, **known, **unknown, **facilities_of_letters}
    return replace(model, settings=settings, figures=figures(readings, settings))


def writer_folds(samples: Sequence[Sample], folds: int = FOLDS) -> list[frozenset[str]]:
    """The writers in parts of about equally many sentences; a hand that wrote letters is in one part as a whole.

    Residents chat as the imagined ones do, but no imagined letter is quite like a real one: for letters the reader is
    measured on hands it has not seen, for chat on writers. A hand that wrote so much that without it another reader
    would be measured is parted, too.
    """
    known = [sample for sample in samples if sample.writer != CATALOGUE]
    sizes = Counter(sample.writer for sample in known)
    weighed = sorted(((sum(sizes[writer] for writer in group), sorted(group)) for group in _hands(known)), reverse=True)
    parts: list[set[str]] = [set() for _ in range(folds)]
    totals = [0] * folds
    for size, group in weighed:
        index = totals.index(min(totals))
        parts[index].update(group)
        totals[index] += size
    return [frozenset(part) for part in parts]


def _hands(samples: Sequence[Sample]) -> list[frozenset[str]]:
    """The writers of each file of letters that is not too large; every other writer alone."""
    writers: dict[str, set[str]] = {}
    letters: Counter[str] = Counter()
    size: Counter[str] = Counter()
    files: dict[str, set[str]] = {}
    for sample in samples:
        writers.setdefault(sample.source, set()).add(sample.writer)
        files.setdefault(sample.writer, set()).add(sample.source)
        size[sample.source] += 1
        letters[sample.source] += sample.register not in SPOKEN
    whole = [
        frozenset(found)
        for source, found in writers.items()
        if source
        and letters[source] > size[source] / 2
        and size[source] <= LARGEST * len(samples)
        and all(len(files[writer]) == 1 for writer in found)
    ]
    grouped = frozenset().union(*whole)
    return [*whole, *(frozenset({writer}) for writer in files if writer not in grouped)]


def read_fold(model: Model, samples: Sequence[Sample]) -> list[HeldOut]:
    """These samples, read by a model that has not learnt from their writers."""
    readings = Reader(model).read_many([sample.text for sample in samples])
    return [HeldOut(sample, reading) for sample, reading in zip(samples, readings, strict=True)]


def believable_maps(readings: Iterable[HeldOut]) -> dict[str, float]:
    """Slope and shift of the log-odds per head and register: the likeliest ones, by logistic regression (Platt)."""
    answers: dict[str, list[tuple[float, bool]]] = {}
    for one in readings:
        register = "letter" if one.is_letter else "chat"
        if one.reading.emergency is None:
            right = one.reading.intent == one.sample.intent
            answers.setdefault(f"intent_{register}", []).append((one.reading.intent_p, right))
        for place, mention in enumerate(one.reading.mentions):
            name = f"leaf_{register}" if place == 0 else f"leaf_{register}_more"
            answers.setdefault(name, []).append((mention.p, mention.leaf in one.leaves))
    settings = {}
    for name, known in answers.items():
        settings[f"{name}_slope"], settings[f"{name}_shift"] = _platt(known)
    return settings


def _platt(answers: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    right = np.array([one for _, one in answers])
    if len(answers) < 50 or right.all() or not right.any():
        return 1.0, 0.0  # too few to tell
    p = np.clip([one for one, _ in answers], ODDS_LIMIT, 1 - ODDS_LIMIT)
    fitted = LogisticRegression(C=100.0).fit(np.log(p / (1 - p))[:, None], right)
    slope = float(fitted.coef_[0, 0])
    return (slope, float(fitted.intercept_[0])) if slope > 0 else (1.0, 0.0)


def figures(readings: Sequence[HeldOut], settings: dict[str, float]) -> dict[str, Any]:
    """How well held-out writers were read, chat and letters apart, and per facility."""
    spoken = [one for one in readings if one.sample.register in SPOKEN]
    formal = [one for one in readings if one.sample.register not in SPOKEN]
    return {
        **_accuracy(readings),
        "chat": {**_accuracy(spoken), **_believable(spoken, settings)},
        "letters": {**_accuracy(formal), **_believable(formal, settings)},
        "emergency": emergency_figures(readings),
        "leaves": leaf_figures(readings),
    }


def _accuracy(readings: Sequence[HeldOut]) -> dict[str, Any]:
    """Of all messages the intent, of those about a facility the first one, of needs precision, recall and F1."""
    about = [one for one in readings if one.sample.spans]
    needs = [one for one in about if one.sample.intent == "need_report"]
    true = sum(one.sample.intent == "need_report" for one in readings)
    read = sum(one.reading.intent == "need_report" for one in readings)
    both = sum(one.sample.intent == one.reading.intent == "need_report" for one in readings)
    return {
        "messages": len(readings),
        "intent_accuracy": _share(one.sample.intent == one.reading.intent for one in readings),
        "leaf_accuracy": _share(_first(one) in one.leaves for one in about),
        "need_leaf_accuracy": _share(_first(one) in one.leaves for one in needs),
        "need_precision": round(both / read, 4) if read else 0.0,
        "need_recall": round(both / true, 4) if true else 0.0,
    }


def _believable(readings: Sequence[HeldOut], settings: dict[str, float]) -> dict[str, Any]:
    """Expected calibration error, and how sure needs are: the share of mentions filed without asking, and how right."""
    mentions, intents, needs = [], [], []
    for one in readings:
        if one.reading.emergency is None:
            right = one.reading.intent == one.sample.intent
            intents.append((believable(one.reading.intent_p, *belief(settings, "intent", one.is_letter)), right))
        answers = [
            (believable(mention.p, *belief(settings, "leaf", one.is_letter, place == 0)), mention.leaf in one.leaves)
            for place, mention in enumerate(one.reading.mentions)
        ]
        mentions += answers
        if one.reading.intent == "need_report":
            needs += answers
    sure = [right for p, right in needs if p >= CONFIDENT]
    return {
        "intent_ece": _ece(intents),
        "leaf_ece": _ece(mentions),
        "sure_share": round(len(sure) / len(needs), 4) if needs else 0.0,
        "sure_precision": _share(sure),
    }


def _ece(answers: Sequence[tuple[float, bool]], bins: int = 10) -> float:
    gaps: Counter[int] = Counter()
    for p, right in answers:
        gaps[min(int(p * bins), bins - 1)] += p - right  # type: ignore[assignment]
    return round(sum(map(abs, gaps.values())) / len(answers), 4) if answers else 0.0


def emergency_figures(readings: Sequence[HeldOut]) -> dict[str, Any]:
    """The share of dangers recognised, and false alarms per thousand other messages."""
    danger = [one for one in readings if one.sample.intent == "emergency"]
    others = [one for one in readings if one.sample.intent != "emergency"]
    alarms = sum(one.reading.emergency is not None for one in others)
    return {
        "recall": _share(one.reading.emergency is not None for one in danger),
        "support": len(danger),
        "false_per_thousand": round(1000 * alarms / max(1, len(others)), 2),
    }


def leaf_figures(readings: Sequence[HeldOut]) -> dict[str, dict[str, float | int]]:
    """Precision and recall of the first facility of messages that are, or were read as, one an intent needs."""
    true: Counter[str] = Counter()
    read: Counter[str] = Counter()
    both: Counter[str] = Counter()
    for one in readings:
        first = one.leaves[0] if one.leaves and one.sample.intent in CARRIES_ONE else None
        found = _first(one) if one.reading.intent in CARRIES_ONE else None
        true[first or ""] += 1
        read[found or ""] += 1
        if first and found in one.leaves:
            both[first] += 1
    return {
        leaf: {
            "precision": round(min(1.0, both[leaf] / read[leaf]), 4) if read[leaf] else 0.0,
            "recall": round(both[leaf] / true[leaf], 4),
            "support": true[leaf],
        }
        for leaf in sorted(true)
        if leaf
    }


def _first(one: HeldOut) -> str | None:
    return one.reading.mentions[0].leaf if one.reading.mentions else None


def _share(right: Iterable[bool]) -> float:
    known = list(right)
    return round(sum(known) / len(known), 4) if known else 0.0


def main() -> None:
    """Prints the figures of today's corpus."""
    import json

    catalogue = load_catalogue()
    samples = load_corpus(catalogue) + catalogue_samples(catalogue)
    print(json.dumps(train_measured(samples, catalogue).figures, indent=1))


if __name__ == "__main__":
    main()
