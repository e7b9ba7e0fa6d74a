"""Demand by community and facility: one definition for the planners' page, its downloads and the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from domain.areas import Area
from domain.catalogue import OTHER_FACILITY, Catalogue, City
from domain.demand import Cell, Judged, Scope
from domain.errors import InputError
from planning.intervals import Interval, LeafError, with_reading

SMALL = 5  #: fewer voices than this are marked: not for publication
PARAMETERS = ("area", "since", "until", "group", "leaf")


class DemandQuery(msgspec.Struct, frozen=True):
    """A selection of the demand. Empty fields: everything. Days are inclusive, in the city's time zone."""

    area: str
    since: str | None = None
    until: str | None = None
    group: str | None = None
    leaf: str | None = None

    @classmethod
    def parse(cls, given: Mapping[str, str | None], city: City, catalogue: Catalogue) -> DemandQuery:
        """The selection asked for by query parameters or options; empty and absent mean the same.

        Raises:
            InputError("area.unknown"), ("planning.date"), ("planning.period"), ("planning.group_unknown"),
            ("planning.leaf_unknown"), ("planning.leaf_group"): what was given, and what can be given.
        """
        wanted = {name: (given.get(name) or "").strip() or None for name in PARAMETERS}
        area = city.tree.check(wanted["area"] or next(found.code for found in city.areas if found.kind == "city"))
        since, until = (_day(name, wanted[name]) for name in ("since", "until"))
        if since and until and since > until:
            raise InputError("planning.period", since=since, until=until)
        group, leaf = wanted["group"], wanted["leaf"]
        if group is not None and group not in catalogue.groups:
            raise InputError("planning.group_unknown", group=_shown(group))
        if leaf is not None and leaf not in catalogue.leaves:
            raise InputError("planning.leaf_unknown", leaf=_shown(leaf))
        if group and leaf and group_of(catalogue, leaf) != group:
            raise InputError("planning.leaf_group", leaf=leaf, group=group)
        return cls(area, since, until, group, leaf)

    def parameters(self) -> dict[str, str]:
        """The selection as query parameters again, without the empty ones."""
        return {name: value for name in PARAMETERS if (value := getattr(self, name))}

    def scope(self, city: City, catalogue: Catalogue) -> Scope:
        """The rows meant, for `storage`."""
        leaves: tuple[str, ...] | None = None
        if self.leaf:
            leaves = (self.leaf,)
        elif self.group:
            leaves = tuple(leaf for leaf in catalogue.leaves if group_of(catalogue, leaf) == self.group)
        zone = ZoneInfo(city.timezone)
        return Scope(
            tuple(area.code for area in city.tree.communities(self.area)),
            leaves,
            self.since,
            self.until,
            _start_ms(self.since, zone, 0) if self.since else None,
            _start_ms(self.until, zone, 1) if self.until else None,
            city.tree[self.area].kind == "city",
        )


class DemandRow(msgspec.Struct, frozen=True):
    """One facility in one community. Objections, faults and complaints stand beside the demand, never netted off."""

    community: str
    leaf: str
    voices: int  #: distinct residents, each once in 30 days
    interval: Interval  #: of the voices
    needs: int
    residents: int | None  #: distinct residents ever; None in a selection by period
    objections: int
    faults: int
    complaints: int
    awaiting: int  #: needs nobody has confirmed yet; not in `needs`
    by_resident: int  #: of `needs`
    by_worker: int
    first_day: str | None
    last_day: str | None

    @property
    def is_small(self) -> bool:
        """Too few people to be published."""
        return self.voices < SMALL

    def share(self, confirmed: int) -> float | None:
        """Part of the needs, 0 to 1; None without needs."""
        return confirmed / self.needs if self.needs else None


class Totals(msgspec.Struct, frozen=True):
    """Sums over rows. Residents have no sum here: one person may stand behind several facilities."""

    rows: int = 0
    communities: int = 0
    voices: int = 0
    needs: int = 0
    objections: int = 0
    faults: int = 0
    complaints: int = 0
    awaiting: int = 0


