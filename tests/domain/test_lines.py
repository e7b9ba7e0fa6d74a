"""Lines of JSON that people hand in: what is wrong is told in their language, with a way out."""

from __future__ import annotations

import re

import msgspec
import pytest

from domain.errors import InputError
from domain.lines import good_lines, read_line
from domain.texts import LANGUAGES, load_texts


class Part(msgspec.Struct):
    leaf: str


class Row(msgspec.Struct):
    text: str
    parts: list[Part] = []


EXAMPLE = '{"text": "..."}'


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        ("nonsense", "line.json", None),
        ('{"text": "a"', "line.json", None),
        ("[]", "line.json", None),
        ("{}", "line.missing", "text"),
        ('{"text": "a", "parts": [{}]}', "line.missing", "parts.leaf"),
        ('{"text": 1}', "line.value", "text"),
        ('{"text": "a", "parts": [{"leaf": 1}]}', "line.value", "parts.leaf"),
        ('{"text": "\udcff"}', "line.encoding", None),
        (b'{"text": "\xff"}', "line.encoding", None),
        (b"\xff", "line.encoding", None),
    ],
)
def test_read_line__broken__says_what_and_how(language: str, line: str | bytes, code: str, field: str | None) -> None:
    with pytest.raises(InputError) as caught:
        read_line(line, Row, EXAMPLE)
    assert (caught.value.code, caught.value.params.get("field")) == (code, field)
    told = load_texts(language).error(caught.value)
    assert (EXAMPLE in told) == (code != "line.encoding")
    assert (re.search("[\u4e00-\u9fff]", told) is not None) == (language == "zh")
    assert "`" not in told


def test_good_lines__blank_and_broken_ones__are_left_out_and_told_by_number() -> None:
    faults: list[int] = []
    source = ['\ufeff{"text": "a"}', "", "broken", '{"text": "b"}']
    rows = good_lines(source, lambda line: read_line(line, Row, EXAMPLE), lambda number, _: faults.append(number))
    assert [row.text for row in rows] == ["a", "b"]
    assert faults == [3]
