"""Every sentence people see, by key and language, from the gettext catalogues in `locales/`.

Simplified Chinese first, English second. The msgid is a stable key ("receipt.filed"), the msgstr a sentence with
named `{placeholders}`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

from domain.errors import AppError, DataFileError

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

    def __call__(self, key: str, **params: object) -> str:
        sentence = self.sentences[key]
        return sentence.format(**params) if params else sentence

    def error(self, error: AppError) -> str:
        """The sentence of an `AppError`."""
        return self("error." + error.code, **error.params)


@cache
def load_texts(language: str) -> Texts:
    """The catalogue of one of `LANGUAGES`.

    Raises:
        DataFileError: the catalogue is absent, or an entry is empty.
    """
    path = LOCALES / f"{language}.po"
    if not path.is_file():
        raise DataFileError(path.name, "-", "no such catalogue", "use one of: " + ", ".join(LANGUAGES))
    with path.open("rb") as file:
        entries = {str(message.id): str(message.string) for message in read_po(file) if message.id}
    for key, sentence in entries.items():
        if not sentence:
            raise DataFileError(path.name, key, "empty sentence", "add its translation")
    return Texts(language, entries)
