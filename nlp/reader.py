"""Reads messages: intent, facilities with spans and natures, emergency, masked text. Serving: numpy and rjieba."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from domain.catalogue.loader import FOLDER as CATALOGUE
from domain.reading import Mention, Reading
from nlp import champion, clauses, corpus, emergency, features, mask, rules, tokenize, versions
from nlp.model import Array, Damaged, Model, load, save, softmax
from nlp.normalise import Normal, normalise

log = logging.getLogger(__name__)

LIMIT = 4096  #: characters read of a message; what comes after is ignored
FORMAT = 2  #: of the stored model
BATCH = 256  #: messages scored at once
MAX_MENTIONS = 3
OTHERS = 3  #: facilities offered beside a mention
NONE = "none"
CARRIES_NONE = frozenset(
    "greeting_chitchat data_rights human_handoff bot_feedback unclear out_of_scope spam_abuse emergency".split()
)
CARRIES_ONE = frozenset({"need_report", "fault_report", "objection"})
#: What a message about no facility can be, once it is no danger.
CAN_BE_BARE = (CARRIES_NONE - {"emergency"}) | {
    "service_complaint",
    "suggestion",
    "policy_question",
    "progress_question",
    "thanks",
}
# CONTEXT, ABOUT_NONE, SAFE and SEEN were chosen by trials on the corpus, every writer read by a model that has not
# seen that writer (nlp/crossfit.py), chat and letters looked at apart; differences near the best are small.
#: A facility named as clearly as this makes a need of a few words that say something is lacking.
NAMED = 0.6
CHARGING = ("ev_charging", "ebike_parking_charging")
#: How much the whole message counts beside a clause of it: facility F1 in chat is 0.73 at 0.4, 0.76 at 0.6, 0.77 at
#: 0.8; above 0.6 the second need of a message is heard too seldom.
CONTEXT = 0.6
#: A facility is mentioned from this probability on, and if it is not far below the best one. First facilities come out
#: the same from 0.2 to 0.5; higher values of both have a better F1 and miss more second needs. Set by judgement.
MENTIONED, BESIDE = 0.3, 0.35
#: A message that is about no facility with more than this probability is no need; in chat, and in letters. The best
#: share of right first facilities, "none" included; it costs 3 % of needs.
ABOUT_NONE = {False: 0.6, True: 0.1}
#: A clause belongs to a mention if it alone speaks for the facility with this probability. Set by judgement.
SPEAKING = 0.15
#: Loosely worded dangers are none if the model gives danger less than this; without a rule, danger is believed from
#: `SEEN` on. Together: the most dangers recognised with about two false alarms in a thousand.
SAFE, SEEN = 0.001, 0.9
#: The best facility of a message whose intent needs one is named even if it is doubtful. Set by judgement.
DOUBTFUL = 0.08


class _Parsed(NamedTuple):
    normal: Normal
    spans: list[tuple[int, int]]
    first: int  #: row of its first clause; the message's own row comes after its clauses


#: Probability, facility, first and last row of the clauses that mention it.
_Stretch = tuple[float, int, int, int]


class _Scores(NamedTuple):
    """Of a batch, row by row: the clauses of each message, then the message itself."""

    about: list[list[float]]  #: probabilities of the facilities, each clause read in the context of its message
    alone: Array  #: logits of the facilities of each clause read by itself
    tops: list[int]  #: the likeliest facility
    none: list[float]  #: the probability of no facility
    natures: Array  #: decision values
    nature: list[int]  #: the likeliest
    intents: list[list[float]]  #: probabilities, one row a message


class Reader:
    """Understands messages, a batch at a time. Holds no state between batches; safe to call from one thread."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._cut = tokenize.serving_cut(model.dictionary)
        self._none = model.leaves.index(NONE)
        self._leaf, self._intent, self._nature = map(model.head, ("leaf", "intent", "nature"))
        self._danger = model.intents.index("emergency")
        self._bare = [index for index, intent in enumerate(model.intents) if intent in CAN_BE_BARE]
        self._maps = {
            (head, formal, first): belief(model.settings, head, formal, first)
            for head in ("intent", "leaf")
            for formal in (False, True)
            for first in (False, True)
        }

    @classmethod
    def open(cls, data_dir: Path | None = None, folder: Path = corpus.FOLDER) -> Reader:
        """The reader with the champion of `<data_dir>/models`, or else with the model of today's corpus.

        Raises:
            DataFileError: a corpus file is broken.
        """
        chosen = champion.find(data_dir, versions.fits_version(FORMAT)) if data_dir is not None else None
        return cls(chosen or corpus_model(data_dir, folder))

    def read(self, text: str) -> Reading:
        """One message read; see `read_many`."""
        return self.read_many([text])[0]

    def read_many(self, texts: Sequence[str]) -> list[Reading]:
        """What each text means; never raises, whatever the text. Only its first 4,096 characters are read."""
        readings: list[Reading] = []
        for start in range(0, len(texts), BATCH):
            readings.extend(self._read_batch([text[:LIMIT] for text in texts[start : start + BATCH]]))
        return readings

    def _read_batch(self, texts: Sequence[str]) -> list[Reading]:
        rows: list[list[int]] = []
        parsed = [self._parse(text, rows) for text in texts]
        scores = self._score(rows, parsed)
        return [self._reading(*one, scores) for one in zip(texts, parsed, scores.intents, strict=True)]

    def _parse(self, text: str, rows: list[list[int]]) -> _Parsed:
        normal = normalise(text)
        spans = clauses.split(normal.text)
        first = len(rows)
        ids, known, cut = self.model.ids, normal.text, self._cut
        for start, end in spans:
            rows.append(ids(features.clause_features(known[start:end], cut)))
        rows.append(ids(features.message_features(known, spans)))
        return _Parsed(normal, spans, first)

    def _score(self, rows: list[list[int]], parsed: Sequence[_Parsed]) -> _Scores:
        """All probabilities of a batch at once; a message's own row sums up its clauses and what only it shows."""
        settings = self.model.settings
        starts = np.array([message.first for message in parsed])
        counts = np.array([len(message.spans) for message in parsed])
        own = starts + counts
        sums = self.model.sums(rows)
        sums[own] = np.add.reduceat(sums, starts, axis=0)
        decided = self.model.decide(sums)
        leaves = decided[:, self._leaf] * settings["leaf_temperature"]
        context = np.repeat(np.where(counts > 1, np.float32(CONTEXT), np.float32(0)), counts + 1)[:, None]
        mixed = leaves + context * (np.repeat(leaves[own], counts + 1, axis=0) - leaves)
        about = softmax(mixed)
        return _Scores(
            about=about.tolist(),
            none=about[:, self._none].tolist(),
            alone=leaves,
            tops=mixed.argmax(axis=1).tolist(),
            natures=decided[:, self._nature],
            nature=decided[:, self._nature].argmax(axis=1).tolist(),
            intents=softmax(decided[own, self._intent] * settings["intent_temperature"]).tolist(),
        )

    def _reading(self, text: str, message: _Parsed, chances: list[float], scores: _Scores) -> Reading:
        known = message.normal.text
        masked = mask.mask(text, known if message.normal.origin is None else None)
        kind = self._danger_in(known, chances[self._danger])
        if kind is not None:
            return Reading("emergency", 1.0, (), kind, masked, self.model.version)
        chances[self._danger] = 0.0
        p = max(chances)
        intent = self.model.intents[chances.index(p)]
        if not message.spans:
            intent, p = "unclear", 1.0
        formal = rules.is_letter(known)
        limit = ABOUT_NONE[formal]
        found = [] if intent in CARRIES_NONE else self._stretches(message, scores, intent in CARRIES_ONE)
        if intent == "unclear" and rules.lacks(known):
            found = [one for one in self._stretches(message, scores, True) if one[0] >= NAMED]
            intent, p = ("need_report", NAMED) if found else (intent, p)
        if intent == "need_report" and rules.is_bare_charging(known):
            found = [one for one in found if self.model.leaves[one[1]] not in CHARGING]
            intent, p = (intent, p) if found else ("unclear", max(p, NAMED))
        if intent == "need_report" and (not found or scores.none[message.first + len(message.spans)] > limit):
            found, best = [], max(self._bare, key=chances.__getitem__)
            intent, p = self.model.intents[best], chances[best]
        mentions = tuple(
            self._mention(message, scores, stretch, intent == "need_report", self._maps["leaf", formal, place == 0])
            for place, stretch in enumerate(found)
        )
        p = believable(p, *self._maps["intent", formal, True])
        return Reading(intent, p, mentions, None, masked, self.model.version)

    def _danger_in(self, known: str, p: float) -> str | None:
        """The kind of danger that a rule finds, or the model alone if it is very sure."""
        kind = emergency.find(known)
        if kind is not None and (kind not in emergency.LOOSE or p >= SAFE):
            return kind
        return emergency.kind_of_danger(known) if p >= SEEN and len(known) <= emergency.LONG else None

    def _stretches(self, message: _Parsed, scores: _Scores, needed: bool) -> list[_Stretch]:
        """What the clauses mention, as (probability, facility, first row, last row); the message's main one first."""
        if not message.spans:
            return []
        first, own = message.first, message.first + len(message.spans)
        enough = self._enough(message)
        best: dict[int, _Stretch] = {}
        start, last_leaf = first, -1
        for row in range(first, own):
            leaf = scores.tops[row] if row not in enough else self._none
            p = scores.about[row][leaf]
            if leaf != last_leaf:
                start, last_leaf, highest = row, leaf, p
            highest = max(p, highest)
            if leaf != self._none and highest > best.get(leaf, (0.0,))[0]:
                best[leaf] = (highest, leaf, start, row)
        found = sorted((one for one in best.values() if one[0] >= MENTIONED), reverse=True)[:MAX_MENTIONS]
        found = [one for one in found if one[0] >= BESIDE * found[0][0]]
        whole = scores.about[own]
        if needed:
            self._add_main(found, [row for row in range(first, own) if row not in enough], scores.about, whole)
        if len(found) > 1:
            found.sort(key=lambda one: -whole[one[1]])
        return found[:MAX_MENTIONS]

    def _enough(self, message: _Parsed) -> set[int]:
        """The rows of the clauses that say there is enough."""
        known = message.normal.text
        if not rules.is_enough(known):
            return set()
        return {message.first + i for i, (start, end) in enumerate(message.spans) if rules.is_enough(known[start:end])}

    def _add_main(self, found: list[_Stretch], rows: list[int], about: list[list[float]], whole: list[float]) -> None:
        """Adds the facility the message as a whole is most likely about, at the clause where it stands out most."""
        whole[self._none] = 0.0  # it has to be about something
        p = max(whole)
        leaf = whole.index(p)
        if not rows or any(one[1] == leaf for one in found) or (found and p < MENTIONED):
            return
        row = max(rows, key=lambda one: about[one][leaf])
        if about[row][leaf] >= DOUBTFUL:
            found.append((about[row][leaf], leaf, row, row))

    def _mention(
        self, message: _Parsed, scores: _Scores, stretch: _Stretch, is_need: bool, believed: tuple[float, float]
    ) -> Mention:
        p, leaf, first, last = stretch
        about, peak = scores.about, first
        if first < last:
            speaking = self._speaking(scores, leaf, first, last)
            first, last = speaking[0], speaking[-1]
            peak = max(range(first, last + 1), key=lambda row: about[row][leaf])
        spans = message.spans
        place = spans[first - message.first][0], spans[last - message.first][1]
        start, end = message.normal.span(*place)
        return Mention(
            leaf=self.model.leaves[leaf],
            p=believable(p, *believed),
            start=start,
            end=end,
            nature=self._nature_of(scores, message.normal.text[slice(*place)], first, last) if is_need else "unknown",
            others=self._others(about[peak][:], leaf),
        )

    def _others(self, chances: list[float], leaf: int) -> tuple[str, ...]:
        """The next best facilities, best first."""
        chances[leaf] = chances[self._none] = -1.0
        others = []
        for _ in range(OTHERS):
            best = chances.index(max(chances))
            chances[best] = -1.0
            others.append(self.model.leaves[best])
        return tuple(others)

    def _speaking(self, scores: _Scores, leaf: int, first: int, last: int) -> list[int]:
        """The rows of a stretch that say something of the facility by themselves."""
        alone = softmax(scores.alone[first : last + 1])[:, leaf]
        return (np.flatnonzero(alone >= min(SPEAKING, float(alone.max()))) + first).tolist()

    def _nature_of(self, scores: _Scores, words: str, first: int, last: int) -> str:
        best = scores.nature[first] if first == last else int(scores.natures[first : last + 1].sum(axis=0).argmax())
        return rules.nature(words) or self.model.natures[best]


