"""Learns the linear models from the corpus. The only place that imports scikit-learn.

Facility, intent and nature are linear support vector machines over the same features. Probabilities come from a
softmax whose temperature is fitted on decision values of writers the fold has not seen.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.catalogue import Catalogue
from nlp import clauses, features, tokenize
from nlp.corpus import Sample, facility_words
from nlp.model import Array, Model, softmax
from nlp.normalise import normalise

if TYPE_CHECKING:
    from sklearn.svm import LinearSVC

NONE = "none"  #: the facility of a stretch of text that is about none
SEED = 20
FOLDS = 2
MIN_MESSAGES = 2  #: a feature counts when this many messages have it
FORMAL_WEIGHT = 2.0  #: of letters and notes: longer, rarer in the corpus, and commoner where it matters
LEAF_C, INTENT_C, NATURE_C = 1.0, 1.0, 0.5
TEMPERATURES = tuple(1.25**step for step in range(24))

Labels = NDArray[np.str_]


class Row(NamedTuple):
    """One training example: the features it has, as often as it has them."""

    features: tuple[str, ...]
    label: str
    writer: str
    weight: float = 1.0


def train(samples: Sequence[Sample], catalogue: Catalogue, version: str = "", seed: int = SEED) -> Model:
    """The model of these samples; the same samples and seed give the same model."""
    dictionary = tuple(tokenize.user_words())
    cut = tokenize.reference_cut(dictionary)
    messages = [message_row(sample, cut) for sample in samples]
    vocabulary, idf = _vocabulary(messages)
    heads = {
        "leaf": _Head(leaf_rows(samples, messages, cut) + word_rows(catalogue, cut), LEAF_C),
        "intent": _Head(messages, INTENT_C),
        "nature": _Head(nature_rows(samples, cut), NATURE_C),
    }
    fitted = {name: head.fit(vocabulary, idf, seed) for name, head in heads.items()}
    settings = {f"{name}_temperature": one.temperature for name, one in fitted.items()}
    weights = np.concatenate([one.weights * idf[:, None] for one in fitted.values()] + [idf[:, None] ** 2], axis=1)
    return Model(
        version=version,
        dictionary=dictionary,
        vocabulary=vocabulary,
        leaves=fitted["leaf"].classes,
        intents=fitted["intent"].classes,
        natures=fitted["nature"].classes,
        weights=np.ascontiguousarray(weights, dtype=np.float32),
        intercept=np.concatenate([one.intercept for one in fitted.values()]).astype(np.float32),
        settings=settings,
    )


def text_features(text: str, cut: tokenize.Cut, whole: bool) -> tuple[str, ...]:
    """The features of all clauses of a text, sorted; with those of the whole message if it is one."""
    normal = normalise(text).text
    spans = clauses.split(normal)
    each = [features.clause_features(normal[start:end], cut) for start, end in spans]
    found = list(chain.from_iterable(each))
    if whole:
        found.extend(features.message_features(normal, spans, each))
    return tuple(sorted(found))


def message_row(sample: Sample, cut: tokenize.Cut) -> Row:
    """A sample as an example of its intent."""
    weight = FORMAL_WEIGHT if sample.register in ("letter", "note") else 1.0
    return Row(text_features(sample.text, cut, whole=True), sample.intent, sample.writer, weight)


def leaf_rows(samples: Sequence[Sample], messages: Sequence[Row], cut: tokenize.Cut) -> list[Row]:
    """Examples of facilities: every marked stretch, and whole messages about one facility or about none."""
    rows: list[Row] = []
    for sample, message in zip(samples, messages, strict=True):
        leaves = {span.leaf for span in sample.spans}
        if len(leaves) == 1 or (not leaves and sample.intent != "unclear"):
            rows.append(message._replace(label=leaves.pop() if leaves else NONE, weight=1.0))
        for span in sample.spans:
            if (span.end - span.start) < 0.9 * len(sample.text):
                words = text_features(sample.text[span.start : span.end], cut, whole=False)
                rows.append(Row(words, span.leaf, sample.writer))
    return rows


def word_rows(catalogue: Catalogue, cut: tokenize.Cut) -> list[Row]:
    """The catalogue's own words for each facility, as examples."""
    return [Row(text_features(words, cut, whole=False), leaf, words) for leaf, words in facility_words(catalogue)]


