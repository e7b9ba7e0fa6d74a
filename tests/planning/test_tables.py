"""Plain tables as files."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest

from domain.errors import InputError
from planning.tables import Cell, write_tables


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


TABLES = [Table("answers", ("=head", "n"), (("=1+1", 3), ("\x00＠x", None))), Table("counts", ("选项",), ())]


def test_tables__xlsx__one_sheet_each_and_no_formula(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write_tables(TABLES, "xlsx", tmp_path / "a.xlsx"))
    assert book.sheetnames == ["逐人答案", "选项统计"]
    rows = list(book["逐人答案"].iter_rows())
    assert [[cell.value for cell in row] for row in rows] == [["=head", "n"], ["=1+1", 3], ["＠x", None]]
    assert all(cell.data_type != "f" for row in rows for cell in row)
    write_tables(TABLES, "xlsx", tmp_path / "b.xlsx", language="en", demo=True)
    assert openpyxl.load_workbook(tmp_path / "b.xlsx").sheetnames == ["Demo-Answers", "Demo-Counts"]


def test_tables__csv__one_file_each_and_no_formula(tmp_path: Path) -> None:
    write_tables(TABLES, "csv", tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [["'=head", "n"], ["'=1+1", "3"], ["'＠x", ""]]
    assert (tmp_path / "a_counts.csv").read_bytes() == "\ufeff选项\r\n".encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a_counts.csv"]


def test_tables__other_format_or_folder__is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"planning\.format"):
        write_tables(TABLES, "pdf", tmp_path / "a.pdf")
    with pytest.raises(OSError, match="absent"):
        write_tables(TABLES, "csv", tmp_path / "absent" / "a.csv")
