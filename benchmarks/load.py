"""Load: Telegram text updates over HTTP/1.1, closed loop, by wrk or by an own driver in asyncio."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PATH = "/telegram/webhook"
TIMEOUT_S = 30
WRK_SCRIPT = Path(__file__).with_name("load.lua")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """What one run sent and got. `sent` update ids were used, `first` on; `answered` came back with status 200."""

    first: int
    sent: int
    answered: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send, and as which residents what texts."""

    port: int
    secret: str
    texts: Sequence[str]
    residents: int
    first_resident: int = 500_000_000

    def request(self, update_id: int, user_id: int, text: str) -> bytes:
        """One webhook call as bytes: about 450 of them, as Telegram sends a private text message."""
        person = {"id": user_id, "first_name": "居民", "language_code": "zh-hans"}
        message = {
            "message_id": update_id,
            "from": person | {"is_bot": False},
            "chat": {"id": user_id, "first_name": "居民", "type": "private"},
            "date": int(time.time()),
            "text": text,
        }
        body = json.dumps({"update_id": update_id, "message": message}, ensure_ascii=False).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: application/json\r\n"
            f"X-Telegram-Bot-Api-Secret-Token: {self.secret}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def mixed(self, first: int, seed: int) -> Iterator[bytes]:
        """Endless: any resident says any text, update ids from `first` on."""
        chance = random.Random(seed)
        update_id = first
        while True:
            user_id = self.first_resident + chance.randrange(self.residents)
            yield self.request(update_id, user_id, chance.choice(self.texts))
            update_id += 1


def run_load(target: Target, first: int, seed: int, connections: int, seconds: float, *, wrk: bool) -> Load:
    """Keeps `connections` requests under way for `seconds`; unique update ids from `first` on."""
    if wrk:
        return _run_wrk(target, first, seed, connections, seconds)
    return asyncio.run(_exchange(target, first, target.mixed(first, seed), connections, seconds))


def send_all(target: Target, first: int, requests: Iterable[bytes], connections: int) -> Load:
    """Sends every request once and waits for all answers."""
    return asyncio.run(_exchange(target, first, iter(requests), connections, None))


async def _exchange(
    target: Target, first: int, requests: Iterator[bytes], connections: int, seconds: float | None
) -> Load:
    begin = time.perf_counter()
    source = _Source(requests, None if seconds is None else begin + seconds)
    loop = asyncio.get_running_loop()
    ends = []
    for _ in range(connections):
        _, connection = await loop.create_connection(lambda: _Connection(source), "127.0.0.1", target.port)
        ends.append(connection.done)
    late = TIMEOUT_S + (seconds or 3600)
    await asyncio.wait(ends, timeout=late)
    return source.load(first, time.perf_counter() - begin)


class _Source:
    """Hands out requests until none is left or time is up; keeps what came back."""

    def __init__(self, requests: Iterator[bytes], until: float | None) -> None:
        self.requests = requests
        self.until = until
        self.sent = 0
        self.latencies: list[float] = []

    def next(self) -> bytes | None:
        if self.until is not None and time.perf_counter() >= self.until:
            return None
        request = next(self.requests, None)
        if request is not None:
            self.sent += 1
        return request

    def load(self, first: int, seconds: float) -> Load:
        ordered = sorted(self.latencies) or [0.0]
        p50_ms, p99_ms = (1e3 * ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99))
        # whatever was neither answered nor refused was cut off
        return Load(first, self.sent, len(self.latencies), self.sent - len(self.latencies), seconds, p50_ms, p99_ms)


class _Connection(asyncio.Protocol):
    """One request at a time, kept alive; knows just enough HTTP for the end of an answer."""

    def __init__(self, source: _Source) -> None:
        self.source = source
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = bytearray()
        self.began = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not _complete(self.received):
            return
        if self.received.startswith(b"HTTP/1.1 200"):
            self.source.latencies.append(time.perf_counter() - self.began)
        self.received.clear()
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        request = self.source.next()
        if request is None:
            self.transport.close()
            return
        self.began = time.perf_counter()
        self.transport.write(request)


def _complete(answer: bytearray) -> bool:
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = bytes(answer[: end + 2])
    if _CHUNKED.search(head):
        return answer.endswith(b"\r\n0\r\n\r\n")
    length = _LENGTH.search(head)
    return len(answer) >= end + 4 + (int(length[1]) if length else 0)


# wrk


def has_wrk() -> bool:
    """Whether wrk is installed: it takes less of its core than the own driver."""
    return shutil.which("wrk") is not None


def _run_wrk(target: Target, first: int, seed: int, connections: int, seconds: float) -> Load:
    with tempfile.TemporaryDirectory(prefix="buqi-load-") as folder:
        texts = Path(folder) / "texts"
        texts.write_text("\n".join(json.dumps(text, ensure_ascii=False) for text in target.texts), encoding="utf-8")
        environment = os.environ | {
            "LOAD_TEXTS": str(texts),
            "LOAD_SECRET": target.secret,
            "LOAD_PATH": PATH,
            "LOAD_PORT": str(target.port),
            "LOAD_FIRST": str(first),
            "LOAD_SEED": str(seed),
            "LOAD_RESIDENTS": str(target.residents),
            "LOAD_FIRST_RESIDENT": str(target.first_resident),
        }
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", f"--timeout={TIMEOUT_S}s"]
        command += ["-s", str(WRK_SCRIPT), f"http://127.0.0.1:{target.port}{PATH}"]
        ended = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    figures = json.loads(ended.stdout.rsplit("LOAD ", 1)[1])
    return Load(
        first=first,
        sent=figures["sent"],
        answered=figures["answered"] - figures["status"],
        errors=figures["status"] + figures["socket"],
        seconds=figures["seconds"],
        p50_ms=figures["p50_ms"],
        p99_ms=figures["p99_ms"],
    )
