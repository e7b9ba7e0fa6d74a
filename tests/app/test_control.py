"""Commands handed to a running server: found at its real address, answered in JSON whatever goes wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from app import control, wiring
from app.commands import COMMANDS
from app.learning import reading
from app.settings import Settings
from bot.gateway import Gateway
from bot.service import Service
from domain.errors import ConfigError, InputError
from storage.models import history

#: a server without a reader: the control endpoint and the lock are all a command meets
SERVER = """
import asyncio, pathlib, sys
from types import SimpleNamespace
from app import control, serve, wiring
from app.settings import Settings
from bot.gateway import Gateway

settings = Settings(data_dir=pathlib.Path(sys.argv[1]))
database, vault = wiring.open_database(settings, "buqi serve")
world = wiring.build_world(settings)
app = SimpleNamespace(settings=settings, database=database, vault=vault, world=world, texts=world.texts,
                      gateway=Gateway(None), service=None, demo=False)
serve.serve(app, sys.argv[2], 0, lambda port: print(port, flush=True))
"""


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "127.0.0.7", "::1"])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """A server on one of several addresses."""
    arguments = [sys.executable, "-c", SERVER, str(tmp_path), request.param]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline().strip()
            yield Settings(data_dir=tmp_path)
        finally:
            server.terminate()


def test_run__server_on_any_address__carries_it_out(running: Settings) -> None:
    assert control.run(running, "staff invite", {"role": "worker", "area": "P05-01"})["code"]
    with pytest.raises(InputError) as fault:
        control.run(running, "staff invite", {"role": "worker", "area": "nowhere"})
    assert fault.value.code == "area.unknown"


def test_run__verdict_on_a_model__reaches_the_history_through_the_server(running: Settings) -> None:
    judged = {"corpus": "c", "dictionary": "d", "parent": "a", "verdict": "promoted", "labels": {"worker": 60}}
    control.run(running, "model note", {"version": "b", "comparison": {}, "figures": {}, **judged})
    control.run(running, "model verdict", {"version": "b", "verdict": "rolled_back"})
    with reading(running) as tx:
        (entry,) = history(tx)
    assert (entry.version, entry.verdict, entry.labels) == ("b", "rolled_back", {"worker": 60})


def test_run__answer_that_is_no_json__says_who_holds_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=tmp_path)
    database, _ = wiring.open_database(settings, "buqi serve")
    control.announce(tmp_path, "127.0.0.1", 1)
    monkeypatch.setattr(httpx, "post", lambda *_, **__: httpx.Response(502, text="<html>"))
    with pytest.raises(ConfigError) as fault:
        control.run(settings, "staff invite", {"role": "worker", "area": "P05-01"})
    assert fault.value.code == "database.locked"
    database.close()


@pytest.mark.parametrize("exc", [OperationalError("SELECT", None, Exception("locked")), RuntimeError("x"), OSError()])
async def test_endpoint__any_fault__is_json(
    sqlite_service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exc: Exception
) -> None:
    def breaks(*_: object) -> dict[str, Any]:
        raise exc

    monkeypatch.setitem(COMMANDS, "staff invite", breaks)
    app: Any = SimpleNamespace(
        settings=Settings(data_dir=tmp_path),
        database=sqlite_service.database,
        vault=sqlite_service.vault,
        gateway=Gateway(sqlite_service),
    )
    transport = httpx.ASGITransport(control.endpoint(app), client=("127.0.0.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://buqi") as http:
        head = {"Authorization": f"Bearer {control._token}"}
        answer = await http.post("/control", json={"command": "staff invite", "arguments": {}}, headers=head)
        assert answer.status_code == 500
        assert answer.json() == {"error": "command.failed", "params": {"fault": type(exc).__name__}}
        assert (await http.post("/control", content=b"{", headers=head)).json()["error"] == "command.malformed"
        assert (await http.post("/control", json=[], headers=head)).json()["error"] == "command.malformed"
        assert (await http.post("/control", json={}, headers={})).status_code == 404
