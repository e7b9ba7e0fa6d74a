"""Text made safe for a spreadsheet: no control characters, no length Excel refuses, no formula in CSV."""

from __future__ import annotations

import re

EXCEL_LIMIT = 32_767  #: UTF-16 units in one cell
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LEADING = re.compile(r"[\s\ufeff\u200b-\u200f\u2060\u00ad]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def clean(text: str, cut_mark: str) -> str:
    """Without characters that XML or Excel refuse; a text too long for a cell ends with `cut_mark`."""
    text = _ILLEGAL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if _units(text) <= EXCEL_LIMIT:
        return text
    room = EXCEL_LIMIT - _units(cut_mark)
    return text.encode("utf-16-le")[: 2 * room].decode("utf-16-le", "ignore") + cut_mark


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def guarded(text: str) -> str:
    """For CSV: a text that a spreadsheet could take for a formula gets `'` in front.

    Formula leads are = + - @ and their full-width forms, also behind blanks or a BOM, and a leading TAB, CR, LF or NUL.
    """
    is_formula = text.startswith(("\t", "\r", "\n", "\0")) or _LEADING.match(text)
    return "'" + text if is_formula else text


def file_name(*parts: str) -> str:
    """A file name of letters, digits, `-` and `_`, the parts joined by `_`; it never begins like a formula."""
    joined = "_".join(re.sub(r"[^\w-]+", "", part) for part in parts if part)
    return joined.lstrip("-_.") or "file"
