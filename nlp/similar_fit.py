"""Fits and measures `nlp.similar` on labelled pairs: `python -m nlp.similar_fit` prints, `--write` keeps the weights.

Logistic regression on the numbers of `similar.evidence`. Ten parts by source text: pairs that share a text lie in one
part, so no text stands on both sides. The threshold is chosen on nine parts and used on the tenth.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from domain.catalogue import load_catalogue
from domain.errors import DataFileError, InputError
from nlp import similar
from nlp.corpus import load_corpus
from nlp.normalise import normalise
from nlp.similar import WEIGHTS, Told

PAIRS = Path(__file__).with_name("pairs") / "pairs.tsv"
LATER = PAIRS.with_name("later.tsv")  #: written when everything was fixed: only measured on
PARTS = 10
PRECISION = 0.92  #: aimed at on the nine parts, so that the tenth has 0.9
SEED = 7
ROUNDS = 2_000  #: of the bootstrap
KEPT_TERMS = 6_000  #: the most common n-grams and words whose rarity is written down
KEPT_CONTEXT = 120  #: weights written down per thing
STRENGTH = 1.0  #: inverse regularisation
#: Which way each number of `similar.evidence` may speak, in its order.
SIGNS = {
    "text_alone": 1,
    "swapped": -1,
    "facility": 1,
    "things_shared": 1,
    "things_some": 1,
    "things_likely": 1,
    "things_doubtful": 1,
    "lacks_shared": 1,
    "lacks_one_silent": -1,
    "place_shared": 1,
    "place_unlike": -1,
    "time": 1,
    "things_apart": -1,
    "lacks_apart": -1,
    "place_apart": -1,
    "spot_apart": -1,
    "refuses_apart": -1,
}


class Pair(NamedTuple):
    """One labelled pair."""

    same: bool
    place: str
    a: Told
    b: Told


class Measured(NamedTuple):
    """Precision, recall, F1 with 95 % intervals, each (low, value, high); by bootstrap over groups of pairs."""

    pairs: int
    same: int
    precision: tuple[float, float, float]
    recall: tuple[float, float, float]
    f1: tuple[float, float, float]
    average_precision: float
    wrong: list[tuple[float, Pair]]


def load_pairs(path: Path = PAIRS) -> list[Pair]:
    """All pairs of the file.

    Raises:
        DataFileError: a line is broken.
    """
    leaves = set(load_catalogue().leaves)
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = line.split("\t")
        label, place, days, leaf_a, leaf_b, text_a, text_b = columns if len(columns) == 7 else [""] * 7
        leaf_b = leaf_a if leaf_b == "=" else leaf_b
        known = label in ("same", "different") and place in ("here", "elsewhere") and days.isdigit()
        if not known or not {leaf_a, leaf_b} <= leaves or not text_a or not text_b:
            raise DataFileError(f"nlp/pairs/{path.name}", number, InputError("data.pair"))
        a = Told(2 * number, "here", leaf_a, text_a, 0)
        pairs.append(Pair(label == "same", place, a, Told(2 * number + 1, place, leaf_b, text_b, int(days))))
    return pairs


def groups(pairs: Sequence[Pair]) -> list[int]:
    """The group of each pair: pairs that share a text, directly or through others, have one."""
    owner: dict[str, str] = {}

    def root(text: str) -> str:
        while owner.setdefault(text, text) != text:
            text = owner[text]
        return text

    for pair in pairs:
        owner[root(pair.a.text)] = root(pair.b.text)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(pair.a.text), len(numbers)) for pair in pairs]


def measure(pairs: Sequence[Pair]) -> Measured:
    """Cross-validated figures at the threshold; pairs of two communities are left out, being no candidates."""
    pairs = [pair for pair in pairs if pair.place == "here"]
    found, truth = _table(pairs), np.array([pair.same for pair in pairs])
    group = np.array(groups(pairs))
    p, said = np.zeros(len(pairs)), np.zeros(len(pairs), dtype=bool)
    part = np.random.default_rng(SEED).permutation(group.max() + 1)[group] % PARTS
    for number in range(PARTS):
        rest = part != number
        model = _fit(found[rest], truth[rest])
        level = _level(_inner(found[rest], truth[rest], part[rest]), truth[rest])
        p[~rest] = model.p(found[~rest])
        said[~rest] = p[~rest] >= level
    from sklearn.metrics import average_precision_score

    chance = np.random.default_rng(SEED)
    rounds = []
    members = [np.flatnonzero(group == number) for number in range(group.max() + 1)]
    for _ in range(ROUNDS):
        drawn = np.concatenate([members[number] for number in chance.integers(0, len(members), len(members))])
        rounds.append(_figures(said[drawn], truth[drawn]))
    low, high = np.nanpercentile(np.array(rounds), [2.5, 97.5], axis=0)
    value = _figures(said, truth)
    precision, recall, f1 = ((float(low[index]), value[index], float(high[index])) for index in range(3))
    wrong = [(float(p[index]), pairs[index]) for index in np.flatnonzero(said != truth)]
    return Measured(
        len(pairs), int(truth.sum()), precision, recall, f1, float(average_precision_score(truth, p)), wrong
    )


def fit(pairs: Sequence[Pair]) -> dict[str, object]:
    """Weights learnt from all pairs, with the threshold of the cross-validation."""
    pairs = [pair for pair in pairs if pair.place == "here"]
    found, truth = _table(pairs), np.array([pair.same for pair in pairs])
    model = _fit(found, truth)
    group = np.array(groups(pairs))
    part = np.random.default_rng(SEED).permutation(group.max() + 1)[group] % PARTS
    names = list(similar.evidence(pairs[0].a, pairs[0].b))
    return {
        "bias": round(float(model.bias), 4),
        "weights": {name: round(float(weight), 4) for name, weight in zip(names, model.weights, strict=True)},
        "threshold": round(_level(_inner(found, truth, part), truth), 3),
    }


def rarity() -> dict[str, object]:
    """How rare n-grams and words are among the corpus's sentences: `idf`, and `rare` for all that are not listed."""
    counts: Counter[str] = Counter()
    samples = load_corpus(load_catalogue())
    for sample in samples:
        text = normalise(sample.text).text
        counts.update({*similar._grams(text), *similar._cut()(text)})
    kept = counts.most_common(KEPT_TERMS)
    idf = {term: round(math.log((1 + len(samples)) / (1 + count)) + 1, 2) for term, count in sorted(kept)}
    return {"idf": idf, "rare": round(math.log((1 + len(samples)) / (1 + kept[-1][1])) + 1, 2)}


