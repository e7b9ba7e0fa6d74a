"""Demand as values: which rows are meant, what was counted in them, how sound it is."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Scope(msgspec.Struct, frozen=True):
    """Which rows are meant; None: no limit. `whole_city`: also messages without a community."""

    communities: tuple[str, ...]
    leaves: tuple[str, ...] | None = None
    since: str | None = None
    until: str | None = None
    since_ms: int | None = None  #: start of `since`
    until_ms: int | None = None  #: end of `until`, exclusive
    whole_city: bool = False


class Cell(msgspec.Struct, frozen=True):
    """The counters of one facility in one community, summed over the days."""

    community: str
    leaf: str
    voices: int
    needs: int
    objections: int
    faults: int
    complaints: int
    first_day: str | None  #: of the days on which somebody asked
    last_day: str | None


class Judged(msgspec.Struct, frozen=True):
    """Needs of one facility in one community by what people said about the reading."""

    awaiting: int = 0  #: status asked: nobody has confirmed the facility yet
    by_resident: int = 0
    by_worker: int = 0


class NeedLine(msgspec.Struct, frozen=True):
    """One need as a planner may read it: the masked text, never the original."""

    receipt: str
    day: str
    community: str
    leaf: str
    nature: str
    source: str
    channel: str | None  #: "*" when the resident uses several
    status: str
    confirmed_by: str | None
    p: float
    masked: str


class Answered(msgspec.Struct, frozen=True):
    """Who was heard in one community on one channel."""

    community: str | None
    channel: str | None
    residents: int
    messages: int


class Recount(msgspec.Struct, frozen=True):
    """One counter beside the rows it counts."""

    counter: str
    counted: int
    rows: int


class Quality(msgspec.Struct, frozen=True):
    """How sound the figures of a scope are. Inbox and model are those of the whole database."""

    intents: Mapping[str, int]
    statuses: Mapping[str, int]
    confirmed: Mapping[str, int]
    answered: tuple[Answered, ...]
    residents: int
    messages: int
    models: Mapping[str, int]
    inbox: Mapping[str, int]
    recounts: tuple[Recount, ...]
