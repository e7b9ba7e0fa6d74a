"""Downloads of the demand: one function for the command line and for HTTP."""

from __future__ import annotations

import csv
from pathlib import Path

from domain.catalogue import Catalogue, City
from domain.errors import InputError
from domain.texts import load_texts
from planning.cells import clean, file_name, guarded
from planning.columns import DEMAND, Value, Words
from planning.demand import Demand, DemandQuery
from planning.notes import facility_text
from planning.quality import quality_lines
from planning.reading import read_demand
from planning.tables import FORMATS, check_format, whole
from planning.workbook import write_workbook
from storage import demand as rows
from storage.database import Database


def write_demand(
    database: Database,
    query: DemandQuery,
    city: City,
    catalogue: Catalogue,
    out: Path,
    fmt: str,
    *,
    made_ms: int,
    language: str = "zh",
) -> Demand:
    """Writes the demand of a selection to `out`: a workbook of five sheets, or the demand table alone as CSV.

    The file appears complete or not at all. A hundred thousand needs take no more memory than a few.

    Args:
        database: what to read; all of it is read at one moment.
        fmt: `xlsx` or `csv`.
        made_ms: the moment written into the file.
    Raises:
        InputError("planning.format"): another format.
        InputError("planning.out"): `out` cannot be written.
    """
    check_format(fmt)
    with rows.snapshot(database) as tx:
        demand = read_demand(tx, query, city, catalogue, made_ms)
        words = Words(city, catalogue, load_texts(language), demand.demo)

        def write(part: Path) -> None:
            if fmt == "csv":
                write_csv(part, demand, words)
            else:
                scope = query.scope(city, catalogue)
                lines = quality_lines(rows.quality(tx, scope), demand, words)
                write_workbook(part, demand, rows.need_lines(tx, scope), lines, words)

        try:
            whole(out, write)
        except OSError as exc:
            raise InputError("planning.out", file=str(out), reason=exc.strerror or str(exc)) from exc
    return demand


def write_csv(path: Path, demand: Demand, words: Words) -> None:
    """UTF-8 with BOM (Excel needs it), one header line, the rows and nothing else. No cell can be a formula."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([guarded(column.header(words.texts)) for column in DEMAND])
        for row in demand.rows:
            writer.writerow([_csv_cell(column.value(row, words), words) for column in DEMAND])


def _csv_cell(value: Value, words: Words) -> str:
    if isinstance(value, str):
        return guarded(clean(value, words.texts("planner.cut")))
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)


def export_name(query: DemandQuery, words: Words, made_day: str, fmt: str) -> str:
    """A file name that says what is inside: demo mark, area, facility, period, day made."""
    texts = words.texts
    period = f"{query.since or ''}--{query.until or ''}" if query.since or query.until else ""
    facility = facility_text(query, words) if query.leaf or query.group else ""
    parts = (texts("planner.demo") if words.demo else "", texts("planner.file"), words.place(query.area), facility)
    return file_name(*parts, period, made_day.replace("-", "")) + "." + fmt


__all__ = ["FORMATS", "export_name", "write_csv", "write_demand"]
