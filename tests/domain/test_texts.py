"""The message catalogues: both languages say the same things, and everything the code asks for exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages import pofile

from domain import errors
from domain.catalogue import load_catalogue
from domain.errors import AppError, DataFileError
from domain.texts import LANGUAGES, LOCALES, load_texts, read_po

ROOT = Path(__file__).parents[2]
ROOMS = ("app", "bot", "domain", "nlp", "planning", "storage", "surveys", "web")
PLACEHOLDER = re.compile(r"{(\w+)}")


def test_catalogues__both_languages__same_keys_and_placeholders() -> None:
    zh, en = (load_texts(language).sentences for language in LANGUAGES)
    assert set(zh) == set(en)
    different = [key for key in zh if set(PLACEHOLDER.findall(zh[key])) != set(PLACEHOLDER.findall(en[key]))]
    assert different == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_read_po__both_catalogues__as_babel_reads_them(language: str) -> None:
    path = LOCALES / f"{language}.po"
    with path.open("rb") as file:
        known = {str(message.id): str(message.string) for message in pofile.read_po(file) if message.id}
    assert read_po(path) == known


def test_read_po__comments_lines_and_escapes__as_babel_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "zh.po"
    path.write_text(
        '# a\nmsgid ""\nmsgstr "Language: zh\\n"\n\n#: b.py:1\n#, fuzzy\nmsgid "a"\n"b"\nmsgstr ""\n'
        '"说\\n\\"好\\"\\t"\n"c\\\\n"\n\nmsgid "empty"\nmsgstr ""\n#~ msgid "old"\n#~ msgstr "old"\n',
        encoding="utf-8",
    )
    with path.open("rb") as file:
        known = {str(message.id): str(message.string) for message in pofile.read_po(file) if message.id}
    assert read_po(path) == known == {"ab": '说\n"好"\tc\\n', "empty": ""}


@pytest.mark.parametrize(
    "broken",
    [
        'msgstr "first"',
        'msgid "a"\nmsgid_plural "b"',
        'msgid "a"\nmsgstr "open',
        "msgid a",
        'msgid "a"\nmsgstr "1"\nmsgid "a"\nmsgstr "2"',
    ],
)
def test_read_po__what_it_does_not_know__is_a_fault(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "zh.po"
    path.write_text(broken, encoding="utf-8")
    with pytest.raises(DataFileError):
        read_po(path)


def _errors_raised() -> list[tuple[str, set[str] | None]]:
    """(code, names of its facts; None when they are passed on with **) of every error in the code."""
    names = {name for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, AppError)}
    found = []
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in names - {"DataFileError", "Throttled"}
                    and node.args
                    and isinstance(node.args[0], ast.Constant)
                ):
                    given = {keyword.arg for keyword in node.keywords}
                    found.append((str(node.args[0].value), None if None in given else {str(name) for name in given}))
    return found


def test_errors__every_code_raised__has_a_sentence() -> None:
    sentences = load_texts("zh").sentences
    codes = {code for code, _ in _errors_raised()} | {"data_file", "send.throttled"}
    assert len(codes) > 20
    assert sorted(code for code in codes if f"error.{code}" not in sentences) == []


def test_errors__every_sentence__finds_its_facts() -> None:
    sentences = load_texts("zh").sentences
    for code, given in _errors_raised():
        if given is not None:
            assert set(PLACEHOLDER.findall(sentences[f"error.{code}"])) <= given, code


@pytest.mark.parametrize("intent", sorted(load_catalogue().intents))
def test_answers__every_intent__has_one(intent: str) -> None:
    assert load_texts("zh")(f"answer.{intent}", about="x")


def test_error__of_a_data_file__is_told_with_file_key_fault_and_way_out() -> None:
    taken = errors.InputError("data.order_taken", order=3, other="pharmacy")
    assert load_texts("zh").error(errors.DataFileError("x.yaml", "order", taken)) == (
        "数据文件 x.yaml 有问题：order：序号 3 已经给了 pharmacy。请换一个没用过的。"
    )
    assert load_texts("en").error(errors.DataFileError("x.yaml", 7, taken)) == (
        "Data file x.yaml: line 7: 3 is taken by pharmacy. Use a free number."
    )


def test_answers__never_promise__nor_speak_as_the_hotline() -> None:
    for key, sentence in load_texts("zh").sentences.items():
        assert "已受理" not in sentence, key
        assert "个工作日" not in sentence, key
