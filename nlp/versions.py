"""What a model was made from and what it fits, as short hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from domain.catalogue.loader import FOLDER as CATALOGUE
from nlp import corpus, lexicon, tokenize
from nlp.model import Model

HERE = Path(__file__).parent
SCALE = HERE / "testset" / "scale.tsv"  #: see nlp/crossfit.py
#: The code that stored weights must fit; what else reads; and what learns.
FITTING = ("normalise", "clauses", "tokenize", "lexicon", "features", "model", "mentions", "reader")
READING = (*FITTING, "rules", "emergency")
LEARNING = ("corpus", "augment", "train", "crossfit")
LENGTH = 16


def corpus_version(folder: Path = corpus.FOLDER) -> str:
    """The sentences that are learnt from: the corpus's own and the catalogue's."""
    catalogue = [CATALOGUE / "intents.yaml", *sorted((CATALOGUE / "facilities").glob("*.yaml"))]
    return _hash(_contents([*catalogue, *corpus.files(folder)]))


def dictionary_version() -> str:
    """The project's own words, which decide where texts are cut."""
    return _hash(_contents([tokenize.DICTIONARY]))


def fits_version(stored_format: int) -> str:
    """What stored weights must fit to be read with: the code that makes features and reads, facilities and intents.

    Sentences and words may have changed since: a model carries its own.
    """
    facilities = sorted(path.stem for path in (CATALOGUE / "facilities").glob("*.yaml"))
    named = f"format {stored_format} facilities {facilities}".encode()
    return _hash([named, *_contents([CATALOGUE / "intents.yaml", lexicon.FILE, *_code(FITTING)])])


def model_version(stored_format: int, folder: Path = corpus.FOLDER) -> str:
    """What a model of this corpus depends on: sentences, words, the catalogue's examples, and the code that learns."""
    catalogue = [CATALOGUE / "intents.yaml", *sorted((CATALOGUE / "facilities").glob("*.yaml"))]
    data = [tokenize.DICTIONARY, lexicon.FILE, SCALE, *catalogue, *corpus.files(folder)]
    return _hash([f"format {stored_format}".encode(), *_contents([*_code((*READING, *LEARNING)), *data])])


def stamped(model: Model, folder: Path, stored_format: int) -> Model:
    """A model that was just trained from this corpus, with its versions."""
    return replace(
        model,
        corpus_version=corpus_version(folder),
        dictionary_version=dictionary_version(),
        fits_version=fits_version(stored_format),
    )


def _code(modules: Iterable[str]) -> list[Path]:
    return [HERE / f"{name}.py" for name in modules]


def _contents(paths: Iterable[Path]) -> Iterable[bytes]:
    return (path.name.encode() + b"\0" + path.read_bytes() for path in paths)


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:LENGTH]
