"""Workbook and CSV: typed cells, text that stays text, the same figures, little memory."""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
import tracemalloc
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.demand import NeedLine
from domain.errors import InputError
from domain.texts import load_texts
from planning.cells import EXCEL_LIMIT, clean, file_name, guarded
from planning.columns import DEMAND, NEEDS, Words
from planning.demand import DemandQuery
from planning.exports import export_name, write_demand
from planning.quality import QualityLine
from planning.workbook import Workbook
from storage import demand as rows
from storage import meta
from storage.database import Database
from tests.planning.rows import CATALOGUE, CITY, MADE_MS, Rows, everything, fill

ZH, EN = load_texts("zh"), load_texts("en")
WORDS = Words(CITY, CATALOGUE, ZH)
SHEETS = ["说明", "需求汇总", "需求明细", "数据字典", "数据质量"]


def export(database: Database, out: Path, fmt: str, query: DemandQuery | None = None, language: str = "zh") -> Any:
    return write_demand(database, query or everything(), CITY, CATALOGUE, out, fmt, made_ms=MADE_MS, language=language)


def table(sheet: Any) -> list[dict[str, Any]]:
    lines = sheet.iter_rows(values_only=True)
    heads = next(lines)
    return [dict(zip(heads, line, strict=True)) for line in lines]


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def test_exports__workbook_csv_and_sql__hold_the_same_figures(database: Database, tmp_path: Path) -> None:
    fill(database)
    demand = export(database, tmp_path / "a.xlsx", "xlsx")
    export(database, tmp_path / "a.csv", "csv")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == SHEETS
    sheet_rows, csv_rows = table(book["需求汇总"]), read_csv(tmp_path / "a.csv")
    assert len(sheet_rows) == len(csv_rows) == demand.totals.rows > 100
    for name in rows.COUNTERS:
        head = ZH(f"planner.column.{name}")
        assert sum(row[head] for row in sheet_rows) == sum(int(row[head]) for row in csv_rows)
        assert sum(row[head] for row in sheet_rows) == getattr(demand.totals, name)
    needs = table(book["需求明细"])
    assert sum(row["状态"] == "已记入" for row in needs) == demand.totals.needs
    assert sum(row["状态"] == "待核" for row in needs) == demand.totals.awaiting
    assert len({row["编号"] for row in needs}) == len(needs)
    recounts = [row for row in table(book["数据质量"]) if row["部分"] == "重数核对"]
    assert len(recounts) == 5 and {row["说明"] for row in recounts} == {"一致"}


def test_workbook__cells__are_typed_and_sheets_ready_to_print(sqlite_database: Database, tmp_path: Path) -> None:
    fill(sqlite_database)
    export(sqlite_database, tmp_path / "a.xlsx", "xlsx")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    sheet = book["需求汇总"]
    kinds = {column.header(ZH): column.kind for column in DEMAND}
    wanted: dict[str, Any] = {"text": str, "whole": int, "share": (int, float), "day": datetime}
    for row in table(sheet):
        for head, value in row.items():
            assert value is None or isinstance(value, wanted[kinds[head]]), (head, value)
    for name in SHEETS[1:]:
        found = book[name]
        assert found.freeze_panes is not None and found.freeze_panes.endswith("2")
        assert found.auto_filter.ref and found.auto_filter.ref.startswith("A1:")
    for found in book:
        assert (found.page_setup.orientation, int(found.page_setup.paperSize)) == ("landscape", 8)
    dictionary = table(book["数据字典"])
    assert [(row["表"], row["列"]) for row in dictionary] == [
        *(("需求汇总", column.header(ZH)) for column in DEMAND),
        *(("需求明细", column.header(ZH)) for column in NEEDS),
    ]
    assert all(all(row.values()) for row in dictionary)


def test_exports__twice_at_one_moment__are_the_same_bytes(sqlite_database: Database, tmp_path: Path) -> None:
    fill(sqlite_database)
    for fmt in ("xlsx", "csv"):
        prints = []
        for name in ("one", "two"):
            export(sqlite_database, tmp_path / name, fmt)
            prints.append(hashlib.sha256((tmp_path / name).read_bytes()).digest())
        assert prints[0] == prints[1]


