"""The workbook: five sheets, written row by row in constant memory, every text as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from domain.demand import NeedLine
from planning.cells import clean
from planning.columns import DEMAND, NEEDS, Column, Kind, R, Value, Words
from planning.demand import Demand
from planning.notes import Note, notes
from planning.quality import QualityLine

ROWS_PER_SHEET = 1_000_000  #: Excel ends at 1,048,576
A3 = 8
FONT = "Microsoft YaHei"


class Workbook:
    """Writes sheets one after the other."""

    def __init__(self, path: Path, words: Words, made_ms: int) -> None:
        self._words = words
        self._cut = words.texts("planner.cut")
        self._book = xlsxwriter.Workbook(
            str(path),
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        made = datetime.fromtimestamp(made_ms / 1000, ZoneInfo(words.city.timezone)).replace(tzinfo=None)
        self._book.set_properties({"title": self._title, "created": made, "comments": words.data_kind})
        self._head = self._format(bold=True, bg_color="#DCE6F1", text_wrap=True, valign="vcenter", border=1)
        self._title_format = self._format(bold=True, font_size=18)
        self._warning = self._format(bold=True, font_color="#B00020", font_size=14)
        self._label = self._format(bold=True)
        self._text = self._format(text_wrap=True)
        self._formats: dict[Kind, Format] = {
            "text": self._text,
            "whole": self._format(num_format="0"),
            "share": self._format(num_format="0.0%"),
            "day": self._format(num_format="yyyy-mm-dd", align="left"),
        }

    @property
    def _title(self) -> str:
        return self._words.texts("planner.title", city=self._words.city.name[self._words.language])

    def _format(self, **wanted: object) -> Format:
        base = {"font_name": FONT, "font_size": 11, "valign": "top"}
        return self._book.add_format(base | wanted)

    def _sheet(self, key: str, number: int = 1) -> Worksheet:
        texts = self._words.texts
        name = texts(f"planner.sheet.{key}") + (str(number) if number > 1 else "")
        sheet = self._book.add_worksheet(texts("planner.sheet_demo", name=name) if self._words.demo else name)
        if self._words.demo:
            sheet.set_tab_color("#B00020")
        sheet.set_landscape()
        sheet.set_paper(A3)
        sheet.fit_to_pages(1, 0)
        mark = f"  {texts('planner.demo')}" if self._words.demo else ""
        sheet.set_header("&C" + (self._title + mark).replace("&", "&&"))
        sheet.set_footer("&L" + name + "&R&P / &N")
        return sheet

    def write(self, sheet: Worksheet, row: int, column: int, kind: Kind, value: Value) -> None:
        """One typed cell; text is never anything but text."""
        if value is None or value == "":
            return
        if kind == "text":
            self.write_text(sheet, row, column, str(value), self._text)
        elif kind == "day":
            sheet.write_datetime(row, column, date.fromisoformat(str(value)), self._formats["day"])
        else:
            sheet.write_number(row, column, float(value) if kind == "share" else int(value), self._formats[kind])

    def write_text(self, sheet: Worksheet, row: int, column: int, text: str, format: Format) -> None:
        """A string cell, cleaned and cut to what Excel takes."""
        sheet.write_string(row, column, clean(text, self._cut), format)

    def explain(self, lines: Iterable[Note]) -> None:
        """The first sheet: what this is."""
        sheet = self._sheet("about")
        sheet.set_column(0, 0, 20)
        sheet.set_column(1, 1, 110)
        self.write_text(sheet, 0, 0, self._title, self._title_format)
        if self._words.demo:
            self.write_text(sheet, 1, 0, self._words.texts("planner.demo_long"), self._warning)
        number = self._format(num_format="0", align="left")
        for at, note in enumerate(lines, 3):
            self.write_text(sheet, at, 0, note.label, self._label)
            if isinstance(note.value, int):
                sheet.write_number(at, 1, note.value, number)
            else:
                self.write_text(sheet, at, 1, note.value, self._text)

    def table(self, key: str, columns: Sequence[Column[R]], rows: Iterable[R], frozen_columns: int) -> int:
        """A sheet of rows with its header; goes on in another sheet where Excel's would end. Returns the rows."""
        left = iter(rows)
        written, number = 0, 0
        while True:
            number += 1
            part = self._table(self._sheet(key, number), columns, left, frozen_columns)
            written += part
            if part < ROWS_PER_SHEET:
                return written

    def _table(self, sheet: Worksheet, columns: Sequence[Column[R]], rows: Iterator[R], frozen_columns: int) -> int:
        self._header(sheet, [(column.header(self._words.texts), column.width) for column in columns], frozen_columns)
        at = 0
        while at < ROWS_PER_SHEET and (row := next(rows, None)) is not None:
            at += 1
            for number, column in enumerate(columns):
                self.write(sheet, at, number, column.kind, column.value(row, self._words))
        sheet.autofilter(0, 0, max(at, 1), len(columns) - 1)
        return at

    def _header(self, sheet: Worksheet, heads: Sequence[tuple[str, int]], frozen_columns: int) -> None:
        for number, (_, width) in enumerate(heads):
            sheet.set_column(number, number, width)
        sheet.set_row(0, 34)
        for number, (head, _) in enumerate(heads):
            self.write_text(sheet, 0, number, head, self._head)
        sheet.freeze_panes(1, frozen_columns)
        sheet.repeat_rows(0)

    def dictionary(self) -> None:
        """Every column: meaning, unit, type, source."""
        texts = self._words.texts
        sheet = self._sheet("dictionary")
        names = ("table", "column", "meaning", "unit", "kind", "source")
        widths = (14, 18, 90, 12, 10, 40)
        heads = [texts(f"planner.dictionary.{name}") for name in names]
        self._header(sheet, list(zip(heads, widths, strict=True)), 2)
        at = 0
        for key, columns in (("demand", DEMAND), ("needs", NEEDS)):
            for column in columns:
                at += 1
                line = (
                    texts(f"planner.sheet.{key}"),
                    column.header(texts),
                    texts(f"planner.meaning.{column.key}"),
                    texts(f"planner.unit.{column.unit}"),
                    texts(f"planner.kind.{column.kind}"),
                    texts(f"planner.from.{column.source}"),
                )
                for number, text in enumerate(line):
                    self.write(sheet, at, number, "text", text)
        sheet.autofilter(0, 0, at, len(names) - 1)

    def quality(self, lines: Iterable[QualityLine]) -> None:
        """How sound the figures are."""
        texts = self._words.texts
        sheet = self._sheet("quality")
        names = ("section", "item", "detail", "figure", "unit", "share", "remark")
        widths = (22, 22, 24, 12, 10, 10, 80)
        heads = [texts(f"planner.quality.column_{name}") for name in names]
        self._header(sheet, list(zip(heads, widths, strict=True)), 2)
        at = 0
        for at, line in enumerate(lines, 1):
            for number, text in ((0, line.section), (1, line.item), (2, line.detail), (4, line.unit), (6, line.remark)):
                # columns in any order: a row stays in memory until the next one begins
                self.write(sheet, at, number, "text", text)
            if line.figure is not None:
                sheet.write_number(at, 3, line.figure, self._format_of(line.figure))
            self.write(sheet, at, 5, "share", line.share)
        sheet.autofilter(0, 0, max(at, 1), len(names) - 1)

    def _format_of(self, figure: float) -> Format:
        return self._formats["whole"] if isinstance(figure, int) else self._text

    def close(self) -> None:
        """Finishes the file."""
        self._book.close()


def write_workbook(
    path: Path, demand: Demand, needs: Iterable[NeedLine], quality: Iterable[QualityLine], words: Words
) -> None:
    """The whole workbook of one selection."""
    book = Workbook(path, words, demand.made_ms)
    book.explain(notes(demand, words))
    book.table("demand", DEMAND, demand.rows, 3)
    book.table("needs", NEEDS, needs, 1)
    book.dictionary()
    book.quality(quality)
    book.close()