class Demand(msgspec.Struct, frozen=True):
    """Everything one look at the demand needs."""

    query: DemandQuery
    rows: tuple[DemandRow, ...]  #: by place, then facility, in the order of the city's file and the catalogue
    made_ms: int
    demo: bool
    model: str | None  #: version whose measured error is in the intervals

    @property
    def totals(self) -> Totals:
        """Sums over all rows."""
        rows = self.rows
        return Totals(
            len(rows),
            len({row.community for row in rows}),
            sum(row.voices for row in rows),
            sum(row.needs for row in rows),
            sum(row.objections for row in rows),
            sum(row.faults for row in rows),
            sum(row.complaints for row in rows),
            sum(row.awaiting for row in rows),
        )


def combine(
    cells: Iterable[Cell],
    residents: Mapping[tuple[str, str], int] | None,
    judged: Mapping[tuple[str, str], Judged],
    errors: Mapping[str, LeafError],
    city: City,
    catalogue: Catalogue,
) -> tuple[DemandRow, ...]:
    """Counters, residents (None: not in this selection), reviews and the reader's error as rows in a fixed order."""
    by_key = {(cell.community, cell.leaf): cell for cell in cells}
    places = {area.code: at for at, area in enumerate(city.areas)}
    order = {leaf: at for at, leaf in enumerate(catalogue.leaves)}

    def place(key: tuple[str, str]) -> tuple[int, int, int, int, str]:
        community, leaf = key
        district, street = (_position(city, community, kind, places) for kind in ("district", "street"))
        return district, street, places[community], order.get(leaf, len(order)), leaf

    rows = []
    for key in sorted(by_key.keys() | judged.keys(), key=place):
        cell = by_key.get(key) or Cell(*key, 0, 0, 0, 0, 0, None, None)
        review = judged.get(key) or Judged()
        rows.append(
            DemandRow(
                *key,
                cell.voices,
                with_reading(cell.voices, errors.get(key[1])),
                cell.needs,
                None if residents is None else residents.get(key, 0),
                cell.objections,
                cell.faults,
                cell.complaints,
                review.awaiting,
                review.by_resident,
                review.by_worker,
                cell.first_day,
                cell.last_day,
            )
        )
    return tuple(rows)


def group_of(catalogue: Catalogue, leaf: str) -> str | None:
    """The group of a facility; the review bucket has none."""
    return None if leaf == OTHER_FACILITY or leaf not in catalogue.facilities else catalogue.facilities[leaf].group


def leaf_name(catalogue: Catalogue, leaf: str, language: str) -> str:
    """The facility's name; its code when an older catalogue counted it."""
    return catalogue.leaf_name(leaf, language) if leaf in catalogue.leaves else leaf


def ancestor_name(city: City, community: str, kind: str) -> str:
    """The name of the district or street of a community."""
    found = _ancestor(city, community, kind)
    return found.name if found else ""


def _ancestor(city: City, community: str, kind: str) -> Area | None:
    return next((area for area in city.tree.up(community) if area.kind == kind), None)


def _position(city: City, community: str, kind: str, places: Mapping[str, int]) -> int:
    found = _ancestor(city, community, kind)
    return places[found.code] if found else -1


def _day(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        if not re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", value):
            raise ValueError(value)
        return date.fromisoformat(value).isoformat()
    except ValueError as exc:
        raise InputError("planning.date", name=name, value=_shown(value)) from exc


def _start_ms(day: str, zone: ZoneInfo, later: int) -> int:
    start = datetime.combine(date.fromisoformat(day) + timedelta(days=later), time(), zone)
    return int(start.timestamp() * 1000)


def _shown(value: str) -> str:
    """What was given, short enough for a sentence."""
    return "".join(letter if letter.isprintable() else "?" for letter in value[:40])
