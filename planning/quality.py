"""The sheet on data quality as plain lines: who was heard, how sure the reading is, whether counters and rows agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from domain.demand import Quality
from planning.columns import Words
from planning.demand import Demand


class QualityLine(msgspec.Struct, frozen=True):
    """One figure. `share` is a part of its section's whole, 0 to 1."""

    section: str
    item: str
    detail: str = ""
    figure: int | float | None = None
    unit: str = ""
    share: float | None = None
    remark: str = ""


def quality_lines(quality: Quality, demand: Demand, words: Words) -> Iterator[QualityLine]:
    """All lines in a fixed order."""
    texts = words.texts
    yield from _tally("intents", {words.intent(code): n for code, n in quality.intents.items()}, "messages", words)
    yield from _tally(
        "statuses", {words.known("status", code): n for code, n in quality.statuses.items()}, "needs", words
    )
    yield from _judged(quality, words)
    yield from _answered(quality, words)
    section = texts("planner.quality.model")
    unit = texts("planner.unit.messages")
    for version, count in quality.models.items():
        yield QualityLine(section, texts("planner.quality.read_by"), version, count, unit)
    remark = texts("planner.quality.model_used" if demand.model else "planner.quality.model_unused")
    yield QualityLine(section, texts("planner.quality.model_active"), demand.model or "", remark=remark)
    section = texts("planner.quality.inbox")
    for status in ("done", "failed", "dead"):
        remark = texts(f"planner.quality.inbox_{status}")
        yield QualityLine(section, words.known("inbox", status), "", quality.inbox.get(status, 0), unit, remark=remark)
    yield from _recounts(quality, words)


def _tally(section: str, counts: Mapping[str, int], unit: str, words: Words) -> Iterator[QualityLine]:
    total = sum(counts.values())
    for item, count in counts.items():
        yield QualityLine(
            words.texts(f"planner.quality.{section}"),
            item,
            "",
            count,
            words.texts(f"planner.unit.{unit}"),
            count / total if total else None,
        )


def _judged(quality: Quality, words: Words) -> Iterator[QualityLine]:
    texts = words.texts
    section, unit = texts("planner.quality.judged"), texts("planner.unit.needs")
    filed, asked = quality.statuses.get("filed", 0), quality.statuses.get("asked", 0)
    parts = (
        ("planner.quality.asked", asked, filed + asked),
        ("planner.quality.by_resident", quality.confirmed.get("resident", 0), filed),
        ("planner.quality.by_worker", quality.confirmed.get("worker", 0), filed),
    )
    for key, count, whole in parts:
        remark = texts(f"{key}_remark")
        yield QualityLine(section, texts(key), "", count, unit, count / whole if whole else None, remark)


def _answered(quality: Quality, words: Words) -> Iterator[QualityLine]:
    texts = words.texts
    section, people = texts("planner.quality.answered"), texts("planner.unit.people")
    for row in quality.answered:
        place = words.place(row.community) if row.community else texts("planner.quality.no_community")
        share = row.residents / quality.residents if quality.residents else None
        yield QualityLine(section, place, words.known("channel", row.channel), row.residents, people, share)
    section = texts("planner.quality.heard")
    yield QualityLine(section, texts("planner.quality.residents"), "", quality.residents, people)
    yield QualityLine(section, texts("planner.quality.messages"), "", quality.messages, texts("planner.unit.messages"))
    if quality.residents:
        yield QualityLine(
            section,
            texts("planner.quality.per_resident"),
            "",
            round(quality.messages / quality.residents, 2),
            texts("planner.unit.per_resident"),
            remark=texts("planner.quality.not_a_sample"),
        )


def _recounts(quality: Quality, words: Words) -> Iterator[QualityLine]:
    texts = words.texts
    for row in quality.recounts:
        agrees = row.counted == row.rows
        yield QualityLine(
            texts("planner.quality.recount"),
            texts(f"planner.column.{row.counter}"),
            texts("planner.quality.recount_rows", rows=row.rows),
            row.counted,
            remark=texts("planner.quality.agrees" if agrees else "planner.quality.differs"),
        )
