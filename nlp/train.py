"""Learns the linear models from the corpus. The only place that imports scikit-learn.

Facility, intent and nature are linear support vector machines over the same features. A message may be about several
facilities, so each facility has a machine of its own against the rest; intents and natures exclude one another.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.catalogue import Catalogue
from nlp import augment, clauses, features, lexicon, tokenize
from nlp.corpus import Sample, facility_words
from nlp.model import Array, Model
from nlp.normalise import normalise

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.svm import LinearSVC

SEED = 20
MIN_MESSAGES = 6  #: a feature counts when this many messages have it: fewer cost accuracy, more memory and time
MIN_TRIPLE = 8  #: the same of three characters, of which there are many
LEAF_C, INTENT_C, NATURE_C = 0.5, 0.5, 0.5
#: What the classes of the lexicon weigh beside words and n-grams.
SIGN_WEIGHT = 0.7
SIGN_MARKS = "#@"
#: What hotlines get, roughly: the intents of letters and notes are weighted to these shares. Complaints are the most.
#: Unlisted ones are as rare as one in three hundred.
SHARES = {
    "service_complaint": 0.40,
    "need_report": 0.22,
    "out_of_scope": 0.15,
    "fault_report": 0.07,
    "policy_question": 0.07,
    "objection": 0.05,
    "progress_question": 0.04,
    "suggestion": 0.015,
    "thanks": 0.01,
    "emergency": 0.01,
    "human_handoff": 0.005,
}
RARE = 0.003
#: What turns decision values into probabilities. Slopes and shifts of the log-odds are measured on held-out writers
#: (nlp/crossfit.py); these say "as they come".
SETTINGS = {
    "leaf_slope": 4.0,
    "leaf_shift": 0.9,
    "intent_temperature": 8.0,
    **{
        f"{head}_{register}_{name}": value
        for head in ("leaf", "intent")
        for register in ("chat", "letter", "chat_more", "letter_more")
        for name, value in (("slope", 1.0), ("shift", 0.0))
    },
}


class Row(NamedTuple):
    """One training example: the features it has, as often as it has them, and what it is about."""

    features: tuple[str, ...]
    labels: frozenset[str]
    writer: str
    weight: float = 1.0


class Fitted(NamedTuple):
    """A classifier: `weights` is (n_features, n_classes)."""

    classes: tuple[str, ...]
    weights: Array
    intercept: Array


class Head(NamedTuple):
    """The examples of one classifier. `several`: an example can be of several classes, or of none."""

    rows: list[Row]
    inputs: csr_matrix
    c: float
    several: bool = False

    def fit(self, without: Collection[str], seed: int) -> Fitted:
        """The classifier of all examples but those of some writers: one machine a class, against the rest."""
        kept = np.array([row.writer not in without for row in self.rows])
        rows = [row for row, keep in zip(self.rows, kept, strict=True) if keep]
        inputs, weights = self.inputs[kept], np.array([row.weight for row in rows])
        classes = sorted(set().union(*(row.labels for row in rows)))

        def machine(name: str) -> tuple[Array, float]:
            answers = np.array([name in row.labels for row in rows])
            svm = _svm(self.c, seed).fit(inputs, answers, weights)
            return svm.coef_[0].astype(np.float32), float(svm.intercept_[0])

        fits = [machine(name) for name in classes]  # one after the other: liblinear's chance is one for all threads
        return Fitted(
            tuple(classes),
            np.stack([weights for weights, _ in fits], axis=1),
            np.array([shift for _, shift in fits], np.float32),
        )


class Prepared(NamedTuple):
    """A corpus as examples of facilities, intents and natures over one vocabulary."""

    dictionary: tuple[str, ...]
    vocabulary: dict[str, int]
    idf: Array
    heads: tuple[Head, Head, Head]


def prepare(samples: Sequence[Sample], catalogue: Catalogue) -> Prepared:
    """Everything that is learnt from, as numbers. Document frequencies are of all samples; they know no labels."""
    dictionary = tuple(tokenize.user_words())
    cut = tokenize.serving_cut(dictionary)
    letters, copies = augment.with_noise(samples, SEED)
    messages = weighted([*letters, *copies], [message_row(sample, cut) for sample in (*letters, *copies)])
    vocabulary, idf = _vocabulary(messages[: len(samples)])
    once = [*samples, *copies[: len(copies) // augment.COPIES]]  # more copies do facilities no good
    examples = (
        (leaf_rows(once, messages) + span_rows(samples, cut) + word_rows(catalogue, cut), LEAF_C, True),
        (messages, INTENT_C, False),
        (nature_rows(samples, cut), NATURE_C, False),
    )
    heads = [Head(rows, matrix(rows, vocabulary, idf), c, several) for rows, c, several in examples]
    return Prepared(dictionary, vocabulary, idf, (heads[0], heads[1], heads[2]))


def assemble(prepared: Prepared, leaf: Fitted, intent: Fitted, nature: Fitted, version: str = "") -> Model:
    """The classifiers side by side as one model, its weights rounded to what is stored of them."""
    heads, idf = (leaf, intent, nature), prepared.idf[:, None]
    weights = np.concatenate([one.weights * idf for one in heads] + [idf**2], axis=1)
    return Model(
        version=version,
        dictionary=prepared.dictionary,
        vocabulary=prepared.vocabulary,
        leaves=leaf.classes,
        intents=intent.classes,
        natures=nature.classes,
        weights=weights.astype(np.float16).astype(np.float32),
        intercept=np.concatenate([one.intercept for one in heads]),
        settings=dict(SETTINGS),
    )


def train(samples: Sequence[Sample], catalogue: Catalogue, version: str = "", seed: int = SEED) -> Model:
    """The model of these samples, its probabilities as they come; the same samples and seed give the same model."""
    prepared = prepare(samples, catalogue)
    leaf, intent, nature = (head.fit((), seed) for head in prepared.heads)
    return assemble(prepared, leaf, intent, nature, version)


def text_features(text: str, cut: tokenize.Cut, whole: bool) -> tuple[str, ...]:
    """The features of all clauses of a text, sorted; with those of the whole message if it is one."""
    normal = normalise(text).text
    spans = clauses.split(normal)
    each, of_message = features.features(normal, spans, cut, lexicon.own())
    found = list(chain.from_iterable(each))
    if whole:
        found.extend(of_message)
    return tuple(sorted(found))


def message_row(sample: Sample, cut: tokenize.Cut) -> Row:
    """A sample as an example of its intent."""
    return Row(text_features(sample.text, cut, whole=True), frozenset({sample.intent}), sample.writer)


def weighted(samples: Sequence[Sample], messages: Sequence[Row]) -> list[Row]:
    """The examples of intents with weights: letters and notes to `SHARES`, chat half evened out.

    Chat of unseen writers is read best between no weights and fully even ones.
    """
    kinds = [(sample.intent, sample.register in ("letter", "note")) for sample in samples]
    sizes = Counter(kinds)
    formal = sum(size for (_, is_formal), size in sizes.items() if is_formal)
    spoken = len(samples) - formal
    roots = sum(math.sqrt(size) for (_, is_formal), size in sizes.items() if not is_formal) or 1.0
    shares = {
        kind: SHARES.get(kind[0], RARE) * formal / size if kind[1] else spoken / roots / math.sqrt(size)
        for kind, size in sizes.items()
    }
    return [
        message._replace(weight=shares[kind] * sample.weight)
        for sample, message, kind in zip(samples, messages, kinds, strict=True)
    ]


def leaf_rows(samples: Sequence[Sample], messages: Sequence[Row]) -> list[Row]:
    """Whole messages as examples of the facilities they are about; of unclear ones nothing is known."""
    return [
        message._replace(labels=leaves, weight=sample.weight)
        for sample, message in zip(samples, messages, strict=False)
        if (leaves := frozenset(span.leaf for span in sample.spans)) or sample.intent != "unclear"
    ]


def span_rows(samples: Sequence[Sample], cut: tokenize.Cut) -> list[Row]:
    """Every marked stretch as an example of its facility, where the message says more."""
    return [
        Row(
            text_features(sample.text[span.start : span.end], cut, whole=False),
            frozenset({span.leaf}),
            sample.writer,
            sample.weight,
        )
        for sample in samples
        for span in sample.spans
        if (span.end - span.start) < 0.9 * len(sample.text)
    ]


def word_rows(catalogue: Catalogue, cut: tokenize.Cut) -> list[Row]:
    """The catalogue's own words for each facility, as examples."""
    return [
        Row(text_features(words, cut, whole=False), frozenset({leaf}), words)
        for leaf, words in facility_words(catalogue)
    ]


