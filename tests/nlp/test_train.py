"""The exported arrays decide as scikit-learn does, and training the same twice gives the same."""

import numpy as np
from sklearn.svm import LinearSVC

from domain.catalogue import Catalogue
from nlp import train
from nlp.corpus import Sample
from nlp.model import Model
from nlp.tokenize import reference_cut, user_words


def _small(samples: list[Sample], catalogue: Catalogue) -> tuple[list[Sample], Model]:
    few = samples[::12]
    return few, train.train(few, catalogue)


def test_train__exported_intent_model__same_decisions_as_sklearn(samples: list[Sample], catalogue: Catalogue) -> None:
    few, model = _small(samples, catalogue)
    cut = reference_cut(user_words())
    rows = train.weighted(few, [train.message_row(sample, cut) for sample in few])
    kept = sorted(model.vocabulary, key=lambda word: model.vocabulary[word])
    assert kept == list(model.vocabulary)
    idf = np.sqrt(model.weights[:, -1])
    inputs = train.matrix(rows, model.vocabulary, idf)
    classifier = LinearSVC(C=train.INTENT_C, tol=1e-2, class_weight="balanced", random_state=train.SEED)
    classifier.fit(inputs, [row.label for row in rows], [row.weight for row in rows])
    ours = model.decide(model.sums([model.ids(row.features) for row in rows]))[:, model.head("intent")]
    assert tuple(classifier.classes_) == model.intents
    assert np.abs(ours - classifier.decision_function(inputs)).max() < 1e-2
    assert (ours.argmax(axis=1) == classifier.decision_function(inputs).argmax(axis=1)).mean() > 0.999


def test_train__same_samples_twice__same_model(samples: list[Sample], catalogue: Catalogue) -> None:
    first, second = _small(samples, catalogue)[1], _small(samples, catalogue)[1]
    assert np.array_equal(first.weights, second.weights)
    assert first.settings == second.settings
