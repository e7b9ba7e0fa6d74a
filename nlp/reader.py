"""Reads messages: intent, facilities with spans and natures, emergency, masked text. Serving: numpy and rjieba."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import structs

from domain.reading import Mention, PlaceHint, Reading
from nlp import (
    champion,
    clauses,
    corpus,
    emergency,
    explain,
    features,
    groups,
    lexicon,
    mask,
    mentions,
    rules,
    tokenize,
    versions,
)
from nlp.model import Array, Damaged, Model, load, save, softmax, stored_version
from nlp.normalise import Normal, normalise
from nlp.places import Places

log = logging.getLogger(__name__)

LIMIT = 4096  #: characters read of a message; what comes after is ignored
FORMAT = 3  #: of the stored model
SHIPPED = Path(__file__).with_name("model")  #: the corpus's model, made by `make model`; another version is not used
BATCH = 256  #: messages scored at once
OTHERS = 3  #: facilities offered beside a mention
NONE = "none"  #: of a message about no facility
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
#: A facility named as clearly as this makes a need of a few words that say something is lacking.
NAMED = 0.6
CHARGING = ("ev_charging", "ebike_parking_charging")
#: How much it counts, for an intent that carries no facility, that the message seems about none; and for one that needs
#: a facility, that it seems about one. The doubt that is left.
BARE, NEEDY, DOUBT = 0.5, 1.0, 0.02
#: A danger that a rule finds is none if the model gives it less than this, unless it is but a call; without a rule the
#: model is believed from `SEEN` on. On the look-alikes of held-out writers rules alone rang 20 times in a thousand.
SAFE, SEEN, CALL = 0.1, 0.6, 6


class _Parsed(NamedTuple):
    normal: Normal
    spans: list[tuple[int, int]]
    first: int  #: row of its first clause; the message's own row comes after its clauses


class _Scores(NamedTuple):
    """Of a batch, row by row: the clauses of each message, then the message itself."""

    leaves: mentions.Scores
    natures: Array  #: decision values
    nature: list[int]  #: the likeliest
    intents: list[list[float]]  #: probabilities that there is no danger and it is this, one row a message
    danger: list[float]  #: probabilities of danger


class Reader:
    """Understands messages, a batch at a time. Holds no state between batches; safe to call from one thread."""

    def __init__(self, model: Model, places: Places | None = None) -> None:
        self.model = model
        self.places = places  #: names of the city, to find in messages
        self._cut = tokenize.serving_cut(model.dictionary)
        self._lexicon = lexicon.own()
        self._leaf, self._intent, self._nature = map(model.head, ("leaf", "intent", "nature"))
        self._danger = model.intents.index("emergency")
        self._usual = np.array([float(intent != "emergency") for intent in model.intents], np.float32)
        self._none = np.array([BARE * (intent in CARRIES_NONE - {"unclear"}) for intent in model.intents], np.float32)
        self._one = np.array([NEEDY * (intent in CARRIES_ONE) for intent in model.intents], np.float32)
        self._bare = [index for index, intent in enumerate(model.intents) if intent in CAN_BE_BARE]
        self._maps = {
            (head, formal, first): belief(model.settings, head, formal, first)
            for head in ("intent", "leaf")
            for formal in (False, True)
            for first in (False, True)
        }

    @classmethod
    def open(cls, data_dir: Path | None = None, folder: Path = corpus.FOLDER, places: Places | None = None) -> Reader:
        """The reader with the champion of `<data_dir>/models`, or else with the model of today's corpus.

        Raises:
            DataFileError: a corpus file is broken.
        """
        chosen = champion.find(data_dir, versions.fits_version(FORMAT)) if data_dir is not None else None
        return cls(chosen or corpus_model(data_dir, folder), places)

    def read(self, text: str) -> Reading:
        """One message read; see `read_many`."""
        return self.read_many([text])[0]

    def read_many(self, texts: Sequence[str]) -> list[Reading]:
        """What each text means; never raises, whatever the text. Only its first 4,096 characters are read."""
        readings: list[Reading] = []
        for start in range(0, len(texts), BATCH):
            readings.extend(self._read_batch([text[:LIMIT] for text in texts[start : start + BATCH]]))
        return readings

    def deciding_words(self, text: str, leaf: str) -> list[str]:
        """The words of a text that speak most for a facility, for the person who reviews; the strongest first.

        None for a facility the model does not know.
        """
        return explain.deciding_words(self.model, self._cut, text, leaf=leaf) if leaf in self.model.leaves else []

    def _read_batch(self, texts: Sequence[str]) -> list[Reading]:
        rows: list[list[int]] = []
        parsed = [self._parse(text, rows) for text in texts]
        scores = self._score(rows, parsed)
        return [self._reading(*one, scores) for one in zip(texts, parsed, scores.intents, scores.danger, strict=True)]

    def _parse(self, text: str, rows: list[list[int]]) -> _Parsed:
        normal = normalise(text)
        spans = clauses.split(normal.text)
        first = len(rows)
        each, whole = features.features(normal.text, spans, self._cut, self._lexicon)
        rows.extend(map(self.model.ids, each))
        rows.append(self.model.ids(whole))
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
        natures = decided[:, self._nature]
        leaves = mentions.Scores.of(decided[:, self._leaf], own, counts, settings["leaf_slope"], settings["leaf_shift"])
        intents = softmax(decided[own, self._intent] * np.float32(settings["intent_temperature"]))
        return _Scores(
            leaves=leaves,
            natures=natures,
            nature=natures.argmax(axis=1).tolist(),
            intents=self._weighed(intents, leaves.about[own].max(axis=1)).tolist(),
            danger=intents[:, self._danger].tolist(),
        )

    def _weighed(self, intents: Array, about: Array) -> Array:
        """The probabilities of the intents, no danger among them, weighed with that of any facility."""
        p = np.minimum(np.maximum(about, DOUBT), 1 - DOUBT)[:, None]
        weighed = intents * self._usual * (1 - p) ** self._none * p**self._one
        shares: Array = weighed / weighed.sum(axis=1, keepdims=True)
        return shares

    def _reading(self, text: str, message: _Parsed, chances: list[float], danger: float, scores: _Scores) -> Reading:
        known = message.normal.text
        masked = mask.mask(text, known if message.normal.origin is None else None)
        kind = self._danger_in(known, danger)
        if kind is not None:
            return Reading("emergency", 1.0, (), kind, masked, self.model.version)
        p = max(chances)
        intent = self.model.intents[chances.index(p)]
        if not message.spans:
            intent, p = "unclear", 1.0
        formal = rules.is_letter(known)
        found = [] if intent in CARRIES_NONE else self._found(message, scores, intent)
        if intent == "unclear" and rules.lacks(known):
            found = [one for one in self._found(message, scores, "need_report") if one.p >= NAMED]
            intent, p = ("need_report", NAMED) if found else (intent, p)
        if intent == "need_report" and rules.is_bare_charging(known):
            found = [one for one in found if self.model.leaves[one.leaf] not in CHARGING]
            intent, p = (intent, p) if found else ("unclear", max(p, NAMED))
        if intent == "need_report" and not found:
            best = max(self._bare, key=chances.__getitem__)
            intent, p = self.model.intents[best], chances[best]
        mentioned = [
            self._mention(message, scores, one, intent, self._maps["leaf", formal, place == 0])
            for place, one in enumerate(found)
        ]
        if mentioned and all(mention.intent == "objection" for mention in mentioned):
            intent, mentioned = "objection", [structs.replace(mention, intent="") for mention in mentioned]
        elif intent == "objection" and mentioned and rules.is_supported(known):
            mentioned.append(structs.replace(mentioned[0], intent="need_report"))
        p = believable(p, *self._maps["intent", formal, True])
        places = self._places(message.normal) if self.places is not None else ()
        return Reading(intent, p, tuple(mentioned), None, masked, self.model.version, places)

    def _places(self, normal: Normal) -> tuple[PlaceHint, ...]:
        assert self.places is not None
        found = self.places.find(normal.text)
        if normal.origin is None:
            return tuple(found)
        spans = [normal.span(hint.start, hint.end) for hint in found]
        return tuple(
            structs.replace(hint, start=start, end=end) for hint, (start, end) in zip(found, spans, strict=True)
        )

    def _danger_in(self, known: str, p: float) -> str | None:
        """The kind of danger that a rule finds and the model does not rule out, or that the model alone sees."""
        kinds = emergency.KINDS if p >= SAFE or len(known) <= CALL else emergency.ALWAYS
        kind = emergency.find(known, kinds)
        return emergency.kind_of_danger(known) if kind is None and p >= SEEN else kind

    def _found(self, message: _Parsed, scores: _Scores, intent: str) -> list[mentions.Stretch]:
        return mentions.stretches(
            scores.leaves,
            message.first,
            message.first + len(message.spans),
            self._enough(message),
            is_letter=rules.is_letter(message.normal.text),
            needed=intent in CARRIES_ONE,
            asked=intent == "need_report",
        )

    def _enough(self, message: _Parsed) -> set[int]:
        """The rows of the clauses that say there is enough."""
        known = message.normal.text
        if "有" not in known and not rules.is_enough(known):
            return set()
        words = [known[start:end] for start, end in message.spans]
        lacks = len(words) > 1 and any(rules.LACK.search(clause) for clause in words)
        return {
            message.first + place
            for place, clause in enumerate(words)
            if rules.is_enough(clause, something_lacks=lacks)
        }

    def _mention(
        self,
        message: _Parsed,
        scores: _Scores,
        found: mentions.Stretch,
        intent: str,
        believed: tuple[float, float],
    ) -> Mention:
        p, leaf, first, last = found
        spans = message.spans
        place = spans[first - message.first][0], spans[last - message.first][1]
        start, end = message.normal.span(*place)
        words = message.normal.text[slice(*place)]
        is_need = intent == "need_report"
        return Mention(
            leaf=self.model.leaves[leaf],
            p=believable(p, *believed),
            start=start,
            end=end,
            nature=self._nature_of(scores, words, first, last) if is_need else "unknown",
            group=groups.group_of(words, message.normal.text) if is_need else groups.EVERYBODY,
            intent=rules.meant(intent, words),
            others=self._others(scores.leaves.about[first : last + 1].max(axis=0), leaf),
        )

    def _others(self, chances: Array, leaf: int) -> tuple[str, ...]:
        """The next best facilities, best first."""
        ranked = np.argsort(-chances)[: OTHERS + 1].tolist()
        return tuple(self.model.leaves[one] for one in ranked if one != leaf)[:OTHERS]

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
    """The model of today's corpus: from `<data_dir>/models`, or the one that came with the program, or trained now.

    A model that is trained is stored in `data_dir`, if there is one. A damaged or outdated one is never used.

    Raises:
        DataFileError: a corpus file is broken.
    """
    version = model_version(folder)
    place = champion.place(data_dir, version) if data_dir is not None else None
    for stored in (place, SHIPPED):
        if stored is not None and stored.is_dir():
            try:
                return load(stored, version)
            except Damaged as exc:
                log.info("model.unusable", extra={"reason": str(exc)})
    model = _train(folder, version)
    if place is not None:
        save(model, place)
    return model


def is_stored(data_dir: Path) -> bool:
    """Whether some model can be read with at once, without learning anything."""
    if champion.find(data_dir, versions.fits_version(FORMAT)) is not None:
        return True
    version = model_version()
    return champion.place(data_dir, version).is_dir() or stored_version(SHIPPED) == version


def model_version(folder: Path = corpus.FOLDER) -> str:
    """What the model depends on, as a hash: sentences, words, the catalogue's examples, and the code that learns."""
    return versions.model_version(FORMAT, folder)


def _train(folder: Path, version: str) -> Model:
    from domain.catalogue import load_catalogue
    from nlp.crossfit import train_measured

    catalogue = load_catalogue()
    samples = corpus.load_corpus(catalogue, folder) + corpus.catalogue_samples(catalogue)
    return versions.stamped(train_measured(samples, catalogue, version), folder, FORMAT)
