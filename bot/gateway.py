"""The asynchronous edge: collects what is waiting into batches and hands them to the writer thread.

A batch is whatever queued while the last commit ran; an idle gateway never waits. An event is answered only after its
transaction is committed.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bot.service import Handled, Received, Service
from domain.errors import Busy
from domain.messages import Inbound

MAX_BATCH = 128
MAX_WAITING = 5_000  #: beyond it events are refused, unacknowledged: the platform keeps them for us
T = TypeVar("T")


def now_ms() -> int:
    """The clock of the edge."""
    return time.time_ns() // 1_000_000


class Gateway:
    """One per process; the only user of the service's writer thread."""

    def __init__(self, service: Service, clock: Callable[[], int] = now_ms) -> None:
        self.service = service
        self.clock = clock
        self.batches = 0
        self.messages = 0
        self.repeats = 0
        self.failures = 0
        self.failing = False  #: the last thing written could not be written
        self.on_queued: Callable[[], None] = lambda: None  #: wakes the outbox
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._waiting: deque[tuple[Received, asyncio.Future[Handled]]] = deque()
        self._working: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Events not yet committed."""
        return len(self._waiting)

    async def receive(self, inbound: Inbound, carry: int = 0) -> Handled:
        """One event, durable when this returns. `carry`: how many replies the caller delivers itself.

        Raises:
            Busy("gateway.full"): too much is waiting.
            Busy("gateway.database"): the database cannot be written to; acknowledge nothing.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise Busy("gateway.full")
        future: asyncio.Future[Handled] = asyncio.get_running_loop().create_future()
        self._waiting.append((Received(inbound, carry), future))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await future

    async def run(self, work: Callable[[], T]) -> T:
        """Runs something else that writes, in the writer thread, between two batches."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
                received = [item for item, _ in batch]
                try:
                    results = await loop.run_in_executor(self._writer, self.service.handle_many, received, self.clock())
                except Exception as exc:
                    self.failing = True
                    for _, future in batch:
                        if not future.done():
                            refusal = Busy("gateway.database")
                            refusal.__cause__ = exc
                            future.set_exception(refusal)
                    continue
                self.failing = False
                self.batches += 1
                self.messages += len(batch)
                for (_, future), result in zip(batch, results, strict=True):
                    self.repeats += result.repeated
                    self.failures += result.failed
                    if not future.done():
                        future.set_result(result)
                if any(result.queued for result in results):
                    self.on_queued()
        finally:
            self._working = None
            if self._waiting:
                self._working = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Finishes what is waiting, then stops the writer."""
        while self._working is not None:
            await asyncio.wait([self._working])
        self._writer.shutdown(wait=True)
