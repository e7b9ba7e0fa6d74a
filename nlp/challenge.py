"""A challenger from the corpus and the site's judgements, held against the champion: promoted, or refused and why.

The challenger that is judged has not learnt the held-out judgements. Once promoted, the model is trained again with
them, and the judged one stays as its twin (`nlp.champion`). Imports scikit-learn when it trains.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from domain.catalogue import load_catalogue
from domain.judgement import Judgement
from nlp import champion, corpus, site, versions
from nlp.compare import ENOUGH_LABELS, Compared, Verdict, compare, decide, truth_of
from nlp.corpus import Sample
from nlp.evaluate import CHAT
from nlp.model import Model, save
from nlp.reader import FORMAT, Reader, corpus_model, model_version


class Outcome(NamedTuple):
    """How a challenger was judged."""

    version: str
    champion: str
    verdict: Verdict
    labels: dict[str, int]
    test: Compared | None = None
    site: Compared | None = None
    twin: Model | None = None  #: the challenger as it was judged; None when none was trained


def challenge(
    judgements: Sequence[Judgement],
    data_dir: Path,
    folder: Path = corpus.FOLDER,
    testset: Path = CHAT,
    rolled_back: frozenset[str] = frozenset(),
) -> Outcome:
    """Trains a challenger of these judgements and compares it with the champion. Stores nothing but the corpus's model.

    Args:
        rolled_back: versions somebody went back from: not promoted again.

    Raises:
        DataFileError: a corpus or test file is broken.
    """
    chosen = champion.find(data_dir, versions.fits_version(FORMAT))
    reigning = chosen or corpus_model(data_dir, folder)
    version = challenger_version(judgements, folder)
    known = Outcome(version, reigning.version, Verdict(False, "", {}), site.by_source(judgements))
    if len(judgements) < ENOUGH_LABELS:
        return known._replace(verdict=Verdict(False, "too_few", {"n": len(judgements), "needed": ENOUGH_LABELS}))
    if version == reigning.version:
        return known._replace(verdict=Verdict(False, "nothing_new", {"version": version}))
    if version in rolled_back:
        return known._replace(verdict=Verdict(False, "rolled_back", {"version": version}))
    learnt = [one for one in judgements if not site.is_held_out(one.message_id)]
    held_out = [one for one in judgements if site.is_held_out(one.message_id)]
    twin = _train(site.samples(learnt), folder, version + champion.TWIN)
    old = Reader(champion.find_twin(data_dir, chosen) if chosen else reigning)
    new = Reader(twin)
    tested = _test_truths(testset)
    on_test = _compare(tested, old, new) if tested is not None else None
    on_site = _compare(site.truths(held_out), old, new)
    return known._replace(verdict=decide(on_test, on_site), test=on_test, site=on_site, twin=twin)


def promote(outcome: Outcome, judgements: Sequence[Judgement], data_dir: Path, folder: Path = corpus.FOLDER) -> Model:
    """Trains the model of all judgements, stores it with its twin, and returns it; `champion.choose` makes it read."""
    assert outcome.twin is not None
    model = _train(site.samples(judgements), folder, outcome.version)
    save(outcome.twin, champion.place(data_dir, outcome.twin.version))
    save(model, champion.place(data_dir, model.version))
    return model


def challenger_version(judgements: Sequence[Judgement], folder: Path = corpus.FOLDER) -> str:
    """What a challenger depends on, as a hash: all the corpus's model does, and what the judgements teach."""
    taught = "\n".join(map(repr, sorted(site.samples(judgements))))
    return hashlib.sha256(f"{model_version(folder)}\n{taught}".encode()).hexdigest()[: versions.LENGTH]


def _train(taught: Sequence[Sample], folder: Path, version: str) -> Model:
    from nlp.crossfit import train_measured

    catalogue = load_catalogue()
    samples = corpus.load_corpus(catalogue, folder) + corpus.catalogue_samples(catalogue) + list(taught)
    return versions.stamped(train_measured(samples, catalogue, version), folder, FORMAT)


def _test_truths(testset: Path) -> list[site.Truth] | None:
    if not testset.is_file():
        return None
    return [truth_of(sample) for sample in corpus.load_file(load_catalogue(), testset)]


def _compare(truths: Sequence[site.Truth], old: Reader, new: Reader) -> Compared:
    texts = [truth.text for truth in truths]
    return compare(truths, old.read_many(texts), new.read_many(texts))
