"""What has outlived its purpose goes; what was counted stays counted."""

from __future__ import annotations

from sqlalchemy import select

from bot.service import Service
from storage.recount import differences
from storage.retention import erase_old
from storage.tables import Inbox, Message, Need, Resident
from tests.builders import DAY_MS, NOW_MS, a_consented_resident, an_inbound, say, send


def test_retention__after_the_term__words_and_strangers_go_needs_stay(service: Service) -> None:
    a_consented_resident(service, "old")
    say(service, "没有车位", user="old")
    send(service, an_inbound("在吗", user="stranger"))
    later = NOW_MS + 181 * DAY_MS
    a_consented_resident(service, "new", now_ms=later)
    say(service, "没有食堂", user="new", now_ms=later)
    with service.database.transaction() as tx:
        assert erase_old(tx, later, 180) == {"texts": 1, "strangers": 1, "replies": 3}
        originals = list(tx.scalars(select(Message.original).order_by(Message.at_ms)))
        assert originals[0] == b""
        assert originals[1]
        assert len(list(tx.scalars(select(Need.id)))) == 2
        assert len(list(tx.scalars(select(Resident.id)))) == 2
        assert differences(tx) == []
        assert erase_old(tx, later, 180) == {"texts": 0, "strangers": 0, "replies": 0}
        assert len(list(tx.scalars(select(Inbox.id)))) == 7


def test_retention__late_repeat__still_changes_nothing(service: Service) -> None:
    a_consented_resident(service, "old")
    again = an_inbound("没有车位", user="old", n="same")
    send(service, again)
    with service.database.transaction() as tx:
        erase_old(tx, NOW_MS + 200 * DAY_MS, 180)
    repeated = send(service, again, now_ms=NOW_MS + 200 * DAY_MS)[0]
    assert repeated.repeated
    assert repeated.replies == ()
    with service.database.transaction() as tx:
        assert len(list(tx.scalars(select(Need.id)))) == 1
