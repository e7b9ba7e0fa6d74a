"""“不对，是药店”: what was recorded last is corrected by words as by its buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from bot.corrections import parse, read_many
from bot.service import Handled, Service
from storage.book import LABEL, MESSAGE, NEED
from storage.recount import differences
from tests.builders import WORDS, FakeReader, a_consented_resident, buttons, press, say

if TYPE_CHECKING:
    from nlp.reader import Reader


@pytest.fixture
def service(sqlite_service: Service) -> Service:
    """A service with a resident who agreed and lives in a community."""
    a_consented_resident(sqlite_service)
    return sqlite_service


def told(handled: Handled) -> str:
    return "\n".join(reply.text for reply in handled.replies)


def needs(service: Service) -> list[tuple[str, str]]:
    with service.database.transaction() as tx:
        assert differences(tx) == []
        return [(row.leaf, row.status) for row in tx.execute(NEED.select().order_by(NEED.c.id))]


def communities(service: Service) -> list[tuple[str, str]]:
    with service.database.transaction() as tx:
        return [(row.leaf, row.community) for row in tx.execute(NEED.select().order_by(NEED.c.id))]


def labels(service: Service) -> list[tuple[str, str, str | None, str | None]]:
    with service.database.transaction() as tx:
        return [(row.by_role, row.old_leaf, row.new_leaf, row.intent) for row in tx.execute(LABEL.select())]


@pytest.mark.parametrize(
    "words",
    [
        "不对，是食堂",
        "不对 食堂",
        "不对不对，我说的是食堂",
        "不對，是食堂",
        "不是车位是食堂",
        "不是车位，是食堂",
        "不是这个，是食堂。",
        "错了，我说的是食堂",
        "你记错了，应该是食堂！",
        "搞错了，我要的是食堂",
        "不对，是食堂，不是车位",
        "不对，不是车位，是食堂",
        "我说的是食堂，不是车位",
        "我说的是食堂",
        "应该是食堂",
        "是食堂",
    ],
)
def test_correction__after_a_receipt__does_what_the_button_does(service: Service, words: str) -> None:
    say(service, "没有车位")
    assert "社区食堂" in told(say(service, words))
    assert needs(service) == [("community_canteen", "filed")]
    assert labels(service) == [("resident", "car_parking", "community_canteen", "need_report")]


def test_correction__by_words__answers_as_the_button_does(service: Service) -> None:
    for user in ("u2", "u3"):
        a_consented_resident(service, user)
    say(service, "没有食堂", user="u2")
    say(service, "没有车位", user="u3")
    with service.database.transaction() as tx:
        need = tx.execute(NEED.select().order_by(NEED.c.id.desc())).first()
    assert need is not None
    by_words = told(say(service, "不对，是食堂", user="u3"))
    assert by_words == service.world.texts("which.done", name="社区食堂", receipt=need.receipt) + service.world.texts(
        "receipt.neighbours", count=1
    )


@pytest.mark.parametrize("between", [(), ("谢谢",), ("对",), ("不对，是路灯",), ("你好", "谢谢")])
def test_correction__after_small_talk__still_means_the_last_receipt(service: Service, between: tuple[str, ...]) -> None:
    say(service, "没有车位")
    for text in between:
        say(service, text)
    say(service, "不对，是食堂")
    assert needs(service) == [("community_canteen", "filed")]


@pytest.mark.parametrize("words", ["不对，是火星", "错了", "不对，是公园", "不是的", "不对，是车位"])
def test_correction__names_nothing_clearly__offers_the_choices(service: Service, words: str) -> None:
    say(service, "没有车位")
    handled = say(service, words)
    assert told(handled) == service.world.texts("which.ask")
    offered = [payload.rpartition(":")[2] for payload in buttons(handled).values() if payload.startswith("set:")]
    assert "car_parking" not in offered
    assert "other_facility" in offered
    assert words != "不对，是公园" or offered[0] == "pocket_park"
    assert needs(service) == [("car_parking", "filed")]


@pytest.mark.parametrize("words", ["不对，是食堂和厕所", "不是车位，是食堂和厕所", "我说的是食堂和厕所"])
def test_correction__names_several__sets_the_first_and_files_the_rest(service: Service, words: str) -> None:
    say(service, "没有车位")
    answer = told(say(service, words))
    assert "社区食堂" in answer
    assert "公共厕所" in answer
    assert needs(service) == [("community_canteen", "filed"), ("public_toilet", "filed")]
    with service.database.transaction() as tx:
        added = tx.execute(NEED.select().order_by(NEED.c.id.desc())).first()
        kept = list(tx.execute(MESSAGE.select().order_by(MESSAGE.c.id)))
    assert added is not None
    assert [row.masked for row in kept] == ["没有车位", words]
    assert added.message_id == kept[-1].id
    assert words[added.span_start : added.span_end] == "厕所"
    say(service, "不是厕所，是电梯")
    assert needs(service) == [("community_canteen", "filed"), ("elevator_retrofit", "filed")]


@pytest.mark.parametrize("words", ["不对，我住堤岭社区", "错了，我住堤岭", "不是石家园，是堤岭", "我住堤岭社区"])
def test_correction__names_another_community__offers_to_change_it(service: Service, words: str) -> None:
    say(service, "没有车位")
    handled = say(service, words)
    texts = service.world.texts
    assert told(handled) == "\n".join(
        [texts("community.stays", name="石家园社区"), texts("community.is_it", name="广川街道堤岭社区")]
    )
    say(service, "是")
    say(service, "没有路灯")
    assert communities(service) == [("car_parking", "P05-01"), ("internal_road_lighting", "P05-05")]


def test_correction__names_another_community_and_a_need__files_it_there_when_agreed(service: Service) -> None:
    say(service, "没有车位")
    say(service, "不对，我说的是堤岭社区的食堂")
    assert communities(service) == [("car_parking", "P05-01")]
    say(service, "是")
    assert communities(service) == [("car_parking", "P05-01"), ("community_canteen", "P05-05")]


@pytest.mark.parametrize("words", ["不对，是石家园社区的食堂", "不对，是堤岭附近的食堂"])
def test_correction__names_the_same_community_or_only_a_place_near_it__is_about_the_facility(
    service: Service, words: str
) -> None:
    say(service, "没有车位")
    say(service, words)
    assert communities(service) == [("community_canteen", "P05-01")]


def test_correction__keeps_its_words(service: Service) -> None:
    say(service, "没有车位")
    say(service, "不对，是食堂")
    with service.database.transaction() as tx:
        assert [row.masked for row in tx.execute(MESSAGE.select())] == ["没有车位", "不对，是食堂"]


def test_correction__of_several__the_denied_one(service: Service) -> None:
    say(service, "没有车位，也没有厕所")
    say(service, "不是厕所，是食堂")
    assert sorted(needs(service)) == [("car_parking", "filed"), ("community_canteen", "filed")]


def test_correction__of_several__asks_which_one_and_keeps_what_was_named(service: Service) -> None:
    say(service, "没有车位，也没有厕所")
    handled = say(service, "不对，是食堂")
    assert told(handled) == service.world.texts("which.wrong")
    assert list(buttons(handled))[:2] == ["机动车停车位", "公共厕所"]
    say(service, "2")
    assert sorted(needs(service)) == [("car_parking", "filed"), ("community_canteen", "filed")]


def test_correction__of_several_and_nothing_named__asks_which_one_then_what(service: Service) -> None:
    say(service, "没有车位，也没有厕所")
    assert told(say(service, "错了")) == service.world.texts("which.wrong")
    assert told(say(service, "2")) == service.world.texts("which.ask")


@pytest.mark.parametrize(
    ("words", "leaves"),
    [
        ("不对，还缺食堂", ["car_parking", "community_canteen"]),
        ("不是我矫情，是真没有食堂", ["car_parking", "community_canteen"]),
        ("也缺食堂", ["car_parking", "community_canteen"]),
        ("不对，是路灯坏了", ["car_parking"]),
        ("是的", ["car_parking"]),
        ("不错", ["car_parking"]),
        ("是路灯坏了", ["car_parking"]),
    ],
)
def test_said__no_correction__is_heard_as_usual(service: Service, words: str, leaves: list[str]) -> None:
    say(service, "没有车位")
    say(service, words)
    assert sorted(leaf for leaf, _ in needs(service)) == leaves
    assert labels(service) == []


def test_correction__denies_an_older_need__changes_that_one(service: Service) -> None:
    say(service, "没有车位")
    say(service, "没有路灯")
    say(service, "不是车位，是食堂")
    assert needs(service) == [("community_canteen", "filed"), ("internal_road_lighting", "filed")]


@pytest.mark.parametrize("words", ["不是厕所，是食堂", "不对，不是厕所，是食堂", "不对，不是厕所"])
def test_correction__denies_what_was_never_recorded__asks_which_one(service: Service, words: str) -> None:
    say(service, "没有车位")
    say(service, "没有路灯")
    handled = say(service, words)
    assert told(handled) == service.world.texts("which.wrong")
    assert list(buttons(handled)) == ["小区道路与路灯"]
    assert needs(service) == [("car_parking", "filed"), ("internal_road_lighting", "filed")]


def test_correction__after_something_else_was_talked_about__changes_nothing(service: Service) -> None:
    say(service, "没有车位")
    say(service, "公交什么进度")
    say(service, "不对，是食堂")
    assert ("car_parking", "filed") in needs(service)
    assert labels(service) == []


def test_correction__of_an_unsure_need__decides_it(service: Service) -> None:
    say(service, "没有公园")
    say(service, "不对，是食堂")
    assert needs(service) == [("community_canteen", "filed")]


def test_correction__of_a_rejected_need__does_not_bring_it_back(service: Service) -> None:
    handled = say(service, "没有车位")
    press(service, buttons(handled)["都不是，不用记"])
    say(service, "不对，是食堂")
    assert ("car_parking", "rejected") in needs(service)


@pytest.mark.timeout(5)
def test_parse__long_run_of_commas__takes_no_time() -> None:
    assert parse("不对" + "，" * 100_000 + "是食堂") is None


@pytest.mark.parametrize("around", ["，。", " \t\n\u3000\xa0", "！！~…"])
def test_parse__pauses_around_it__are_no_part_of_it(around: str) -> None:
    assert parse(f"{around}不对，是食堂{around}") == ("", "食堂", True)


def test_read_many__only_names_what_the_catalogue_lacks__is_no_correction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WORDS, "凉亭", ("other_facility", 0.9))
    readings = read_many(cast("Reader", FakeReader()), ["是凉亭", "不是凉亭"])
    assert [reading.correction for reading in readings] == [None, None]
