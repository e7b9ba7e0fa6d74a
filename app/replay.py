"""Sends the messages of a JSON-lines file through the whole pipeline, as if their residents wrote them now.

A line is {"channel", "resident", "community", "at", "text"}; `at` is ISO 8601, city time unless it says otherwise.
Each resident first follows the community's link and agrees to the notice. Replaying a file twice changes nothing: an
event's id is made of its line.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from bot.conversation.context import World
from bot.gateway import Gateway
from bot.service import ALL
from domain.errors import InputError
from domain.messages import Inbound

ACCOUNT = "replay"
CHUNK = 512
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
        InputError("replay.line"): names the fault.
    """
    try:
        line = msgspec.json.decode(raw, type=Line)
        if not line.text.strip() or not line.resident.strip():
            raise InputError("replay.line", fault="text / resident: empty")
        at = datetime.fromisoformat(line.at)
    except msgspec.DecodeError as exc:
        raise InputError("replay.line", fault=str(exc)) from exc
    except ValueError as exc:
        raise InputError("replay.line", fault=f"at: {line.at[:40]!r}") from exc
    if line.channel not in CHANNELS:
        raise InputError("replay.line", fault=f"channel: {line.channel[:40]!r} ({', '.join(CHANNELS)})")
    tree = world.city.tree
    if line.community not in tree or tree[line.community].kind != "community":
        found = world.match_community(line.community)
        if len(found) != 1:
            raise InputError("replay.line", fault=f"community: {line.community[:40]!r}")
        line = msgspec.structs.replace(line, community=found[0])
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


def read_lines(path: Path, world: World, on_fault: Callable[[int, str], None]) -> list[tuple[Line, int]]:
    """The good lines in order of time; each broken one is told by number and left out."""
    good = []
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                good.append(parse_line(raw, world))
            except InputError as exc:
                on_fault(number, str(exc.params["fault"]))
    good.sort(key=lambda entry: entry[1])
    return good


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
