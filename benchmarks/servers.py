"""The servers compared: how each is started, found in /proc, counted and stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

from benchmarks.load import PATH

REPOSITORY = Path(__file__).resolve().parent.parent
SECRET = "benchmark-secret-0123456789"
TOKEN = "123456:TEST-TOKEN-OF-A-BENCHMARK-0123456789"
START_LIMIT_S = 120
STOP_LIMIT_S = 20
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the servers compared. `stored` selects the update ids it has taken, as text or number."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stored: str


NAIVE = Kind(
    "naive",
    (sys.executable, "-m", "benchmarks.naive", "--port", "{port}", "--data", "{data}"),
    {"NAIVE_TELEGRAM_SECRET": SECRET, "NAIVE_TELEGRAM_TOKEN": TOKEN},
    "SELECT update_id FROM message",
)
OURS = Kind(
    "ours",
    (str(Path(sys.executable).with_name("buqi")), "serve", "--host", "127.0.0.1", "--port", "{port}"),
    {
        "BUQI_DATA_DIR": "{data}",
        "BUQI_TELEGRAM_TOKEN": TOKEN,
        "BUQI_TELEGRAM_MODE": "webhook",
        "BUQI_TELEGRAM_WEBHOOK_SECRET": SECRET,
        "BUQI_TELEGRAM_ABROAD_ACCEPTED": "true",
        "BUQI_TELEGRAM_BASE_URL": "http://127.0.0.1:{api}",
    },
    "SELECT external_id FROM inbox",
)


class Server:
    """A running server, the only process of its group."""

    def __init__(self, kind: Kind, process: subprocess.Popen[bytes], port: int, data: Path, started: float) -> None:
        """Made by `serving`."""
        self.kind = kind
        self.process = process
        self.port = port
        self.data = data
        self._started = started

    def first_answer(self, request: bytes) -> float:
        """Seconds from the start of the process to its first answered message.

        Raises:
            RuntimeError: it ended, or answered otherwise, or nothing for two minutes.
        """
        body = request.split(b"\r\n\r\n", 1)[1]
        headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET, "Content-Type": "application/json"}
        call = urllib.request.Request(f"http://127.0.0.1:{self.port}{PATH}", data=body, headers=headers)
        while time.perf_counter() - self._started < START_LIMIT_S:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.kind.name} ended with {self.process.returncode}; see {self.log}")
            try:
                with urllib.request.urlopen(call, timeout=START_LIMIT_S) as answer:
                    seconds = time.perf_counter() - self._started
                    if b"sendMessage" not in answer.read():
                        raise RuntimeError(f"{self.kind.name} took a message without answering it; see {self.log}")
                    return seconds
            except urllib.error.HTTPError as exc:
                if exc.code != 503:  # still starting
                    raise RuntimeError(f"{self.kind.name} answered {exc.code} to a message; see {self.log}") from exc
                time.sleep(0.005)
            except OSError:
                time.sleep(0.005)
        raise RuntimeError(f"{self.kind.name} did not answer within {START_LIMIT_S} s; see {self.log}")

    @property
    def log(self) -> Path:
        """What it wrote to stdout and stderr."""
        return self.data.with_suffix(".log")

    def cpu_seconds(self) -> float:
        """User and system time so far, all threads."""
        after_name = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(after_name[11]) + int(after_name[12])) / _TICKS

    def peak_rss_mib(self) -> float:
        """The most memory it ever held (VmHWM), MiB."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0

    def stored(self, first: int, count: int) -> list[int]:
        """The update ids of [first, first + count) in its table, as often as they are there."""
        with sqlite3.connect(f"file:{_database(self.data)}?mode=ro", uri=True) as database:
            ids = [int(re.sub(r"\D", "", str(row[0])) or -1) for row in database.execute(self.kind.stored)]
        database.close()
        return [found for found in ids if first <= found < first + count]


def _database(data: Path) -> Path:
    for file in sorted(data.rglob("*")):
        if not file.is_file():
            continue
        with file.open("rb") as opened:
            if opened.read(15) == b"SQLite format 3":
                return file
    raise RuntimeError(f"no SQLite database in {data}")


@contextmanager
def serving(kind: Kind, data: Path, core: int | None, api: int) -> Iterator[Server]:
    """Starts the server on `core` with its data in `data`, and Telegram at port `api`; stops it whatever happens."""
    port = _free_port()
    places = {"port": str(port), "data": str(data), "api": str(api)}
    environment = {name: value.format(**places) for name, value in kind.environment.items()}
    with data.with_suffix(".log").open("ab") as log:
        started = time.perf_counter()
        with _on_core(core):
            process = subprocess.Popen(
                [part.format(**places) for part in kind.command],
                cwd=REPOSITORY,
                env=os.environ | environment | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                stdout=log,
                stderr=log,
                process_group=0,  # Ctrl-C reaches the benchmark, which then stops the server
            )
        try:
            yield Server(kind, process, port, data, started)
        finally:
            _stop(process)


@contextmanager
def _on_core(core: int | None) -> Iterator[None]:
    """This thread on `core` for as long as it takes to make a process there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before if core is None else {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class _BotApi(BaseHTTPRequestHandler):
    """Telegram itself, as far as a bot that answers in the webhook's response still needs it."""

    protocol_version = "HTTP/1.1"
    sent = count(1)

    def do_POST(self) -> None:
        """Every method succeeds; the result is a message."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chat = {"id": 1, "type": "private", "first_name": "-"}
        result = {"message_id": next(self.sent), "date": int(time.time()), "chat": chat}
        body = json.dumps({"ok": True, "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def bot_api() -> Iterator[int]:
    """A stand-in for api.telegram.org on loopback, for replies that do not fit the webhook's response; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _BotApi)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
