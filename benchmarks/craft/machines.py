"""Machines to compare with the model's own, behind one call: fitted on answers per class, they score each class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp import train
from nlp.model import Array
from nlp.train import SEED

Flags = NDArray[np.bool_]
Score = Callable[[Any], Array]  #: rows of a matrix -> (rows, classes)
Fit = Callable[[Any, Flags, Array, float, bool], Score]  #: inputs, answers and weights (rows, classes), C, several
NEVER = -9.0  #: the score of a class with fewer than `LEAST` examples
LEAST = 3
BEST, HIDDEN, EPOCHS = 20_000, 64, 8  #: of the perceptron: features kept by chi2, width, passes
BAYES_ALPHA, LOGISTIC_C, LOGISTIC_STEPS = 0.1, 10.0, 30


def _each(make: Callable[[float], Any]) -> Fit:
    """One machine a class, against the rest."""

    def fit(inputs: Any, answers: Flags, weights: Array, c: float, _several: bool) -> Score:
        def machine(at: int) -> Any:
            enough = answers[:, at].sum() >= LEAST
            return make(c).fit(inputs, answers[:, at], weights[:, at]) if enough else None

        machines = [machine(at) for at in range(answers.shape[1])]
        return lambda new: np.stack([_decided(one, new) for one in machines], axis=1)

    return fit


def _decided(machine: Any, inputs: Any) -> Array:
    if machine is None:
        return np.full(inputs.shape[0], NEVER, np.float32)
    if hasattr(machine, "decision_function"):
        return np.asarray(machine.decision_function(inputs), np.float32)
    return np.asarray(machine.predict_proba(inputs)[:, 1], np.float32)


def _logistic(_c: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=LOGISTIC_C, max_iter=LOGISTIC_STEPS)


def _calibrated(c: float) -> Any:
    from sklearn.calibration import CalibratedClassifierCV

    return CalibratedClassifierCV(train._svm(c, SEED), method="sigmoid", cv=LEAST)


def _bayes(inputs: Any, answers: Flags, weights: Array, c: float, several: bool) -> Score:
    from sklearn.naive_bayes import ComplementNB

    if several:
        return _each(lambda _: ComplementNB(alpha=BAYES_ALPHA))(inputs, answers, weights, c, several)
    return _at_once(ComplementNB(alpha=BAYES_ALPHA), inputs, answers, weights, several)


def _perceptron(inputs: Any, answers: Flags, weights: Array, _c: float, several: bool) -> Score:
    from sklearn.feature_selection import SelectKBest, chi2
    from sklearn.neural_network import MLPClassifier

    best = SelectKBest(chi2, k=min(BEST, inputs.shape[1])).fit(inputs, answers)
    network = MLPClassifier((HIDDEN,), max_iter=EPOCHS, learning_rate_init=0.003, random_state=SEED)
    score = _at_once(network, best.transform(inputs), answers, weights, several)
    return lambda new: score(best.transform(new))


def _at_once(machine: Any, inputs: Any, answers: Flags, weights: Array, several: bool) -> Score:
    """One machine for all classes."""
    machine.fit(inputs, answers.astype(int) if several else answers.argmax(axis=1), sample_weight=weights[:, 0])
    columns = np.arange(answers.shape[1]) if several else machine.classes_

    def score(new: Any) -> Array:
        scores: Array = np.full((new.shape[0], answers.shape[1]), NEVER, np.float32)
        scores[:, columns] = machine.predict_proba(new)
        return scores

    return score


MACHINES: dict[str, Fit] = {
    "svm": _each(lambda c: train._svm(c, SEED)),
    "calibrated": _each(_calibrated),
    "logistic": _each(_logistic),
    "bayes": _bayes,
    "perceptron": _perceptron,
}
