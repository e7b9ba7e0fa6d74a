"""Rows of residents, needs and remarks, written directly, with counters that agree with them."""

from __future__ import annotations

import itertools
import random
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert

from domain.catalogue import load_catalogue, load_city
from planning.demand import DemandQuery
from storage import tables as t
from storage.book import REMARK_COUNTER, Row
from storage.database import Database
from storage.ids import RECEIPT_ALPHABET

ZONE = ZoneInfo("Asia/Shanghai")
FIRST_DAY = date(2026, 3, 1)
CITY, CATALOGUE = load_city("dezhou"), load_catalogue()
MADE_MS = 1_800_000_000_000


def everything() -> DemandQuery:
    """The whole city, all of the time."""
    return DemandQuery.parse({}, CITY, CATALOGUE)


class Rows:
    """Collects rows; `write` puts them into a database. One voice per resident, facility and community."""

    def __init__(self) -> None:
        self.tables: dict[type[t.Base], list[Row]] = {
            model: [] for model in (t.Resident, t.Identity, t.Message, t.Voice, t.Need, t.Remark, t.Inbox)
        }
        self.ids = itertools.count(1)
        self._voices: dict[tuple[int, str, str], Row] = {}
        self._demand: dict[tuple[str, str, str], dict[str, int]] = {}
        self._totals: dict[tuple[str, str], int] = {}

    def resident(self, community: str = "P05-01", channel: str = "telegram") -> int:
        """A resident on one channel."""
        number = next(self.ids)
        self.tables[t.Resident].append(
            {
                "id": number,
                "created_ms": 0,
                "community": community,
                "consent_version": "1",
                "consent_ms": 0,
                "opted_out": False,
            }
        )
        self.identity(number, channel)
        return number

    def identity(self, resident: int, channel: str) -> None:
        """Another channel of a resident."""
        number = next(self.ids)
        key = number.to_bytes(8, "big")
        self.tables[t.Identity].append(
            {
                "id": number,
                "resident_id": resident,
                "channel": channel,
                "account": "a",
                "key_hash": key,
                "address": key,
                "gone": False,
            }
        )

    def message(self, resident: int, community: str | None, day: date, intent: str, masked: str) -> int:
        """A message at ten in the morning."""
        number = next(self.ids)
        self.tables[t.Message].append(
            {
                "id": number,
                "resident_id": resident,
                "at_ms": at_ms(day),
                "community": community,
                "source": "chat",
                "original": b"never exported",
                "masked": masked,
                "intent": intent,
                "intent_p": 0.9,
                "emergency": None,
                "model": "m-1",
            }
        )
        return number

    def need(
        self,
        resident: int,
        leaf: str,
        community: str = "P05-01",
        day: date = FIRST_DAY,
        status: str = "filed",
        confirmed_by: str | None = None,
        masked: str = "附近没有",
    ) -> str:
        """A need and, when filed, its voice. Returns the receipt."""
        message = self.message(resident, community, day, "need_report", masked)
        number = next(self.ids)
        voice_id = None
        if status == "filed":
            key = (resident, leaf, community)
            voice = self._voices.get(key)
            if voice is None:
                voice = {
                    "id": number,
                    "resident_id": resident,
                    "leaf": leaf,
                    "community": community,
                    "ordinal": 1,
                    "day": day.isoformat(),
                    "first_ms": at_ms(day),
                    "needs": 0,
                }
                self._voices[key] = voice
                self.tables[t.Voice].append(voice)
                self._count(community, leaf, day, "voices")
                self._totals[community, leaf] = self._totals.get((community, leaf), 0) + 1
            voice["needs"] = int(str(voice["needs"])) + 1
            voice_id = voice["id"]
            self._count(community, leaf, day, "needs")
        self.tables[t.Need].append(
            {
                "id": number,
                "receipt": receipt(number),
                "message_id": message,
                "resident_id": resident,
                "community": community,
                "leaf": leaf,
                "nature": "missing",
                "p": 0.875,
                "span_start": 0,
                "span_end": 2,
                "status": status,
                "confirmed_by": confirmed_by,
                "source": "chat",
                "day": day.isoformat(),
                "at_ms": at_ms(day),
                "voice_id": voice_id,
            }
        )
        return receipt(number)

    def remark(self, resident: int, leaf: str, intent: str, community: str = "P05-01", day: date = FIRST_DAY) -> None:
        """A fault, complaint or objection."""
        message = self.message(resident, community, day, intent, "坏了")
        self.tables[t.Remark].append(
            {
                "id": next(self.ids),
                "message_id": message,
                "resident_id": resident,
                "community": community,
                "leaf": leaf,
                "intent": intent,
                "p": 0.9,
                "day": day.isoformat(),
                "at_ms": at_ms(day),
            }
        )
        self._count(community, leaf, day, REMARK_COUNTER[intent])

    def inbox(self, status: str) -> None:
        """An event of that status."""
        number = next(self.ids)
        self.tables[t.Inbox].append(
            {
                "id": number,
                "channel": "telegram",
                "account": "a",
                "external_id": str(number),
                "resident_id": None,
                "received_ms": 0,
                "status": status,
                "tries": 1,
                "reason": None,
                "retry_ms": None,
                "payload": None,
                "reply": None,
            }
        )

    def _count(self, community: str, leaf: str, day: date, counter: str) -> None:
        cell = self._demand.setdefault((community, leaf, day.isoformat()), dict.fromkeys(COUNTERS, 0))
        cell[counter] += 1

    def write(self, tx: Connection) -> None:
        """Everything, parents first."""
        for model, rows in self.tables.items():
            if rows:
                tx.execute(insert(model), rows)
        cells = [
            {"community": community, "leaf": leaf, "day": day, **counts}
            for (community, leaf, day), counts in self._demand.items()
        ]
        if cells:
            tx.execute(insert(t.Demand), cells)
        totals = [{"community": c, "leaf": leaf, "residents": n} for (c, leaf), n in self._totals.items()]
        if totals:
            tx.execute(insert(t.DemandTotal), totals)


