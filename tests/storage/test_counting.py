"""Counters move by exactly what their rows say, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from bot.service import ALL, Received, Service
from storage import recount
from storage.book import DEMAND, DEMAND_TOTAL, INBOX, MESSAGE, NEED, RESIDENT, VOICE, WINDOW_MS
from tests.builders import COMMUNITY, DAY_MS, NOW_MS, a_consented_resident, an_inbound, buttons, press, say, send


@pytest.fixture(autouse=True)
def sound(service: Service):  # type: ignore[no-untyped-def]
    """Whatever a test does, the counters agree with the rows afterwards."""
    yield
    with service.database.transaction() as tx:
        assert recount.differences(tx) == []


def counted(service: Service, leaf: str = "car_parking", community: str = COMMUNITY) -> tuple[int, int, int]:
    """(voices, needs, residents) as a planner sees them."""
    with service.database.transaction() as tx:
        voices, needs = tx.execute(
            select(func.coalesce(func.sum(DEMAND.c.voices), 0), func.coalesce(func.sum(DEMAND.c.needs), 0)).where(
                DEMAND.c.leaf == leaf, DEMAND.c.community == community
            )
        ).one()
        residents = tx.scalar(
            select(DEMAND_TOTAL.c.residents).where(DEMAND_TOTAL.c.leaf == leaf, DEMAND_TOTAL.c.community == community)
        )
    return int(voices), int(needs), residents or 0


def remarks(service: Service, leaf: str) -> tuple[int, ...]:
    """(objections, faults, complaints) about a facility."""
    sums = (func.coalesce(func.sum(DEMAND.c[name]), 0) for name in ("objections", "faults", "complaints"))
    with service.database.transaction() as tx:
        return tuple(int(count) for count in tx.execute(select(*sums).where(DEMAND.c.leaf == leaf)).one())


def count(service: Service, table) -> int:  # type: ignore[no-untyped-def]
    """How many rows a table has."""
    with service.database.transaction() as tx:
        return tx.scalar(select(func.count()).select_from(table)) or 0


def test_need__repeated_within_30_days__is_one_voice(service: Service) -> None:
    a_consented_resident(service)
    say(service, "没有车位")
    say(service, "还是没有车位", now_ms=NOW_MS + WINDOW_MS - 1)
    assert counted(service) == (1, 2, 1)


def test_need__repeated_after_30_days__is_a_second_voice_of_one_resident(service: Service) -> None:
    a_consented_resident(service)
    say(service, "没有车位")
    say(service, "还是没有车位", now_ms=NOW_MS + WINDOW_MS)
    assert counted(service) == (2, 2, 1)


def test_need__of_two_residents__is_two_voices(service: Service) -> None:
    for user in ("u1", "u2"):
        a_consented_resident(service, user)
        say(service, "没有车位", user=user)
    assert counted(service) == (2, 2, 2)


def test_need__after_moving__counts_in_both_communities(service: Service) -> None:
    a_consented_resident(service)
    say(service, "没有车位")
    press(service, "in:P05-02")
    say(service, "没有车位")
    assert counted(service) == (1, 1, 1)
    assert counted(service, community="P05-02") == (1, 1, 1)


def test_event__delivered_again__changes_nothing_and_gets_the_same_reply(service: Service) -> None:
    a_consented_resident(service)
    event = an_inbound("没有车位")
    first, again = send(service, event, event)
    assert again.repeated and again.replies == first.replies
    assert counted(service) == (1, 1, 1)


def test_event__twice_in_one_batch__is_counted_once(service: Service) -> None:
    a_consented_resident(service)
    event = an_inbound("没有车位")
    first, again = service.handle_many([Received(event, ALL), Received(event, ALL)], NOW_MS)
    assert again.repeated and again.replies == first.replies
    assert counted(service) == (1, 1, 1)


def test_message__with_three_needs__counts_each(service: Service) -> None:
    a_consented_resident(service)
    say(service, "没有车位,没有公交,没有食堂")
    assert [counted(service, leaf) for leaf in ("car_parking", "bus_stop", "community_canteen")] == [(1, 1, 1)] * 3


def test_unsure_need__until_the_resident_chooses__does_not_count(service: Service) -> None:
    a_consented_resident(service)
    offered = buttons(say(service, "想要个公园"))
    assert counted(service, "pocket_park") == (0, 0, 0)
    press(service, next(payload for payload in offered.values() if payload.endswith(":pocket_park")))
    assert counted(service, "pocket_park") == (1, 1, 1)


def test_reassigned_need__moves_its_counters_to_the_day_it_was_written(service: Service) -> None:
    a_consented_resident(service)
    fix = next(payload for payload in buttons(say(service, "没有车位")).values() if payload.startswith("fix:"))
    need_id = fix.split(":")[1]
    press(service, f"set:{need_id}:ev_charging", now_ms=NOW_MS + 3 * DAY_MS)
    assert counted(service) == (0, 0, 0)
    assert counted(service, "ev_charging") == (1, 1, 1)
    with service.database.transaction() as tx:
        assert tx.scalars(select(DEMAND.c.day).where(DEMAND.c.leaf == "ev_charging")).all() == ["2027-01-15"]


def test_reassigned_need__to_what_the_resident_asked_before__joins_that_voice(service: Service) -> None:
    a_consented_resident(service)
    say(service, "没有公交")
    fix = next(payload for payload in buttons(say(service, "没有车位")).values() if payload.startswith("fix:"))
    press(service, f"set:{fix.split(':')[1]}:bus_stop")
    assert counted(service, "bus_stop") == (1, 2, 1)
    assert count(service, VOICE) == 1


def test_confirmed_needs__count_as_before_and_become_labels(service: Service) -> None:
    a_consented_resident(service)
    ok = next(payload for payload in buttons(say(service, "没有车位,没有公交")).values() if payload.startswith("ok:"))
    press(service, ok)
    press(service, ok)
    assert counted(service) == counted(service, "bus_stop") == (1, 1, 1)


def test_none_of_these__takes_all_needs_of_the_message_out(service: Service) -> None:
    a_consented_resident(service)
    no = next(payload for payload in buttons(say(service, "没有车位,没有公交")).values() if payload.startswith("no:"))
    press(service, no)
    press(service, no)
    assert counted(service) == counted(service, "bus_stop") == (0, 0, 0)


def test_withdrawn_need__leaves_the_voice_its_other_need(service: Service) -> None:
    a_consented_resident(service)
    say(service, "没有车位")
    say(service, "没有车位")
    listed = [
        payload
        for payload in buttons(send(service, an_inbound(command="withdraw"))[0]).values()
        if payload.startswith("wd:")
    ]
    press(service, listed[0])
    assert counted(service) == (1, 1, 1)
    press(service, listed[1])
    press(service, listed[1])
    assert counted(service) == (0, 0, 0)


def test_need__of_somebody_else__cannot_be_touched(service: Service) -> None:
    for user in ("u1", "u2"):
        a_consented_resident(service, user)
    offered = list(buttons(say(service, "没有车位")).values())
    for payload in offered:
        press(service, payload, user="u2")
    press(service, f"wd:{offered[1].split(':')[1]}", user="u2")
    assert counted(service) == (1, 1, 1)


def test_fault_objection_and_complaint__stand_beside_the_demand(service: Service) -> None:
    a_consented_resident(service)
    for text in ("电梯坏了", "反对装电梯", "电梯公司态度差"):
        say(service, text)
    assert counted(service, "elevator_retrofit") == (0, 0, 0)
    assert remarks(service, "elevator_retrofit") == (1, 1, 1)


def test_forgotten_resident__takes_exactly_their_share_away(service: Service) -> None:
    for user in ("u1", "u2"):
        a_consented_resident(service, user)
        for text in ("没有车位", "电梯坏了", "想要公园"):
            say(service, text, user=user)
        say(service, "没有车位", user=user, now_ms=NOW_MS + WINDOW_MS)
    press(service, "forget:yes", user="u1")
    assert counted(service) == (2, 2, 1)
    assert remarks(service, "elevator_retrofit") == (0, 1, 0)
    assert count(service, RESIDENT) == 1


def test_forgotten_resident__with_a_failed_message__is_not_brought_back_by_its_retry(service: Service) -> None:
    a_consented_resident(service)
    assert say(service, "炸").failed
    press(service, "forget:yes")
    a_consented_resident(service, "u2")
    say(service, "炸", user="u2")
    assert service.retry_failed(NOW_MS + 60_000) == 1
    assert count(service, RESIDENT) == 1
    with service.database.transaction() as tx:
        assert tx.scalar(select(func.count()).where(INBOX.c.status == "failed", INBOX.c.payload.is_(None))) == 0


def test_failing_message__does_not_fail_its_batch_and_is_parked_after_five_tries(service: Service) -> None:
    for user in ("u1", "u2"):
        a_consented_resident(service, user)
    batch = [Received(an_inbound("没有车位", user="u1"), ALL), Received(an_inbound("炸", user="u2"), ALL)]
    good, bad = service.handle_many(batch, NOW_MS)
    assert bad.failed and not good.failed
    for day in range(1, 7):
        service.retry_failed(NOW_MS + day * DAY_MS)
    with service.database.transaction() as tx:
        assert tx.execute(select(INBOX.c.status, INBOX.c.tries).where(INBOX.c.reason.is_not(None))).all() == [
            ("dead", 5)
        ]
    assert counted(service) == (1, 1, 1)


@pytest.mark.parametrize("text", ["没有车位\0", "没有车位\ud83d", "\0", "\udfff" * 3])
def test_text__with_characters_no_database_takes__is_handled_all_the_same(service: Service, text: str) -> None:
    a_consented_resident(service)
    assert not say(service, text).failed
    assert count(service, MESSAGE) == 1
    assert count(service, NEED) == ("车位" in text)


def test_differences__after_tampering__names_the_figure(service: Service) -> None:
    a_consented_resident(service)
    say(service, "没有车位")
    with service.database.transaction() as tx:
        tx.execute(DEMAND.update().values(voices=DEMAND.c.voices + 1))
        found = recount.differences(tx)
        tx.execute(DEMAND.update().values(voices=DEMAND.c.voices - 1))
    assert [(one.what, one.where[:2], one.counter, one.rows) for one in found] == [
        ("voices", (COMMUNITY, "car_parking"), 2, 1)
    ]
