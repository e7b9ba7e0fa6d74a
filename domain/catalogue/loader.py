"""Reads and checks the data files. Every fault names file, key, fault and way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec
import yaml

from domain.areas import AreaTree
from domain.catalogue.model import (
    OTHER_FACILITY,
    Catalogue,
    City,
    ComplaintTopic,
    DialectWord,
    EmergencyKind,
    Facility,
    Group,
    Intent,
    Item20,
    Nature,
    NormConflict,
    Rule,
    Source,
    Standard,
)
from domain.errors import DataFileError, InputError

FOLDER = Path(__file__).parent
T = TypeVar("T")


def read_yaml(path: Path) -> object:
    """One YAML document as plain values.

    Raises:
        DataFileError: absent, not UTF-8, or not YAML (with line and column).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise DataFileError(path.name, "-", InputError("data.unreadable")) from exc
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        raise DataFileError(path.name, mark.line + 1 if mark else "-", InputError("data.yaml")) from exc


def read(path: Path, shape: type[T], key: str | None = None) -> T:
    """One file, or the list under its one key, checked against `shape`."""
    content = read_yaml(path)
    if key is not None:
        if not isinstance(content, dict) or key not in content:
            raise DataFileError(path.name, key, InputError("data.missing", field=key))
        content = content[key]
    try:
        return msgspec.convert(content, shape)
    except msgspec.ValidationError as exc:
        told, _, where = str(exc).partition(" - at `")
        place = where.rstrip("`").replace("$", key or "").lstrip(".") or "-"
        raise DataFileError(path.name, place, _misfit(told)) from exc


def _misfit(told: str) -> InputError:
    """What msgspec says of a value that has not its shape."""
    if field := re.fullmatch(r"Object missing required field `(.+)`", told):
        return InputError("data.missing", field=field[1])
    if field := re.fullmatch(r"Object contains unknown field `(.+)`", told):
        return InputError("data.unknown_field", field=field[1])
    wanted = re.fullmatch(r"Expected `(.+)`, got `.+`", told)
    return InputError("data.shape", wanted=wanted[1]) if wanted else InputError("data.value")


def _folder(folder: Path, shape: type[T], name_of: str) -> dict[str, T]:
    found: dict[str, T] = {}
    for path in sorted(folder.glob("*.yaml")):
        entry = read(path, shape)
        code = str(getattr(entry, name_of))
        if code.lower() != path.stem:
            raise DataFileError(path.name, name_of, InputError("data.file_name", name=code))
        found[code] = entry
    if not found:
        raise DataFileError(folder.name, "-", InputError("data.no_files"))
    return found


def _by(entries: Iterable[T], name_of: str, file: str) -> dict[str, T]:
    found: dict[str, T] = {}
    for entry in entries:
        code = str(getattr(entry, name_of))
        if code in found:
            raise DataFileError(file, code, InputError("data.twice"))
        found[code] = entry
    return found


def _known(names: Iterable[str], known: Iterable[str], file: str, key: str) -> None:
    known = set(known)
    for name in names:
        if name not in known:
            raise DataFileError(file, key, InputError("data.unknown_name", name=name, known=", ".join(sorted(known))))


@cache
def load_catalogue(folder: Path = FOLDER) -> Catalogue:
    """The checked catalogue.

    Raises:
        DataFileError: names file, key, fault and way out.
    """
    facilities = _folder(folder / "facilities", Facility, "code")
    facilities = dict(sorted(facilities.items(), key=lambda item: item[1].order))
    catalogue = Catalogue(
        facilities=facilities,
        standards=_folder(folder / "standards", Standard, "id"),
        sources=_by(read(folder / "sources.yaml", list[Source], "sources"), "id", "sources.yaml"),
        groups=_by(read(folder / "groups.yaml", list[Group], "groups"), "code", "groups.yaml"),
        intents=_by(read(folder / "intents.yaml", list[Intent], "intents"), "code", "intents.yaml"),
        natures=_by(read(folder / "natures.yaml", list[Nature], "natures"), "code", "natures.yaml"),
        complaint_topics=_by(
            read(folder / "complaint_topics.yaml", list[ComplaintTopic], "topics"), "code", "complaint_topics.yaml"
        ),
        rules=tuple(read(folder / "disambiguation.yaml", list[Rule], "rules")),
        emergency=_by(read(folder / "emergency.yaml", list[EmergencyKind], "kinds"), "code", "emergency.yaml"),
        items20=tuple(read(folder / "items20.yaml", list[Item20], "items")),
        norm_conflicts=tuple(read(folder / "norm_conflicts.yaml", list[NormConflict], "conflicts")),
        dialect=tuple(read(folder / "dialect.yaml", list[DialectWord], "words")),
    )
    _check(catalogue)
    return catalogue