COUNTERS = ("voices", "needs", "objections", "faults", "complaints")


def at_ms(day: date) -> int:
    """Ten in the morning in Dezhou."""
    return int(datetime(day.year, day.month, day.day, 10, tzinfo=ZONE).timestamp() * 1000)


def receipt(number: int) -> str:
    """A receipt number of its own for every id."""
    letters = []
    for _ in range(7):
        number, digit = divmod(number, len(RECEIPT_ALPHABET))
        letters.append(RECEIPT_ALPHABET[digit])
    return "".join(letters[:3]) + "-" + "".join(letters[3:])


def a_town(residents: int = 300, seed: int = 7) -> Rows:
    """Residents of all communities with needs over four months; the same for the same seed."""
    choose = random.Random(seed)
    rows = Rows()
    communities = [area.code for area in CITY.tree.all_communities]
    leaves = list(CATALOGUE.leaves)
    weights = [1 / (1 + at) for at in range(len(leaves))]
    choose.shuffle(leaves)
    for _ in range(residents):
        community = choose.choice(communities)
        resident = rows.resident(community, choose.choice(["telegram", "webchat", "wechat"]))
        for leaf in dict.fromkeys(choose.choices(leaves, weights, k=choose.randint(1, 5))):
            day = FIRST_DAY + timedelta(days=choose.randrange(120))
            status = choose.choices(["filed", "asked", "rejected", "withdrawn"], [80, 12, 4, 4])[0]
            rows.need(resident, leaf, community, day, status, choose.choice([None, None, "resident", "worker"]))
            if choose.random() < 0.15:
                rows.remark(resident, leaf, choose.choice(list(REMARK_COUNTER)), community, day)
    for status in ("done", "done", "failed", "dead"):
        rows.inbox(status)
    return rows


def fill(database: Database, rows: Rows | None = None) -> None:
    """Writes a town, or the given rows."""
    with database.transaction() as tx:
        (rows or a_town()).write(tx)
