"""Reads the training corpus: marked-up sentences, one a line, as described in corpus/README.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from domain.catalogue import Catalogue
from domain.errors import DataFileError, InputError

FOLDER = Path(__file__).with_name("corpus")
REGISTERS = frozenset({"chat", "dictated", "letter", "note"})
MARK = re.compile(r"\[([a-z_0-9]+)(?::([a-z_]+))?\|([^\[\]|]+)\]")


class Span(NamedTuple):
    """One marked facility: characters `start` to `end` of the sample's text."""

    leaf: str
    nature: str | None
    start: int
    end: int


class Sample(NamedTuple):
    """One labelled message. `source`: the file it stands in, written by one hand; "" for a site's own."""

    text: str
    intent: str
    spans: tuple[Span, ...]
    register: str
    writer: str
    weight: float = 1.0
    source: str = ""


def files(folder: Path = FOLDER) -> list[Path]:
    """Every corpus file, in a fixed order."""
    return sorted(folder.rglob("*.tsv"))


def load_corpus(catalogue: Catalogue, folder: Path = FOLDER) -> list[Sample]:
    """All samples of all files.

    Raises:
        DataFileError: a line is broken; names file, line, fault and way out.
    """
    return [
        sample
        for path in files(folder)
        for sample in load_file(catalogue, path, f"nlp/corpus/{path.relative_to(folder).as_posix()}")
    ]


def load_file(catalogue: Catalogue, path: Path, name: str = "") -> list[Sample]:
    """The samples of one file; `name` is how faults call it.

    Raises:
        DataFileError: a line is broken; names file, line, fault and way out.
    """
    known = (frozenset(catalogue.intents), frozenset(catalogue.leaves), frozenset(catalogue.natures))
    return list(_read(path, name or path.name, *known))


def catalogue_samples(catalogue: Catalogue) -> list[Sample]:
    """The catalogue's own example sentences, of facilities (needs), of intents (without marks) and of rules."""
    phrasings = [
        Sample(text, "need_report", (Span(facility.code, None, 0, len(text)),), "chat", "catalogue")
        for facility in catalogue.facilities.values()
        for text in facility.phrasings
    ]
    examples = [
        Sample(text, intent.code, (), "chat", "catalogue")
        for intent in catalogue.intents.values()
        if intent.carries_leaf != "yes"
        for text in intent.examples
    ]
    return phrasings + examples + _rule_samples(catalogue)


def _rule_samples(catalogue: Catalogue) -> list[Sample]:
    """The examples of the rules for hard pairs: a facility, ASK, or intent/topic."""
    samples = []
    for text, answer in (example for rule in catalogue.rules for example in rule.examples):
        spans = (Span(answer, None, 0, len(text)),) if answer in catalogue.facilities else ()
        intent = "need_report" if spans else "unclear" if answer == "ASK" else answer.split("/")[0]
        if intent in catalogue.intents:
            samples.append(Sample(text, intent, spans, "chat", "catalogue"))
    return samples


def facility_words(catalogue: Catalogue) -> list[tuple[str, str]]:
    """(facility, words): how the catalogue itself names each facility and what belongs to it."""
    return [
        (facility.code, words)
        for facility in catalogue.facilities.values()
        for words in (facility.name.zh, *facility.include, *facility.subtags, *facility.keywords)
    ]


def parse(marked: str) -> tuple[str, tuple[Span, ...]]:
    """The text without its marks, and the marks as spans of that text."""
    text, spans, last = "", [], 0
    for match in MARK.finditer(marked):
        text += marked[last : match.start()]
        spans.append(Span(match[1], match[2], len(text), len(text) + len(match[3])))
        text += match[3]
        last = match.end()
    return text + marked[last:], tuple(spans)


def _read(
    path: Path, name: str, intents: frozenset[str], leaves: frozenset[str], natures: frozenset[str]
) -> Iterator[Sample]:
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = line.rstrip("\r").split("\t")
        if len(columns) != 4:
            raise DataFileError(name, number, InputError("data.corpus_columns", count=len(columns)))
        intent, register, writer, marked = columns
        text, spans = parse(marked)
        fault = _fault(intent, register, writer, text, spans, intents, leaves, natures)
        if fault:
            raise DataFileError(name, number, fault)
        yield Sample(text, intent, spans, register, writer, source=name)


def _fault(
    intent: str,
    register: str,
    writer: str,
    text: str,
    spans: tuple[Span, ...],
    intents: frozenset[str],
    leaves: frozenset[str],
    natures: frozenset[str],
) -> InputError | None:
    if not writer.strip() or not text.strip():
        return InputError("data.corpus_empty")
    if set("[]|") & set(text):
        return InputError("data.corpus_mark")
    natures_named = [span.nature for span in spans if span.nature is not None]
    labels = [(intent, intents), (register, REGISTERS)]
    labels += [(span.leaf, leaves) for span in spans] + [(nature, natures) for nature in natures_named]
    for label, known in labels:
        if label not in known:
            return InputError("data.unknown_name", name=label, known=", ".join(sorted(known)))
    return None
