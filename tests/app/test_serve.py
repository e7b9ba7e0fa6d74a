"""The serving process: what /healthz names, who may read /metrics, and that neither holds up the event loop."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from app import serve
from app.settings import Secret, Settings
from bot.gateway import Gateway
from bot.service import Service
from domain.errors import Busy
from tests.builders import an_inbound

TOKEN = "a-planner-token-of-tests"


@pytest.fixture
def root(sqlite_service: Service, tmp_path: Path) -> serve.Root:
    """The application on a real database, its loops not started."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=Secret(sqlite_service.database.url.render_as_string(hide_password=False)),
        planner_token=Secret(TOKEN),
    )
    app: Any = SimpleNamespace(
        settings=settings,
        texts=sqlite_service.world.texts,
        world=sqlite_service.world,
        database=sqlite_service.database,
        vault=sqlite_service.vault,
        service=sqlite_service,
        gateway=Gateway(sqlite_service),
        demo=False,
    )
    return serve.Root(app)


def client(root: serve.Root, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(root, client=(peer, 5)), base_url="http://buqi")


async def health(root: serve.Root) -> tuple[int, Any]:
    async with client(root) as http:
        answer = await http.get("/healthz")
    return answer.status_code, answer.json()


async def test_healthz__all_well__200(root: serve.Root) -> None:
    assert await health(root) == (200, {"status": "ok", "faults": []})


async def test_healthz__database_away__503_names_it(root: serve.Root, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("SELECT 1", None, Exception("away"))

    monkeypatch.setattr(root.reading, "transaction", away)
    assert await health(root) == (503, {"status": "failing", "faults": ["database"]})


async def test_healthz__database_slow__503_in_time_and_others_go_on(
    root: serve.Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "LOOK_S", 0.2)
    monkeypatch.setattr(root.reading, "transaction", lambda: time.sleep(0.6))
    asked = asyncio.create_task(health(root))
    turns = 0
    while not asked.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert await asked == (503, {"status": "failing", "faults": ["database"]})
    assert turns > 5, "the event loop stood still"


async def test_healthz__dead_loop__503_names_it(root: serve.Root) -> None:
    async def dies() -> None:
        raise ValueError("dead")

    async def ends() -> None: ...

    root._spawn("outbox", dies())
    root._spawn("webhook", ends())
    await asyncio.sleep(0)
    assert await health(root) == (503, {"status": "failing", "faults": ["loop:outbox"]})


async def test_healthz__queue_full__503(root: serve.Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "MAX_WAITING", 0)
    assert await health(root) == (503, {"status": "failing", "faults": ["queue"]})


async def test_healthz__writer_fails__503_until_it_writes_again(
    root: serve.Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OperationalError("COMMIT", None, Exception("disk full"))

    gateway = root.app.gateway
    with monkeypatch.context() as patch:
        patch.setattr(root.app.service, "handle_many", full)
        with pytest.raises(Busy):
            await gateway.receive(an_inbound("你好"))
        assert await health(root) == (503, {"status": "failing", "faults": ["writer"]})
    await gateway.receive(an_inbound("你好"))
    assert (await health(root))[0] == 200


async def test_healthz__writer_hangs__503_in_time(root: serve.Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "LOOK_S", 0.2)
    hanging = asyncio.create_task(root.app.gateway.run(lambda: time.sleep(0.6)))
    await asyncio.sleep(0)
    assert await health(root) == (503, {"status": "failing", "faults": ["writer"]})
    await hanging


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.9", {}, 404),
        ("10.0.0.9", {"Authorization": "Bearer wrong"}, 404),
        ("10.0.0.9", {"Authorization": f"Bearer {TOKEN}"}, 200),
    ],
)
async def test_metrics__only_for_this_machine_or_with_the_planners_token(
    root: serve.Root, peer: str, headers: dict[str, str], status: int
) -> None:
    async with client(root, peer) as http:
        answer = await http.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert ("buqi_waiting" in answer.text) is (status == 200)


async def test_metrics__database_away__503(root: serve.Root, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("SELECT 1", None, Exception("away"))

    monkeypatch.setattr(root.reading, "transaction", away)
    async with client(root) as http:
        assert (await http.get("/metrics")).status_code == 503
