"""While the community is not known: it is asked for when something has to be filed, and never instead of an answer."""

from __future__ import annotations

import pytest

from bot.conversation import Dialogue, step
from bot.conversation.context import Context
from bot.conversation.events import Pressed, Said
from bot.conversation.state import AskCommunity, InSurvey
from bot.service import Handled, Service
from domain.reading import Mention, Reading
from storage.book import MESSAGE, NEED, RESIDENT
from tests.builders import an_inbound, buttons, press, say, send

ASKED = "哪个社区"
NOT_FOUND = "没找到这个社区"


@pytest.fixture
def service(sqlite_service: Service) -> Service:
    """A service to which somebody agreed who has not said where they live."""
    send(sqlite_service, an_inbound(command="start"), an_inbound("同意"))
    return sqlite_service


def told(handled: Handled) -> str:
    return "\n".join(reply.text for reply in handled.replies)


def needs(service: Service) -> list[tuple[str, str]]:
    with service.database.transaction() as tx:
        return [(row.leaf, row.community) for row in tx.execute(NEED.select())]


def resident_lives(service: Service) -> str | None:
    with service.database.transaction() as tx:
        return str(found) if (found := tx.execute(RESIDENT.select()).one().community) else None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("谢谢", "answer.thanks"),
        ("你好", "answer.greeting_chitchat"),
        ("有什么政策", "answer.policy_question"),
        ("公交什么进度", "answer.progress_question"),
        ("转人工", "answer.human_handoff"),
        ("建议多搞活动", "answer.suggestion"),
    ],
)
def test_said__thanks_or_question__gets_its_own_answer_and_no_list(service: Service, text: str, answer: str) -> None:
    handled = say(service, text)
    expected = service.world.texts(answer, about="公交站点与线路" if "公交" in text else "这件事")
    assert told(handled) == expected
    assert buttons(handled) == {}
    with service.database.transaction() as tx:
        assert [row.masked for row in tx.execute(MESSAGE.select())] == [text]


def test_said__after_an_answer__a_number_or_a_name_still_tells_the_community(service: Service) -> None:
    say(service, "谢谢")
    assert "石家园" in told(say(service, "4"))
    say(service, "换小区")
    say(service, "谢谢")
    assert "堤岭" in told(say(service, "堤岭社区"))


def test_said__question_while_a_need_waits__is_answered_then_the_community_is_asked_for(service: Service) -> None:
    assert ASKED in told(say(service, "没有食堂"))
    answered = say(service, "公交什么进度")
    assert answered.replies[0].text == service.world.texts("answer.progress_question", about="公交站点与线路")
    assert ASKED in answered.replies[1].text
    press(service, "in:P05-05")
    assert needs(service) == [("community_canteen", "P05-05")]


@pytest.mark.parametrize("text", ["没有食堂", "路灯坏了", "反对装电梯"])
def test_said__need_or_remark__is_kept_and_the_community_asked_for(service: Service, text: str) -> None:
    handled = say(service, text)
    assert told(handled) == service.world.texts("community.ask_kept")
    assert "in:P05-01" in buttons(handled).values()


def test_said__few_words_with_community_and_need__are_filed_there(service: Service) -> None:
    assert "社区食堂" in told(say(service, "堤岭社区没有食堂"))


def test_said__name_that_only_sounds_like_a_facility__is_a_name(service: Service) -> None:
    assert told(say(service, "石家园社区菜场")) == service.world.texts("community.set", name="石家园社区")


def test_said__unsure_question_about_a_facility__is_answered(service: Service) -> None:
    context = Context(service.world, True, None, (), {})
    reading = Reading("policy_question", 0.4, (Mention("car_parking", 0.7, 0, 2),), None, "车位找谁", "m")
    _, effects = step(Dialogue(AskCommunity()), Said("车位找谁", reading, 1), context)
    assert "政策" in effects[-1].outbound.text  # type: ignore[attr-defined]


def test_said__no_answer_to_the_open_question__is_told_so_with_the_list(service: Service) -> None:
    handled = say(service, "火星")
    assert NOT_FOUND in told(handled)
    assert buttons(handled)


def test_said__after_cancel__nothing_is_asked_until_something_is_to_be_filed(service: Service) -> None:
    say(service, "取消")
    assert told(say(service, "火星")) == service.world.texts("answer.unclear")
    assert ASKED in told(say(service, "没有食堂"))
    assert "社区食堂" in told(say(service, "堤岭社区"))


