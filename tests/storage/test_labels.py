"""Judgements as material for learning: the last one stands, withdrawn needs give none, erasure takes them along."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from bot.conversation.context import World
from bot.service import Service
from domain.judgement import Dispute, Judgement, Opinion
from storage.database import Database
from storage.labels import disputes, judgements
from storage.tables import Label, Message
from storage.vault import Vault
from tests.builders import NOW_MS, a_consented_resident, buttons, press, say
from tests.staff.builders import Bot, a_need, a_worker, need_ids, need_row


@pytest.fixture
def bot(service: Service, world: World, vault: Vault) -> Bot:
    """A linked worker."""
    a_worker(service.database, vault)
    return Bot(service.database, world, vault)


def _judgements(database: Database) -> list[Judgement]:
    with database.transaction() as tx:
        return judgements(tx)


def _disputes(database: Database) -> list[Dispute]:
    with database.transaction() as tx:
        return disputes(tx)


def _count(database: Database) -> int:
    with database.transaction() as tx:
        return tx.scalar(select(func.count()).select_from(Label)) or 0


def _confirm_as_resident(service: Service, need_id: int, user: str = "u1", now_ms: int = NOW_MS) -> None:
    press(service, f"ok:{need_row(service.database, need_id).message_id}", user=user, now_ms=now_ms)


def test_judgements__resident_confirms_worker_corrects_later__the_workers_stands(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位")
    _confirm_as_resident(service, need_id)
    (first,) = _judgements(service.database)
    assert (first.source, first.leaf, first.intent) == ("resident", "car_parking", "need_report")
    bot.now_ms += 1000
    bot.press(f"set:{need_id}:ev_charging")
    (last,) = _judgements(service.database)
    assert (last.source, last.read_leaf, last.leaf) == ("worker", "car_parking", "ev_charging")
    assert _count(service.database) == 2, "what was said before is kept"


def test_judgements__resident_taps_another_facility__is_a_correction(service: Service) -> None:
    a_consented_resident(service)
    asked = say(service, "想要个公园")
    (need_id,) = need_ids(service.database)
    fix = next(payload for payload in buttons(asked).values() if payload.startswith(("fix:", "set:", "pick:")))
    shown = press(service, fix)
    if not _judgements(service.database):
        leaf = next(payload for payload in buttons(shown).values() if payload.startswith("set:"))
        press(service, leaf)
    (found,) = _judgements(service.database)
    assert (found.need_id, found.source, found.read_leaf) == (need_id, "resident", "pocket_park")
    assert found.intent == "need_report"


def test_judgements__resident_says_no__is_known_but_teaches_nothing(service: Service) -> None:
    need_id = a_need(service, "没有车位")
    press(service, f"no:{need_row(service.database, need_id).message_id}")
    (found,) = _judgements(service.database)
    assert (found.source, found.leaf, found.intent) == ("resident", None, None)


def test_judgements__withdrawn_need__gives_no_label(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位")
    bot.press(f"ok:{need_id}")
    assert len(_judgements(service.database)) == 1
    offered = say(service, "撤回")
    press(service, offered.replies[-1].buttons[0].payload)
    assert need_row(service.database, need_id).status == "withdrawn"
    assert _judgements(service.database) == []
    assert _disputes(service.database) == []


def test_judgements__erased_resident__nothing_is_left(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位", "u1")
    other = a_need(service, "没有车位", "u2")
    _confirm_as_resident(service, need_id)
    bot.press(f"set:{need_id}:ev_charging")
    bot.press(f"ok:{other}")
    assert _count(service.database) == 3
    offered = say(service, "删除我的信息", user="u1")
    press(service, offered.replies[-1].buttons[0].payload, user="u1")
    assert _count(service.database) == 1
    assert [found.need_id for found in _judgements(service.database)] == [other]


def test_judgements__one_of_two_needs_judged__the_message_is_not_whole(service: Service, bot: Bot) -> None:
    a_consented_resident(service)
    say(service, "没有车位，也没有公交")
    first, second = sorted(need_ids(service.database))
    bot.press(f"ok:{first}")
    assert [found.is_whole for found in _judgements(service.database)] == [False]
    bot.press(f"no:{second}")
    assert [found.is_whole for found in _judgements(service.database)] == [True, True]


def test_judgements__words__are_the_masked_ones(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位")
    with service.database.transaction() as tx:
        tx.execute(Message.__table__.update().values(masked="没有车位[电话]"))  # type: ignore[attr-defined]
    bot.press(f"ok:{need_id}")
    assert [found.masked for found in _judgements(service.database)] == ["没有车位[电话]"]


def test_disputes__resident_and_worker_disagree__both_last_words_and_no_ids(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位", "u1")
    agreed = a_need(service, "没有食堂", "u2")
    for one, user in ((need_id, "u1"), (agreed, "u2")):
        _confirm_as_resident(service, one, user)
    bot.now_ms += 1000
    bot.press(f"ok:{agreed}")
    bot.press(f"no:{need_id}")
    bot.now_ms += 1000
    bot.press(f"int:{need_id}:service_complaint")
    (found,) = _disputes(service.database)
    assert found == Dispute(
        need_row(service.database, need_id).receipt,
        "没有车位",
        (Opinion("resident", "car_parking", "need_report"), Opinion("worker", "car_parking", "service_complaint")),
    )


def test_disputes__worker_changes_their_mind__is_none(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位")
    bot.press(f"set:{need_id}:ev_charging")
    bot.press(f"set:{need_id}:bus_stop")
    assert _disputes(service.database) == []


def test_disputes__two_workers__are_one(service: Service, bot: Bot, world: World, vault: Vault) -> None:
    need_id = a_need(service, "没有车位")
    a_worker(service.database, vault, user="w2")
    bot.press(f"set:{need_id}:ev_charging")
    other = Bot(service.database, world, vault, "w2")
    other.now_ms += 1000
    other.press(f"set:{need_id}:bus_stop")
    (found,) = _disputes(service.database)
    assert [(one.source, one.leaf) for one in found.opinions] == [("worker", "ev_charging"), ("worker", "bus_stop")]