def contexts() -> dict[str, dict[str, tuple[float, dict[str, float]]]]:
    """Facility -> thing -> bias and weights of `similar.context`, learnt from the corpus without labels of things.

    Sentences that name one thing of the table are its examples, once as they are and once without the word that named
    it, so that what stands around is learnt (weak labels, as in Ratner et al., Snorkel, 2017).
    """
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    examples: dict[str, list[tuple[str, str]]] = {}
    for leaf, text in _needs():
        named = similar._things(leaf, text)
        if len(named) == 1:
            ((thing, word),) = named.items()
            examples.setdefault(leaf, []).extend([(text, thing), (text.replace(word, " "), thing)])
    learnt: dict[str, dict[str, tuple[float, dict[str, float]]]] = {}
    for leaf, found in sorted(examples.items()):
        counts = Counter(thing for _, thing in found)
        if len(counts) == 1:
            learnt[leaf] = {thing: (0.0, {}) for thing in counts}
            continue
        seen = DictVectorizer()
        table = seen.fit_transform([dict.fromkeys(sorted(similar.context(text)), 1.0) for text, _ in found])
        things = sorted(counts)
        truth = [things.index(thing) for _, thing in found]
        model = LogisticRegression(C=0.3, max_iter=500).fit(table, truth)
        rows, biases = model.coef_, model.intercept_
        if len(things) == 2:
            rows, biases = np.vstack([-rows[0], rows[0]]) / 2, np.array([-biases[0], biases[0]]) / 2
        names = seen.get_feature_names_out()
        learnt[leaf] = {}
        for thing, row, bias in zip(things, rows, biases, strict=True):
            best = np.argsort(-np.abs(row), kind="stable")[:KEPT_CONTEXT]
            weights = {str(names[place]): round(float(row[place]), 2) for place in sorted(best)}
            learnt[leaf][thing] = (round(float(bias), 2), weights)
    return learnt


def _needs() -> list[tuple[str, str]]:
    """(facility, text) of the corpus's needs: short messages whole, of longer ones the marked part."""
    samples = load_corpus(load_catalogue())
    return [
        (span.leaf, normalise(sample.text if len(sample.text) <= 60 and len(sample.spans) == 1 else part).text)
        for sample in samples
        for span in sample.spans
        for part in [sample.text[span.start : span.end]]
    ]


