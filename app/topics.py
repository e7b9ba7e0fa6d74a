"""`buqi topics`: finds the sub-topics anew, keeps them, and prints what grows.

The finding reads only and runs here; the result is kept by whoever may write (`app.control`).
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app import control
from app.settings import Settings
from app.wiring import build_world, open_reading
from bot.conversation.context import World
from bot.gateway import now_ms
from domain.errors import InputError
from nlp import topics as finding
from nlp.topics import LEAST, Movement, Row, Topic
from planning.cells import guarded
from storage import topics as rows
from storage.demand import snapshot
from storage.ids import new_id
from storage.topics import KeptTopic, TopicNeed

FORMATS = ("text", "csv")
EXAMPLES = 3
QUOTE = 60  #: characters of an example


@dataclass(frozen=True, slots=True)
class Line:
    """One topic as it is printed, of an area since a day."""

    topic: Topic
    residents: int
    needs: int
    movement: Movement
    examples: tuple[str, ...] | None  #: None: withheld, too few residents


def topics_report(settings: Settings, area: str | None, since: str | None, format: str) -> str:
    """Finds and keeps the topics of the whole city; tells those of an area since a day.

    Raises:
        InputError: unknown format, area or day.
    """
    if format not in FORMATS:
        raise InputError("topics.format", format=format, known=", ".join(FORMATS))
    world = build_world(settings)
    tree = world.city.tree
    code = tree.check(area) if area else world.city.code
    communities = {found.code for found in (tree.communities(code) if area else tree.all_communities)}
    first = _day(since) if since else None
    reading = open_reading(settings)
    try:
        with snapshot(reading) as tx:
            needs, known = rows.filed_needs(tx), [_topic(kept) for kept in rows.known(tx)]
    finally:
        reading.close()
    now = now_ms()
    found = finding.find([_row(need) for need in needs], known, lambda: new_id(now))
    control.run(settings, "topics keep", {"topics": [asdict(_kept(topic)) for topic in found]})
    today = datetime.fromtimestamp(now / 1000, ZoneInfo(world.city.timezone)).date().toordinal()
    here = [need for need in needs if need.community in communities]
    lines = _lines(found, here, today, first)
    return _as_csv(lines, world) if format == "csv" else _as_text(lines, world)


def _lines(found: list[Topic], needs: list[TopicNeed], today: int, first: int | None) -> list[Line]:
    moved = finding.movements(found, [_row(need) for need in needs], today)
    by_id = {need.need_id: need for need in needs if first is None or _day(need.day) >= first}
    lines = []
    for topic in found:
        of = [by_id[need] for need in topic.needs if need in by_id]
        residents = len({need.resident_id for need in of})
        if not of or topic.id not in moved:
            continue
        examples = _examples(topic, of) if residents >= LEAST else None
        lines.append(Line(topic, residents, len(of), moved[topic.id], examples))
    return sorted(
        lines,
        key=lambda line: (not line.movement.is_growing, not line.movement.is_new, -line.residents, line.topic.name),
    )


def _examples(topic: Topic, needs: list[TopicNeed]) -> tuple[str, ...]:
    """The words nearest to the topic's centre, of different residents."""
    chosen: dict[int, tuple[float, str]] = {}
    for need in needs:
        words = _span(need)
        near = finding.nearness(topic, words)
        if near > chosen.get(need.resident_id, (-1.0, ""))[0]:
            chosen[need.resident_id] = near, words
    nearest = sorted(set(chosen.values()), key=lambda one: (-one[0], one[1]))[:EXAMPLES]
    return tuple(words if len(words) <= QUOTE else words[:QUOTE] + "…" for _, words in nearest)


def _as_text(lines: list[Line], world: World) -> str:
    texts = world.texts
    if not lines:
        return texts("topics.none")
    by_leaf: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_leaf[line.topic.leaf].append(line)
    parts = []
    for leaf in (leaf for leaf in world.catalogue.leaves if leaf in by_leaf):
        parts.append(world.catalogue.leaf_name(leaf, texts.language))
        for line in by_leaf[leaf]:
            move = line.movement
            mark = "".join(texts("topics." + mark) for mark in _marks(move))
            parts.append(
                texts(
                    "topics.line",
                    name=line.topic.name,
                    mark=mark,
                    residents=line.residents,
                    needs=line.needs,
                    recent=move.recent,
                    before=move.before,
                )
            )
            if line.examples is None:
                parts.append("    " + texts("topics.withheld", least=LEAST))
            else:
                parts += ["    “" + words + "”" for words in line.examples]
    return "\n".join(parts)


def _as_csv(lines: list[Line], world: World) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow("facility topic_id name status residents needs last_28_days before_84_days p examples".split())
    for line in lines:
        move = line.movement
        examples = world.texts("topics.withheld", least=LEAST) if line.examples is None else " | ".join(line.examples)
        writer.writerow(
            [
                line.topic.leaf,
                line.topic.id,
                guarded(line.topic.name),
                " ".join(_marks(move)) or "steady",
                line.residents,
                line.needs,
                move.recent,
                move.before,
                f"{move.p:.4f}",
                guarded(examples),
            ]
        )
    return out.getvalue().rstrip("\n")


def _marks(move: Movement) -> list[str]:
    return ["new"] * move.is_new + ["growing"] * move.is_growing


def _row(need: TopicNeed) -> Row:
    return Row(need.need_id, need.resident_id, need.leaf, _span(need), _day(need.day))


def _span(need: TopicNeed) -> str:
    """The words about the facility. Masking moves what stands behind it: then the whole message is taken."""
    start, end = need.span
    cut = need.masked[start:end].strip()
    return cut if cut and "[" not in need.masked[:end] else need.masked


def _topic(kept: KeptTopic) -> Topic:
    first, last = _day(kept.first_day), _day(kept.last_day)
    return Topic(kept.id, kept.leaf, kept.name, json.loads(kept.centroid), first, last, kept.status)


def _kept(topic: Topic) -> KeptTopic:
    first, last = (date.fromordinal(day).isoformat() for day in (topic.first_day, topic.last_day))
    centroid = json.dumps(dict(topic.centroid), ensure_ascii=False)
    return KeptTopic(topic.id, topic.leaf, topic.name, centroid, first, last, topic.status, topic.needs)


def _day(text: str) -> int:
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError as exc:
        raise InputError("topics.day", day=text) from exc
