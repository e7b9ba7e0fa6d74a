"""Places as a tree: city, district, street, community. What the source does not say stays empty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from domain.errors import InputError

Kind = Literal["city", "district", "street", "community"]


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node of the tree. `circle_scale`: 5 or 15 for a pilot life circle, minutes on foot."""

    code: str
    kind: Kind
    name: str
    parent: str | None = None
    as_written: str | None = None  #: the name as the notice writes it
    circle_scale: Literal[5, 15] | None = None
    pilot: bool = False
    aliases: tuple[str, ...] = ()


class AreaTree:
    """Areas by code, with the ways up and down."""

    def __init__(self, areas: Iterable[Area]) -> None:
        self.by_code = {area.code: area for area in areas}
        self._children: dict[str | None, list[str]] = {}
        for area in self.by_code.values():
            self._children.setdefault(area.parent, []).append(area.code)

    def check(self, code: str) -> str:
        """The code, if there is such an area.

        Raises:
            InputError("area.unknown"): lists the codes there are.
        """
        if code not in self.by_code:
            shown = "".join(char for char in code[:40] if char.isprintable())
            raise InputError("area.unknown", area=shown, known="、".join(self.by_code))
        return code

    def __contains__(self, code: str) -> bool:
        return code in self.by_code

    def __getitem__(self, code: str) -> Area:
        return self.by_code[code]

    def up(self, code: str) -> Iterator[Area]:
        """The area itself, then its street, district, city."""
        current: str | None = code
        while current is not None:
            area = self.by_code[current]
            yield area
            current = area.parent

    def ancestor(self, code: str, kind: Kind) -> Area | None:
        """The area of that kind which contains `code`, or None."""
        return next((area for area in self.up(code) if area.kind == kind), None)

    def communities(self, code: str) -> list[Area]:
        """All communities at or below an area, in file order."""
        area = self.by_code[code]
        if area.kind == "community":
            return [area]
        return [found for child in self._children.get(code, []) for found in self.communities(child)]

    @property
    def all_communities(self) -> list[Area]:
        """Every community of the city, in file order."""
        return [area for area in self.by_code.values() if area.kind == "community"]