def test_said__data_rights__choices_work_by_number(service: Service) -> None:
    assert "go:mine" in buttons(say(service, "隐私怎么保护")).values()
    assert told(say(service, "1")) == service.world.texts("mine.none")


@pytest.mark.parametrize(
    "yes", ["是", "是的", "对", "嗯", "对啊", "对对对", "好的", "1", "一", "第一个", "是，新湖街道北园社区"]
)
def test_said__guess__is_asked_about_and_taken_only_when_confirmed(service: Service, yes: str) -> None:
    asked = say(service, "北苑小区")
    assert told(asked) == service.world.texts("community.is_it", name="新湖街道北园社区")
    assert list(buttons(asked).values()) == ["in:P05-04", "in:other"]
    assert resident_lives(service) is None
    assert told(say(service, yes)) == service.world.texts("community.set", name="北园社区")
    assert resident_lives(service) == "P05-04"


@pytest.mark.parametrize("no", ["不是", "不", "不对", "不是啊", "没有", "2", "二", "不是，我再选"])
def test_said__guess_denied__shows_every_community(service: Service, no: str) -> None:
    say(service, "北苑小区")
    shown = say(service, no)
    assert len(buttons(shown)) == len(service.world.city.tree.all_communities)
    assert resident_lives(service) is None
    assert told(say(service, "第八个")) == service.world.texts("community.set", name="堤岭社区")


def test_said__guess_answered_with_another_name__takes_that(service: Service) -> None:
    say(service, "北苑小区")
    assert told(say(service, "不是，是堤岭")) == service.world.texts("community.set", name="堤岭社区")


@pytest.mark.parametrize("between", ["删除我的信息", "撤回", "隐私怎么保护", "谢谢", "着火了"])
def test_said__guess_and_then_something_else__yes_is_no_answer_to_it(service: Service, between: str) -> None:
    say(service, "停车不方便，没有车位")
    press(service, "in:P05-05")
    say(service, "换小区")
    say(service, "北苑小区")
    say(service, between)
    say(service, "是")
    assert resident_lives(service) == "P05-05"


def test_said__erasing_asked_while_a_need_waits__yes_files_nothing(service: Service) -> None:
    say(service, "没有食堂")
    say(service, "石家庄")
    say(service, "删除我的信息")
    assert NOT_FOUND in told(say(service, "是"))
    assert needs(service) == []
    assert resident_lives(service) is None


def test_said__need_waits_and_name_is_a_guess__is_filed_when_confirmed(service: Service) -> None:
    say(service, "没有食堂")
    assert told(say(service, "石家庄")) == service.world.texts("community.is_it_kept", name="运河街道石家园社区")
    assert needs(service) == []
    assert "社区食堂" in told(say(service, "是的"))
    assert needs(service) == [("community_canteen", "P05-01")]


def test_said__need_near_a_community__asks_before_it_is_filed(service: Service) -> None:
    asked = say(service, "北园附近没有食堂")
    assert told(asked) == service.world.texts("community.is_it_kept", name="新湖街道北园社区")
    say(service, "不是")
    press(service, "in:P05-05")
    assert needs(service) == [("community_canteen", "P05-05")]


def test_said__name_that_fits_several__offers_them_and_all_others(service: Service) -> None:
    say(service, "换小区")  # the list has "广川街道南部社区", which begins so
    asked = say(service, "广川街道")
    assert told(asked) == service.world.texts("community.which")
    assert list(buttons(asked).values()) == ["in:P15-01", "in:P05-05", "in:other"]
    assert "in:P05-09" in buttons(say(service, "都不是")).values()


def test_said__number_beyond_six_in_words__chooses(service: Service) -> None:
    say(service, "换小区")
    assert told(say(service, "十一")) == service.world.texts("community.set", name="凤仪城社区")


def test_pressed__other_community_in_a_survey__keeps_the_survey(service: Service) -> None:
    context = Context(service.world, True, "P05-01", (), {})
    stage = InSurvey(1, "form", "age")
    after, _ = step(Dialogue(stage), Pressed("in:other"), context)
    assert after.stage == stage
    assert len(after.choices) == len(service.world.city.tree.all_communities)
