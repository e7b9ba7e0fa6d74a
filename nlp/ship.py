"""Learns the corpus's model and puts it where it comes with the program: `python -m nlp.ship`, a few minutes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from nlp.model import save
from nlp.reader import SHIPPED, corpus_model


def main() -> None:
    """Writes `nlp/model` if it is not of today's corpus, words and code."""
    with tempfile.TemporaryDirectory() as folder:
        model = corpus_model(Path(folder))
        save(model, SHIPPED)
    print(f"{SHIPPED}: {model.version}, {len(model.vocabulary)} features")


if __name__ == "__main__":
    main()
