"""Kills a forked process at one named point of a script, recovers, and looks at what is left."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Select, Table, event, func, select

import bot.service
from bot.service import Service
from domain.messages import Outbound
from storage import book as b
from storage import compiled, outbox, recount
from storage.database import Connection
from tests.crash.stream import ACCOUNT, CHANNEL, Platform, Point, Script, drive

LATER_MS = 1_000  #: the process that recovers starts a second later


@dataclass(frozen=True)
class Outcome:
    """What one kill did."""

    killed: bool
    lost: int
    counted_wrong: tuple[str, ...]
    answered_twice: int


class Points:
    """Counts the points passed and kills the process at one of them."""

    def __init__(self, stop: int) -> None:
        self.count = 0
        self.stop = stop
        self.names: Counter[str] = Counter()

    def __call__(self, name: str) -> None:
        self.count += 1
        self.names[name] += 1
        if self.count == self.stop:
            os.kill(os.getpid(), signal.SIGKILL)


def instrument(service: Service, point: Point) -> None:
    """Puts points around statements, commits, reading, stepping, applying, sealing. Only ever in a forked process."""
    engine = service.database.engine
    event.listen(engine, "before_cursor_execute", lambda *_: point("before a statement"))
    event.listen(engine, "after_cursor_execute", lambda *_: point("after a statement"))
    compiled.on_statement = point
    for owner, name in (
        (engine.dialect, "do_commit"),
        (service.reader, "read_many"),
        (bot.service, "step"),
        (bot.service, "apply"),
    ):
        setattr(owner, name, _pointed(getattr(owner, name), name, point))
    setattr(service.vault, "seal", _pointed(service.vault.seal, "seal", point))  # noqa: B010


def _pointed(function: Callable[..., object], name: str, point: Point) -> Callable[..., object]:
    def wrapped(*arguments: object) -> object:
        point(f"before {name}")
        result = function(*arguments)
        point(f"after {name}")
        return result

    return wrapped


class Sweep:
    """One script against one service; `base` is copied for every case. The database is open in no other process."""

    def __init__(self, service: Service, base: Path, script: Script, *, acknowledge_first: bool = False) -> None:
        self.service = service
        self.base = base
        self.script = script
        self.path = Path(service.database.url.database or "")
        self.platform = Platform(self.path.with_name("platform.log"))
        self.acknowledge_first = acknowledge_first
        self.resend_interrupted = False
        self._begin()
        drive(service, script, self.platform)
        self.expected = self._state()

    def count_points(self) -> int:
        """How many points the script passes when nothing kills it."""
        self._begin()
        self._run_forked(-1)
        return int(next(iter(self.platform.noted("points"))))

    def point_names(self) -> set[str]:
        """Names of the points, after `count_points`."""
        return set(self.platform.noted("name"))

    def kill_at(self, stop: int) -> Outcome:
        """One case: killed at a point, recovered, run to the end."""
        self._begin()
        killed = self._run_forked(stop)
        acknowledged = self.platform.noted("ack")
        with self.service.database.transaction() as tx:
            lost = len(acknowledged.keys() - set(tx.scalars(select(b.INBOX.c.external_id))))
            if self.resend_interrupted:
                tx.execute(b.OUTBOX.update().where(b.OUTBOX.c.status == "sending").values(status="ready"))
            outbox.recover(tx, [(CHANNEL, ACCOUNT)], 0)
        drive(self.service, self.script, self.platform, later_ms=LATER_MS)
        found = self._state()
        wrong = tuple(key for key in found if found[key] != self.expected[key])
        arrived = self.platform.noted("sent")
        return Outcome(killed, lost, wrong, sum(count - 1 for count in arrived.values()))

    def _begin(self) -> None:
        self.service.database.engine.dispose()
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self.base, self.path)
        self.platform.path.write_bytes(b"")

    def _run_forked(self, stop: int) -> bool:
        self.service.database.engine.dispose()
        pid = os.fork()
        if pid:
            status = os.waitpid(pid, 0)[1]
            if os.WIFSIGNALED(status):
                assert os.WTERMSIG(status) == signal.SIGKILL
                return True
            assert os.waitstatus_to_exitcode(status) == 0
            return False
        code = 1
        try:
            points = Points(stop)
            instrument(self.service, points)
            drive(self.service, self.script, self.platform, points, acknowledge_first=self.acknowledge_first)
            self.platform.note("points", points.count)
            for name in points.names:
                self.platform.note("name", name)
            code = 0
        finally:
            os._exit(code)

    def _state(self) -> dict[str, object]:
        with self.service.database.transaction() as tx:
            return state(tx, self.service)


def state(tx: Connection, service: Service) -> dict[str, object]:
    """Everything that must not depend on when the process was killed, without ids and times of handling."""
    marks = {service.vault.fingerprint(CHANNEL, ACCOUNT, user): user for user in ("u1", "u2")}
    users = {row.resident_id: marks[bytes(row.key_hash)] for row in tx.execute(select(b.IDENTITY))}

    def rows(query: Select[Any], *columns: str) -> Counter[tuple[object, ...]]:
        return Counter(
            tuple(users[value] if name == "resident_id" else value for name, value in zip(columns, row, strict=True))
            for row in tx.execute(query)
        )

    def table(source: Table, *columns: str) -> Counter[tuple[object, ...]]:
        return rows(select(*(source.c[name] for name in columns)), *columns)

    names = ("resident_id", "masked", "leaf", "status", "confirmed_by", "day")
    needs = select(
        b.NEED.c.resident_id, b.MESSAGE.c.masked, b.NEED.c.leaf, b.NEED.c.status, b.NEED.c.confirmed_by, b.NEED.c.day
    ).join(b.MESSAGE)
    return {
        "recount": recount.differences(tx),
        "events": table(b.INBOX, "external_id", "status"),
        "people": rows(
            select(b.RESIDENT.c.id, b.RESIDENT.c.community, b.RESIDENT.c.consent_version),
            "resident_id",
            "community",
            "consent_version",
        ),
        "turns": table(b.CONVERSATION, "resident_id", "version"),
        "messages": table(b.MESSAGE, "resident_id", "masked", "intent", "at_ms"),
        "needs": rows(needs, *names),
        "voices": table(b.VOICE, "resident_id", "leaf", "community", "day", "needs"),
        "remarks": table(b.REMARK, "resident_id", "leaf", "intent", "day"),
        "labels": table(b.LABEL, "old_leaf", "new_leaf"),
        "demand": table(b.DEMAND, "community", "leaf", "day", *b.COUNTERS),
        "totals": table(b.DEMAND_TOTAL, "community", "leaf", "residents"),
        "replies": rows(
            select(b.OUTBOX.c.resident_id, func.count()).group_by(b.OUTBOX.c.resident_id), "resident_id", "count"
        ),
        "stored": Counter(
            (external_id, answers + (len(msgspec.json.decode(reply, type=tuple[Outbound, ...])) if reply else 0))
            for external_id, reply, answers in tx.execute(
                select(b.INBOX.c.external_id, b.INBOX.c.reply, func.count(b.OUTBOX.c.id))
                .outerjoin(b.OUTBOX, b.OUTBOX.c.inbox_id == b.INBOX.c.id)
                .group_by(b.INBOX.c.id)
            )
        ),
        "unsent": tx.scalar(select(func.count()).where(b.OUTBOX.c.status.in_(("ready", "sending")))),
    }