def render(result: Measured) -> str:
    """The figures as text."""
    lines = [f"{result.pairs} pairs of one community, {result.same} of them the same; {PARTS} parts by source text"]
    for name, (low, value, high) in zip(("precision", "recall", "F1"), result[2:5], strict=True):
        lines.append(f"{name:<10} {value:.3f}   95 % {low:.3f} to {high:.3f}")
    lines.append(f"average precision {result.average_precision:.3f}")
    return "\n".join(lines)


def render_later(pairs: Sequence[Pair]) -> str:
    """The weights as they are, on pairs that were written after them: at the threshold, and where workers look."""
    found = [similar.compare(pair.a, pair.b) for pair in pairs]
    p = np.array([likeness.p if likeness else 0.0 for likeness in found])
    truth = np.array([pair.same for pair in pairs])
    lines = [f"{len(pairs)} pairs written later, {int(truth.sum())} of them the same"]
    for level in (similar.threshold(), similar.WORTH_A_LOOK):
        precision, recall, f1 = _figures(p >= level, truth)
        lines.append(f"p of {level:.2f} or more: precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}")
    return "\n".join(lines)


def _table(pairs: Sequence[Pair]) -> Any:
    return np.array([list(similar.evidence(pair.a, pair.b).values()) for pair in pairs])


class _Line(NamedTuple):
    """A logistic regression."""

    bias: float
    weights: Any

    def p(self, found: Any) -> Any:
        return 1 / (1 + np.exp(-(self.bias + found @ self.weights)))


def _fit(found: Any, truth: Any) -> _Line:
    """Logistic regression with the signs of `SIGNS`, by bounded L-BFGS.

    Without them the regression learns how the pairs were thought up (different pairs are often one sentence with one
    word changed) and would take likeness of text as a sign against.
    """
    from scipy.optimize import minimize

    side = np.where(truth, 1.0, -1.0)

    def loss(line: Any) -> tuple[float, Any]:
        margin = side * (line[0] + found @ line[1:])
        pull = -side / (1 + np.exp(margin))
        value = np.logaddexp(0, -margin).sum() + (line[1:] ** 2).sum() / (2 * STRENGTH)
        return float(value), np.concatenate([[pull.sum()], found.T @ pull + line[1:] / STRENGTH])

    bounds = [(None, None), *((0, None) if sign > 0 else (None, 0) for sign in SIGNS.values())]
    found_line = minimize(loss, np.zeros(found.shape[1] + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    return _Line(float(found_line[0]), found_line[1:])


def _inner(found: Any, truth: Any, part: Any) -> Any:
    """Probabilities of pairs that were not learnt from, for choosing the threshold."""
    p = np.zeros(len(truth))
    for number in np.unique(part):
        p[part == number] = _fit(found[part != number], truth[part != number]).p(found[part == number])
    return p


def _level(p: Any, truth: Any) -> float:
    """The lowest threshold with the precision aimed at, the one with the best F1 if there is none."""
    levels = np.arange(0.2, 0.95, 0.005)
    figures = [_figures(p >= level, truth) for level in levels]
    good = [float(level) for level, (precision, _, _) in zip(levels, figures, strict=True) if precision >= PRECISION]
    return good[0] if good else float(levels[int(np.nanargmax([f1 for _, _, f1 in figures]))])


def _figures(said: Any, truth: Any) -> tuple[float, float, float]:
    right = float((said & truth).sum())
    precision, recall = right / max(float(said.sum()), 1.0), right / max(float(truth.sum()), 1.0)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def main(arguments: Sequence[str]) -> None:
    """Prints the figures; `--write` makes nlp/similar.json anew, `--errors` lists the pairs judged wrong."""
    if "--write" in arguments:
        kept = {
            "made_by": "python -m nlp.similar_fit --write",
            "bias": 0.0,
            "weights": {},
            "threshold": 0.5,
            "things": {},
        } | rarity()
        kept |= {"things": contexts()}
        _write(kept)  # first what the numbers fitted next rest on
        _write(kept | fit(load_pairs()))
    result = measure(load_pairs())
    print(render(result))
    print(render_later(load_pairs(LATER)))
    if "--errors" in arguments:
        for p, pair in sorted(result.wrong, key=lambda one: one[1].same):
            print(f"{'same' if pair.same else 'different'}\t{p:.2f}\t{pair.a.leaf}\t{pair.a.text}\t{pair.b.text}")


def _write(kept: dict[str, object]) -> None:
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in kept.items()]
    WEIGHTS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    similar._weights.cache_clear()


if __name__ == "__main__":
    main(sys.argv[1:])
