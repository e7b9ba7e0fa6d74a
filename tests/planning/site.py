"""The planners' page on loopback for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bot.service import Service
from tests.serving import serving


@contextmanager
def a_planner_site(service: Service, *, token: str | None = None, demo: bool = False, port: int = 0) -> Iterator[str]:
    """Serves until the block ends; gives the address."""
    with serving(service, token=token, demo=demo, port=port) as served:
        yield served.url
