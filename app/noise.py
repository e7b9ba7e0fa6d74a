"""`buqi labels --noise`: labels in doubt, as a table to look through. Masked words and receipt numbers, nobody's id."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from app.learning import counts, reading
from app.settings import Settings
from domain.catalogue import load_catalogue
from domain.judgement import Dispute, Judgement, Opinion
from domain.texts import Texts
from nlp import corpus, site
from planning.cells import guarded
from storage import labels

COLUMNS = ("what", "source", "needs", "label", "label_p", "instead", "instead_p", "masked")


def write_noise(settings: Settings, texts: Texts, of_corpus: bool, out: TextIO, folder: Path = corpus.FOLDER) -> None:
    """Writes CSV: needs people judged differently, then labels a held-out reading confidently contradicts.

    Args:
        of_corpus: the corpus's own sentences as well.

    Raises:
        DataFileError: a corpus file is broken.
        ConfigError: the database is missing or out of reach.
    """
    with reading(settings) as tx:
        said, disputed = labels.judgements(tx), labels.disputes(tx)
    writer = csv.writer(out)
    writer.writerow([texts("noise." + name) for name in COLUMNS])
    for row in [*_disputed(disputed, texts), *_suspected(said, of_corpus, folder, texts)]:
        writer.writerow([guarded(cell) for cell in row])


def counted(settings: Settings, texts: Texts) -> str:
    """How many judgements stand, by who made them.

    Raises:
        ConfigError: the database is missing or out of reach.
    """
    with reading(settings) as tx:
        found = site.by_source(labels.judgements(tx))
    return texts("learn.labels", count=sum(found.values()), sources=counts(found, texts))


def _disputed(disputes: Sequence[Dispute], texts: Texts) -> Iterator[list[str]]:
    """The opinion that stands, and the others."""
    for dispute in disputes:
        *others, standing = dispute.opinions
        yield [
            texts("noise.of.dispute"),
            _sources((one.source for one in dispute.opinions), texts),
            dispute.receipt,
            _opinion(standing, texts),
            "",
            "; ".join(_opinion(one, texts) for one in others),
            "",
            dispute.masked,
        ]


def _suspected(said: Sequence[Judgement], of_corpus: bool, folder: Path, texts: Texts) -> Iterator[list[str]]:
    if not said and not of_corpus:
        return
    from nlp.noise import alike_together, suspects

    catalogue = load_catalogue()
    taught = site.samples(said)
    samples = [*alike_together(taught), *corpus.load_corpus(catalogue, folder), *corpus.catalogue_samples(catalogue)]
    needs = site.by_writer(said)
    for found in suspects(samples, catalogue):
        judged = needs[taught[found.place].writer] if found.place < len(taught) else []
        if judged or of_corpus:
            yield [
                texts("noise.of." + found.what),
                _sources((one.source for one in judged), texts) or texts("label.source.corpus"),
                " ".join(one.receipt for one in judged),
                found.label,
                f"{found.label_p:.2f}",
                found.instead,
                f"{found.instead_p:.2f}",
                samples[found.place].text,
            ]


def _sources(sources: Iterator[str], texts: Texts) -> str:
    return " ".join(texts("label.source." + source) for source in sorted(set(sources)))


def _opinion(opinion: Opinion, texts: Texts) -> str:
    said = opinion.intent or texts("noise.no_need")
    return f"{texts('label.source.' + opinion.source)} {said}" + (f" {opinion.leaf}" if opinion.leaf else "")
