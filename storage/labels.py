"""The judgements people made of needs, as material for learning: masked words, never who wrote or judged."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, func, select

from domain.judgement import Dispute, Judgement, Opinion
from storage import tables as t


def judgements(tx: Connection) -> list[Judgement]:
    """The judgement that stands for each need, oldest need first.

    The last one stands, whoever made it: a worker's overrides a resident's earlier one. Withdrawn needs give none.
    """
    label, need = t.Label, t.Need
    query = (
        select(
            need.id,
            need.message_id,
            t.Message.masked,
            need.span_start,
            need.span_end,
            label.old_leaf,
            label.new_leaf,
            label.intent,
            label.by_role,
            need.receipt,
        )
        .join_from(label, need, need.id == label.need_id)
        .join(t.Message, t.Message.id == need.message_id)
        .where(need.status != "withdrawn")
        .order_by(need.id, label.at_ms, label.id)
    )
    last: dict[int, Judgement] = {}
    for row in tx.execute(query):
        found = Judgement(*row)
        if (earlier := last.get(found.need_id)) is not None:
            found = found._replace(read_leaf=earlier.read_leaf)
        last[found.need_id] = found
    judged = Counter(found.message_id for found in last.values())
    sizes = _sizes(tx)
    return [found._replace(is_whole=judged[found.message_id] == sizes[found.message_id]) for found in last.values()]


def disputes(tx: Connection) -> list[Dispute]:
    """Needs whose judges do not agree, each with their last word; a judge who changed their mind is no dispute."""
    label, need = t.Label, t.Need
    query = (
        select(need.receipt, t.Message.masked, label.by_role, label.by_id, label.new_leaf, label.intent)
        .join_from(label, need, need.id == label.need_id)
        .join(t.Message, t.Message.id == need.message_id)
        .where(need.status != "withdrawn")
        .order_by(need.id, label.at_ms, label.id)
    )
    words: dict[str, str] = {}
    said: dict[str, dict[tuple[str, int], Opinion]] = {}
    for receipt, masked, role, by_id, leaf, intent in tx.execute(query):
        words[receipt] = masked
        said.setdefault(receipt, {})[role, by_id] = Opinion(role, leaf, intent)
    return [
        Dispute(receipt, words[receipt], tuple(opinions.values()))
        for receipt, opinions in said.items()
        if len({(one.leaf, one.intent) for one in opinions.values()}) > 1
    ]


def _sizes(tx: Connection) -> dict[int, int]:
    """Message -> number of its needs, of messages with a judged need."""
    need = t.Need
    judged = select(need.message_id).join_from(t.Label, need, need.id == t.Label.need_id)
    query = select(need.message_id, func.count()).where(need.message_id.in_(judged)).group_by(need.message_id)
    return {row[0]: row[1] for row in tx.execute(query)}
