"""The exported arrays decide as scikit-learn does, and training the same twice gives the same."""

import numpy as np
from sklearn.svm import LinearSVC

from domain.catalogue import Catalogue
from nlp import augment, train
from nlp.corpus import Sample
from nlp.model import Model


def _small(samples: list[Sample], catalogue: Catalogue) -> tuple[list[Sample], Model]:
    few = samples[::40]
    return few, train.train(few, catalogue)


def test_train__exported_model__same_decisions_as_sklearn(samples: list[Sample], catalogue: Catalogue) -> None:
    few, model = _small(samples, catalogue)
    prepared = train.prepare(few, catalogue)
    assert list(prepared.vocabulary) == list(model.vocabulary)
    for name, head in zip(("leaf", "intent"), prepared.heads, strict=False):
        classes = model.leaves if name == "leaf" else model.intents
        rows = head.rows[::7]
        ours = model.decide(model.sums([model.ids(row.features) for row in rows]))[:, model.head(name)]
        for wanted in classes[::9]:
            answers = [wanted in row.labels for row in head.rows]
            machine = LinearSVC(C=head.c, tol=1e-2, random_state=train.SEED)
            machine.fit(head.inputs, answers, [row.weight for row in head.rows])
            theirs = machine.decision_function(head.inputs[::7])
            assert np.abs(ours[:, classes.index(wanted)] - theirs).max() < 1e-2


def test_with_noise__letters__copied_with_what_they_mean_and_chat_left_alone(samples: list[Sample]) -> None:
    few = samples[::50]
    letters = [sample for sample in few if sample.register in ("letter", "note")]
    shared, copies = augment.with_noise(few, 1)
    assert len(copies) == augment.COPIES * len(letters)
    assert [one.text for one in shared] == [one.text for one in few]
    core = [letter.text.rstrip("。.!！")[-12:] for letter in letters]
    kept = sum(words in copy.text for words, copy in zip(core, copies, strict=False))
    assert kept > 0.9 * len(letters)
    assert [one.intent for one in copies] == [one.intent for one in letters] * augment.COPIES
    assert abs(sum(one.weight for one in (*shared, *copies)) - len(few)) < 1e-6
    assert augment.with_noise(few, 1) == (shared, copies)


def test_train__same_samples_twice__same_model(samples: list[Sample], catalogue: Catalogue) -> None:
    first, second = _small(samples, catalogue)[1], _small(samples, catalogue)[1]
    assert np.array_equal(first.weights, second.weights)
    assert first.settings == second.settings