def _check(catalogue: Catalogue) -> None:
    leaves = [*catalogue.facilities, OTHER_FACILITY]
    items = {str(item.no) for item in catalogue.items20}
    orders: dict[int, str] = {}
    for facility in catalogue.facilities.values():
        file = facility.code + ".yaml"
        _known([facility.group], catalogue.groups, file, "group")
        _known(map(str, facility.complete_community_items), items, file, "complete_community_items")
        if (other := orders.setdefault(facility.order, facility.code)) != facility.code:
            raise DataFileError(file, "order", InputError("data.order_taken", order=facility.order, other=other))
        for exclusion in facility.exclude:
            go_to = exclusion.go_to
            _known([go_to.intent], catalogue.intents, file, "exclude.go_to.intent")
            _known(go_to.leaves, leaves, file, "exclude.go_to.leaves")
            if go_to.complaint_topic:
                _known([go_to.complaint_topic], catalogue.complaint_topics, file, "exclude.go_to.complaint_topic")
            if go_to.emergency_kind:
                _known([go_to.emergency_kind], catalogue.emergency, file, "exclude.go_to.emergency_kind")
    for standard in catalogue.standards.values():
        file = standard.id.lower() + ".yaml"
        _known((norm.facility for norm in standard.norms), leaves, file, "norms.facility")
        _known((reach.facility for reach in standard.reach), leaves, file, "reach.facility")
        for norm in standard.norms:
            if not norm.clause:
                raise DataFileError(file, "norms.clause", InputError("data.no_clause", facility=norm.facility))
    for item in catalogue.items20:
        _known(item.leaves, leaves, "items20.yaml", "leaves")


@cache
def load_city(code: str, folder: Path = FOLDER) -> City:
    """The checked file of one city.

    Raises:
        DataFileError: no such city, a broken tree, or a lead that is nobody.
    """
    path = folder / "cities" / f"{code}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in (folder / "cities").glob("*.yaml")))
        raise DataFileError(path.name, "-", InputError("data.no_city", known=known))
    city = read(path, City)
    _check_tree(city, path.name)
    _check_leads(city, path.name, load_catalogue(folder).facilities)
    return city


PARENT_KINDS = {"city": (None,), "district": ("city",), "street": ("district",), "community": ("street",)}


def _check_tree(city: City, file: str) -> None:
    areas = _by(city.areas, "code", file)
    for area in areas.values():
        parent = areas.get(area.parent) if area.parent else None
        if area.parent and parent is None:
            raise DataFileError(file, area.code, InputError("data.no_parent", parent=area.parent))
        if (parent.kind if parent else None) not in PARENT_KINDS[area.kind]:
            fault = InputError("data.wrong_parent", kind=area.kind, parent=area.parent or "-")
            raise DataFileError(file, area.code, fault)
    AreaTree(city.areas)


def _check_leads(city: City, file: str, leaves: Iterable[str]) -> None:
    people: Sequence[str] = [
        *(department.code for department in city.departments),
        *(gap.code for gap in city.department_gaps),
    ]
    _known(city.leads, leaves, file, "leads")
    for leaf in leaves:
        if not city.leads.get(leaf):
            raise DataFileError(file, f"leads.{leaf}", InputError("data.no_lead"))
        _known((lead.department for lead in city.leads[leaf]), people, file, f"leads.{leaf}")
        _known((lead.basis for lead in city.leads[leaf]), city.department_basis, file, f"leads.{leaf}")
