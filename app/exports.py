"""The commands that write tables to files."""

from __future__ import annotations

from pathlib import Path

from app.settings import Settings
from app.wiring import build_world, open_reading
from bot.gateway import now_ms
from domain.errors import InputError
from planning.demand import DemandQuery
from planning.exports import write_demand
from planning.tables import check_format, write_tables
from storage import meta
from surveys.results import results_tables


def export_demand(
    settings: Settings, out: Path, format: str, area: str | None, since: str | None, until: str | None
) -> Path:
    """Writes the demand file; nothing half-written stays behind.

    Raises:
        InputError: unknown format, area or date; the file cannot be written.
    """
    world = build_world(settings)
    query = DemandQuery.parse({"area": area, "since": since, "until": until}, world.city, world.catalogue)
    reading = open_reading(settings)
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
    check_format(format)
    world = build_world(settings)
    reading = open_reading(settings)
    try:
        with reading.transaction() as tx:
            tables = results_tables(tx, world.surveys, name, settings.language)
            demo = meta.is_demo(tx)
        return write_tables(tables, format, out, language=settings.language, demo=demo)
    except OSError as exc:
        raise InputError("planning.out", file=str(out), reason=exc.strerror or str(exc)) from exc
    finally:
        reading.close()
