"""Commands for a running server: `buqi survey push` and the like reach the process that holds the database.

With SQLite only one process may write. A command that finds the database locked by a server on this machine hands its
work over: POST on loopback, with a token only the data folder's owner can read.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from app.commands import COMMANDS, Tools
from app.wiring import App, open_database
from domain.errors import AppError, ConfigError, InputError

PATH = "/control"
FILE = "control.json"
LOOPBACK = ("127.0.0.1", "::1")
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  #: listening there includes here
MAX_BODY = 32 * 1024 * 1024  #: of who has the token; the topics of a city with all their needs fit
TIMEOUT_S = 60

log = logging.getLogger(__name__)
_token = secrets.token_urlsafe(24)


def announce(data_dir: Path, host: str, port: int) -> None:
    """Tells commands on this machine where the server listens (mode 0600)."""
    path = data_dir / FILE
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump({"host": EVERYWHERE.get(host, host), "port": port, "token": _token, "pid": os.getpid()}, file)


def forget(data_dir: Path) -> None:
    """The server is gone."""
    (data_dir / FILE).unlink(missing_ok=True)


def run(settings: Any, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Carries out a command here, or in the server that holds the database.

    Raises:
        AppError: the command's own fault, or the lock is held by something that takes no commands.
    """
    try:
        database, vault = open_database(settings, f"buqi {command}")
    except ConfigError as exc:
        if exc.code != "database.locked" or not (settings.data_dir / FILE).exists():
            raise
        return _ask_server(settings.data_dir, command, arguments, exc)
    try:
        return COMMANDS[command](Tools.of(settings, database, vault), arguments)
    finally:
        database.close()


def _ask_server(data_dir: Path, command: str, arguments: dict[str, Any], locked: ConfigError) -> dict[str, Any]:
    import httpx

    try:
        where = json.loads((data_dir / FILE).read_text())
        answer = httpx.post(
            str(httpx.URL(scheme="http", host=where["host"], port=where["port"], path=PATH)),
            json={"command": command, "arguments": arguments},
            headers={"Authorization": f"Bearer {where['token']}"},
            timeout=TIMEOUT_S,
            trust_env=False,
        )
        body = answer.json()
    except (httpx.HTTPError, OSError, ValueError, KeyError) as exc:  # it is going, or it is not ours
        raise locked from exc
    if answer.status_code != 200:
        raise InputError(body["error"], **body["params"])
    return dict(body)


def endpoint(app: App) -> Callable[..., Awaitable[None]]:
    """The server's side: loopback and token only; the work runs in the writer thread."""

    async def control(scope: dict[str, Any], receive: Any, send: Any) -> None:
        from app.serve import respond

        async def answer(status: int, body: dict[str, Any]) -> None:
            await respond(send, status, json.dumps(body, default=str).encode(), b"application/json")

        given = dict(scope["headers"]).get(b"authorization", b"")
        client, server = ((scope.get(end) or ("", 0))[0] for end in ("client", "server"))
        # who calls from the very address that is called is on this machine
        if (client not in LOOPBACK and client != server) or not hmac.compare_digest(given, f"Bearer {_token}".encode()):
            await answer(404, {"error": "not_found", "params": {}})
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body") or len(body) > MAX_BODY:
                break
        try:
            order = json.loads(body)
            work, arguments = COMMANDS[order["command"]], dict(order["arguments"])
        except (ValueError, KeyError, TypeError):
            await answer(400, {"error": "command.malformed", "params": {}})
            return
        try:
            tools = Tools.of(app.settings, app.database, app.vault)
            result = await app.gateway.run(lambda: work(tools, arguments))
        except AppError as exc:
            await answer(400, {"error": exc.code, "params": exc.params})
        except Exception as exc:
            log.error("control.failed", extra={"fault": type(exc).__name__}, exc_info=True)
            await answer(500, {"error": "command.failed", "params": {"fault": type(exc).__name__}})
        else:
            await answer(200, result)

    return control
