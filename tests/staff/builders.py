"""Small builders for the staff bot: a linked worker, cases of an area, every figure of the counters."""

from __future__ import annotations

import itertools

from sqlalchemy import select, text

from bot.conversation.context import World
from bot.service import Service
from bot.staff.counter import Asked, Counter
from domain.messages import Outbound
from storage import recount, staff, tables
from storage.database import Database
from storage.staff import Staff
from storage.vault import Vault
from tests.builders import NOW_MS, a_consented_resident, say

HERE, ELSEWHERE = "P05-01", "P15-01"
ACCOUNT = "77"

_updates = itertools.count(1)


def an_invite(database: Database, area: str = HERE, role: str = "worker", now_ms: int = NOW_MS) -> str:
    """A fresh code."""
    with database.transaction() as tx:
        return staff.create_invite(tx, role, area, now_ms)


def a_worker(database: Database, vault: Vault, area: str = HERE, user: str = "w1") -> Staff:
    """A worker linked to an area."""
    code = an_invite(database, area)
    with database.transaction() as tx:
        return staff.redeem(tx, code, vault.fingerprint("staff", "telegram", user), NOW_MS)


def a_need(service: Service, message: str, user: str = "u1", community: str = HERE, now_ms: int = NOW_MS) -> int:
    """A resident of a community says something that becomes one need; its id."""
    before = need_ids(service.database)
    a_consented_resident(service, user, community, now_ms)
    say(service, message, user=user, now_ms=now_ms)
    (new,) = need_ids(service.database) - before
    return new


def need_ids(database: Database) -> set[int]:
    with database.transaction() as tx:
        return set(tx.scalars(select(tables.Need.id)))


def need_row(database: Database, need_id: int) -> tables.Need:
    with database.transaction() as tx:
        return tx.execute(select(tables.Need.__table__).where(tables.Need.id == need_id)).one()  # type: ignore[return-value]


def labels(database: Database) -> list[tuple[str, str, str | None]]:
    """(role, old leaf, new leaf), oldest first."""
    with database.transaction() as tx:
        query = select(tables.Label.by_role, tables.Label.old_leaf, tables.Label.new_leaf)
        return [tuple(row) for row in tx.execute(query.order_by(tables.Label.id))]  # type: ignore[misc]


def demand(database: Database) -> dict[tuple[str, str], tuple[int, int, int]]:
    """(community, leaf) -> (voices, needs, residents), zeros left out; checked against the rows."""
    with database.transaction() as tx:
        assert recount.differences(tx) == []
        found = {}
        for community, leaf, voices, needs in tx.execute(
            text("SELECT community, leaf, SUM(voices), SUM(needs) FROM demand GROUP BY community, leaf")
        ):
            residents = tx.scalar(
                text("SELECT residents FROM demand_total WHERE community = :c AND leaf = :l"),
                {"c": community, "l": leaf},
            )
            if voices or needs or residents:
                found[community, leaf] = (int(voices), int(needs), int(residents or 0))
        return found


class Bot:
    """The staff bot without Telegram: every call is one fresh update of one user."""

    def __init__(self, database: Database, world: World, vault: Vault, user: str = "w1") -> None:
        self.counter = Counter(database, world, vault, ACCOUNT)
        self.user = user
        self.now_ms = NOW_MS

    def say(self, text: str, update: str | None = None) -> Outbound:
        """Sends a text."""
        return self.counter.answer(Asked(update or f"n{next(_updates)}", self.user, text), self.now_ms)

    def press(self, payload: str, update: str | None = None) -> Outbound:
        """Presses a button by its payload."""
        return self.counter.answer(Asked(update or f"n{next(_updates)}", self.user, button=payload), self.now_ms)

    def choose(self, shown: Outbound, label: str) -> Outbound:
        """Presses a button by what stands on it."""
        return self.press(next(button.payload for button in shown.buttons if button.label == label))
