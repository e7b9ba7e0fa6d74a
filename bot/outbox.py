"""Sends what waits in the outbox: paced per account and per chat, every step written down before and after.

A row is `sending`, committed, before its request leaves; so after a crash we know which messages may or may not have
arrived. Replies of unknown outcome are never repeated, pushes are (at most `IN_FLIGHT` of them), each logged.
Delivering exactly once is impossible: no platform takes a key that would make a repeated request harmless.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from bot.channels import Sender
from bot.gateway import Gateway, now_ms
from domain.errors import AppError, ChannelDown, OutcomeUnknown, ResidentGone, SendError, Throttled
from domain.messages import Outbound
from storage import outbox as rows
from storage.database import Database
from storage.outbox import Due, Result
from storage.vault import Vault

IN_FLIGHT = 20  #: messages of one account between claim and result: as many may be unknown after a crash
PER_SECOND = 30  #: messages of one account in any second (https://core.telegram.org/bots/faq, broadcasting)
WINDOW_S = 1.0005  #: half a millisecond more than a second: timers are early as often as late
GAP_S = 0.025  #: between two turns: thirty at once arrive as more than thirty in some other second
AHEAD_S = 0.35  #: what may start within this time is claimed now, so that pacing never waits for a commit
CHAT_PAUSE_S = 1.05
SEND_LIMIT_S = 60.0
CLOSE_S = 10.0
IDLE_S = 30.0  #: rows that other processes wrote are looked for at least this often
HOUSEKEEPING_S = 60.0
MAX_PAUSE_S = 60.0
PUSH_REPEATS = 3  #: how often a push of unknown outcome is sent again
NO_EXPIRY_TRIES = 20

Key = tuple[str, str]
Sleep = Callable[[float], Awaitable[None]]
_decode = msgspec.json.Decoder(Outbound).decode
log = logging.getLogger(__name__)


class Pacer:
    """At most `per_second` turns in any window of one second, and none while held."""

    def __init__(self, per_second: int, monotonic: Callable[[], float], sleep: Sleep) -> None:
        self._log: deque[float] = deque(maxlen=per_second)  #: when the latest turns were
        self._per_second = per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._queue = asyncio.Lock()  # first come, first served
        self._waiting = 0
        self.held_until = 0.0

    def hold(self, seconds: float) -> None:
        """No turn for so long."""
        self.held_until = max(self.held_until, self._monotonic() + seconds)

    def held_s(self) -> float:
        """How long turns are still held."""
        return max(self.held_until - self._monotonic(), 0.0)

    def room(self) -> int:
        """How many more turns can come within `AHEAD_S`."""
        if self.held_s() > 0:
            return 0
        since = self._monotonic() + AHEAD_S - WINDOW_S
        return self._per_second - sum(at > since for at in self._log) - self._waiting

    async def turn(self) -> bool:
        """Waits for a turn; False at once when turns are held."""
        self._waiting += 1
        try:
            async with self._queue:
                while self.held_s() == 0:
                    next_at = self._log[-1] + GAP_S if self._log else 0.0
                    if len(self._log) == self._per_second:
                        next_at = max(next_at, self._log[0] + WINDOW_S)
                    if (wait_s := next_at - self._monotonic()) <= 0:
                        self._log.append(self._monotonic())
                        return True
                    await self._sleep(wait_s)
                return False
        finally:
            self._waiting -= 1


@dataclass(slots=True)
class Lane:
    """One account of one channel: its sender, its pace, what is under way."""

    key: Key
    sender: Sender
    pacer: Pacer
    under_way: dict[int, asyncio.Task[None]] = field(default_factory=dict)  #: by identity
    resting: dict[int, float] = field(default_factory=dict)  #: identity -> when its chat may be written to again
    results: list[Result] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    reached: list[int] = field(default_factory=list)
    pause_s: float = 0.0


class Outbox:
    """The one sender of a process. Accounts without a `Sender` are left alone: others collect their messages."""

    def __init__(
        self,
        gateway: Gateway,
        database: Database,
        vault: Vault,
        senders: Mapping[Key, Sender],
        clock: Callable[[], int] = now_ms,
        sleep: Sleep = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        quiet: Callable[[int], bool] = lambda _: False,
    ) -> None:
        """`quiet`: whether pushes must wait at a time (ms); replies never do."""
        self.quiet = quiet
        self.gateway = gateway
        self.database = database
        self.vault = vault
        self.clock = clock
        self.outcomes: dict[str, int] = {}  #: results of this process by status
        self._sleep = sleep
        self._monotonic = monotonic
        self._lanes = [Lane(key, sender, Pacer(PER_SECOND, monotonic, sleep)) for key, sender in senders.items()]
        self._wake = asyncio.Event()
        self._closing = False
        self._round_task: asyncio.Task[float] | None = None
        gateway.on_queued = self._wake.set

    async def run(self) -> None:
        """Recovers what a dead process left, then sends until closed."""
        kept_at: float | None = None
        while not self._closing:
            self._wake.clear()
            try:
                if kept_at is None or self._monotonic() - kept_at > HOUSEKEEPING_S:
                    await self.recover(first=kept_at is None)
                    kept_at = self._monotonic()
                wait_s = await self._round()
            except Exception as exc:  # the database is away: what is known stays in memory
                log.error("outbox.database", extra={"fault": type(exc).__name__})
                wait_s = 2.0
                self._wake.clear()
            await self._rest(wait_s)

    async def recover(self, first: bool = True) -> None:
        """Replies found `sending` become unknown, pushes ready again; what waited too long expires.

        Not only at the `first` time where other processes may die beside this one: on PostgreSQL.
        """
        keys = [lane.key for lane in self._lanes] if first or self.database.dialect == "postgresql" else []

        def work() -> tuple[int, int]:
            with self.database.transaction() as tx:
                rows.expire(tx, self.clock())
                return rows.recover(tx, keys, self.clock())

        unknown, again = await self.gateway.run(work)
        if unknown or again:
            log.warning("outbox.recovered", extra={"replies_unknown": unknown, "pushes_again": again})
            for lane in self._lanes:
                lane.pacer.hold(WINDOW_S)  # what the dead process sent in its last second counts

    async def drain(self) -> None:
        """Sends everything that is due now; what is held or due later stays."""
        while True:
            wait_s = await self._round()
            tasks = [task for lane in self._lanes for task in lane.under_way.values()]
            if tasks:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            elif any(lane.results for lane in self._lanes):
                continue
            elif wait_s <= CHAT_PAUSE_S and not any(lane.pacer.held_s() for lane in self._lanes):
                await self._sleep(wait_s)
            else:
                return

    async def close(self) -> None:
        """Claims nothing more, lets what is under way end, writes it down."""
        self._closing = True
        self._wake.set()
        if self._round_task is not None:
            await asyncio.wait([self._round_task])
        for lane in self._lanes:
            lane.pacer.hold(3600.0)
        tasks = [task for lane in self._lanes for task in lane.under_way.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)
        await self._round()
        for lane in self._lanes:
            await lane.sender.close()

    # one round: write down results, claim what may go, start it

    async def _round(self) -> float:
        """Returns after how many seconds the next round is worth while, unless woken."""
        self._round_task = asyncio.create_task(self._settle_and_start())
        try:
            # a round cut in half would leave rows claimed that nobody sends
            return await asyncio.shield(self._round_task)
        finally:
            if self._round_task.done():
                self._round_task = None

    async def _settle_and_start(self) -> float:
        now = self._monotonic()
        for lane in self._lanes:
            lane.resting = {identity: until for identity, until in lane.resting.items() if until > now}
        settled = [(lane, len(lane.results), len(lane.gone), len(lane.reached)) for lane in self._lanes]
        claimed, waits = await self.gateway.run(lambda: self._write(settled))
        for lane, results, gone, reached in settled:
            for result in lane.results[:results]:
                self.outcomes[result.status] = self.outcomes.get(result.status, 0) + 1
            del lane.results[:results], lane.gone[:gone], lane.reached[:reached]
        for lane, due in claimed:
            lane.under_way[due.identity_id] = asyncio.create_task(self._deliver(lane, due))
        return min(waits, default=IDLE_S)

    def _write(self, settled: list[tuple[Lane, int, int, int]]) -> tuple[list[tuple[Lane, Due]], list[float]]:
        """In the writer thread, one transaction: results in, claims out."""
        now = self.clock()
        kinds = ("reply",) if self.quiet(now) else ("reply", "push")
        claimed: list[tuple[Lane, Due]] = []
        waits: list[float] = []
        with self.database.transaction() as tx:
            for lane, results, gone, reached in settled:
                rows.settle(tx, lane.results[:results], now)
                for identity_id in lane.gone[:gone]:
                    rows.mark_gone(tx, identity_id)
                rows.mark_reached(tx, lane.reached[:reached])
                if self._closing:
                    continue
                room = min(IN_FLIGHT - len(lane.under_way), lane.pacer.room())
                busy = {*lane.under_way, *lane.resting}
                for kind in kinds:
                    found = rows.claim(tx, *lane.key, kind, now, room, busy) if room > 0 else []
                    claimed += [(lane, due) for due in found]
                    busy.update(due.identity_id for due in found)
                    room -= len(found)
                waits.append(self._wait_s(lane, rows.next_due_ms(tx, *lane.key, kinds, now), now))
        return claimed, waits

    def _wait_s(self, lane: Lane, next_due_ms: int | None, now: int) -> float:
        if next_due_ms is None:
            return IDLE_S
        wait_s = max((next_due_ms - now) / 1000, lane.pacer.held_s())
        if wait_s <= 0:  # due, but its chat rests or the second is full
            free = [until - self._monotonic() for until in lane.resting.values()]
            wait_s = min([*free, AHEAD_S / 2])
        return min(max(wait_s, 0.005), IDLE_S)

    async def _rest(self, seconds: float) -> None:
        """Until woken, or so long."""
        waiter = asyncio.ensure_future(self._wake.wait())
        timer = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait([waiter, timer], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
            timer.cancel()

    # one message

    async def _deliver(self, lane: Lane, due: Due) -> None:
        result = Result(due.id, "unknown", due.tries + 1, reason="cancelled")
        try:
            if await lane.pacer.turn():
                result = await self._send(lane, due)
                lane.resting[due.identity_id] = self._monotonic() + CHAT_PAUSE_S
            else:
                later = self.clock() + int(min(lane.pacer.held_s(), MAX_PAUSE_S) * 1000)
                result = Result(due.id, "ready", due.tries, not_before_ms=self.clock() if self._closing else later)
        finally:
            lane.under_way.pop(due.identity_id, None)
            lane.results.append(result)
            self._wake.set()

    async def _send(self, lane: Lane, due: Due) -> Result:
        tries = due.tries + 1
        try:
            address, outbound = self.vault.open(due.address), _decode(due.body)
        except (AppError, ValueError) as exc:
            return Result(due.id, "refused", tries, reason=type(exc).__name__)
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                external_id = await lane.sender.send(address, outbound)
        except Exception as exc:  # whatever it is, the row must come to an end
            return self._failed(lane, due, exc)
        lane.pause_s = 0.0
        if due.gone:
            lane.reached.append(due.identity_id)
        return Result(due.id, "sent", tries, external_id=external_id)

    def _failed(self, lane: Lane, due: Due, exc: Exception) -> Result:
        """What follows from a failure, for this message and for the account."""
        tries = due.tries + 1
        reason = exc.code if isinstance(exc, SendError) else type(exc).__name__
        log.warning(
            "outbox.not_sent", extra={"channel": lane.key[0], "kind": due.kind, "fault": reason, "tries": tries}
        )
        if isinstance(exc, Throttled):
            lane.pacer.hold(exc.retry_after_s)
            return self._again(due, tries, reason, exc.retry_after_s)
        if isinstance(exc, ChannelDown):
            lane.pause_s = min(max(2 * lane.pause_s, 1.0), MAX_PAUSE_S)
            lane.pacer.hold(lane.pause_s)
            return self._again(due, tries, reason, lane.pause_s)
        if isinstance(exc, ResidentGone):
            lane.gone.append(due.identity_id)
            return Result(due.id, "refused", tries, reason=reason)
        if isinstance(exc, SendError) and not isinstance(exc, OutcomeUnknown):
            return Result(due.id, "refused", tries, reason=reason)
        if due.kind == "push" and tries <= PUSH_REPEATS:
            log.warning("outbox.push_repeated", extra={"row": due.id, "tries": tries})
            return self._again(due, tries, reason, 10.0 * tries)
        return Result(due.id, "unknown", tries, reason=reason)

    def _again(self, due: Due, tries: int, reason: str, after_s: float) -> Result:
        not_before_ms = self.clock() + int(after_s * 1000)
        over = not_before_ms >= due.expires_ms if due.expires_ms is not None else tries >= NO_EXPIRY_TRIES
        if over:
            return Result(due.id, "expired", tries, reason=reason)
        return Result(due.id, "ready", tries, reason=reason, not_before_ms=not_before_ms)
