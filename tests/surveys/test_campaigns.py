"""Campaigns and slots on both databases: who is invited, when, and never twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bot import campaigns
from bot.service import Service
from domain.errors import InputError
from storage import outbox, slots
from storage.database import Database
from tests.builders import COMMUNITY, DAY_MS, NOW_MS
from tests.surveys.talk import HOURS, Talk

ZONE = ZoneInfo("Asia/Shanghai")


def at_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


def test_tick__repeated__invites_each_resident_once(service: Service) -> None:
    talks = [Talk(service, user=f"u{number}") for number in range(4)]
    talk = talks[0]
    talk.push()
    assert [talk.tick() for _ in range(4)] == [4, 0, 0, 0]
    assert len(talk.invited()) == 4
    assert talk.row("SELECT status FROM campaign") == "done"
    assert talk.row("SELECT count(*) FROM invitation WHERE status = 'invited'") == 4


def test_tick__more_people_than_a_chunk__goes_on(sqlite_service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigns, "CHUNK", 2)
    talks = [Talk(sqlite_service, user=f"u{number}") for number in range(5)]
    talks[0].push()
    assert [talks[0].tick() for _ in range(4)] == [2, 2, 1, 0]


def test_tick__same_slot_again__is_somebody_elses(sqlite_service: Service) -> None:
    talk = Talk(sqlite_service)
    talk.push()
    assert talk.tick(owner="a") == 1
    assert campaigns.tick(sqlite_service, HOURS, "b", talk.now_ms) == 0


def test_tick__two_processes_at_once__nobody_is_invited_twice(
    postgres_database: Database, make_service: Callable[[Database], Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two services on one PostgreSQL race for every slot."""
    monkeypatch.setattr(campaigns, "CHUNK", 3)
    first = make_service(postgres_database)
    people = 12
    talks = [Talk(first, user=f"u{number}") for number in range(people)]
    talks[0].push()
    other = Database(postgres_database.url.render_as_string(hide_password=False))
    services = [first, make_service(other)]
    counts = [0, 0]
    barrier = threading.Barrier(2)

    def run(index: int) -> None:
        for number in range(1, people):
            barrier.wait()
            now = NOW_MS + number * campaigns.SLOT_MS
            counts[index] += campaigns.tick(services[index], HOURS, f"p{index}", now)

    threads = [threading.Thread(target=run, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sum(counts) == people
    assert talks[0].row("SELECT count(*) FROM outbox WHERE kind = 'push'") == people
    assert talks[0].row("SELECT count(*) FROM invitation") == people


def test_claim__many_threads__one_wins(postgres_database: Database) -> None:
    winners: list[str] = []
    barrier = threading.Barrier(6)

    def race(owner: str) -> None:
        for slot in range(10):
            barrier.wait()
            with postgres_database.transaction() as tx:
                if slots.claim(tx, "job", str(slot), owner, NOW_MS):
                    winners.append(f"{slot}")

    threads = [threading.Thread(target=race, args=(f"o{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(winners) == sorted(str(slot) for slot in range(10))


def test_claim__twice__is_refused_and_old_slots_are_forgotten(database: Database) -> None:
    with database.transaction() as tx:
        assert slots.claim(tx, "job", "1", "a", NOW_MS)
        assert not slots.claim(tx, "job", "1", "b", NOW_MS)
        assert slots.claim(tx, "other", "1", "b", NOW_MS)
        assert slots.claim(tx, "job", "2", "b", NOW_MS + 2 * DAY_MS)
        assert slots.claim(tx, "job", "1", "b", NOW_MS + 2 * DAY_MS)


@pytest.mark.parametrize(
    ("clock", "quiet"),
    [("20:59", False), ("21:00", True), ("23:59", True), ("03:00", True), ("08:29", True), ("08:30", False)],
)
def test_is_quiet__over_midnight(clock: str, quiet: bool) -> None:
    assert campaigns.is_quiet(HOURS, ZONE, at_ms(f"2027-01-15 {clock}")) is quiet


def test_tick__at_night__waits_for_the_morning(sqlite_service: Service) -> None:
    talk = Talk(sqlite_service)
    talk.push()
    talk.now_ms = at_ms("2027-01-15 21:30")
    assert talk.tick() == 0
    assert talk.invited() == []
    talk.now_ms = at_ms("2027-01-16 08:30")
    assert talk.tick() == 1


def test_tick__before_its_time__waits(sqlite_service: Service) -> None:
    talk = Talk(sqlite_service)
    talk.push(at="2027-01-16 09:00")
    assert talk.tick() == 0
    talk.now_ms = at_ms("2027-01-16 09:00")
    assert talk.tick() == 1


def test_tick__only_those_who_may_be_asked(service: Service) -> None:
    """Consent, opt-out, gone, a channel that pushes, the area, and the fortnight's rest."""
    tree = service.world.city.tree
    elsewhere = next(
        a.code
        for a in tree.all_communities
        if tree.ancestor(a.code, "district") != tree.ancestor(COMMUNITY, "district")
    )
    wanted = Talk(service, user="wanted")
    Talk(service, user="out").say("退订")
    Talk(service, user="elsewhere", community=elsewhere)
    Talk(service, user="gone")
    wanted.rows("UPDATE identity SET gone = (1 = 1) WHERE resident_id = (SELECT max(id) FROM resident) RETURNING id")
    Talk(service, user="silent")
    wanted.rows(
        "UPDATE identity SET channel = 'console' WHERE resident_id = (SELECT max(id) FROM resident) RETURNING id"
    )
    district = tree.ancestor(COMMUNITY, "district")
    assert district is not None
    wanted.push(area=district.code)
    assert [wanted.tick(), wanted.tick()] == [1, 0]
    with pytest.raises(InputError, match="nobody"):
        wanted.push(area=COMMUNITY)
    wanted.now_ms += 15 * DAY_MS
    wanted.push(area=COMMUNITY)
    assert wanted.tick() == 1


def test_stop__campaign__invites_nobody_else(sqlite_service: Service) -> None:
    talk = Talk(sqlite_service)
    campaign = talk.push()
    campaigns.stop(sqlite_service.database, campaign)
    assert talk.tick() == 0
    with pytest.raises(InputError, match="no_campaign"):
        campaigns.stop(sqlite_service.database, campaign)


def test_tick__survey_no_longer_there__stops_the_campaign(sqlite_service: Service) -> None:
    talk = Talk(sqlite_service)
    talk.push()
    talk.rows("UPDATE campaign SET survey = 'gone' RETURNING id")
    assert talk.tick() == 0
    assert talk.row("SELECT status FROM campaign") == "stopped"


@pytest.mark.parametrize(
    ("survey", "area", "at", "code"),
    [
        ("nothing", "DZ", None, "survey.unknown"),
        ("resident_form", "XX", None, "area.unknown"),
        ("resident_form", "DZ", "tomorrow", "survey.bad_time"),
        ("resident_form", "DZ", "2027-02-30 09:00", "survey.bad_time"),
        ("resident_form", "DZ", "2027-02-03", "survey.bad_time"),
        ("resident_form", "DZ", "2020-01-01 09:00", "survey.past_time"),
        ("resident_form", "DZ", None, "survey.nobody"),
    ],
)
def test_push__cannot_be_done__says_why(
    sqlite_service: Service, survey: str, area: str, at: str | None, code: str
) -> None:
    world = sqlite_service.world
    with pytest.raises(InputError) as caught:
        campaigns.push(sqlite_service.database, world, survey, area, at, NOW_MS)
    assert caught.value.code == code
    assert world.texts.error(caught.value)


@pytest.mark.parametrize(
    "text", ["2027-02-01 09:00", "2027-02-01T09:00", "2027-02-01T01:00:00Z", "2027-02-01T09:00+08:00"]
)
def test_parse_time__city_time_or_iso__is_the_same_moment(text: str) -> None:
    assert campaigns.parse_time(text, ZONE, NOW_MS) == at_ms("2027-02-01 09:00")


def test_tick__invitation__outlives_a_night_and_a_stop_of_the_sender(sqlite_service: Service) -> None:
    talk = Talk(sqlite_service)
    talk.push()
    assert talk.tick() == 1
    with sqlite_service.database.transaction() as tx:
        outbox.expire(tx, talk.now_ms + 3 * DAY_MS)
    assert talk.row("SELECT status FROM outbox WHERE kind = 'push'") == "ready"
