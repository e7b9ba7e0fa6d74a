"""Labels in doubt are found; sound ones are left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from domain.catalogue import Catalogue
from nlp.corpus import catalogue_samples, load_corpus
from nlp.noise import alike_together, confident_disagreements, suspects
from nlp.site import samples as as_samples
from tests.corpora import a_small_corpus, judged


def test_disagreements__by_hand__thresholds_are_per_class() -> None:
    """Class 0 is always believed at 0.9, class 1 seldom above 0.4: 0.45 for class 1 is much, 0.6 for class 0 little."""
    chances = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.55, 0.45], [0.95, 0.05], [0.52, 0.48]], np.float32)
    labels = [0, 0, 1, 1, 1, 0]
    found = confident_disagreements(labels, chances)
    assert found == [(4, 0), (5, 1)]


def test_disagreements__no_label__is_never_wrong() -> None:
    assert confident_disagreements([-1, 0], np.array([[0.1, 0.9], [0.8, 0.2]], np.float32)) == []


def test_suspects__planted_wrong_labels__are_found(tmp_path: Path, catalogue: Catalogue) -> None:
    """Every fourth plea for parking is called a pharmacy."""
    everything = load_corpus(catalogue, a_small_corpus(tmp_path / "few", 12))
    parking = [
        place for place, sample in enumerate(everything) if {one.leaf for one in sample.spans} == {"car_parking"}
    ]
    planted = parking[::4]
    for place in planted:
        spans = tuple(span._replace(leaf="pharmacy") for span in everything[place].spans)
        everything[place] = everything[place]._replace(spans=spans)
    found = [one for one in suspects(everything, catalogue) if one.what == "facility"]
    hits = [one for one in found if one.place in planted]
    assert len(hits) >= 0.6 * len(planted)
    assert all((one.label, one.label_p < one.instead_p) == ("pharmacy", True) for one in hits)
    assert len(found) < 0.25 * len(everything), "a list to look through, not the corpus again"


def test_suspects__many_labelled_wrong_by_one_tap__are_all_found(tmp_path: Path, catalogue: Catalogue) -> None:
    """Learnt from, one would confirm the other; held out together they do not."""
    wrong = as_samples(judged([f"{number}号楼没有车位，停车难" for number in range(6)], "pharmacy"))
    everything = [*alike_together(wrong), *load_corpus(catalogue, a_small_corpus(tmp_path / "few", 12))]
    found = [one for one in suspects(everything, catalogue) if one.what == "facility" and one.place < len(wrong)]
    assert {one.place for one in found} == set(range(6))
    assert {one.instead for one in found} == {"car_parking"}


def test_suspects__catalogue_examples__are_in_no_fold_and_lower_no_threshold(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    corpus = load_corpus(catalogue, a_small_corpus(tmp_path / "few"))
    found = suspects([*corpus, *catalogue_samples(catalogue)], catalogue)
    assert all(one.place < len(corpus) for one in found)
