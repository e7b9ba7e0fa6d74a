"""The shapes of the catalogue's files, as frozen values. Unknown keys are refused."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Literal

import msgspec

from domain.areas import Area, AreaTree

OTHER_FACILITY = "other_facility"  #: the review bucket beside the catalogue's own facilities
Language = Literal["zh", "en"]


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is read from one data file, or part of one."""


class Name(File, frozen=True):
    """A name in both languages."""

    zh: str
    en: str

    def __getitem__(self, language: str) -> str:
        return self.en if language == "en" else self.zh


class GoTo(File, frozen=True):
    """Where something belongs instead."""

    intent: str
    leaves: tuple[str, ...] = ()
    complaint_topic: str | None = None
    emergency_kind: str | None = None


class Exclusion(File, frozen=True):
    """What a facility does not cover."""

    what: str
    go_to: GoTo


class SeedBasis(File, frozen=True):
    """The clause of the city's notice that names the facility."""

    scale: str
    clause: str
    text: str


class Facility(File, frozen=True, dict=True):
    """One of the facility categories ("leaf")."""

    code: str
    order: int
    name: Name
    group: str
    definition: str
    include: tuple[str, ...]
    exclude: tuple[Exclusion, ...]
    circle_scales: tuple[Literal[5, 15], ...]
    named_in_seed: bool
    seed_basis: tuple[SeedBasis, ...]
    target_groups: tuple[str, ...]
    subtags: tuple[str, ...]
    complete_community_items: tuple[int, ...]
    city_checkup_indicator: str | None
    report_line_example: str | None
    phrasings: tuple[str, ...]
    keywords: tuple[str, ...]

    def short_name(self, language: str = "zh") -> str:
        """The name without its bracketed explanation, as buttons and charts show it."""
        return re.split(r"[((]", self.name[language], maxsplit=1)[0].strip()


class Norm(File, frozen=True):
    """One figure of a standard. `min` and `max` in `unit`, per `per`; `max` of a range is no upper limit."""

    facility: str
    metric: str
    per: str
    unit: str
    applies_to: str
    clause: str
    verified: bool
    via: str
    min: float | None = None
    max: float | None = None
    scale: Literal[5, 15] | None = None
    modality: str | None = None
    note: str | None = None


class Reach(File, frozen=True):
    """How far a facility may be: `radius_m` metres (from, to), `walk_min` minutes on foot."""

    facility: str
    scale: Literal[5, 15]
    clause: str
    verified: bool
    radius_m: tuple[int, int] | None = None
    walk_min: int | None = None
    note: str | None = None


class Standard(File, frozen=True):
    """One document with figures."""

    id: str
    title: str
    number: str
    date: str
    read: str
    norms: tuple[Norm, ...]
    reach: tuple[Reach, ...]


class Source(File, frozen=True):
    """One document without figures of its own."""

    id: str
    title: str
    number: str
    date: str
    read: str


class Group(File, frozen=True):
    """A group of facilities."""

    code: str
    name: Name


class Intent(File, frozen=True):
    """What a message wants."""

    code: str
    name: Name
    carries_leaf: Literal["yes", "no", "optional"]
    counts_as_demand: bool
    priority: int
    definition: str
    examples: tuple[str, ...]


class Nature(File, frozen=True):
    """How a facility is lacking."""

    code: str
    name: Name
    meaning: str


class ComplaintTopic(File, frozen=True):
    """What a service complaint is about, and who handles it."""

    code: str
    name: str
    covers: str
    route: str


class Rule(File, frozen=True):
    """How a hard pair is told apart."""

    id: str
    between: tuple[str, ...]
    rule: str
    examples: tuple[tuple[str, str], ...]


