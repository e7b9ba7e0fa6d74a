"""Choices of the model are compared on hands none of them has seen, and shown as one table."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.craft import __main__ as craft
from benchmarks.craft.typos import with_typos
from domain.catalogue import Catalogue
from nlp.corpus import Sample, catalogue_samples, load_corpus
from tests.corpora import a_small_corpus


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> list[Sample]:
    folder: Path = a_small_corpus(tmp_path_factory.mktemp("corpus"), every=80)
    return load_corpus(catalogue, folder)


def test_table__several_variants__a_row_each_and_the_project_better_than_half_its_hands(
    few: list[Sample], catalogue: Catalogue
) -> None:
    names = (
        "features: words",
        "facilities: one or none",
        "hands: half of them",
        "hands: half, teaching the other half",
    )
    names += ("read: whole message", "read: each clause alone, together", "machine: complement naive Bayes")
    variants = [one for one in craft.VARIANTS if one[0] in names]
    compared = craft.Craft(few + catalogue_samples(catalogue), catalogue)
    lines = craft.table(compared, variants).splitlines()
    rows = {
        cells[1].strip(): [float(cell) for cell in cells[2:-1]] for cells in (line.split("|") for line in lines[2:])
    }
    assert set(rows) == set(names)
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|")
    assert all(0 <= figure <= 1 for row in rows.values() for figure in row[:-1])
    assert sum(rows["read: whole message"][:-1]) > sum(rows["hands: half of them"][:-1])
    assert len(compared.measured) == len(few)  # the catalogue's own examples are never measured


def test_outcome__reader_and_messages__every_measured_message_once(few: list[Sample], catalogue: Catalogue) -> None:
    compared = craft.Craft(few, catalogue)
    for choice in (craft.Choice(), craft.Choice(reads="reader")):
        read = compared.outcome(choice)
        assert len(read.intents) == len(read.leaves) == len(few)
        assert "" not in read.intents
        assert max(map(len, read.leaves)) <= 3


def test_with_typos__one_or_two_signs_that_sound_alike(few: list[Sample]) -> None:
    pinyin = pytest.importorskip("pypinyin").lazy_pinyin
    copies = with_typos(few, 1)
    assert copies == with_typos(few, 1)
    for sample, copy in zip(few, copies, strict=True):
        changed = [(one, other) for one, other in zip(sample.text, copy.text, strict=True) if one != other]
        assert len(changed) <= 2
        assert all(pinyin(one) == pinyin(other) for one, other in changed)
        assert copy._replace(text=sample.text) == sample
    assert sum(sample.text != copy.text for sample, copy in zip(few, copies, strict=True)) > 0.9 * len(few)
