"""Topics found among the needs: what the finding reads, and what is known of them until the next time.

A need that is erased leaves its topic; a topic's kept terms were each used by several residents (`nlp.topics`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from storage import tables as t
from storage.declare import table_of
from storage.upsert import upsert

TOPIC, MEMBER = table_of(t.Topic), table_of(t.TopicNeed)
AT_ONCE = 500  #: ids in one statement


@dataclass(frozen=True, slots=True)
class TopicNeed:
    """One filed need as the finding reads it. `masked`: the whole message; `span` marks the part about the facility."""

    need_id: int
    resident_id: int
    community: str
    leaf: str
    day: str
    masked: str
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class KeptTopic:
    """A topic as it is kept. `centroid`: JSON; days are ISO dates; `needs`: ids of those that belong to it."""

    id: int
    leaf: str
    name: str
    centroid: str
    first_day: str
    last_day: str
    status: str
    needs: Sequence[int] = ()


def filed_needs(tx: Connection) -> list[TopicNeed]:
    """Every need that counts, oldest first."""
    query = (
        select(
            t.Need.id,
            t.Need.resident_id,
            t.Need.community,
            t.Need.leaf,
            t.Need.day,
            t.Message.masked,
            t.Need.span_start,
            t.Need.span_end,
        )
        .join_from(t.Need, t.Message, t.Message.id == t.Need.message_id)
        .where(t.Need.status == "filed")
        .order_by(t.Need.day, t.Need.id)
    )
    return [TopicNeed(*row[:6], (row[6], row[7])) for row in tx.execute(query)]


def known(tx: Connection) -> list[KeptTopic]:
    """All topics, dormant ones too, without their needs."""
    return [KeptTopic(*row) for row in tx.execute(select(*TOPIC.columns).order_by(TOPIC.c.id))]


def keep(tx: Connection, topics: Sequence[KeptTopic]) -> None:
    """Writes the topics and who belongs to them, in place of what was kept. Needs erased meanwhile are left out."""
    for topic in topics:
        row = {column.name: getattr(topic, column.name) for column in TOPIC.columns}
        statement = upsert(TOPIC, tx.dialect.name).values(**row)
        others = {name: statement.excluded[name] for name in row if name != "id"}
        tx.execute(statement.on_conflict_do_update(index_elements=["id"], set_=others))
    tx.execute(delete(MEMBER))
    topic_of = {need: topic.id for topic in topics for need in topic.needs}
    ids = sorted(topic_of)
    for start in range(0, len(ids), AT_ONCE):
        there = tx.scalars(select(t.Need.id).where(t.Need.id.in_(ids[start : start + AT_ONCE]))).all()
        if there:
            tx.execute(insert(MEMBER), [{"need_id": need, "topic_id": topic_of[need]} for need in there])
