"""Counts everything anew from the rows and compares: what the counters must say, and where they do not."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, case, distinct, func, select

from storage.book import (
    COUNTERS,
    DEMAND,
    DEMAND_TOTAL,
    NEED,
    REMARK,
    REMARK_COUNTER,
    VOICE,
)

Cells = dict[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure that is not what its rows say. `where`: community, facility and, for daily counters, the day."""

    what: str
    where: tuple[str, ...]
    counter: int
    rows: int


def differences(tx: Connection) -> list[Difference]:
    """Every counter of `demand` and `demand_total`, and every voice's number of needs, against the rows. Empty: sound.

    Runs in the caller's transaction and sees one moment of the database.
    """
    found: list[Difference] = []
    for name in COUNTERS:
        stored = _cells(tx, select(DEMAND.c.community, DEMAND.c.leaf, DEMAND.c.day, DEMAND.c[name]))
        found += _compare(name, stored, _cells(tx, _daily(name)))
    totals = select(DEMAND_TOTAL.c.community, DEMAND_TOTAL.c.leaf, DEMAND_TOTAL.c.residents)
    residents = select(VOICE.c.community, VOICE.c.leaf, func.count(distinct(VOICE.c.resident_id))).group_by(
        VOICE.c.community, VOICE.c.leaf
    )
    found += _compare("residents", _cells(tx, totals), _cells(tx, residents))
    return found + _voices(tx)


def _daily(name: str) -> Select[tuple[str, str, str, int]]:
    """The rows behind one daily counter."""
    if name in ("voices", "needs"):
        table = VOICE if name == "voices" else NEED
        query = select(table.c.community, table.c.leaf, table.c.day, func.count())
        query = query.where(table.c.status == "filed") if name == "needs" else query
    else:
        table = REMARK
        intents = [intent for intent, counter in REMARK_COUNTER.items() if counter == name]
        query = select(table.c.community, table.c.leaf, table.c.day, func.count()).where(table.c.intent.in_(intents))
    return query.group_by(table.c.community, table.c.leaf, table.c.day)


def _voices(tx: Connection) -> list[Difference]:
    """Voices whose filed needs are not as many as they say, and filed needs without a voice of their own place."""
    fits = (
        (NEED.c.status == "filed")
        & (NEED.c.resident_id == VOICE.c.resident_id)
        & (NEED.c.leaf == VOICE.c.leaf)
        & (NEED.c.community == VOICE.c.community)
    )
    counted: ColumnElement[int] = func.coalesce(func.sum(case((fits, 1), else_=0)), 0)
    query = (
        select(VOICE.c.id, VOICE.c.community, VOICE.c.leaf, VOICE.c.needs, counted)
        .select_from(VOICE.outerjoin(NEED, NEED.c.voice_id == VOICE.c.id))
        .group_by(VOICE.c.id, VOICE.c.community, VOICE.c.leaf, VOICE.c.needs)
        .having((VOICE.c.needs != counted) | (counted == 0))
    )
    found = [Difference("voice", (str(row[0]), row[1], row[2]), row[3], row[4]) for row in tx.execute(query)]
    silent = select(NEED.c.id, NEED.c.community, NEED.c.leaf).where(
        (NEED.c.status == "filed") != NEED.c.voice_id.is_not(None)
    )
    found += [Difference("need", (str(row[0]), row[1], row[2]), 1, 0) for row in tx.execute(silent)]
    return found


def _cells(tx: Connection, query: Select[tuple[str, ...]] | Select[tuple[str, str, str, int]]) -> Cells:
    return {tuple(row[:-1]): int(row[-1]) for row in tx.execute(query) if row[-1]}


def _compare(what: str, stored: Cells, rows: Cells) -> list[Difference]:
    places = sorted(stored.keys() | rows.keys())
    pairs = ((where, stored.get(where, 0), rows.get(where, 0)) for where in places)
    return [Difference(what, where, counter, count) for where, counter, count in pairs if counter != count]
