"""Every sentence people see, by key and language, from the gettext catalogues in `locales/`.

Simplified Chinese first, English second. The msgid is a stable key ("receipt.filed"), the msgstr a sentence with
named `{placeholders}`. Babel and translators' programs edit the files; reading them here needs no library.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from domain.errors import AppError, DataFileError, InputError

LANGUAGES = ("zh", "en")
LOCALES = Path(__file__).parent / "locales"


class Texts:
    """The sentences of one language.

    Raises:
        KeyError: no such key; a test holds keys, placeholders and code together.
    """

    def __init__(self, language: str, sentences: dict[str, str]) -> None:
        self.language = language
        self.sentences = sentences

    def __call__(self, key: str, /, **params: object) -> str:
        """The sentence of a key, its placeholders filled."""
        sentence = self.sentences[key]
        return sentence.format(**params) if params else sentence

    def error(self, error: AppError) -> str:
        """The sentence of an `AppError`; errors among its facts are told as sentences, one a line."""
        return self("error." + error.code, **{name: self._fact(fact) for name, fact in error.params.items()})

    def _fact(self, fact: object) -> object:
        if isinstance(fact, tuple) and all(isinstance(part, AppError) for part in fact):
            return "\n".join(map(self.error, fact))
        return self.error(fact) if isinstance(fact, AppError) else fact


@cache
def load_texts(language: str) -> Texts:
    """The catalogue of one of `LANGUAGES`.

    Raises:
        DataFileError: the catalogue is absent, or an entry is empty.
    """
    path = LOCALES / f"{language}.po"
    if not path.is_file():
        raise DataFileError(path.name, "-", InputError("data.no_catalogue", known=", ".join(LANGUAGES)))
    entries = read_po(path)
    for key, sentence in entries.items():
        if not sentence:
            raise DataFileError(path.name, key, InputError("data.no_translation"))
    return Texts(language, entries)


def read_po(path: Path) -> dict[str, str]:
    """The sentences of a .po file by msgid: comments, msgid, msgstr, texts over several lines; no plurals, no contexts.

    A test holds it equal to Babel's reading.

    Raises:
        DataFileError: anything else, with its line; a msgid that stands twice.
    """
    entries: list[tuple[list[str], list[str]]] = []
    part = -1
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        word, quote, rest = line.partition('"')
        word = word.strip()
        if word.startswith("#") or not (word or quote):
            continue
        if word == "msgid":
            entries.append(([], []))
        part = {"msgid": 0, "msgstr": 1, "": part}.get(word, -1)
        try:
            if part < 0:
                raise ValueError(word)
            entries[-1][part].append(json.loads(quote + rest))  # escapes are those of C and JSON
        except (ValueError, IndexError) as exc:
            raise DataFileError(path.name, number, InputError("data.not_po")) from exc
    found: dict[str, str] = {}
    for key, sentence in (("".join(keys), "".join(texts)) for keys, texts in entries):
        if key in found:
            raise DataFileError(path.name, key, InputError("data.twice"))
        found[key] = sentence
    found.pop("", None)  # the header
    return found
