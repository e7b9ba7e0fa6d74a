"""What a reader has to know before using the figures: selection, totals, how they were counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from planning.columns import Words
from planning.demand import Demand, DemandQuery

COUNTED = ("voices", "needs", "beside", "awaiting", "interval", "small", "norms", "lead", "privacy", "sample")
TOTALS = ("communities", "rows", "voices", "needs", "objections", "faults", "complaints", "awaiting")


class Note(msgspec.Struct, frozen=True):
    """A label and what belongs to it; a number stays a number."""

    label: str
    value: str | int


def period_text(query: DemandQuery, words: Words) -> str:
    """The period in words."""
    if not query.since and not query.until:
        return words.texts("planner.period_all")
    first = words.texts("planner.period_first")
    last = words.texts("planner.period_last")
    return words.texts("planner.period", since=query.since or first, until=query.until or last)


def facility_text(query: DemandQuery, words: Words) -> str:
    """The chosen facility or group in words."""
    if query.leaf:
        return words.leaf(query.leaf)
    if query.group:
        return words.catalogue.groups[query.group].name[words.language]
    return words.texts("planner.all_facilities")


def made_text(demand: Demand, words: Words) -> str:
    """When the figures were read, in the city's time."""
    made = datetime.fromtimestamp(demand.made_ms / 1000, ZoneInfo(words.city.timezone))
    return made.strftime("%Y-%m-%d %H:%M:%S")


def notes(demand: Demand, words: Words) -> Iterator[Note]:
    """Selection, totals, and one sentence on each counting rule."""
    texts = words.texts
    query = demand.query
    yield Note(texts("planner.note.city"), words.city.name[words.language])
    yield Note(texts("planner.note.area"), words.place(query.area))
    yield Note(texts("planner.note.period"), period_text(query, words))
    yield Note(texts("planner.note.facility"), facility_text(query, words))
    yield Note(texts("planner.note.made"), made_text(demand, words))
    yield Note(texts("planner.note.data"), words.data_kind)
    totals = demand.totals
    for name in TOTALS:
        yield Note(texts("planner.note.total", name=texts(f"planner.total.{name}")), getattr(totals, name))
    for name in COUNTED:
        yield Note(texts(f"planner.how.{name}_title"), texts(f"planner.how.{name}"))
