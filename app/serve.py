"""The serving process: one ASGI application in front of everything, and the loops beside it.

The residents' webhook is a plain callable before any framework; the pages are built when the first one is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hmac
import json
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import uvicorn

from app import control
from app.loops import TELEGRAM_PATH, loops
from app.wiring import App, open_reading
from bot.channels.telegram import LazySender, webhook
from bot.channels.webchat import Hub
from bot.gateway import MAX_WAITING
from domain.errors import AppError, ConfigError
from storage.database import Database

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

GC_THRESHOLD = (20_000, 20, 50)  #: messages leave no cycles behind; the default walks the young ones 30 times as often
LOOK_S = 5.0  #: within this time the database and the writer answer, or are at fault
T = TypeVar("T")
log = logging.getLogger(__name__)


class Root:
    """The ASGI application: webhook, health, metrics, control; anything else goes to the pages."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.hub = Hub()
        self.reading: Database = open_reading(app.settings)
        self.sender: LazySender | None = None
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self.routes: dict[str, Asgi] = {
            "/healthz": self._healthz,
            "/metrics": self._metrics,
            control.PATH: control.endpoint(app),
        }
        self._pages: Asgi | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._dead: set[str] = set()
        self._looking = ThreadPoolExecutor(1, thread_name_prefix="looking")
        settings = app.settings
        if settings.telegram_mode != "off" and settings.telegram_token is not None:
            token = settings.telegram_token.get_secret_value()
            self.sender = LazySender(token, settings.telegram_base_url)
            if settings.telegram_mode == "webhook":
                secret = settings.telegram_webhook_secret
                hook = webhook(
                    app.gateway, token.partition(":")[0], secret.get_secret_value() if secret else None, self.sender
                )
                self.routes[TELEGRAM_PATH] = hook
                self._closers.append(hook.close)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        route = self.routes.get(scope.get("path", ""))
        if route is not None:
            await route(scope, receive, send)
            return
        if self._pages is None:
            self._pages = self._build_pages()
        await self._pages(scope, receive, send)

    def _build_pages(self) -> Asgi:
        from web.app import build
        from web.services import Services

        settings = self.app.settings
        token = settings.planner_token
        return build(
            Services(
                gateway=self.app.gateway,
                reading=self.reading,
                vault=self.app.vault,
                world=self.app.world,
                hub=self.hub,
                demo=self.app.demo,
                planner_token=token.get_secret_value() if token else None,
                secure_cookies=(settings.public_url or "").startswith("https://"),
                language=settings.language,
            )
        )

    async def _healthz(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """200 while messages can be taken and kept; else 503 with what is at fault.

        `faults`: "database" (does not answer), "writer" (cannot write, or stands still), "queue" (full),
        "loop:NAME" (has died).
        """
        gateway = self.app.gateway
        faults = [f"loop:{name}" for name in sorted(self._dead)]
        if gateway.waiting >= MAX_WAITING:
            faults.append("queue")
        if gateway.failing or not await _in_time(gateway.run(lambda: None)):
            faults.append("writer")
        if not await _in_time(self._look(lambda: _answers(self.reading))):
            faults.append("database")
        body = json.dumps({"status": "failing" if faults else "ok", "faults": faults}).encode()
        await respond(send, 503 if faults else 200, body, b"application/json")

    async def _metrics(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """For this machine, and for whoever has the planners' token; 503 while the database does not answer."""
        from app.metrics import render_metrics

        if not self._may_measure(scope):
            await respond(send, 404, b"", b"text/plain")
            return
        try:
            async with asyncio.timeout(LOOK_S):
                page = await self._look(lambda: render_metrics(self.app.gateway, self.reading))
        except Exception:
            await respond(send, 503, b"", b"text/plain")
            return
        await respond(send, 200, page, b"text/plain; version=0.0.4")

    def _may_measure(self, scope: Scope) -> bool:
        if (scope.get("client") or ("", 0))[0] in control.LOOPBACK:
            return True
        token = self.app.settings.planner_token
        given = dict(scope["headers"]).get(b"authorization", b"")
        return token is not None and hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode())

    async def _look(self, work: Callable[[], T]) -> T:
        """Reads beside the event loop, one at a time: a database that hangs takes no more than one thread."""
        return await asyncio.get_running_loop().run_in_executor(self._looking, work)

    # life

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._start()
        except AppError as exc:
            await send({"type": "lifespan.startup.failed", "message": self.app.texts.error(exc)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        for name, work, close in loops(self.app, self.sender):
            self._spawn(name, work)
            if close is not None:
                self._closers.append(close)
        gc.freeze()  # the model and the catalogue never die: keep the collector from walking them
        gc.set_threshold(*GC_THRESHOLD)
        gc.enable()

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception as exc:
                self._dead.add(name)
                log.error("loop.died", extra={"loop": name, "fault": type(exc).__name__}, exc_info=True)

        self._tasks.append(asyncio.create_task(guarded(), name=name))

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for close in self._closers:
            with contextlib.suppress(Exception):
                await close()
        await self.app.gateway.close()
        self._looking.shutdown(wait=False, cancel_futures=True)


def _answers(reading: Database) -> None:
    with reading.transaction() as tx:
        tx.exec_driver_sql("SELECT 1")


async def _in_time(work: Awaitable[object]) -> bool:
    """Whether it ends well within `LOOK_S`."""
    try:
        async with asyncio.timeout(LOOK_S):
            await work
    except Exception:
        return False
    return True


async def respond(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    """A small answer."""
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serve(app: App, host: str, port: int, on_ready: Callable[[int], None] = lambda _: None) -> None:
    """Serves until SIGTERM or Ctrl-C; what is waiting is committed before it ends.

    Raises:
        ConfigError("serve.port"): the port is taken.
    """
    root = Root(app)
    config = uvicorn.Config(
        root,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=8,
        limit_concurrency=2000,
    )
    server = _Server(config, app, root.hub, on_ready)
    try:
        server.run()
    except SystemExit as exc:
        if not server.started:
            raise ConfigError("serve.port", host=host, port=port) from exc
        raise
    finally:
        control.forget(app.settings.data_dir)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: App, hub: Hub, on_ready: Callable[[int], None]) -> None:
        super().__init__(config)
        self._app = app
        self._hub = hub
        self._on_ready = on_ready

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            control.announce(self._app.settings.data_dir, host, port)
            log.info("serve.ready", extra={"port": port, "pid": os.getpid()})
            self._on_ready(port)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        self._hub.close()  # open event streams would hold the server until its patience ends
        await super().shutdown(sockets)