def test_exports__empty_selection__is_a_valid_file(sqlite_database: Database, tmp_path: Path) -> None:
    export(sqlite_database, tmp_path / "a.xlsx", "xlsx")
    export(sqlite_database, tmp_path / "a.csv", "csv")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == SHEETS and table(book["需求汇总"]) == []
    assert (tmp_path / "a.csv").read_bytes().count(b"\r\n") == 1


def test_exports__english__has_english_heads_and_sheets(sqlite_database: Database, tmp_path: Path) -> None:
    fill(sqlite_database)
    export(sqlite_database, tmp_path / "a.xlsx", "xlsx", language="en")
    export(sqlite_database, tmp_path / "a.csv", "csv", language="en")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == ["About", "Demand", "Needs", "Dictionary", "Data quality"]
    assert list(read_csv(tmp_path / "a.csv")[0]) == [column.header(EN) for column in DEMAND]
    assert book["Demand"]["I1"].value == "Voices"


def test_exports__demo_database__is_marked_everywhere(sqlite_database: Database, tmp_path: Path) -> None:
    fill(sqlite_database)
    with sqlite_database.transaction() as tx:
        meta.write(tx, meta.DEMO, "1")
    export(sqlite_database, tmp_path / "a.xlsx", "xlsx")
    export(sqlite_database, tmp_path / "a.csv", "csv")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == ["演示-" + name for name in SHEETS]
    assert all("演示数据" in sheet.oddHeader.center.text for sheet in book)
    assert "演示数据" in str(book["演示-说明"]["A2"].value)
    assert {row["数据性质"] for row in read_csv(tmp_path / "a.csv")} == {"演示数据"}
    words = Words(CITY, CATALOGUE, ZH, demo=True)
    assert export_name(everything(), words, "2025-11-22", "csv").startswith("演示数据_补齐_需求汇总_")


def test_exports__small_cells__are_shown_and_flagged(sqlite_database: Database, tmp_path: Path) -> None:
    town = Rows()
    for _ in range(5):
        town.need(town.resident(), "nursery")
    town.need(town.resident(), "pharmacy")
    fill(sqlite_database, town)
    export(sqlite_database, tmp_path / "a.csv", "csv")
    flags = {row["设施"]: (row["需求人次"], row["公开提示"]) for row in read_csv(tmp_path / "a.csv")}
    assert flags == {"托儿所": ("5", ""), "药店": ("1", "小样本，不宜公开")}


def test_exports__norms__unverified_stand_apart(sqlite_database: Database, tmp_path: Path) -> None:
    town = Rows()
    town.need(town.resident("P05-01"), "community_service_station", "P05-01")
    town.need(town.resident("P15-01"), "nursing_home", "P15-01")
    fill(sqlite_database, town)
    export(sqlite_database, tmp_path / "a.csv", "csv")
    found = {row["设施编码"]: row for row in read_csv(tmp_path / "a.csv")}
    assert "5分钟圈:建筑面积≥800㎡/处(宜) (WZ20 第1项)" in found["community_service_station"]["已核标准"]
    unverified = [norm for _, norm in CATALOGUE.norms("nursing_home") if not norm.verified]
    assert bool(found["nursing_home"]["待核标准"]) == bool(unverified)


def test_exports__original_text__is_never_in_the_file(sqlite_database: Database, tmp_path: Path) -> None:
    fill(sqlite_database)
    export(sqlite_database, tmp_path / "a.xlsx", "xlsx")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        assert not any(b"never exported" in archive.read(name) for name in archive.namelist())


def test_exports__bad_format_or_folder__is_named(sqlite_database: Database, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"planning\.format"):
        export(sqlite_database, tmp_path / "a.pdf", "pdf")
    with pytest.raises(InputError, match=r"planning\.out"):
        export(sqlite_database, tmp_path / "absent" / "a.csv", "csv")
    assert list(tmp_path.glob("*.pdf")) == []


