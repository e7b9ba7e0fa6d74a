"""Labels a file of messages: JSON lines {id, text} in, JSON lines with intent, needs and masked text out."""

from __future__ import annotations

from itertools import islice
from typing import TextIO

import msgspec

from domain.lines import Faults, OnFault, good_lines, read_line
from domain.reading import Mention, PlaceHint, Reading
from nlp.model import Model
from nlp.reader import Reader

CHUNK = 256  #: lines read and labelled at once
EXAMPLE = '{"id": 1, "text": "小区没有公厕"}'


class _Line(msgspec.Struct):
    text: str
    id: str | int | None = None


class Labelled(msgspec.Struct, frozen=True):
    """One labelled message, as it is written out."""

    id: str | int | None
    intent: str
    intent_p: float
    needs: list[dict[str, str | float | int | list[str]]]
    places: list[dict[str, str | int | None]]
    emergency: str | None
    masked: str
    model: str
    corpus: str
    dictionary: str


def classify_file(reader: Reader, source: TextIO, sink: TextIO, on_fault: OnFault, *, with_words: bool = False) -> int:
    """Labels every line of `source` into `sink`; broken lines are reported, skipped and counted.

    `with_words`: the words that decided stand beside each facility; slower.

    Returns:
        The number of broken lines.
    """
    faults = Faults(on_fault)
    encode = msgspec.json.Encoder().encode
    good = good_lines(source, lambda line: read_line(line, _Line, EXAMPLE), faults)
    while lines := list(islice(good, CHUNK)):
        for one, reading in zip(lines, reader.read_many([one.text for one in lines]), strict=True):
            label = labelled(one.id, reading, reader.model)
            if with_words:
                for need, mention in zip(label.needs, reading.mentions, strict=True):
                    words = reader.deciding_words(one.text[mention.start : mention.end], mention.leaf)
                    need["words"] = [_printable(word) for word in words]
            sink.write(encode(label).decode() + "\n")
    return faults.count


def labelled(identity: str | int | None, reading: Reading, model: Model) -> Labelled:
    """A reading as one line of the output; every facility is listed, only `need_report` makes it demand."""
    return Labelled(
        id=identity,
        intent=reading.intent,
        intent_p=round(reading.intent_p, 4),
        needs=[_need(mention, reading) for mention in reading.mentions],
        places=[_place(hint) for hint in reading.places],
        emergency=reading.emergency,
        masked=_printable(reading.masked),
        model=reading.model,
        corpus=model.corpus_version,
        dictionary=model.dictionary_version,
    )


def _need(mention: Mention, reading: Reading) -> dict[str, str | float | int | list[str]]:
    return {
        "leaf": mention.leaf,
        "p": round(mention.p, 4),
        "start": mention.start,
        "end": mention.end,
        "nature": mention.nature,
        "group": mention.group,
        "intent": mention.intent or reading.intent,
    }


def _place(hint: PlaceHint) -> dict[str, str | int | None]:
    return {"kind": hint.kind, "name": _printable(hint.name), "start": hint.start, "end": hint.end, "area": hint.area}


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
