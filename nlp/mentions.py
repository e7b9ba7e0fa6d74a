"""Which facilities a message is about and where: from decision values of its clauses and of the whole to stretches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nlp.model import Array

MAX_MENTIONS = 3
FAR = np.float32(40)  #: log-odds beyond which nothing is more or less sure
#: How much the whole message counts beside a clause of it.
CONTEXT = 0.5
NEARBY = 0.2  #: the same when it is asked where a facility stands
#: Per register (chat, letter): a facility is mentioned if the whole message, or a clause of it, speaks for it with this
#: probability. In letters a clause alone is often a place name.
WHOLE = {False: 0.40, True: 0.30}
CLAUSE = {False: 0.42, True: 0.60}
#: The same of a facility beside the main one, in letters that ask for nothing: they name much on the way.
FURTHER = 0.60
#: A facility is none beside the best one if it is this much less probable.
BESIDE = 0.25
#: A clause belongs to a facility from this probability on, if it is not another's.
SPEAKING = 0.12
#: A clause belongs to the stretch of a facility if it speaks for it at least by this share of its clearest clause.
LOCAL = 0.7
#: The best facility of a message whose intent needs one is named even if it is doubtful.
DOUBTFUL = 0.05


class Stretch(NamedTuple):
    """A facility, how probable it is, and the first and last row of the clauses that speak of it."""

    p: float
    leaf: int
    first: int
    last: int


class Scores(NamedTuple):
    """Facilities of a batch, row by row: the clauses of each message, then the message itself."""

    about: Array  #: (rows, facilities) probabilities, each clause read in the context of its message
    decided: Array  #: (rows, facilities) decision values
    slope: float  #: of log-odds over decision values
    shift: float

    @classmethod
    def of(
        cls, decided: Array, own: NDArray[np.int64], counts: NDArray[np.int64], slope: float, shift: float
    ) -> Scores:
        """From decision values (rows, facilities); `own`: the rows of the messages, `counts`: their clauses."""
        messages = own.repeat(counts + 1)
        context = np.where(counts > 1, np.float32(CONTEXT), np.float32(1)).repeat(counts + 1)[:, None]
        about = decided + context * (decided[messages] - decided)
        return cls(chance(about, slope, shift), decided, slope, shift)

    def alone(self, rows: Sequence[int], own: int, leaves: Sequence[int] | slice = slice(None)) -> Array:
        """Probabilities of some clauses with less of the context of their message `own`: where a facility stands."""
        clauses = self.decided[rows][:, leaves]
        message = self.decided[own][leaves]
        return chance(clauses + np.float32(NEARBY) * (message - clauses), self.slope, self.shift)


def chance(decided: Array, slope: float, shift: float) -> Array:
    """Decision values as probabilities, each by itself."""
    odds = np.minimum(np.maximum(decided * np.float32(slope) + np.float32(shift), -FAR), FAR)
    p: Array = 1 / (1 + np.exp(-odds))
    return p


def stretches(
    scores: Scores, first: int, own: int, silent: set[int], *, is_letter: bool, needed: bool, asked: bool
) -> list[Stretch]:
    """What a message mentions, its main facility first.

    Args:
        first, own: row of its first clause; row of the whole message, which comes after its last clause.
        silent: rows of clauses that name a facility without meaning it.
        needed: whether the message must be about a facility.
        asked: whether it asks for facilities.
    """
    rows = [row for row in range(first, own) if row not in silent]
    if not rows:
        return []
    part = scores.about[first : own + 1]
    whole, clauses = part[-1], part[[row - first for row in rows]]
    highest = clauses.max(axis=0)
    limit = WHOLE[is_letter], CLAUSE[is_letter]
    if silent:  # a facility said most clearly where it is not meant is not meant elsewhere either
        clearest = scores.alone(range(first, own), own).argmax(axis=0) + first
        unmeant = np.isin(clearest, list(silent))
        whole, highest = np.where(unmeant, np.float32(0), whole), np.where(unmeant, np.float32(0), highest)
    said = np.flatnonzero(((whole >= limit[0]) & (highest >= SPEAKING)) | (highest >= limit[1]))
    strength = np.maximum(whole, highest) if not is_letter else whole
    if not len(said):
        best = int(np.argmax(strength + highest))
        if not needed or strength[best] < DOUBTFUL:
            return []
        said = np.array([best])
    ranked = said[np.argsort(-(whole[said] + 0.25 * highest[said]))][:MAX_MENTIONS]
    least = max(BESIDE * float(strength[ranked].max()), FURTHER if is_letter and not asked else 0.0)
    chosen = [leaf for place, leaf in enumerate(ranked.tolist()) if place == 0 or strength[leaf] >= least]
    if len(rows) == 1:
        return [Stretch(float(strength[leaf]), leaf, rows[0], rows[0]) for leaf in chosen]
    alone = scores.alone(rows, own, chosen).T.tolist()
    return [_place(leaf, float(strength[leaf]), rows, alone, at) for at, leaf in enumerate(chosen)]


def _place(leaf: int, p: float, rows: Sequence[int], alone: Sequence[Sequence[float]], at: int) -> Stretch:
    """The run of clauses that speaks most of one of the chosen facilities, that `at` this place.

    `alone`: how probable each chosen facility is in each of these rows.
    """
    own = alone[at]
    least = LOCAL * max(own)
    speaks = [p >= least and p >= max(others) for p, others in zip(own, zip(*alone, strict=True), strict=True)]
    best = max(range(len(rows)), key=lambda place: own[place] if speaks[place] else own[place] - 1)
    first = last = best
    while first > 0 and speaks[first - 1] and rows[first - 1] == rows[first] - 1:
        first -= 1
    while last + 1 < len(rows) and speaks[last + 1] and rows[last + 1] == rows[last] + 1:
        last += 1
    return Stretch(p, leaf, rows[first], rows[last])
