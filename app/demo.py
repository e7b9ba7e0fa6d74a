"""The demonstration, and the commands that read files in and write tables out."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.replay import Replayed, read_lines, replay
from app.settings import Settings
from app.wiring import App, build, build_world, open_reading
from bot.gateway import now_ms
from domain.errors import InputError
from domain.texts import Texts
from planning.demand import DemandQuery
from planning.exports import write_demand
from planning.reading import read_demand
from planning.tables import write_tables
from storage import meta
from storage.database import Database
from surveys.results import results_tables

SAMPLE = Path(__file__).parent / "demo" / "dezhou.jsonl"
TOP = 12


def run_demo(settings: Settings, texts: Texts, port: int, once: bool) -> None:
    """Everything on invented residents: load, read, count, print, write the workbook, serve.

    The demonstration has its own folder `demo/` in the data folder and starts anew each time.
    """
    folder = settings.data_dir / "demo"
    # no bots: real residents must never meet a demonstration
    settings = Settings(data_dir=folder, language=settings.language, city=settings.city, operator=settings.operator)
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


def _clear(folder: Path) -> None:
    """Removes the last demonstration's database, unless somebody is using it."""
    from storage.database import take_lock

    folder.mkdir(parents=True, exist_ok=True)
    lock = take_lock(folder / "buqi.db", "buqi demo")
    for name in ("buqi.db", "buqi.db-wal", "buqi.db-shm"):
        (folder / name).unlink(missing_ok=True)
    lock.close()


def replay_file(app: App, file: Path, texts: Texts) -> Replayed:
    """Replays a file with a progress bar, then prints the demand it made."""
    faults = 0

    def tell(line: int, fault: str) -> None:
        nonlocal faults
        faults += 1
        print(texts("error.line.broken", line=line, fault=fault), file=sys.stderr)

    lines = read_lines(file, app.world, tell)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(texts("replay.reading"), total=len(lines))
        result = asyncio.run(replay(app.gateway, lines, lambda done: bar.advance(task, done)))
    result.faults = faults
    print(
        texts(
            "replay.done",
            messages=result.messages,
            residents=len({(line.channel, line.resident) for line, _ in lines}),
            repeats=result.repeats,
            failed=result.failed,
            faults=result.faults,
        )
    )
    print_demand(app, texts)
    return result


def print_demand(app: App, texts: Texts) -> None:
    """The facilities most asked for, as a table in the terminal."""
    city, catalogue = app.world.city, app.world.catalogue
    reading = open_reading(app.settings)
    try:
        with reading.transaction() as tx:
            rows = read_demand(tx, DemandQuery.parse({}, city, catalogue), city, catalogue, now_ms()).rows
    finally:
        reading.close()
    voices: dict[str, list[int]] = {}
    for row in rows:
        cell = voices.setdefault(row.leaf, [0, 0, 0, 0])
        cell[0] += row.voices
        cell[1] += row.needs
        cell[2] += 1 if row.voices else 0
        cell[3] += row.objections
    table = Table(title=texts("replay.table"))
    for key in ("facility", "voices", "needs", "communities", "objections"):
        table.add_column(texts(f"replay.column.{key}"), justify="left" if key == "facility" else "right")
    ranked = sorted(voices.items(), key=lambda item: (-item[1][0], item[0]))
    for leaf, cell in ranked[:TOP]:
        table.add_row(app.world.catalogue.leaf_name(leaf, texts.language), *map(str, cell))
    rest = [sum(cell[i] for _, cell in ranked[TOP:]) for i in (0, 1)]
    table.add_row(texts("replay.rest", count=max(len(ranked) - TOP, 0)), str(rest[0]), str(rest[1]), "", "")
    total = [sum(cell[i] for cell in voices.values()) for i in (0, 1)]
    table.add_row(texts("replay.total"), str(total[0]), str(total[1]), "", "", style="bold")
    Console().print(table)


def export_demand(
    settings: Settings, out: Path, format: str, area: str | None, since: str | None, until: str | None
) -> Path:
    """Writes the demand file; nothing half-written stays behind.

    Raises:
        InputError: unknown format, area or date; the file cannot be written.
    """
    world = build_world(settings)
    query = DemandQuery.parse({"area": area, "since": since, "until": until}, world.city, world.catalogue)
    reading = _checked(settings, format)
    try:
        write_demand(
            reading, query, world.city, world.catalogue, out, format, made_ms=now_ms(), language=settings.language
        )
        return out
    finally:
        reading.close()


def export_results(settings: Settings, name: str, out: Path, format: str) -> Path:
    """Writes the answers to a survey.

    Raises:
        InputError: unknown survey or format; the file cannot be written.
    """
    world = build_world(settings)
    reading = _checked(settings, format)
    try:
        with reading.transaction() as tx:
            tables = results_tables(tx, world.surveys, name, settings.language)
            demo = meta.is_demo(tx)
        return write_tables(tables, format, out, language=settings.language, demo=demo)
    except OSError as exc:
        raise InputError("planning.out", file=str(out), reason=exc.strerror or str(exc)) from exc
    finally:
        reading.close()


def _checked(settings: Settings, format: str) -> Database:
    if format not in ("xlsx", "csv"):
        raise InputError("export.format", format=format)
    return open_reading(settings)