class EmergencyKind(File, frozen=True):
    """What to say first when people are in danger.

    `number` can be dialled as it stands, `advice` is said to the resident line by line; `staff_note` never is.
    """

    code: str
    name: str
    triggers: tuple[str, ...]
    number: Annotated[str, msgspec.Meta(pattern=r"^\d{3,5}( [或和] \d{3,5})*$")]
    advice: str
    advice_en: str
    verified: str
    local_number_key: str | None = None
    staff_note: str | None = None

    def spoken(self, language: str) -> tuple[str, str]:
        """Numbers and advice in a language."""
        if language != "en":
            return self.number, self.advice
        return self.number.replace("或", "or").replace("和", "and"), self.advice_en


class Item20(File, frozen=True):
    """One of the 20 items of the complete-community standard."""

    no: int
    name: str
    name_verified: bool
    goal: str
    facility: bool
    leaves: tuple[str, ...]


class NormConflict(File, frozen=True):
    """Figures of several sources that contradict each other."""

    topic: str
    values: tuple[str, ...]
    advice: str


class DialectWord(File, frozen=True):
    """A dialect word residents use."""

    word: str
    meaning: str
    basis: str


class Department(File, frozen=True):
    """A department named by the city's notice."""

    code: str
    name: Name
    duty: str


class DepartmentGap(File, frozen=True):
    """A duty for which the notice names nobody."""

    code: str
    suggest: str
    why: str


class Lead(File, frozen=True):
    """Who leads on a facility, and on what ground. A gap is shown as "to be confirmed", never guessed."""

    department: str
    basis: str


class City(File, frozen=True, dict=True):
    """One city: its tree of areas and who is responsible for what."""

    code: str
    name: Name
    timezone: str
    source: str
    areas: tuple[Area, ...]
    notes: tuple[str, ...]
    targets: tuple[dict[str, str | int], ...]
    evaluation: dict[str, str | list[str]]
    departments: tuple[Department, ...]
    department_gaps: tuple[DepartmentGap, ...]
    department_basis: dict[str, str]
    department_notes: dict[str, str | list[str]]
    leads: dict[str, tuple[Lead, ...]]
    seed_inventory: dict[str, object]

    @cached_property
    def tree(self) -> AreaTree:
        """The areas as a tree."""
        return AreaTree(self.areas)

    def lead_text(self, leaf: str, language: str = "zh") -> str:
        """The leading departments of a facility; a gap reads "待确认: ..."."""
        names = {department.code: department.name[language] for department in self.departments}
        gaps = {gap.code: gap.suggest for gap in self.department_gaps}
        marks = {"zh": ("待确认:", ";"), "en": ("to be confirmed: ", "; ")}[language]
        parts = []
        for lead in self.leads.get(leaf, ()):
            unsure = lead.basis in ("gap", "inferred")
            name = names.get(lead.department) or gaps[lead.department]
            parts.append((marks[0] if unsure else "") + name)
        return marks[1].join(parts)


class Catalogue(msgspec.Struct, frozen=True, dict=True):
    """Everything but the city."""

    facilities: dict[str, Facility]
    standards: dict[str, Standard]
    sources: dict[str, Source]
    groups: dict[str, Group]
    intents: dict[str, Intent]
    natures: dict[str, Nature]
    complaint_topics: dict[str, ComplaintTopic]
    rules: tuple[Rule, ...]
    emergency: dict[str, EmergencyKind]
    items20: tuple[Item20, ...]
    norm_conflicts: tuple[NormConflict, ...]
    dialect: tuple[DialectWord, ...]

    def leaf_name(self, code: str, language: str = "zh") -> str:
        """The short name of a facility or of the review bucket."""
        if code == OTHER_FACILITY:
            return "Other facility" if language == "en" else "其他设施"
        return self.facilities[code].short_name(language)

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """All facility codes in display order, the review bucket last."""
        ordered = sorted(self.facilities.values(), key=lambda facility: facility.order)
        return (*(facility.code for facility in ordered), OTHER_FACILITY)

    def norms(self, leaf: str) -> list[tuple[Standard, Norm]]:
        """Every figure for a facility with its standard; all of them, verified or not."""
        return [
            (standard, norm) for standard in self.standards.values() for norm in standard.norms if norm.facility == leaf
        ]
