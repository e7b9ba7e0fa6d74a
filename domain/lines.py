"""Lines of JSON that people hand in: each good one as a value, each broken one told with a way out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import AnyStr, TypeVar

import msgspec

from domain.errors import InputError

T = TypeVar("T")

#: Called with the line's number (from 1) and what is wrong with it.
OnFault = Callable[[int, InputError], None]


_MISSING = re.compile(r"missing required field `(\w+)`")
_PLACE = re.compile(r"`\$([\w.\[\]]*)`$")


class Faults:
    """Passes on what is wrong with lines, and counts it."""

    def __init__(self, on_fault: OnFault | None = None) -> None:
        self.count = 0
        self._on_fault = on_fault

    def __call__(self, number: int, fault: InputError) -> None:
        """Takes one fault, as an `OnFault` does."""
        self.count += 1
        if self._on_fault is not None:
            self._on_fault(number, fault)


def good_lines(source: Iterable[AnyStr], parse: Callable[[AnyStr], T], on_fault: OnFault) -> Iterator[T]:
    """What `parse` makes of every line that is not blank; a line it refuses is reported and left out."""
    for number, line in enumerate(source, 1):
        if line.strip():
            try:
                yield parse(line)
            except InputError as fault:
                on_fault(number, fault)


def read_line(line: str | bytes, shape: type[T], example: str) -> T:
    """One line as a value.

    Args:
        line: bytes, or text decoded with `surrogateescape`; a byte order mark does no harm.
        example: a right line, for the way out.

    Raises:
        InputError: `line.encoding`, `line.json`, `line.missing` or `line.value`.
    """
    try:
        text = line if isinstance(line, str) else line.decode()
        return msgspec.json.decode(text.removeprefix("\ufeff").encode(), type=shape)
    except UnicodeError as exc:
        raise InputError("line.encoding") from exc
    except msgspec.DecodeError as exc:
        place, missing = _PLACE.search(str(exc)), _MISSING.search(str(exc))
        within = re.sub(r"\[[^\]]*\]", "", place[1]).strip(".") if place else ""
        field = ".".join(part for part in (within, missing[1] if missing else "") if part)
        if not field:
            raise InputError("line.json", example=example) from exc
        if missing:
            raise InputError("line.missing", field=field, example=example) from exc
        raise InputError("line.value", field=field, example=example) from exc
