"""Sends the messages of a JSON-lines file through the whole pipeline, as if their residents wrote them now.

A line is {"channel", "resident", "community", "at", "text"}; `at` is ISO 8601, city time unless it says otherwise.
Each resident first follows the community's link and agrees to the notice. Replaying a file twice changes nothing: an
event's id is made of its line.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.wiring import App, open_reading
from bot.conversation.context import World
from bot.gateway import Gateway, now_ms
from bot.service import ALL
from domain.errors import InputError
from domain.lines import Faults, OnFault, good_lines, read_line
from domain.messages import Inbound
from domain.texts import Texts
from planning.demand import DemandQuery
from planning.reading import read_demand

ACCOUNT = "replay"
CHUNK = 512
TOP = 12  #: facilities of the printed table
EXAMPLE = (
    '{"channel": "webchat", "resident": "a", "community": "P05-01", "at": "2026-09-01T08:00:00", "text": "缺公厕"}'
)
CHANNELS = ("telegram", "webchat", "console", "wechat", "wecom")


class Line(msgspec.Struct, frozen=True):
    """One line of the file."""

    channel: str
    resident: str
    community: str
    at: str
    text: str


@dataclass(slots=True)
class Replayed:
    """What became of a file."""

    messages: int = 0
    repeats: int = 0
    failed: int = 0
    faults: int = 0


def parse_line(raw: bytes, world: World) -> tuple[Line, int]:
    """One line and its time in ms.

    Raises:
        InputError: names the first fault and the way out.
    """
    line = read_line(raw, Line, EXAMPLE)
    for field in ("text", "resident"):
        if not getattr(line, field).strip():
            raise InputError("line.missing", field=field, example=EXAMPLE)
    try:
        at = datetime.fromisoformat(line.at)
    except ValueError as exc:
        raise InputError("line.value", field="at", example=EXAMPLE) from exc
    if line.channel not in CHANNELS:
        raise InputError("replay.channel", channel=line.channel[:40], known=", ".join(CHANNELS))
    tree = world.city.tree
    if line.community not in tree or tree[line.community].kind != "community":
        found = world.match_community(line.community).sure
        if found is None:
            known = ", ".join(area.code for area in tree.all_communities)
            raise InputError("replay.community", community=line.community[:40], known=known)
        line = msgspec.structs.replace(line, community=found)
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZoneInfo(world.city.timezone))
    return line, int(at.timestamp() * 1000)


def events_of(lines: Iterable[tuple[Line, int]]) -> Iterator[Inbound]:
    """The platform events a file stands for: a community's link before a resident's words there, consent at first."""
    seen: dict[tuple[str, str], str] = {}
    for line, at_ms in lines:
        user = (line.channel, line.resident)
        stamp = hashlib.sha256(f"{line.resident}\x1f{line.at}\x1f{line.text}".encode()).hexdigest()[:24]
        base = {"channel": line.channel, "account": ACCOUNT, "user": line.resident, "address": line.resident}
        if seen.get(user) != line.community:
            start = f"start-{stamp}-{line.community}"
            yield Inbound(**base, external_id=start, at_ms=at_ms, command="start", argument=line.community)
        if user not in seen:
            yield Inbound(**base, external_id=f"agree-{line.resident}", at_ms=at_ms, button="consent:yes")
        seen[user] = line.community
        yield Inbound(**base, external_id=stamp, at_ms=at_ms, text=line.text)


def read_lines(path: Path, world: World, on_fault: OnFault) -> list[tuple[Line, int]]:
    """The good lines in order of time; each broken one is told by number and left out."""
    with path.open("rb") as file:
        return sorted(good_lines(file, lambda raw: parse_line(raw, world), on_fault), key=lambda entry: entry[1])


async def replay(
    gateway: Gateway, lines: list[tuple[Line, int]], on_progress: Callable[[int], None] = lambda _: None
) -> Replayed:
    """Hands the events to the gateway, in order, many at a time; returns what became of them."""
    result = Replayed()
    events = list(events_of(lines))
    for start in range(0, len(events), CHUNK):
        chunk = events[start : start + CHUNK]
        for event, handled in zip(
            chunk, await asyncio.gather(*(gateway.receive(event, ALL) for event in chunk)), strict=True
        ):
            if event.text is not None:
                result.messages += 1
                result.repeats += handled.repeated
                result.failed += handled.failed
        on_progress(sum(event.text is not None for event in chunk))
    return result


def replay_file(app: App, file: Path, texts: Texts) -> Replayed:
    """Replays a file with a progress bar, then prints the demand it made."""

    def tell(line: int, fault: InputError) -> None:
        print(texts.error(InputError("line.broken", line=line, fault=fault)), file=sys.stderr)

    faults = Faults(tell)
    lines = read_lines(file, app.world, faults)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(texts("replay.reading"), total=len(lines))
        result = asyncio.run(replay(app.gateway, lines, lambda done: bar.advance(task, done)))
    result.faults = faults.count
    print(
        texts(
            "replay.done",
            messages=result.messages,
            residents=len({(line.channel, line.resident) for line, _ in lines}),
            repeats=result.repeats,
            failed=result.failed,
            faults=result.faults,
        )
    )
    print_demand(app, texts)
    return result


def print_demand(app: App, texts: Texts) -> None:
    """The facilities most asked for, as a table in the terminal."""
    city, catalogue = app.world.city, app.world.catalogue
    reading = open_reading(app.settings)
    try:
        with reading.transaction() as tx:
            rows = read_demand(tx, DemandQuery.parse({}, city, catalogue), city, catalogue, now_ms()).rows
    finally:
        reading.close()
    voices: dict[str, list[int]] = {}
    for row in rows:
        cell = voices.setdefault(row.leaf, [0, 0, 0, 0])
        cell[0] += row.voices
        cell[1] += row.needs
        cell[2] += 1 if row.voices else 0
        cell[3] += row.objections
    table = Table(title=texts("replay.table"))
    for key in ("facility", "voices", "needs", "communities", "objections"):
        table.add_column(texts(f"replay.column.{key}"), justify="left" if key == "facility" else "right")
    ranked = sorted(voices.items(), key=lambda item: (-item[1][0], item[0]))
    for leaf, cell in ranked[:TOP]:
        table.add_row(app.world.catalogue.leaf_name(leaf, texts.language), *map(str, cell))
    rest = [sum(cell[i] for _, cell in ranked[TOP:]) for i in (0, 1)]
    table.add_row(texts("replay.rest", count=max(len(ranked) - TOP, 0)), str(rest[0]), str(rest[1]), "", "")
    total = [sum(cell[i] for cell in voices.values()) for i in (0, 1)]
    table.add_row(texts("replay.total"), str(total[0]), str(total[1]), "", "", style="bold")
    Console().print(table)
