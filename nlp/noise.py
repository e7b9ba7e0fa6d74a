"""Labels that are probably wrong: a reader that has not seen their writer is sure of something else.

Confident learning: a class counts as believed when its probability reaches the mean that class has where it is the
label, so that classes the reader is seldom sure of are not drowned by those it always is. Source: Northcutt, Jiang and
Chuang, Confident Learning, JAIR 70 (2021), section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from domain.catalogue import Catalogue
from nlp import tokenize
from nlp.batches import batches
from nlp.corpus import Sample
from nlp.crossfit import writer_folds
from nlp.mentions import chance
from nlp.model import Array, Model, softmax
from nlp.reader import NONE
from nlp.train import SEED, assemble, message_row, prepare


class Suspect(NamedTuple):
    """A label in doubt. `place`: the sample's position in what was given."""

    place: int
    what: str  #: facility, intent
    label: str
    label_p: float
    instead: str
    instead_p: float


def suspects(samples: Sequence[Sample], catalogue: Catalogue) -> list[Suspect]:
    """The samples whose held-out reading confidently disagrees with their facility or intent, the surest first.

    Messages about several facilities are left out of the facilities: they have no one right answer.
    """
    leaves, intents = _held_out_chances(samples, catalogue)
    found = _suspects("facility", [_leaf(sample) for sample in samples], *leaves)
    found += _suspects("intent", [sample.intent for sample in samples], *intents)
    return sorted(found, key=lambda one: (one.label_p - one.instead_p, one.place, one.what))


def alike_together(samples: Sequence[Sample]) -> list[Sample]:
    """These samples with nearly the same words given to one writer, so that they are held out together.

    Labels given to many by one tap are wrong together: those that were learnt would confirm the one that is read.
    """
    found = list(samples)
    groups = batches([sample.text for sample in samples], [_leaf(sample) or sample.intent for sample in samples])
    for group in groups:
        for place in group:
            found[place] = found[place]._replace(writer=samples[group[0]].writer)
    return found


def confident_disagreements(labels: Sequence[int], chances: Array) -> list[tuple[int, int]]:
    """(row, class believed instead) for every row whose believed class is not its label.

    Args:
        labels: class of each row; -1 where there is none.
        chances: (n rows, n classes), from a model that has not seen the row.
    """
    given = np.asarray(labels)
    counts = [int((given == one).sum()) for one in range(chances.shape[1])]
    thresholds = np.array([chances[given == one, one].mean() if n else np.inf for one, n in enumerate(counts)])
    believed = np.where(chances >= thresholds, chances, -1.0)
    best = believed.argmax(axis=1)
    wrong = (given >= 0) & (believed.max(axis=1) >= 0) & (best != given)
    return [(int(row), int(best[row])) for row in np.flatnonzero(wrong)]


def _suspects(what: str, labels: Sequence[str | None], classes: Sequence[str], chances: Array) -> list[Suspect]:
    places = {name: place for place, name in enumerate(classes)}
    read = chances.sum(axis=1) > 0  # the catalogue's own examples are in no fold
    given = [places[label] if label is not None and read[row] else -1 for row, label in enumerate(labels)]
    return [
        Suspect(
            place=row,
            what=what,
            label=classes[given[row]],
            label_p=float(chances[row, given[row]]),
            instead=classes[instead],
            instead_p=float(chances[row, instead]),
        )
        for row, instead in confident_disagreements(given, chances)
    ]


def _leaf(sample: Sample) -> str | None:
    leaves = {span.leaf for span in sample.spans}
    if not leaves:
        return NONE if sample.intent != "unclear" else None
    return leaves.pop() if len(leaves) == 1 else None


_Chances = tuple[tuple[str, ...], Array]


def _held_out_chances(samples: Sequence[Sample], catalogue: Catalogue) -> tuple[_Chances, _Chances]:
    """Classes and probabilities of facilities and of intents, each sample read without its writer's sentences."""
    prepared = prepare(samples, catalogue)
    cut = tokenize.serving_cut(prepared.dictionary)
    rows = [message_row(sample, cut).features for sample in samples]
    nature = prepared.heads[2].fit((), SEED)
    parts: list[tuple[list[int], Model]] = []
    for fold in writer_folds(samples):
        leaf, intent = (head.fit(fold, SEED) for head in prepared.heads[:2])
        places = [place for place, sample in enumerate(samples) if sample.writer in fold]
        parts.append((places, assemble(prepared, leaf, intent, nature)))
    return _chances("leaf", rows, parts), _chances("intent", rows, parts)


def _chances(head: str, rows: Sequence[Sequence[str]], parts: Sequence[tuple[list[int], Model]]) -> _Chances:
    names = [model.leaves if head == "leaf" else model.intents for _, model in parts]
    classes = tuple(sorted({NONE}.union(*names)))
    chances: Array = np.zeros((len(rows), len(classes)), np.float32)
    for (places, model), known in zip(parts, names, strict=True):
        decided = model.decide(model.sums([model.ids(rows[place]) for place in places]))[:, model.head(head)]
        columns = [classes.index(name) for name in known]
        settings = model.settings
        if head == "intent":
            chances[np.ix_(places, columns)] = softmax(decided * settings["intent_temperature"])
        else:
            said = chance(decided, settings["leaf_slope"], settings["leaf_shift"])
            chances[np.ix_(places, columns)] = said
            chances[places, classes.index(NONE)] = 1 - said.max(axis=1)
    return classes, chances