def test_exports__failure_midway__leaves_the_old_file(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a.csv"
    out.write_text("old")

    def broken(*_: object) -> None:
        raise RuntimeError("disk")

    monkeypatch.setattr("planning.exports.write_csv", broken)
    with pytest.raises(RuntimeError):
        export(sqlite_database, out, "csv")
    assert out.read_text() == "old" and not list(tmp_path.glob(".buqi-*"))


NASTY = st.text(
    st.characters(codec="utf-8") | st.sampled_from("=+-@＝＋－＠\t\r\n\0 \ufeff\u200b'\"{}_x0041"), max_size=40
)
LEADS = "=+-@\t\r\n＝＋－＠"


@settings(max_examples=300, deadline=None)
@given(NASTY)
@example("=1+1")
@example("\x00=cmd|' /C calc'!A0")
@example('\ufeff =HYPERLINK("http://x")')
@example("\u3000＝1")
@example("_x0041_ {=1}")
@example("mailto:a@b.c")
def test_csv__any_text__is_no_formula(text: str) -> None:
    safe = guarded(clean(text, "…"))
    bare = safe.lstrip(" \ufeff\u3000\u200b\u200c\u200d\u2060\xad\xa0\x85")
    assert not bare or bare[0] not in LEADS
    assert "\0" not in safe


@settings(max_examples=25, deadline=None)
@given(st.lists(NASTY, min_size=40, max_size=60))
def test_workbook__any_text__comes_back_as_the_same_text(texts: list[str]) -> None:
    texts = ["=1+1", "@SUM(A1)", "{=1}", "http://example.org", "_x0041_", "１２", "007", " ", *texts]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "a.xlsx"
        book = Workbook(out, WORDS, MADE_MS)
        book.quality([QualityLine("s", "i", text) for text in texts])
        book.close()
        sheet = openpyxl.load_workbook(out)["数据质量"]
    for at, text in enumerate(texts, 2):
        cell = sheet.cell(at, 3)
        assert cell.data_type != "f" and cell.hyperlink is None
        expected = clean(text, "…")
        if expected and "_x" not in expected:
            assert cell.value == expected and cell.data_type in ("s", "inlineStr")


def test_clean__long_text__is_cut_to_what_excel_takes() -> None:
    for text in ("字" * 40_000, "😀" * 20_000, "a" * 40_000):
        short = clean(text, "……（已截断）")
        assert len(short.encode("utf-16-le")) // 2 <= EXCEL_LIMIT
        assert short.endswith("（已截断）")
        with io.BytesIO() as out:
            book = xlsxwriter.Workbook(out, {"constant_memory": True})
            assert book.add_worksheet().write_string(0, 0, short) == 0
            book.close()
    assert clean("字" * EXCEL_LIMIT, "…") == "字" * EXCEL_LIMIT


def test_file_name__any_parts__is_plain() -> None:
    assert file_name("=cmd", "../a b", "", "補") == "cmd_ab_補"
    assert file_name("-@") == "file"


def test_heads__in_both_languages__are_no_formulas_and_unique() -> None:
    for texts in (ZH, EN):
        for columns in (DEMAND, NEEDS):
            heads = [column.header(texts) for column in columns]
            assert len(set(heads)) == len(heads)
            assert all(guarded(head) == head for head in heads)


def test_workbook__six_times_the_needs__take_constant_memory(sqlite_database: Database, tmp_path: Path) -> None:
    """The Python heap stays within a few MB; the sheet goes to disk row by row."""
    peaks = []
    for count in (1_000, 6_000):
        line = NeedLine(
            "7KQ-2MXD", "2026-03-01", "P05-01", "nursery", "missing", "chat", "wechat", "filed", None, 0.9, "没有托儿所"
        )
        tracemalloc.start()
        book = Workbook(tmp_path / "a.xlsx", WORDS, MADE_MS)
        assert book.table("needs", NEEDS, (line for _ in range(count)), 1) == count
        book.close()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 300_000


def test_workbook__more_rows_than_a_sheet_takes__go_on_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planning.workbook.ROWS_PER_SHEET", 10)
    line = NeedLine("7KQ-2MXD", "2026-03-01", "P05-01", "nursery", "missing", "chat", "wechat", "filed", None, 0.9, "x")
    book = Workbook(tmp_path / "a.xlsx", WORDS, MADE_MS)
    assert book.table("needs", NEEDS, [line] * 25, 1) == 25
    book.close()
    found = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert {sheet.title: sheet.max_row - 1 for sheet in found} == {"需求明细": 10, "需求明细2": 10, "需求明细3": 5}
