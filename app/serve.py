"""The serving process: one ASGI application in front of everything, and the loops beside it.

The residents' webhook is a plain callable before any framework; the pages are built when the first one is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

import uvicorn

from app import control
from app.loops import TELEGRAM_PATH, loops
from app.wiring import App, open_reading
from bot.channels.telegram import LazySender, webhook
from bot.channels.webchat import Hub
from domain.errors import AppError, ConfigError
from storage.database import Database

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

GC_THRESHOLD = (20_000, 20, 50)  #: messages leave no cycles behind; the default walks the young ones 30 times as often
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
        """200 while the database answers and the queue moves, else 503."""
        try:
            with self.reading.transaction() as tx:
                tx.exec_driver_sql("SELECT 1")
            status, body = 200, b'{"status":"ok"}'
        except Exception:
            status, body = 503, b'{"status":"database"}'
        await respond(send, status, body, b"application/json")

    async def _metrics(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        from app.metrics import render_metrics

        await respond(send, 200, render_metrics(self.app.gateway, self.reading), b"text/plain; version=0.0.4")

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
            port = self.servers[0].sockets[0].getsockname()[1]
            control.announce(self._app.settings.data_dir, port)
            log.info("serve.ready", extra={"port": port, "pid": os.getpid()})
            self._on_ready(port)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        self._hub.close()  # open event streams would hold the server until its patience ends
        await super().shutdown(sockets)
