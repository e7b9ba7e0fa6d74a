"""The demonstration: invented residents of Dezhou talk for ten weeks."""

from __future__ import annotations

import socket
from pathlib import Path

from app.exports import export_demand
from app.replay import replay_file
from app.settings import Settings
from app.wiring import build
from domain.errors import ConfigError
from domain.texts import Texts

SAMPLE = Path(__file__).parent / "demo" / "dezhou.jsonl"


def run_demo(settings: Settings, texts: Texts, port: int, once: bool) -> None:
    """Everything on invented residents: load, read, count, print, write the workbook, serve.

    The demonstration has its own folder `demo/` in the data folder and starts anew each time.
    """
    folder = settings.data_dir / "demo"
    # no bots: real residents must never meet a demonstration
    settings = Settings(data_dir=folder, language=settings.language, city=settings.city, operator=settings.operator)
    if not once:
        free_port("127.0.0.1", port)
    _clear(folder)
    print(texts("demo.start", folder=folder))
    app = build(settings, "buqi demo", demo=True)
    try:
        replay_file(app, SAMPLE, texts)
        workbook = export_demand(settings, folder / texts("demo.workbook"), "xlsx", None, None, None)
        print(texts("cli.written", file=workbook))
        if once:
            return
        from app.serve import serve

        def ready(bound: int) -> None:
            base = f"http://127.0.0.1:{bound}"
            print(texts("demo.urls", chat=f"{base}/chat", planner=f"{base}/planner", home=base), flush=True)

        serve(app, "127.0.0.1", port, ready)
    finally:
        app.close()


def free_port(host: str, port: int) -> None:
    """Says so at once, not after all the work.

    Raises:
        ConfigError("serve.port"): somebody listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise ConfigError("serve.port", host=host, port=port) from exc


def _clear(folder: Path) -> None:
    """Removes the last demonstration's database, unless somebody is using it."""
    from storage.database import take_lock

    folder.mkdir(parents=True, exist_ok=True)
    lock = take_lock(folder / "buqi.db", "buqi demo")
    for name in ("buqi.db", "buqi.db-wal", "buqi.db-shm"):
        (folder / name).unlink(missing_ok=True)
    lock.close()