def nature_rows(samples: Sequence[Sample], cut: tokenize.Cut) -> list[Row]:
    """Examples of natures: the marked stretches of needs."""
    return [
        Row(
            text_features(sample.text[span.start : span.end], cut, whole=False),
            frozenset({span.nature}),
            sample.writer,
        )
        for sample in samples
        for span in sample.spans
        if span.nature
    ]


def matrix(rows: Sequence[Row], vocabulary: dict[str, int], idf: Array) -> csr_matrix:
    """The rows as a sparse matrix: tf times idf, divided by the root of the summed squares of each occurrence's idf."""
    from scipy.sparse import csr_matrix

    ids = [[vocabulary[feature] for feature in row.features if feature in vocabulary] for row in rows]
    flat = np.fromiter(chain.from_iterable(ids), np.int64)
    pointers = np.concatenate([[0], np.cumsum([len(one) for one in ids])])
    lengths = np.array([math.sqrt(float((idf[one] ** 2).sum())) or 1.0 for one in map(np.array, _filled(ids))])
    scaled = idf[flat] / np.repeat(lengths, np.diff(pointers))
    counted: csr_matrix = csr_matrix((scaled, flat, pointers), shape=(len(rows), len(vocabulary)))
    counted.sum_duplicates()
    return counted


def _filled(ids: Iterable[list[int]]) -> list[list[int]]:
    return [one or [0] for one in ids]


def _vocabulary(messages: Sequence[Row]) -> tuple[dict[str, int], Array]:
    seen = Counter(chain.from_iterable(set(row.features) for row in messages))
    kept = ["", *sorted(feature for feature, count in seen.items() if count >= _least(feature))]
    idf = np.array([_weight(feature) * (math.log(len(messages) / (seen[feature] or 1)) + 1) for feature in kept])
    return {feature: index for index, feature in enumerate(kept)}, idf.astype(np.float32)


def _weight(feature: str) -> float:
    return 0.0 if not feature else SIGN_WEIGHT if feature[0] in SIGN_MARKS else 1.0


def _least(feature: str) -> int:
    return MIN_TRIPLE if len(feature) == 3 and feature[0] not in "^#@ " else MIN_MESSAGES


def _svm(c: float, seed: int) -> LinearSVC:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=c, tol=1e-2, random_state=seed)
