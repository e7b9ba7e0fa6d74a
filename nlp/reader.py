"""Reads messages: intent, facilities with spans and natures, emergency, masked text. Serving: numpy and rjieba."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from domain.catalogue.loader import FOLDER as CATALOGUE
from domain.reading import Mention, Reading
from nlp import clauses, corpus, emergency, features, mask, rules, tokenize
from nlp.model import Array, Damaged, Model, load, save, softmax
from nlp.normalise import Normal, normalise

log = logging.getLogger(__name__)

LIMIT = 4096  #: characters read of a message; what comes after is ignored
FORMAT = 1  #: of the stored model
BATCH = 256  #: messages scored at once
MAX_MENTIONS = 3
NONE = "none"
CARRIES_NONE = frozenset(
    "greeting_chitchat data_rights human_handoff bot_feedback unclear out_of_scope spam_abuse emergency".split()
)
CARRIES_ONE = frozenset({"need_report", "fault_report", "objection"})
#: Among letters and notes other intents are common than in the corpus, which is half needs. Added to the decision
#: values; fitted on real letters (November 2026).
LETTER_PRIOR = {
    "service_complaint": 0.5,
    "out_of_scope": 0.4,
    "objection": 0.2,
    "fault_report": 0.2,
    "need_report": -0.2,
    "suggestion": -0.3,
    "progress_question": -0.3,
    "thanks": -0.3,
}
#: Letters are further from the corpus than chat, so their probabilities are less sure than they look: slope and shift
#: of the log-odds, fitted on real letters (November 2026).
LETTER_INTENT, LETTER_LEAF = (0.45, 0.0), (0.45, -0.9)
#: How much the whole message counts beside a clause of it.
CONTEXT = 0.6
#: A facility is mentioned from this probability on, and if it is not far below the best one.
MENTIONED, BESIDE = 0.3, 0.35
#: Where a facility is optional, the mean of clause and message has to speak for it more clearly.
OPTIONAL_MENTIONED = 0.5
#: A need whose facility is less likely than `GROUNDED` is taken for one only if its intent is this sure.
SURE, GROUNDED = 0.9, 0.45
#: A clause belongs to a mention if it alone speaks for the facility with this probability.
SPEAKING = 0.15
#: Loosely worded dangers are none if the model gives danger less than this.
SAFE = 0.003
#: Without a rule, danger is believed from this probability on.
SEEN = 0.5
#: The best facility of a message whose intent needs one is named even if it is doubtful.
DOUBTFUL = 0.08


class _Parsed(NamedTuple):
    normal: Normal
    spans: list[tuple[int, int]]
    first: int  #: row of its first clause; the message's own row comes after its clauses


#: A facility and the clauses, first to last, that mention it.
_Stretch = tuple[int, int, int]


class _Scores(NamedTuple):
    """Of the clauses of one message, and in the last row of the message itself."""

    decided: Array  #: decision values of all heads
    about: Array  #: probabilities of the facilities, each clause read in the context of the message


class Reader:
    """Understands messages, a batch at a time. Holds no state between batches; safe to call from one thread."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._cut = tokenize.serving_cut(model.dictionary)
        self._none = model.leaves.index(NONE)
        self._leaf, self._intent, self._nature = map(model.head, ("leaf", "intent", "nature"))
        self._danger = model.intents.index("emergency")
        self._letter_prior = np.array([LETTER_PRIOR.get(intent, 0.0) for intent in model.intents], np.float32)

    @classmethod
    def open(cls, data_dir: Path | None = None, folder: Path = corpus.FOLDER) -> Reader:
        """The reader with the model of today's corpus: loaded from `<data_dir>/models`, or trained and stored there.

        Without `data_dir` the model is trained and not kept. A damaged or outdated model is trained again.

        Raises:
            DataFileError: a corpus file is broken.
        """
        version = model_version(folder)
        place = data_dir / "models" / version if data_dir is not None else None
        if place is not None:
            try:
                return cls(load(place, version))
            except Damaged as exc:
                log.info("model.train", extra={"reason": str(exc)})
        model = _train(folder, version)
        if place is not None:
            save(model, place)
        return cls(model)

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
        sums = self.model.sums(rows)
        starts = np.array([message.first for message in parsed])
        clause_counts = np.array([len(message.spans) for message in parsed])
        own = starts + clause_counts
        sums[own] = np.add.reduceat(sums, starts, axis=0)
        decided = self.model.decide(sums)
        context = np.repeat(np.where(clause_counts > 1, CONTEXT, 0), clause_counts + 1)[:, None]
        leaves = decided[:, self._leaf]
        mixed = (1 - context) * leaves + context * np.repeat(leaves[own], clause_counts + 1, axis=0)
        about = softmax(mixed * self.model.settings["leaf_temperature"])
        letters = np.array([rules.is_letter(text) for text in texts])
        wanted = decided[own][:, self._intent] + letters[:, None] * self._letter_prior
        intents = softmax(wanted * self.model.settings["intent_temperature"])
        return [
            self._reading(
                text, message, _Scores(decided[message.first : last + 1], about[message.first : last + 1]), chances
            )
            for text, message, last, chances in zip(texts, parsed, own.tolist(), intents, strict=True)
        ]

    def _parse(self, text: str, rows: list[list[int]]) -> _Parsed:
        normal = normalise(text)
        spans = clauses.split(normal.text)
        first = len(rows)
        ids, known = self.model.ids, normal.text
        found = [features.clause_features(known[start:end], self._cut) for start, end in spans]
        rows.extend(map(ids, found))
        rows.append(ids(features.message_features(known, spans, found)))
        return _Parsed(normal, spans, first)

    def _reading(self, text: str, message: _Parsed, scores: _Scores, chances: Array) -> Reading:
        danger = emergency.find(message.normal.text)
        masked = mask.mask(text)
        if danger is not None and not (danger in emergency.LOOSE and chances[self._danger] < SAFE):
            return Reading("emergency", 1.0, (), danger, masked, self.model.version)
        letter = rules.is_letter(text)
        best = int(chances.argmax())
        if best == self._danger and len(text) <= rules.LETTER * 2 and chances[best] >= SEEN:
            kind = emergency.kind_of_danger(message.normal.text)
            if kind is not None:
                return Reading("emergency", float(chances[best]), (), kind, masked, self.model.version)
            chances = chances * (np.arange(len(chances)) != best)
            best = int(chances.argmax())
        intent, p = self.model.intents[best], float(chances[best])
        intent, p = rules.intent(message.normal.text, intent, p, bool(message.spans))
        mentions = () if intent in CARRIES_NONE else self._mentions(message, scores, intent in CARRIES_ONE)
        if intent == "need_report" and p < SURE and (not mentions or max(one.p for one in mentions) < GROUNDED):
            return self._without_need(masked, chances)
        if letter:
            p = believable(p, *LETTER_INTENT)
            mentions = tuple(replace(one, p=believable(one.p, *LETTER_LEAF)) for one in mentions)
        return Reading(intent, p, mentions, None, masked, self.model.version)

    def _without_need(self, masked: str, chances: Array) -> Reading:
        """A need without a facility is none: the likeliest intent that carries no facility."""
        rest = {
            intent: float(p) for intent, p in zip(self.model.intents, chances, strict=True) if intent in CARRIES_NONE
        }
        intent = max(rest, key=lambda name: rest[name])
        return Reading(intent, rest[intent], (), None, masked, self.model.version)

    def _mentions(self, message: _Parsed, scores: _Scores, needed: bool) -> tuple[Mention, ...]:
        if not message.spans:
            return ()
        clause_chances, whole = scores.about[:-1], scores.about[-1]
        for index, (start, end) in enumerate(message.spans):
            if rules.is_enough(message.normal.text[start:end]):
                clause_chances[index] = np.eye(1, len(whole), self._none)
        found = self._stretches(clause_chances, MENTIONED if needed else OPTIONAL_MENTIONED)
        if needed:
            found = self._with_main(found, clause_chances, whole)
        found.sort(key=lambda one: -float(whole[one[0]]))
        return tuple(
            self._mention(message, scores, *self._trimmed(one, scores.decided[:, self._leaf]))
            for one in found[:MAX_MENTIONS]
        )

    def _trimmed(self, stretch: _Stretch, leaves: Array) -> _Stretch:
        """Without the clauses at its ends that say nothing of the facility by themselves."""
        leaf, first, last = stretch
        if first == last:
            return stretch
        own = softmax(leaves[first : last + 1] * self.model.settings["leaf_temperature"])[:, leaf]
        speaking = np.flatnonzero(own >= min(SPEAKING, float(own.max())))
        return leaf, first + int(speaking[0]), first + int(speaking[-1])

    def _with_main(self, found: list[_Stretch], chances: Array, whole: Array) -> list[_Stretch]:
        """`found`, and the facility the message as a whole is most likely about, where it stands out most."""
        leaf = int(whole.argmax())
        if leaf == self._none:
            leaf = int(np.argsort(whole)[-2])
        if any(one[0] == leaf for one in found):
            return found
        clause = int(chances[:, leaf].argmax())
        if found and whole[leaf] < MENTIONED:
            return found
        return [(leaf, clause, clause), *found] if chances[clause, leaf] >= DOUBTFUL else found

    def _stretches(self, chances: Array, mentioned: float) -> list[_Stretch]:
        """What single stretches of clauses mention, surest first."""
        best: dict[int, tuple[float, int, int]] = {}
        tops = chances.argmax(axis=1).tolist()
        start = 0
        for index, leaf in enumerate(tops):
            if index + 1 < len(tops) and tops[index + 1] == leaf:
                continue
            p = float(chances[start : index + 1, leaf].max())
            if leaf != self._none and p >= mentioned and p > best.get(leaf, (0.0,))[0]:
                best[leaf] = (p, start, index)
            start = index + 1
        ranked = sorted(best.items(), key=lambda item: -item[1][0])[:MAX_MENTIONS]
        return [(leaf, first, last) for leaf, (p, first, last) in ranked if p >= BESIDE * ranked[0][1][0]]

    def _mention(self, message: _Parsed, scores: _Scores, leaf: int, first: int, last: int) -> Mention:
        part = scores.about[first : last + 1]
        peak = part[int(part[:, leaf].argmax())]
        others = [index for index in np.argsort(-peak)[:5].tolist() if index not in (leaf, self._none)][:3]
        natures = scores.decided[first : last + 1, self._nature].sum(axis=0)
        words = message.normal.text[message.spans[first][0] : message.spans[last][1]]
        start, end = message.normal.span(message.spans[first][0], message.spans[last][1])
        return Mention(
            leaf=self.model.leaves[leaf],
            p=float(peak[leaf]),
            start=start,
            end=end,
            nature=rules.nature(words) or self.model.natures[int(natures.argmax())],
            others=tuple(self.model.leaves[index] for index in others),
        )


def believable(p: float, slope: float, shift: float) -> float:
    """A probability with its log-odds flattened and shifted."""
    p = min(max(p, 1e-6), 1 - 1e-6)
    return 1 / (1 + math.exp(-(slope * math.log(p / (1 - p)) + shift)))


def model_version(folder: Path = corpus.FOLDER) -> str:
    """What the model depends on, as a hash: sentences, words, the catalogue's examples, and the code that learns."""
    here = Path(__file__).parent
    code = [
        here / f"{name}.py" for name in ("normalise", "clauses", "tokenize", "features", "corpus", "train", "model")
    ]
    data = [tokenize.DICTIONARY, CATALOGUE / "intents.yaml", *sorted((CATALOGUE / "facilities").glob("*.yaml"))]
    digest = hashlib.sha256(f"format {FORMAT}".encode())
    for path in (*code, *data, *corpus.files(folder)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _train(folder: Path, version: str) -> Model:
    from domain.catalogue import load_catalogue
    from nlp.train import train

    catalogue = load_catalogue()
    samples = corpus.load_corpus(catalogue, folder) + corpus.catalogue_samples(catalogue)
    return train(samples, catalogue, version)
