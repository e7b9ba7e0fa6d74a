"""Compares choices of the model on hands it has not seen: features, machines, weights, labels, copies, what is read.

`python -m benchmarks.craft [--every N] [--only NAME ...]` prints a Markdown table. Hands are held out (`writer_folds`).
From which score on a facility is said is chosen for each part on the other parts, chat and letters apart, for every
variant alike; as in the reader, an intent that carries no facility silences it and at most three are said. The reader
itself has its own limits. Machines as they come: none of them is tuned here.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.craft.machines import MACHINES, Flags, Score
from benchmarks.craft.typos import with_typos
from domain.catalogue import Catalogue, load_catalogue
from nlp import augment, clauses, crossfit, features, lexicon, rules, tokenize, train
from nlp.corpus import Sample, catalogue_samples, load_corpus
from nlp.mentions import MAX_MENTIONS
from nlp.model import Array
from nlp.normalise import normalise
from nlp.reader import CARRIES_NONE, NONE
from nlp.train import INTENT_C, LEAF_C, SEED, Head, Row

LIMITS = np.linspace(0.01, 0.99, 50)  #: quantiles of the best scores, tried as limits


class Choice(NamedTuple):
    """What a variant does; as it stands, what the project's model does, read by whole messages."""

    view: str = "all"  #: words, characters, both; all: with lexicon and signs of the message; addresses: not cut out
    copies: str = "noise"  #: "", noise, typos (with noise)
    machine: str = "svm"  #: a key of `MACHINES`
    weights: str = "shares"  #: none, balanced, shares
    single: bool = False  #: one facility or none a message, instead of each by itself
    reads: str = "message"  #: message, clauses, typos (in what is read), reader
    hands: str = "all"  #: learnt from: all, half, taught (half, and the other half as that labels it)


VARIANTS: tuple[tuple[str, Choice], ...] = (
    ("features: words", Choice("words", "")),
    ("features: characters 1-3", Choice("characters", "")),
    ("features: words, characters", Choice("both", "")),
    ("features: words, characters, lexicon and signs", Choice("all", "")),
    ("features: the same, noise copies (project)", Choice()),
    ("features: project, addresses not cut out", Choice("addresses")),
    ("machine: linear SVM (project)", Choice()),
    ("machine: linear SVM, sigmoid calibration", Choice(machine="calibrated")),
    ("machine: logistic regression", Choice(machine="logistic")),
    ("machine: complement naive Bayes", Choice(machine="bayes")),
    ("machine: perceptron, one hidden layer", Choice(machine="perceptron")),
    ("weights: none", Choice(weights="none")),
    ("weights: balanced", Choice(weights="balanced")),
    ("weights: shares of hotlines (project)", Choice()),
    ("facilities: each against the rest (project)", Choice()),
    ("facilities: one or none", Choice(single=True)),
    ("typos: learnt without, read without (project)", Choice()),
    ("typos: learnt with, read without", Choice(copies="typos")),
    ("typos: learnt without, read with", Choice(reads="typos")),
    ("typos: learnt with, read with", Choice(copies="typos", reads="typos")),
    ("hands: half of them", Choice(hands="half")),
    ("hands: half, teaching the other half", Choice(hands="taught")),
    ("hands: all (project)", Choice()),
    ("read: whole message", Choice()),
    ("read: each clause alone, together", Choice(reads="clauses")),
    ("read: clauses in context (project's reader)", Choice(reads="reader")),
)


class Outcome(NamedTuple):
    """Intent and facilities, the first one first, of each measured message; CPU seconds one training took."""

    intents: list[str]
    leaves: list[list[str]]
    seconds: float


class Examples(NamedTuple):
    """The corpus by one choice of features, copies and weights."""

    intent: Head
    leaf: Head
    vocabulary: dict[str, int]
    idf: Array


