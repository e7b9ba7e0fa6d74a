"""Labels a file of messages: JSON lines {id, text} in, JSON lines with intent, needs and masked text out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TextIO

import msgspec

from domain.reading import Mention, Reading
from nlp.model import Model
from nlp.reader import Reader

CHUNK = 256  #: lines read and labelled at once

#: Called with the line's number (from 1) and what is wrong with it.
OnFault = Callable[[int, str], None]


class _Line(msgspec.Struct):
    text: str
    id: str | int | None = None


class Labelled(msgspec.Struct, frozen=True):
    """One labelled message, as it is written out."""

    id: str | int | None
    intent: str
    intent_p: float
    needs: list[dict[str, str | float | int]]
    emergency: str | None
    masked: str
    model: str
    corpus: str
    dictionary: str


def classify_file(reader: Reader, source: TextIO, sink: TextIO, on_fault: OnFault) -> int:
    """Labels every line of `source` into `sink`; broken lines are reported, skipped and counted.

    Returns:
        The number of broken lines.
    """
    faults = 0
    encode = msgspec.json.Encoder().encode
    for chunk in _chunks(source):
        lines: list[_Line] = []
        for number, line in chunk:
            try:
                lines.append(msgspec.json.decode(line.encode("utf-8", "surrogatepass"), type=_Line))
            except (msgspec.DecodeError, UnicodeError) as exc:
                faults += 1
                on_fault(number, f"{exc}; a line is a JSON object with id and text")
        for one, reading in zip(lines, reader.read_many([one.text for one in lines]), strict=True):
            sink.write(encode(labelled(one.id, reading, reader.model)).decode() + "\n")
    return faults


def labelled(identity: str | int | None, reading: Reading, model: Model) -> Labelled:
    """A reading as one line of the output; every facility is listed, only `need_report` makes it demand."""
    return Labelled(
        id=identity,
        intent=reading.intent,
        intent_p=round(reading.intent_p, 4),
        needs=[_need(mention) for mention in reading.mentions],
        emergency=reading.emergency,
        masked=reading.masked.encode("utf-8", "replace").decode(),
        model=reading.model,
        corpus=model.corpus_version,
        dictionary=model.dictionary_version,
    )


def _need(mention: Mention) -> dict[str, str | float | int]:
    return {
        "leaf": mention.leaf,
        "p": round(mention.p, 4),
        "start": mention.start,
        "end": mention.end,
        "nature": mention.nature,
    }


def _chunks(source: TextIO) -> Iterator[list[tuple[int, str]]]:
    chunk: list[tuple[int, str]] = []
    for number, line in enumerate(source, 1):
        if line.strip():
            chunk.append((number, line))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
