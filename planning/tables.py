"""Any plain tables as a workbook or as CSV, with the same care for text as the demand's own files."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import xlsxwriter

from domain.errors import InputError
from domain.texts import Texts, load_texts
from planning.cells import clean, file_name, guarded

FORMATS = ("xlsx", "csv")
Cell = str | int | None


class PlainTable(Protocol):
    """A name (a key of `planner.sheet`), heads and rows; heads and texts are in the reader's language already."""

    @property
    def name(self) -> str:
        """What the table is called, without a language."""
        ...

    @property
    def columns(self) -> Sequence[str]:
        """The heads."""
        ...

    @property
    def rows(self) -> Sequence[Sequence[Cell]]:
        """The rows, each as long as the heads."""
        ...


def check_format(format: str) -> None:
    """Refuses what nobody can write.

    Raises:
        InputError("planning.format"): neither `xlsx` nor `csv`.
    """
    if format not in FORMATS:
        raise InputError("planning.format", format=format[:20], known=", ".join(FORMATS))


def write_tables(
    tables: Sequence[PlainTable], format: str, out: Path, *, language: str = "zh", demo: bool = False
) -> Path:
    """One sheet per table, or one CSV file per table: the first is `out`, each further `<stem>_<name>.csv` beside it.

    Each file appears complete or not at all.

    Raises:
        InputError("planning.format"): neither `xlsx` nor `csv`.
        OSError: a file cannot be written.
    """
    check_format(format)
    texts = load_texts(language)
    if format == "xlsx":
        whole(out, lambda part: _workbook(part, tables, texts, demo))
        return out
    for number, table in enumerate(tables):
        target = out if number == 0 else out.with_name(f"{out.stem}_{file_name(table.name)}{out.suffix}")
        whole(target, lambda part, table=table: _csv(part, table, texts))  # type: ignore[misc]
    return out


def whole(out: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` make a file beside `out`, which then takes its place: complete, or as it was before."""
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=".buqi-", suffix=out.suffix)
    os.close(handle)
    part = Path(name)
    try:
        write(part)
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


def _workbook(path: Path, tables: Sequence[PlainTable], texts: Texts, demo: bool) -> None:
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        head = book.add_format({"bold": True, "bg_color": "#DCE6F1", "text_wrap": True, "border": 1})
        body = book.add_format({"text_wrap": True, "valign": "top"})
        for table in tables:
            name = texts.sentences.get(f"planner.sheet.{table.name}", table.name)
            sheet = book.add_worksheet(texts("planner.sheet_demo", name=name) if demo else name)
            sheet.set_column(0, max(len(table.columns) - 1, 0), 18)
            for column, text in enumerate(table.columns):
                sheet.write_string(0, column, clean(text, texts("planner.cut")), head)
            for at, row in enumerate(table.rows, 1):
                for column, value in enumerate(row):
                    if isinstance(value, str):
                        sheet.write_string(at, column, clean(value, texts("planner.cut")), body)
                    elif value is not None:
                        sheet.write_number(at, column, value)
            sheet.freeze_panes(1, 0)
            sheet.set_landscape()
            sheet.set_paper(8)  # A3
            if table.columns:
                sheet.autofilter(0, 0, max(len(table.rows), 1), len(table.columns) - 1)


def _csv(path: Path, table: PlainTable, texts: Texts) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        for row in (table.columns, *table.rows):
            writer.writerow([_csv_cell(value, texts) for value in row])


def _csv_cell(value: Cell, texts: Texts) -> str:
    if isinstance(value, str):
        return guarded(clean(value, texts("planner.cut")))
    return "" if value is None else str(value)
