"""What a step may look at besides state and event. Immutable; no database, clock or random source behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from domain.catalogue import Catalogue, City
from domain.texts import Texts
from surveys.definition import Survey

CONSENT_VERSION = "2026-11"


def no_words(_text: str, _leaf: str) -> Sequence[str]:
    """Where no reader is at hand to say why."""
    return ()


class Meant(NamedTuple):
    """The community a text names: `sure` to be taken, or those `possible` to be asked about, likeliest first."""

    sure: str | None = None
    possible: tuple[str, ...] = ()


class OwnNeed(msgspec.Struct, frozen=True, gc=False):
    """One of the resident's own needs, as `/mine` shows it."""

    need_id: int
    receipt: str
    message_id: int
    leaf: str
    nature: str
    status: str
    community: str
    day: str
    residents: int  #: distinct residents who want the same there, this one included


class World(msgspec.Struct, frozen=True):
    """What is the same for every resident of an installation."""

    catalogue: Catalogue
    city: City
    texts: Texts
    surveys: Mapping[str, Survey]
    match_community: Callable[[str], Meant]  #: what was typed -> the community it names
    contacts: Mapping[str, str]  #: confirmed local numbers; absent ones are never shown
    operator: str  #: who is responsible, for the notice
    kept_days: int = 180  #: how long original words are kept, for the notice
    abroad: frozenset[str] = frozenset()  #: channels that store data outside the country
    deciding_words: Callable[[str, str], Sequence[str]] = no_words  #: (masked text, facility) -> what spoke for it


class Context(msgspec.Struct, frozen=True):
    """What is known about this resident at this moment."""

    world: World
    consented: bool
    community: str | None
    fresh: tuple[tuple[int, str], ...]  #: unused (need id, receipt) pairs for the needs of this event
    residents: Mapping[tuple[str, str], int]  #: (community, leaf) -> distinct residents asking, before this event
    own_needs: tuple[OwnNeed, ...] = ()  #: loaded for buttons and commands; newest first
    channel: str = ""
    own_voices: frozenset[tuple[str, str]] = frozenset()  #: (community, leaf) this resident already stands behind