class Craft:
    """A corpus, the parts that are held out in turn, and the examples last asked for."""

    def __init__(self, samples: Sequence[Sample], catalogue: Catalogue, folds: int = crossfit.FOLDS) -> None:
        self.samples, self._catalogue = list(samples), catalogue
        self._folds = crossfit.writer_folds(samples, folds)
        writers = {writer: part for part, fold in enumerate(self._folds) for writer in fold}
        self._parts = np.array([writers.get(sample.writer, -1) for sample in samples])
        self.measured = np.flatnonzero(self._parts >= 0)
        self._letter = np.array([rules.is_letter(sample.text) for sample in samples])
        self._intents = sorted({sample.intent for sample in samples})
        self._leaves = sorted(catalogue.facilities)
        self._truth = np.array([[leaf in _leaves(sample) for leaf in self._leaves] for sample in samples])
        self._cut = tokenize.serving_cut(tokenize.user_words())
        self._last: tuple[tuple[str, str, str], Examples] | None = None

    def outcome(self, choice: Choice) -> Outcome:
        """How messages of held-out hands are read."""
        if choice.reads == "reader":
            return self._by_reader()
        examples = self._examples(choice)
        whole, parts, starts = self._inputs(examples, choice)
        leaves = [*self._leaves, NONE] if choice.single else self._leaves
        intent_scores = np.zeros((len(self.samples), len(self._intents)), np.float32)
        leaf_scores = np.zeros((len(self.samples), len(leaves)), np.float32)
        seconds = 0.0
        for part, fold in enumerate(self._folds):
            began = time.process_time()
            intent, leaf = self._learnt(examples, choice, leaves, fold)
            seconds += time.process_time() - began
            here = self._parts == part
            intent_scores[here] = intent(whole)[here]
            leaf_scores[here] = np.maximum.reduceat(leaf(parts), starts)[here]
        intents = [self._intents[best] for best in intent_scores.argmax(axis=1)]
        if choice.single:
            best = leaf_scores.argmax(axis=1)[:, None] == np.arange(len(self._leaves))
            leaf_scores = np.where(best, 0, -np.inf).astype(np.float32)
        said = self._said(leaf_scores, np.array([intent not in CARRIES_NONE for intent in intents]))
        ranked = [
            [self._leaves[at] for at in np.argsort(-row, kind="stable")[: int(flags.sum())].tolist()]
            for row, flags in zip(leaf_scores, said, strict=True)
        ]
        return self._measured(intents, ranked, seconds)

    def figures(self, outcome: Outcome) -> list[float]:
        """Intent accuracy, F1 of needs, first facility, micro-F1 of facilities: of chat, then the same of letters."""
        known = [self.samples[place] for place in self.measured]
        read = list(zip(known, outcome.intents, outcome.leaves, strict=True))
        return [
            figure
            for is_spoken in (True, False)
            for figure in _figures([one for one in read if (one[0].register in crossfit.SPOKEN) is is_spoken])
        ]

    def _by_reader(self) -> Outcome:
        prepared = train.prepare(self.samples, self._catalogue)
        nature = prepared.heads[2].fit((), SEED)
        intents, leaves, seconds = [""] * len(self.samples), [[""]] * len(self.samples), 0.0
        for part, fold in enumerate(self._folds):
            began = time.process_time()
            leaf, intent = (head.fit(fold, SEED) for head in prepared.heads[:2])
            seconds += time.process_time() - began
            places = np.flatnonzero(self._parts == part)
            model = train.assemble(prepared, leaf, intent, nature)
            for place, one in zip(places, crossfit.read_fold(model, [self.samples[at] for at in places]), strict=True):
                intents[place] = one.reading.intent
                leaves[place] = [mention.leaf for mention in one.reading.mentions]
        return self._measured(intents, leaves, seconds)

    def _measured(self, intents: Sequence[str], leaves: Sequence[list[str]], seconds: float) -> Outcome:
        kept = self.measured.tolist()
        return Outcome([intents[at] for at in kept], [leaves[at] for at in kept], seconds / len(self._folds))

    def _examples(self, choice: Choice) -> Examples:
        """As `train.prepare` does, with the choice of features, copies and weights."""
        weights = "shares" if choice.weights == "shares" else ""
        key = (choice.view, choice.copies, weights)
        if self._last is not None and self._last[0] == key:
            return self._last[1]
        self._last = None
        samples, first, further = self.samples, list[Sample](), list[Sample]()
        if choice.copies:
            samples, further = augment.with_noise(self.samples, SEED)
            first = further[: len(further) // augment.COPIES]
            further = further[len(first) :]
        if choice.copies == "typos":
            halves = [sample._replace(weight=sample.weight / 2) for sample in samples]
            first = [*with_typos(halves, SEED), *first]
        every = [*samples, *first, *further]
        messages = [self._seen(sample, choice.view) for sample in every]
        messages = (
            train.weighted(every, messages)
            if weights
            else [row._replace(weight=sample.weight) for row, sample in zip(messages, every, strict=True)]
        )
        vocabulary, idf = train._vocabulary(messages[: len(samples)])
        leaf = train.leaf_rows([*self.samples, *first], messages)
        leaf += [_filtered(row, choice.view) for row in train.span_rows(self.samples, self._cut)]
        leaf += [_filtered(row, choice.view) for row in train.word_rows(self._catalogue, self._cut)]
        examples = Examples(
            Head(messages, train.matrix(messages, vocabulary, idf), INTENT_C),
            Head(leaf, train.matrix(leaf, vocabulary, idf), LEAF_C, several=True),
            vocabulary,
            idf,
        )
        self._last = key, examples
        return examples

    def _seen(self, sample: Sample, view: str) -> Row:
        row = train.message_row(sample, self._cut)
        if view != "addresses":
            return _filtered(row, view)
        text = normalise(sample.text).text
        whole = chain.from_iterable(
            features.clause_features(text[start:end], self._cut) for start, end in clauses.split(text)
        )
        return row._replace(features=tuple(sorted([*filter(_is_sign, row.features), *whole])))

    def _inputs(self, examples: Examples, choice: Choice) -> tuple[Any, Any, NDArray[np.int64]]:
        """What is read, as numbers: whole messages, the parts facilities are read in, and each message's first part."""
        whole, starts = examples.intent.inputs[: len(self.samples)], np.arange(len(self.samples))
        if choice.reads == "message":
            return whole, whole, starts
        if choice.reads == "typos":
            rows = [self._seen(sample, choice.view) for sample in with_typos(self.samples, SEED + 1)]
            mistyped = train.matrix(rows, examples.vocabulary, examples.idf)
            return mistyped, mistyped, starts
        each = []
        for sample in self.samples:
            text = normalise(sample.text).text
            found, _ = features.features(text, clauses.split(text), self._cut, lexicon.own())
            each.append([Row(tuple(one), frozenset(), sample.writer) for one in found or [[]]])
        rows = list(chain.from_iterable(each))
        starts = np.cumsum([0, *map(len, each[:-1])])
        return whole, train.matrix(rows, examples.vocabulary, examples.idf), starts

    def _learnt(
        self, examples: Examples, choice: Choice, leaves: Sequence[str], fold: Collection[str]
    ) -> tuple[Score, Score]:
        heads = ((examples.intent, self._intents), (examples.leaf, leaves))
        if choice.hands == "all":
            intent, leaf = (_fit(head, names, choice, fold) for head, names in heads)
            return intent, leaf
        other = crossfit.writer_folds([sample for sample in self.samples if sample.writer not in fold], 2)[0]
        intent, leaf = (_fit(head, names, choice, {*fold, *other}) for head, names in heads)
        if choice.hands == "half":
            return intent, leaf
        places = np.array([place for place, sample in enumerate(self.samples) if sample.writer in other])
        inputs = examples.intent.inputs[places]
        scores = intent(inputs)
        two = np.sort(scores, axis=1)[:, -2:]
        sure = _surer_half(two[:, 1] - two[:, 0])
        guessed = [
            self.samples[place]._replace(intent=self._intents[best])
            for place, best in zip(places[sure], scores[sure].argmax(axis=1), strict=True)
        ]
        rows = [Row((), frozenset({sample.intent}), sample.writer) for sample in guessed]
        taught = _fit(
            examples.intent, self._intents, choice, {*fold, *other}, train.weighted(guessed, rows), inputs[sure]
        )
        scores = leaf(inputs)
        sure = _surer_half(np.abs(scores).min(axis=1))
        rows = [
            Row((), frozenset(leaves[at] for at in np.flatnonzero(row > 0).tolist()), self.samples[place].writer)
            for place, row in zip(places[sure], scores[sure], strict=True)
        ]
        return taught, _fit(examples.leaf, leaves, choice, {*fold, *other}, rows, inputs[sure])

    def _said(self, scores: Array, allowed: Flags) -> Flags:
        """The facilities of each message: from the limit on that gave the best micro-F1 on the other parts."""
        third = -np.partition(-scores, MAX_MENTIONS - 1, axis=1)[:, MAX_MENTIONS - 1]
        among = (scores >= third[:, None]) & np.isfinite(scores) & allowed[:, None]
        said = np.zeros_like(among)
        for part in range(len(self._folds)):
            for is_letter in (False, True):
                alike = self._letter == is_letter
                others = alike & (self._parts >= 0) & (self._parts != part)
                limit = _best_limit(scores[others], among[others], self._truth[others])
                here = alike & (self._parts == part)
                said[here] = among[here] & (scores[here] >= limit)
        return said


def _fit(
    head: Head,
    names: Sequence[str],
    choice: Choice,
    without: Collection[str],
    more: Sequence[Row] = (),
    more_inputs: Any = None,
) -> Score:
    """A classifier of all examples but those of some writers, and of `more`."""
    from scipy.sparse import vstack
    from sklearn.utils.class_weight import compute_sample_weight

    single = NONE in names
    kept = [
        place
        for place, row in enumerate(head.rows)
        if row.writer not in without and not (single and len(row.labels) > 1)
    ]
    rows, inputs = [*(head.rows[place] for place in kept), *more], head.inputs[kept]
    if more:
        inputs = vstack([inputs, more_inputs], format="csr")
    answers = np.array([[name in (row.labels or (NONE,)) for name in names] for row in rows])
    weights = np.repeat(np.array([[row.weight] for row in rows]), len(names), axis=1)
    if choice.weights == "balanced":
        if head.several:
            weights *= np.stack([compute_sample_weight("balanced", column) for column in answers.T], axis=1)
        else:
            weights *= compute_sample_weight("balanced", answers.argmax(axis=1))[:, None]
    return MACHINES[choice.machine](inputs, answers, weights, head.c, head.several and not single)


def _is_sign(feature: str) -> bool:
    return feature[0] in "#@^" or feature[-1] == "$"


def _filtered(row: Row, view: str) -> Row:
    if view == "words":
        return row._replace(features=tuple(one for one in row.features if one[0] == " "))
    if view == "characters":
        return row._replace(features=tuple(one for one in row.features if one[0] != " " and not _is_sign(one)))
    if view == "both":
        return row._replace(features=tuple(one for one in row.features if not _is_sign(one)))
    return row


def _surer_half(sureness: Array) -> NDArray[np.int64]:
    return np.sort(np.argsort(-sureness, kind="stable")[: len(sureness) // 2])


def _best_limit(scores: Array, among: Flags, truth: Flags) -> float:
    best = np.where(among, scores, -np.inf).max(axis=1, initial=-np.inf)
    known = best[np.isfinite(best)]
    if not len(known):
        return 0.0
    limits: list[float] = np.unique(np.quantile(known, LIMITS)).tolist()
    found, right = scores[among], truth[among]
    every = int(truth.sum())
    return max(limits, key=lambda limit: (right & (found >= limit)).sum() / ((found >= limit).sum() + every or 1))


def _leaves(sample: Sample) -> set[str]:
    return {span.leaf for span in sample.spans}


def _figures(read: Sequence[tuple[Sample, str, list[str]]]) -> tuple[float, float, float, float]:
    about = [one for one in read if one[0].spans]
    need = [(sample.intent == "need_report", intent == "need_report") for sample, intent, _ in read]
    facilities = [(len(_leaves(sample) & set(said)), len(_leaves(sample)) + len(said)) for sample, _, said in read]
    return (
        sum(sample.intent == intent for sample, intent, _ in read) / max(1, len(read)),
        2 * need.count((True, True)) / max(1, sum(map(sum, need))),
        sum(bool(said) and said[0] in _leaves(sample) for sample, _, said in about) / max(1, len(about)),
        2 * sum(both for both, _ in facilities) / max(1, sum(size for _, size in facilities)),
    )


def table(craft: Craft, variants: Sequence[tuple[str, Choice]]) -> str:
    """The figures as a Markdown table; what several names stand for is measured once."""
    outcomes: dict[Choice, Outcome] = {}
    heads = [
        f"{what} {figure}" for what in ("chat", "letters") for figure in ("intent", "need F1", "first", "micro-F1")
    ]
    lines = ["| variant | " + " | ".join(heads) + " | CPU s |", "|---" + "|---:" * (len(heads) + 1) + "|"]
    for name, choice in sorted(variants, key=lambda one: one[1]):  # those of the same examples together
        if choice not in outcomes:
            outcomes[choice] = craft.outcome(choice)
            print(_line(name, craft.figures(outcomes[choice]), outcomes[choice].seconds), file=sys.stderr, flush=True)
    lines += [_line(name, craft.figures(outcomes[choice]), outcomes[choice].seconds) for name, choice in variants]
    return "\n".join(lines)


def _line(name: str, figures: Sequence[float], seconds: float) -> str:
    return f"| {name} | " + " | ".join(f"{figure:.3f}" for figure in figures) + f" | {seconds:.1f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints how well each variant reads hands it has not seen."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--every", type=int, default=1, help="use every so many sentences of the corpus")
    parser.add_argument(
        "--only", nargs="+", default=[""], metavar="NAME", help="variants whose name contains one of these"
    )
    chosen = parser.parse_args(arguments)
    variants = [one for one in VARIANTS if any(name in one[0] for name in chosen.only)]
    if not variants or chosen.every < 1:
        parser.error("no such variant; there are: " + "; ".join(name for name, _ in VARIANTS))
    from threadpoolctl import threadpool_limits

    catalogue = load_catalogue()
    craft = Craft(load_corpus(catalogue)[:: chosen.every] + catalogue_samples(catalogue), catalogue)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*converge.*")  # few steps are meant
        spoken = sum(craft.samples[place].register in crossfit.SPOKEN for place in craft.measured)
        print(f"{spoken} messages of chat, {len(craft.measured) - spoken} letters and notes, {crossfit.FOLDS} parts\n")
        with threadpool_limits(1):  # threads of BLAS that wait would count as CPU time
            print(table(craft, variants))


if __name__ == "__main__":
    main()
