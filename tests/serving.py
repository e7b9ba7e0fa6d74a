"""The pages on loopback: uvicorn in a thread over a real service."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from bot.channels.webchat import Hub
from bot.gateway import Gateway
from bot.service import Service
from web.app import build
from web.services import Services


class QuickServer(uvicorn.Server):
    """Looks every 10 ms whether to stop; uvicorn's own 100 ms add up over a hundred sites."""

    async def main_loop(self) -> None:
        """Until told to stop."""
        await self.on_tick(0)
        while not self.should_exit:
            await asyncio.sleep(0.01)


@dataclass(slots=True)
class Served:
    """Where it is, and what it stands on."""

    url: str
    services: Services
    server: uvicorn.Server


@contextmanager
def serving(
    service: Service, *, token: str | None = None, demo: bool = False, secure_cookies: bool = False, port: int = 0
) -> Iterator[Served]:
    """Serves until the block ends."""
    hub, gateway = Hub(), Gateway(service)
    reading = service.database.reader()
    services = Services(gateway, reading, service.vault, service.world, hub, demo, token, secure_cookies)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(build(services), log_level="warning", timeout_graceful_shutdown=1, lifespan="off")
    server = QuickServer(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.005)
    try:
        yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", services, server)
    finally:
        server.servers[0].get_loop().call_soon_threadsafe(hub.close)  # as a stopping process does
        server.should_exit = True
        thread.join(10)
        listener.close()
        closing = threading.Thread(target=lambda: asyncio.run(gateway.close()))  # a browser's loop may run in this one
        closing.start()
        closing.join()
        reading.close()