def nature_rows(samples: Sequence[Sample], cut: tokenize.Cut) -> list[Row]:
    """Examples of natures: the marked stretches of needs."""
    return [
        Row(text_features(sample.text[span.start : span.end], cut, whole=False), span.nature, sample.writer)
        for sample in samples
        for span in sample.spans
        if span.nature
    ]


def matrix(rows: Sequence[Row], vocabulary: dict[str, int], idf: Array) -> object:
    """The rows as a sparse matrix: tf times idf, divided by the root of the summed squares of each occurrence's idf."""
    from scipy.sparse import csr_matrix

    ids = [[vocabulary[feature] for feature in row.features if feature in vocabulary] for row in rows]
    flat = np.fromiter(chain.from_iterable(ids), np.int64)
    pointers = np.concatenate([[0], np.cumsum([len(one) for one in ids])])
    lengths = np.array([math.sqrt(float((idf[one] ** 2).sum())) or 1.0 for one in map(np.array, _filled(ids))])
    scaled = idf[flat] / np.repeat(lengths, np.diff(pointers))
    counted = csr_matrix((scaled, flat, pointers), shape=(len(rows), len(vocabulary)))
    counted.sum_duplicates()
    return counted


def _filled(ids: Iterable[list[int]]) -> list[list[int]]:
    return [one or [0] for one in ids]


def _vocabulary(messages: Sequence[Row]) -> tuple[dict[str, int], Array]:
    seen = Counter(chain.from_iterable(set(row.features) for row in messages))
    kept = sorted(feature for feature, count in seen.items() if count >= MIN_MESSAGES)
    idf = np.array([math.log(len(messages) / seen[feature]) + 1 for feature in kept], dtype=np.float32)
    return {feature: index for index, feature in enumerate(kept)}, idf


class _Fitted(NamedTuple):
    classes: tuple[str, ...]
    weights: Array  #: (n_features, n_classes)
    intercept: Array
    temperature: float


class _Head(NamedTuple):
    rows: list[Row]
    c: float

    def fit(self, vocabulary: dict[str, int], idf: Array, seed: int) -> _Fitted:
        inputs = matrix(self.rows, vocabulary, idf)
        labels = np.array([row.label for row in self.rows])
        weights = np.array([row.weight for row in self.rows])
        classifier = _svm(self.c, seed).fit(inputs, labels, weights)
        return _Fitted(
            tuple(map(str, classifier.classes_)),
            classifier.coef_.T.astype(np.float32),
            classifier.intercept_.astype(np.float32),
            self._temperature(inputs, labels, weights, seed),
        )

    def _temperature(self, inputs: object, labels: Labels, weights: NDArray[np.float64], seed: int) -> float:
        """The factor on decision values that gives the likeliest softmax for unseen writers."""
        from sklearn.model_selection import GroupKFold

        groups = np.array([row.writer for row in self.rows])
        values, truth = [], []
        for learn, check in GroupKFold(FOLDS).split(inputs, labels, groups):
            classifier = _svm(self.c, seed).fit(inputs[learn], labels[learn], weights[learn])  # type: ignore[index]
            known = np.isin(labels[check], classifier.classes_)
            values.append(classifier.decision_function(inputs[check][known]))  # type: ignore[index]
            truth.append(np.searchsorted(classifier.classes_, labels[check][known]))
        if any(part.ndim != 2 or part.shape[1] != values[0].shape[1] for part in values):
            return 4.0  # too small a corpus for folds with every class: a usual value
        decided, right = np.concatenate(values).astype(np.float32), np.concatenate(truth)
        picks = np.arange(len(right))
        return max(TEMPERATURES, key=lambda factor: float(np.log(softmax(decided * factor)[picks, right] + 1e-9).sum()))


def _svm(c: float, seed: int) -> LinearSVC:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=c, tol=1e-2, class_weight="balanced", random_state=seed)