def belief(settings: dict[str, float], head: str, formal: bool, first: bool = True) -> tuple[float, float]:
    """Slope and shift of the log-odds: of intents, of the first facility of a message, and of its further ones."""
    register, place = "letter" if formal else "chat", "" if first or head == "intent" else "more_"
    return settings[f"{head}_{register}_{place}slope"], settings[f"{head}_{register}_{place}shift"]


def believable(p: float, slope: float, shift: float) -> float:
    """A probability with its log-odds stretched and shifted."""
    p = min(max(p, 1e-6), 1 - 1e-6)
    return 1 / (1 + math.exp(-(slope * math.log(p / (1 - p)) + shift)))


def corpus_model(data_dir: Path | None = None, folder: Path = corpus.FOLDER) -> Model:
    """The model of today's corpus: loaded from `<data_dir>/models`, or trained and stored there.

    Without `data_dir` the model is trained and not kept. A damaged or outdated model is trained again.

    Raises:
        DataFileError: a corpus file is broken.
    """
    version = model_version(folder)
    if data_dir is None:
        return _train(folder, version)
    place = champion.place(data_dir, version)
    try:
        return load(place, version)
    except Damaged as exc:
        log.info("model.train", extra={"reason": str(exc)})
    model = _train(folder, version)
    save(model, place)
    return model


def model_version(folder: Path = corpus.FOLDER) -> str:
    """What the model depends on, as a hash: sentences, words, the catalogue's examples, and the code that learns."""
    here = Path(__file__).parent
    code = [
        here / f"{name}.py"
        for name in "normalise clauses tokenize features corpus train crossfit model reader rules emergency".split()
    ]
    data = [tokenize.DICTIONARY, CATALOGUE / "intents.yaml", *sorted((CATALOGUE / "facilities").glob("*.yaml"))]
    digest = hashlib.sha256(f"format {FORMAT}".encode())
    for path in (*code, *data, *corpus.files(folder)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _train(folder: Path, version: str) -> Model:
    from domain.catalogue import load_catalogue
    from nlp.crossfit import train_measured

    catalogue = load_catalogue()
    samples = corpus.load_corpus(catalogue, folder) + corpus.catalogue_samples(catalogue)
    return versions.stamped(train_measured(samples, catalogue, version), folder, FORMAT)
