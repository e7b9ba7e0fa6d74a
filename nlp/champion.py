"""Which stored model reads: a small file beside the models names it, so that a server needs no database to find it.

Beside the champion stands its twin, which was trained without the held-out judgements: the next challenger is compared
with the twin, for the champion itself has learnt the answers.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path

from nlp.model import Damaged, Model, load

log = logging.getLogger(__name__)

FILE = "champion.json"
TWIN = "-twin"


def place(data_dir: Path, version: str) -> Path:
    """The folder of a stored model."""
    return data_dir / "models" / version


def named(data_dir: Path) -> str | None:
    """The version the file names, whether it can be used or not; None: the corpus's own model reads."""
    try:
        version = json.loads((data_dir / "models" / FILE).read_text(encoding="utf-8"))["version"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        log.warning("champion.unreadable", extra={"reason": type(exc).__name__})
        return None
    return version if isinstance(version, str) and version.isalnum() else None


def find(data_dir: Path, fits: str) -> Model | None:
    """The champion, or None when there is none that can be used: the reason is logged, and the corpus's model reads.

    Args:
        fits: `nlp.versions.fits_version` of today's code.
    """
    version = named(data_dir)
    return usable(data_dir, version, fits) if version is not None else None


def usable(data_dir: Path, version: str, fits: str) -> Model | None:
    """A stored model that today's code can read with; None when there is none, and the reason is logged."""
    found = load_or_none(data_dir, version)
    if found is not None and found.fits_version != fits:
        log.warning("champion.outdated", extra={"version": version, "reason": "code, facilities or intents changed"})
        return None
    return found


def find_twin(data_dir: Path, champion: Model) -> Model:
    """What a challenger is compared with: the champion's twin; the champion itself when the twin is lost."""
    return load_or_none(data_dir, champion.version + TWIN) or champion


def load_or_none(data_dir: Path, version: str) -> Model | None:
    """A stored model; None when it is damaged or gone, and the reason is logged."""
    try:
        return load(place(data_dir, version), version)
    except Damaged as exc:
        log.warning("model.damaged", extra={"version": version, "reason": str(exc)})
        return None


def choose(data_dir: Path, version: str | None) -> None:
    """Names the model that reads from the next start on, whole or not at all; None: the corpus's own."""
    folder = data_dir / "models"
    folder.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(prefix=".champion-", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"version": version}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, folder / FILE)
