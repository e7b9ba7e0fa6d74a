"""A broken questionnaire is told in the reader's language, with a way out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.errors import AppError, DataFileError
from domain.texts import LANGUAGES, load_texts
from surveys.definition import load_surveys

NAME = {"zh": "好", "en": "good"}
SINGLE = {"id": "a", "kind": "single", "text": NAME, "options": [{"value": "x", "label": NAME}]}


def _form(*questions: dict[str, Any], code: str = "form") -> dict[str, Any]:
    return {"code": code, "title": NAME, "intro": NAME, "questions": list(questions)}


BROKEN: dict[str, dict[str, Any]] = {
    "data.file_name": _form(SINGLE, code="other"),
    "data.twice": _form(SINGLE, SINGLE),
    "data.no_options": _form(SINGLE | {"options": []}),
    "data.facilities_kind": _form(SINGLE | {"facilities": True}),
    "data.button": _form(SINGLE | {"id": "A b"}),
    "data.same_values": _form(SINGLE | {"options": SINGLE["options"] * 2}),  # type: ignore[operator]
    "data.not_before": _form(SINGLE | {"only_if": {"question": "later", "values": ["x"]}}),
    "data.no_questions": _form(),
    "data.missing": {"code": "form"},
    "data.shape": _form(SINGLE | {"at_most": "many"}),
    "data.unknown_field": _form(SINGLE | {"colour": "red"}),
    "data.value": _form(SINGLE | {"kind": "essay"}),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", BROKEN)
def test_load_surveys__broken_file__says_what_and_how(tmp_path: Path, code: str, language: str) -> None:
    (tmp_path / "form.yaml").write_text(yaml.safe_dump(BROKEN[code], allow_unicode=True), encoding="utf-8")
    with pytest.raises(DataFileError) as caught:
        load_surveys.__wrapped__(tmp_path)
    fault = caught.value.params["fault"]
    assert isinstance(fault, AppError)
    assert fault.code == code
    told = load_texts(language).error(caught.value)
    assert "form.yaml" in told
    assert ("请" in told) == (language == "zh")
    assert re.search("Expected|Object|`", told) is None
