"""Links between needs: groups, parting, erasure; on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import func, select

from bot.service import Service
from storage import links, staff
from storage.recount import differences
from storage.tables import NeedLink, Topic, TopicNeed
from storage.topics import KeptTopic, filed_needs, keep, known
from tests.builders import DAY_MS, NOW_MS, an_inbound, send
from tests.staff.builders import ELSEWHERE, HERE, a_need, demand, need_row


def test_link__three_needs__are_one_group_whoever_is_asked(service: Service) -> None:
    a, b, c, d = (a_need(service, "没有车位", f"u{number}") for number in range(4))
    counted = demand(service.database)
    with service.database.transaction() as tx:
        links.link(tx, a, b, 1, 0.9, NOW_MS)
        links.link(tx, b, a, 2, 0.8, NOW_MS)
        links.link(tx, c, b, 1, 0.7, NOW_MS)
        assert all(links.group(tx, need) == {a, b, c} for need in (a, b, c))
        assert links.group(tx, d) == {d}
        assert links.live_group(tx, d) == []
        assert tx.scalar(select(func.count()).select_from(NeedLink)) == 2
        with pytest.raises(ValueError, match="itself"):
            links.link(tx, a, a, 1, 1.0, NOW_MS)
    assert demand(service.database) == counted, "linking moves no counter"
    receipts = [need_row(service.database, need).receipt for need in (a, b, c)]
    with service.database.transaction() as tx:
        assert sorted(links.live_group(tx, a)) == sorted(receipts)
        assert links.unlink(tx, c) == 1
        assert links.group(tx, a) == {a, b}


def test_link__resident_erases_everything__the_links_go_too(service: Service) -> None:
    a, b = a_need(service, "没有车位", "u1"), a_need(service, "没有车位", "u2")
    with service.database.transaction() as tx:
        links.link(tx, a, b, 1, 0.9, NOW_MS)
    send(service, an_inbound(command="forget", user="u2"))
    send(service, an_inbound(button="forget:yes", user="u2"))
    with service.database.transaction() as tx:
        assert tx.scalar(select(func.count()).select_from(NeedLink)) == 0
        assert links.group(tx, a) == {a}
        assert differences(tx) == []


def test_neighbours__only_live_needs_of_the_same_place_facility_and_half_year(service: Service) -> None:
    mine = a_need(service, "没有车位", "u1")
    near = a_need(service, "没有车位", "u2", now_ms=NOW_MS - 10 * DAY_MS)
    a_need(service, "没有食堂", "u3")
    a_need(service, "没有车位", "u4", ELSEWHERE)
    a_need(service, "没有车位", "u5", now_ms=NOW_MS - 200 * DAY_MS)
    with service.database.transaction() as tx:
        case = staff.case(tx, [HERE], need_id=mine)
        assert [found.need_id for found in links.neighbours(tx, case, 180 * DAY_MS, 10)] == [near]


def a_topic(number: int, name: str, status: str = "active", needs: Sequence[int] = ()) -> KeptTopic:
    return KeptTopic(number, "car_parking", name, '{"车位": 1.0}', "2027-01-01", "2027-01-15", status, needs)


def test_topics__kept_twice__the_second_stands_and_erased_needs_leave(service: Service) -> None:
    a, b = a_need(service, "没有车位", "u1"), a_need(service, "没有车位", "u2")
    with service.database.transaction() as tx:
        assert {need.need_id for need in filed_needs(tx)} == {a, b}
        keep(tx, [a_topic(1, "车位", needs=[a, b]), a_topic(2, "停车楼")])
        keep(tx, [a_topic(1, "车位", needs=[a, b, 99]), a_topic(2, "停车楼", "dormant")])
        assert [(topic.id, topic.status) for topic in known(tx)] == [(1, "active"), (2, "dormant")]
        assert set(tx.scalars(select(TopicNeed.need_id))) == {a, b}
    send(service, an_inbound(command="forget", user="u2"))
    send(service, an_inbound(button="forget:yes", user="u2"))
    with service.database.transaction() as tx:
        assert set(tx.scalars(select(TopicNeed.need_id))) == {a}
        assert tx.scalar(select(func.count()).select_from(Topic)) == 2
