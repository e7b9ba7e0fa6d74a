"""A scripted stream of messages from a platform that redelivers whatever was not acknowledged, as Telegram does."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from bot.gateway import Gateway
from bot.service import ALL, Received, Service
from domain.messages import Inbound
from storage import book as b
from storage import outbox
from storage.database import Connection
from storage.outbox import Result
from tests.builders import NOW_MS, WORDS, an_inbound

ROUND_MS = 60_000
CHANNEL, ACCOUNT = "console", "test"
Point = Callable[[str], None]


def nowhere(_: str) -> None:
    """The point at which nothing happens."""


class Platform:
    """What the other side knows: which events we acknowledged, which messages arrived. A file: it survives our kill."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(b"")

    def note(self, what: str, which: object) -> None:
        """Takes note of one thing, at once."""
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        os.write(handle, f"{what} {which}\n".encode())
        os.close(handle)

    def noted(self, what: str) -> Counter[str]:
        """How often each was noted."""
        lines = (line.split(maxsplit=1) for line in self.path.read_text().splitlines())
        return Counter(line[1] for line in lines if line[0] == what)


@dataclass(frozen=True)
class Script:
    """Rounds of (user, kind, value). A round begins when the one before is acknowledged: people press what they saw."""

    rounds: tuple[tuple[tuple[str, str, str], ...], ...]
    through_gateway: bool
    carry: int
    batch: int


def a_script(seed: int) -> Script:
    """Two residents join, report, confirm, correct, withdraw; one in three forgets everything in the end."""
    chance = random.Random(seed)
    users = ("u1", "u2")
    rounds = [[(user, "start", "c-P05-01") for user in users], [(user, "text", "同意") for user in users]]
    number = 0
    for _ in range(2):
        texts, presses = [], []
        for user in users:
            for _ in range(chance.choice((1, 2))):
                number += 1
                words = chance.sample(sorted(WORDS), chance.choice((1, 2)))
                remark = chance.choice(("", "", "", "坏了"))
                texts.append((user, "text", f"第{number}条:没有{'和'.join(words)}{remark}"))
                if not remark:
                    leaf = chance.choice(("bus_stop", "car_parking", "nursery"))
                    press = chance.choice((f"ok:{number}", f"no:{number}", f"set:{number}:{leaf}", f"wd:{number}"))
                    presses.append((user, "press", press))
        chance.shuffle(texts)
        rounds += [texts, presses or texts[:0]]
    if chance.random() < 0.33:
        rounds.append([("u2", "press", "forget:yes")])
    return Script(
        tuple(tuple(one) for one in rounds), chance.random() < 0.4, chance.choice((ALL, 0)), chance.choice((1, 2, 8))
    )


def events(script: Script, number: int, tx: Connection) -> list[Inbound]:
    """The events of one round; what a button carries stands in the database, since the receipt showed it."""
    made = []
    for place, (user, kind, value) in enumerate(script.rounds[number]):
        at_ms = NOW_MS + number * ROUND_MS
        external_id = f"{number}-{place}"
        if kind == "start":
            made.append(an_inbound(user=user, n=external_id, at_ms=at_ms, command="start", argument=value))
        elif kind == "text":
            made.append(an_inbound(value, user=user, n=external_id, at_ms=at_ms))
        else:
            made.append(an_inbound(user=user, n=external_id, at_ms=at_ms, button=_payload(tx, value)))
    return made


def _payload(tx: Connection, value: str) -> str:
    action, _, rest = value.partition(":")
    if action == "forget":
        return value
    number, _, leaf = rest.partition(":")
    text = b.MESSAGE.c.masked.startswith(f"第{number}条", autoescape=True)
    query = select(b.NEED.c.message_id, b.NEED.c.id).join(b.MESSAGE).where(text).order_by(b.NEED.c.id)
    found = tx.execute(query).first()
    if found is None:  # its owner is forgotten, with the press committed and not yet acknowledged
        return f"{action}:0"
    if action in ("ok", "no"):
        return f"{action}:{found.message_id}"
    return f"{action}:{found.id}" + (f":{leaf}" if leaf else "")


def drive(
    service: Service,
    script: Script,
    platform: Platform,
    point: Point = nowhere,
    *,
    later_ms: int = 0,
    acknowledge_first: bool = False,
) -> None:
    """Delivers every unacknowledged event, round by round, and sends what waits in the outbox."""
    for number in range(len(script.rounds)):
        now_ms = NOW_MS + number * ROUND_MS + later_ms
        acknowledged = platform.noted("ack")
        if all(f"{number}-{place}" in acknowledged for place in range(len(script.rounds[number]))):
            continue
        with service.database.transaction() as tx:
            waiting = [event for event in events(script, number, tx) if event.external_id not in acknowledged]

        def acknowledge(event: Inbound) -> None:
            point("before acknowledging")
            platform.note("ack", event.external_id)
            point("after acknowledging")

        if acknowledge_first:
            for event in waiting:
                acknowledge(event)
        then = _ignore if acknowledge_first else acknowledge
        if script.through_gateway:
            asyncio.run(_through_gateway(service, waiting, script.carry, now_ms, then))
        else:
            for batch in _batches(waiting, script.batch):
                service.handle_many([Received(event, script.carry) for event in batch], now_ms)
                for event in batch:
                    then(event)
        send_waiting(service, platform, now_ms, point)
    send_waiting(service, platform, NOW_MS + len(script.rounds) * ROUND_MS + later_ms, point)


def _ignore(_: Inbound) -> None:
    pass


def _batches(waiting: Sequence[Inbound], size: int) -> Iterator[Sequence[Inbound]]:
    for start in range(0, len(waiting), size):
        yield waiting[start : start + size]


async def _through_gateway(
    service: Service, waiting: Sequence[Inbound], carry: int, now_ms: int, acknowledge: Callable[[Inbound], None]
) -> None:
    gateway = Gateway(service, lambda: now_ms)

    async def one(event: Inbound) -> None:
        await gateway.receive(event, carry)
        acknowledge(event)

    await asyncio.gather(*(one(event) for event in waiting))
    await gateway.close()


def send_waiting(service: Service, platform: Platform, now_ms: int, point: Point) -> None:
    """A sender with the outbox's own steps: claimed and committed, sent, written down."""
    while True:
        with service.database.transaction() as tx:
            due = outbox.claim(tx, CHANNEL, ACCOUNT, "reply", now_ms, 10)
        if not due:
            return
        for message in due:
            point("before sending")
            platform.note("sent", message.id)
            point("after sending")
        with service.database.transaction() as tx:
            outbox.settle(tx, [Result(message.id, "sent", 1) for message in due], now_ms)
