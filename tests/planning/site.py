"""The planners' page on loopback for tests: uvicorn in a thread over a real database."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from bot.channels.webchat import Hub
from bot.gateway import Gateway
from bot.service import Service
from web.app import build
from web.services import Services


@contextmanager
def a_planner_site(service: Service, *, token: str | None = None, demo: bool = False, port: int = 0) -> Iterator[str]:
    """Serves until the block ends; gives the address."""
    gateway = Gateway(service)
    reading = service.database.reader()
    services = Services(gateway, reading, service.vault, service.world, Hub(), demo, token, False)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(build(services), log_level="warning", timeout_graceful_shutdown=1, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        closing = threading.Thread(target=lambda: asyncio.run(gateway.close()))  # the test's own thread may have a loop
        closing.start()
        closing.join()
        reading.close()
