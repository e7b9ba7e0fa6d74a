"""What the machine understood of one message: the value that goes from `nlp` to the conversation."""

from __future__ import annotations

import msgspec

from domain.catalogue import OTHER_FACILITY

#: From this probability on a need is filed without asking first; below it the resident chooses.
CONFIDENT = 0.6


class PlaceHint(msgspec.Struct, frozen=True, gc=False):
    """A place a message names: `start`, `end` as in a mention. `area`: its code in the area tree, where it is known."""

    kind: str
    name: str
    start: int
    end: int
    area: str | None = None


class Mention(msgspec.Struct, frozen=True, gc=False):
    """One facility a message is about. `start`, `end`: characters of the original text, half-open."""

    leaf: str
    p: float
    start: int
    end: int
    nature: str = "unknown"
    group: str = "all"  #: whom it is for: elderly, children, disabled ... (`target_groups` of the catalogue)
    intent: str = (
        ""  #: what is wanted of it, where that is not what the message wants: a need refused, an objection met
    )
    others: tuple[str, ...] = ()  #: the next best facilities, best first


class Correction(msgspec.Struct, frozen=True, gc=False):
    """What a message says of how the one before it was read."""

    denied: tuple[Mention, ...]  #: what was not meant
    named: tuple[Mention, ...]  #: what was meant
    is_denial: bool  #: it says outright that something was read wrongly

    @property
    def sure_denied(self) -> tuple[Mention, ...]:
        """The facilities of the catalogue that were not meant, without doubt; each once."""
        return _sure(self.denied)

    @property
    def sure_named(self) -> tuple[Mention, ...]:
        """The facilities of the catalogue that were meant, without doubt; each once."""
        return _sure(self.named)


def _sure(mentions: tuple[Mention, ...]) -> tuple[Mention, ...]:
    sure = {m.leaf: m for m in mentions if m.p >= CONFIDENT and m.leaf != OTHER_FACILITY}
    return tuple(sure.values())


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One message read. `masked` is the text with personal data replaced, safe to show to staff."""

    intent: str
    intent_p: float
    mentions: tuple[Mention, ...]
    emergency: str | None
    masked: str
    model: str
    places: tuple[PlaceHint, ...] = ()
    correction: Correction | None = None

    def meant(self, intent: str) -> tuple[Mention, ...]:
        """The mentions that are meant so."""
        return tuple(mention for mention in self.mentions if (mention.intent or self.intent) == intent)

    @property
    def needs(self) -> tuple[Mention, ...]:
        """The mentions that count as demand."""
        return self.meant("need_report")
