"""A trained model as plain arrays: saved with a manifest of hashes, loaded without executing anything, scored by numpy.

Every model (facility, intent, nature) sees the same features, so their weights stand side by side in one matrix:
one gather and one segmented sum score a whole batch.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
EMPTY = [0]  #: the row of a text without any known feature
MANIFEST, WORDS, ARRAYS = "manifest.json", "words.json", "weights.npy"


class Damaged(Exception):
    """A stored model is missing, incomplete, changed, or of another version. It is trained again, never trusted."""


@dataclass(frozen=True, slots=True)
class Model:
    """Weights of the linear models over one vocabulary.

    `weights`: (n_features, n_columns + 1) float32; the columns of the heads in the order facility, intent, nature,
    already multiplied by each feature's idf; the last column is idf squared, which sums to the squared length.
    Row 0 is empty, so that a row number is never false. They are stored in half precision: training rounds them
    to it, so that a loaded model is the trained one.
    `settings`: what turns scores into believable probabilities. `figures`: how well held-out writers were read, as
    {"intent_accuracy", "leaf_accuracy", "leaves": {facility: {"precision", "recall", "support"}}, ...}.
    `corpus_version`, `dictionary_version`, `fits_version`: what it was made from and fits (`nlp.versions`).
    """

    version: str
    dictionary: tuple[str, ...]
    vocabulary: dict[str, int]
    leaves: tuple[str, ...]
    intents: tuple[str, ...]
    natures: tuple[str, ...]
    weights: Array
    intercept: Array
    settings: dict[str, float]
    figures: dict[str, Any] = field(default_factory=dict)
    corpus_version: str = ""
    dictionary_version: str = ""
    fits_version: str = ""

    def head(self, name: str) -> slice:
        """The columns of one head: "leaf", "intent" or "nature"."""
        first, second = len(self.leaves), len(self.leaves) + len(self.intents)
        return {"leaf": slice(0, first), "intent": slice(first, second), "nature": slice(second, -1)}[name]

    def ids(self, found: Iterable[str]) -> list[int]:
        """The known ones of some features, as row numbers; row 0 is nothing's, and weighs nothing."""
        return list(filter(None, map(self.vocabulary.get, found)))

    def sums(self, rows: list[list[int]]) -> Array:
        """Unscaled scores: (len(rows), n_columns + 1); of texts put together, the sum of their rows."""
        filled = [row or EMPTY for row in rows]
        starts = [0, *accumulate(map(len, filled))]
        flat = np.fromiter(chain.from_iterable(filled), np.int64, starts.pop())
        total: Array = np.add.reduceat(self.weights.take(flat, axis=0), starts, axis=0)
        return total

    def decide(self, sums: Array) -> Array:
        """Decision values (n, n_columns) of summed rows: scaled to unit length, plus the intercepts."""
        length = np.sqrt(np.maximum(sums[:, -1:], np.float32(1e-12)))
        decided: Array = (sums[:, :-1] / length + self.intercept).astype(np.float32, copy=False)
        return decided


def softmax(values: NDArray[np.floating]) -> Array:
    """Rows of `values` as probabilities."""
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    shares: Array = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32, copy=False)
    return shares


def save(model: Model, folder: Path) -> None:
    """Writes a model whole or not at all, replacing what stands there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        described = {
            "version": model.version,
            "dictionary": model.dictionary,
            "vocabulary": list(model.vocabulary),
            "leaves": model.leaves,
            "intents": model.intents,
            "natures": model.natures,
            "intercept": model.intercept.tolist(),
            "settings": model.settings,
            "figures": model.figures,
            "corpus_version": model.corpus_version,
            "dictionary_version": model.dictionary_version,
            "fits_version": model.fits_version,
        }
        (scratch / WORDS).write_bytes(msgspec.json.encode(described))
        np.save(scratch / ARRAYS, model.weights.astype(np.float16), allow_pickle=False)
        hashes = {name: _sha256(scratch / name) for name in (WORDS, ARRAYS)}
        manifest = {"version": model.version, "sha256": hashes}
        (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        try:
            os.replace(scratch, folder)
        except OSError:
            load(folder, model.version)  # another process was quicker and wrote the same: fine if it is whole
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def stored_version(folder: Path) -> str | None:
    """The version a folder claims to hold; None when there is none to be read."""
    try:
        version = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, str) else None


def load(folder: Path, version: str) -> Model:
    """The stored model of this version.

    Raises:
        Damaged: it is not there, or not exactly what was written.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["version"] != version:
            raise Damaged(f"{folder}: version {manifest['version']} instead of {version}")
        for name in (WORDS, ARRAYS):
            if _sha256(folder / name) != manifest["sha256"][name]:
                raise Damaged(f"{folder / name}: its SHA-256 is not the manifest's")
        words = msgspec.json.decode((folder / WORDS).read_bytes())
        weights = np.asarray(np.load(folder / ARRAYS, mmap_mode="r", allow_pickle=False), np.float32)
        return Model(
            version=words["version"],
            dictionary=tuple(words["dictionary"]),
            vocabulary={word: index for index, word in enumerate(words["vocabulary"])},
            leaves=tuple(words["leaves"]),
            intents=tuple(words["intents"]),
            natures=tuple(words["natures"]),
            weights=weights,
            intercept=np.array(words["intercept"], np.float32),
            settings=words["settings"],
            figures=words["figures"],
            corpus_version=words["corpus_version"],
            dictionary_version=words["dictionary_version"],
            fits_version=words["fits_version"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, msgspec.DecodeError) as exc:
        raise Damaged(f"{folder}: {type(exc).__name__}") from exc


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
