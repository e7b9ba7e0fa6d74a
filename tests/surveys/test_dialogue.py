"""A resident fills in the form on the real service: invitation, answers, moves, and needs said in the middle."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.conversation.state import AskCommunity, Idle
from bot.service import ALL, Received
from domain.catalogue import load_catalogue
from storage.database import Database
from tests.builders import COMMUNITY, an_inbound
from tests.surveys.talk import Talk


def test_invitation__idle_resident__offers_three_ways(talk: Talk) -> None:
    talk.push()
    talk.tick()
    (invitation,) = talk.invited()
    assert [button.label for button in invitation.buttons] == ["开始填", "以后再说", "不再接收问卷"]
    assert "3分钟" in invitation.text
    assert talk.status() == "invited"


def test_survey__answered_by_number__is_recorded_to_the_end(
    talk_on: Callable[[Database], Talk], database: Database
) -> None:
    """On both databases, every answer by typing, as in a channel without buttons."""
    talk = talk_on(database)
    talk.begin()
    assert "第1题/共12题" in talk.last
    talk.say("1", "5", "1 4", "没有食堂", "1", "2", "东门旁边", "1", "2", "1")
    assert "问卷填完了" not in talk.last
    talk.say("要是有健身器材就好了")
    assert "问卷填完了" in talk.last
    assert talk.answers == {
        "place": COMMUNITY,
        "age": "age_60_69",
        "household": ["over_60", "pupil"],
        "missing": ["community_canteen", "words:没有食堂"],
        "nature": "missing",
        "walk": "from_5_10",
        "where": "东门旁边",
        "attitude": "support",
        "fee": "cost",
        "call_back": "yes",
        "more": "要是有健身器材就好了",
    }
    assert talk.needs == [("community_canteen", "survey", "filed"), ("fitness_equipment", "survey", "filed")]
    assert talk.status() == "finished"
    assert isinstance(talk.dialogue.stage, Idle)


def test_survey__every_prompt__is_short_enough_and_every_button_fits(talk: Talk) -> None:
    talk.begin()
    for typed in ["1", "0", "0", "缺个食堂", "2", "0", "0", "0", "0", "4", "0", "0"]:
        assert all(len(button.payload.encode()) <= 64 for button in talk.buttons)
        assert all(len(reply.text) < 350 for reply in talk.replies)
        talk.say(typed)
    assert talk.status() == "finished"
    assert set(talk.answers) == {"place", "missing", "nature", "satisfied"}


def test_survey__buttons_of_a_multiple_choice__toggle(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "0")
    talk.press("60岁以上")
    talk.press("小学生")
    talk.press("60岁以上")
    assert talk.question == "household"
    talk.press("选好了")
    assert talk.answers["household"] == ["pupil"]
    assert talk.question == "missing"


def test_survey__none_of_these__is_chosen_alone(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "0", "1 6")
    assert "都没有" in talk.last
    talk.say("都没有")
    assert talk.answers["household"] == ["none"]


def test_survey__facilities_by_group_and_number__are_needs_by_choice(talk: Talk) -> None:
    """Groups, then a facility, three times; the third ends the question."""
    talk.begin()
    talk.say("1", "0", "0")
    talk.press("养老助老")
    leaf = talk.buttons[0].label
    talk.say("1")
    assert f"已选:{leaf}" in talk.last.replace("：", ":")
    talk.say("7")
    talk.press("停车")
    talk.press("健康" if any("健康" in b.label for b in talk.buttons) else "医疗")
    talk.say("1")
    assert talk.question == "nature"
    chosen = talk.answers["missing"]
    assert isinstance(chosen, list)
    assert len(chosen) == 3
    assert [(leaf, "survey", "filed") for leaf in chosen] == talk.needs
    assert talk.rows("SELECT DISTINCT p FROM need") == [(1.0,)]
    assert talk.row("SELECT count(*) FROM message WHERE source = 'survey' AND model = 'choice'") == 3
    assert talk.voices == 3


def test_survey__facility_pressed_twice__is_taken_back(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "0", "0")
    talk.press("养老助老")
    payload = talk.buttons[0].payload
    talk.do(button=payload)
    assert talk.voices == 1
    talk.do(button=payload)
    assert talk.voices == 0
    assert "missing" not in talk.answers
    assert talk.question == "missing"


def test_survey__own_words_not_understood__are_kept_and_never_a_dead_end(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "0", "0", "啥都不缺")
    assert talk.question == "nature"
    assert talk.answers["missing"] == ["words:啥都不缺"]
    assert talk.needs == []


def test_survey__unsure_facility__waits_and_does_not_count(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "0", "0", "想要个公园")
    assert talk.needs == [("pocket_park", "survey", "asked")]
    assert talk.voices == 0


def test_survey__back_and_another_answer__replaces_answer_and_need(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "0", "0", "缺个食堂", "上一题")
    assert talk.question == "missing"
    assert "您上回答的是" in talk.last
    talk.say("缺路灯")
    assert talk.answers["missing"] == ["internal_road_lighting", "words:缺路灯"]
    assert talk.needs == [("community_canteen", "survey", "withdrawn"), ("internal_road_lighting", "survey", "filed")]
    assert talk.voices == 1


def test_survey__back_and_the_same_answer__counts_once(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "0", "0", "缺个食堂", "上一题", "就是缺个食堂")
    assert talk.needs == [("community_canteen", "survey", "filed")]
    assert talk.voices == 1


def test_survey__back_then_keep__goes_on(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "5", "上一题", "上一题")
    assert talk.question == "place"
    talk.press("不改")
    talk.say("不改")
    assert talk.question == "household"
    assert talk.answers == {"place": COMMUNITY, "age": "age_60_69"}
    talk.say("上一题", "上一题", "上一题")
    assert "第一题" in talk.last


def test_survey__branch_changes__its_answer_is_retired(talk: Talk) -> None:
    """Satisfaction is asked of what exists; answered and then made void, it is gone."""
    talk.begin()
    talk.say("1", "0", "0", "缺个食堂", "2", "0", "0", "0", "0", "3")
    assert talk.answers["satisfied"] == 3
    talk.say(*["上一题"] * 6)
    assert talk.question == "nature"
    talk.say("1")
    assert "satisfied" not in talk.answers
    talk.say("0", "0", "0", "0")
    assert talk.question == "call_back"


def test_survey__required_question__cannot_be_skipped(talk: Talk) -> None:
    talk.begin()
    talk.say("跳过")
    assert "跳不过去" in talk.last
    assert talk.question == "place"


def test_survey__unusable_text__is_asked_again_with_what_is_accepted(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "嗯哼")
    assert "1到8" in talk.last
    assert talk.question == "age"
    assert "age" not in talk.answers


def test_survey__another_community__moves_the_resident(talk: Talk) -> None:
    other = next(a for a in talk.service.world.city.tree.all_communities if a.code != COMMUNITY)
    talk.begin()
    talk.say(other.name)
    assert talk.answers["place"] == other.code
    assert talk.row("SELECT community FROM resident") == other.code


def test_survey__community_guessed__is_asked_about(talk: Talk) -> None:
    talk.begin()
    assert talk.say("北苑").startswith(talk.service.world.texts("community.is_it", name="新湖街道北园社区"))
    assert talk.buttons[0].label == "新湖街道北园社区"
    assert talk.answers == {}
    talk.say("是")
    assert talk.answers["place"] == "P05-04"
    assert talk.row("SELECT community FROM resident") == "P05-04"


@pytest.mark.parametrize("no", ["不是", "不是呀", "2", "别的社区"])
def test_survey__community_guessed_wrongly__shows_every_community(talk: Talk, no: str) -> None:
    talk.begin()
    talk.say("北苑", no)
    assert len(talk.buttons) == len(talk.service.world.city.tree.all_communities)
    assert talk.question == "place"
    talk.press("堤岭")
    assert talk.answers["place"] == "P05-05"


def test_survey__community_changed_in_the_middle__is_known_by_its_typed_name(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "换小区", "俺住堤岭儿")
    assert talk.row("SELECT community FROM resident") == "P05-05"
    assert talk.question == "age"


@pytest.mark.parametrize("answers", [("是",), ("1",), ("不是", "北园")])
def test_survey__community_changed_to_nearly_a_name__is_asked_about(talk: Talk, answers: tuple[str, ...]) -> None:
    talk.begin()
    talk.say("1", "0", "0")
    assert talk.question == "missing"
    asked = talk.say("换小区", "北苑")
    assert asked == talk.service.world.texts("community.is_it", name="新湖街道北园社区")
    talk.say(*answers)
    assert talk.row("SELECT community FROM resident") == "P05-04"
    assert (talk.question, talk.answers) == ("missing", {"place": COMMUNITY})


def test_survey__guess_asked_and_then_aside__here_means_home_again(talk: Talk) -> None:
    talk.begin()
    talk.say("北苑", "跳过", "是")
    assert talk.answers["place"] == COMMUNITY


@pytest.mark.parametrize("first", ["北苑", "帮助"])
@pytest.mark.parametrize("yes", ["是", "对"])
def test_survey__erasing_asked_in_the_middle__yes_is_no_community(talk: Talk, first: str, yes: str) -> None:
    talk.begin()
    talk.say(first, "删除我的信息", yes)
    assert (talk.question, talk.answers) == ("place", {})


def test_survey__need_in_the_middle__is_filed_and_the_question_asked_again(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "我们楼下没有车位")
    assert "不是12345工单" in talk.replies[0].text
    assert "编号" in talk.replies[0].text
    assert "第2题" in talk.replies[-1].text
    assert talk.needs == [("car_parking", "chat", "filed")]
    assert talk.question == "age"
    talk.say("5")
    assert talk.question == "household"


@pytest.mark.parametrize("words", ["堤岭社区没有食堂", "我们堤岭社区这边一直都没有食堂，老人吃饭难"])
def test_survey__community_and_need_in_one_text__both_are_taken(talk: Talk, words: str) -> None:
    talk.begin()
    talk.say(words)
    assert talk.answers == {"place": "P05-05"}
    assert talk.rows("SELECT leaf, community, status FROM need") == [("community_canteen", "P05-05", "filed")]
    assert talk.row("SELECT community FROM resident") == "P05-05"
    assert "编号" in talk.replies[0].text
    assert talk.question == "age"


def test_survey__community_and_need_in_one_text__counts_the_neighbours_there(talk: Talk) -> None:
    Talk(talk.service, user="u2", community="P05-05").say("没有食堂", "退订")
    talk.begin()
    talk.say("堤岭社区没有食堂")
    assert talk.service.world.texts("receipt.neighbours", count=1) in talk.replies[0].text


def test_survey__need_with_a_guess_at_the_community__is_filed_and_the_question_asked_again(talk: Talk) -> None:
    talk.begin()
    talk.say("北苑没有食堂")
    assert talk.needs == [("community_canteen", "chat", "filed")]
    assert (talk.question, talk.answers) == ("place", {})


def test_survey__fault_in_the_middle__is_kept_beside_the_demand(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "路灯坏了")
    assert talk.question == "age"
    assert talk.needs == []
    assert talk.rows("SELECT leaf, intent FROM remark") == [("internal_road_lighting", "fault_report")]


def test_survey__emergency_in_the_middle__comes_first_and_the_place_is_kept(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "着火了")
    assert "119" in talk.last
    assert talk.question == "age"
    talk.say("5")
    assert talk.answers["age"] == "age_60_69"


def test_survey__cancelled__keeps_what_was_said(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "5", "取消")
    assert talk.status() == "stopped"
    assert talk.question == ""
    assert talk.answers["age"] == "age_60_69"


def test_survey__opt_out__ends_it_and_no_more_come(talk: Talk) -> None:
    talk.begin()
    talk.say("退订")
    assert talk.row("SELECT opted_out FROM resident") in (True, 1)
    talk.now_ms += 30 * 24 * 3600 * 1000
    with pytest.raises(Exception, match=r"survey\.nobody"):
        talk.push()


@pytest.mark.parametrize(("label", "opted_out"), [("以后再说", 0), ("不再接收", 1)])
def test_invitation__declined__leaves_the_dialogue_free(talk: Talk, label: str, opted_out: int) -> None:
    talk.push()
    talk.tick()
    button = next(b for b in talk.invited()[0].buttons if label in b.label)
    talk.do(button=button.payload)
    assert talk.row("SELECT opted_out FROM resident") == opted_out
    talk.say("没有车位")
    assert talk.needs == [("car_parking", "chat", "filed")]


def test_button__long_after__is_answered_politely(talk: Talk) -> None:
    talk.begin()
    first = talk.invited()[0].buttons[0].payload
    talk.say("1")
    old = talk.buttons[0].payload
    talk.say("5")
    talk.do(button=old)
    assert "不是这道题" in talk.last
    assert talk.question == "household"
    talk.do(button=first)
    assert talk.question == "household"
    talk.say("取消")
    talk.do(button=old)
    assert "过期" in talk.last
    assert talk.answers["age"] == "age_60_69"


@pytest.mark.parametrize(
    "payload",
    ["sv:", "sv:1", "sv:x:age:1", "sv:1:age:9", "sv:1:@start:none", "sv:99999999999999999999:age:1", "sv:1:@later"],
)
def test_button__forged__changes_nothing(talk: Talk, payload: str) -> None:
    talk.do(button=payload)
    talk.begin()
    talk.do(button=payload)
    assert talk.question == "place"
    campaign = talk.row("SELECT id FROM campaign")
    for value in ("nowhere", "@g.nothing", "@done", "@", ""):
        talk.do(button=f"sv:{campaign}:place:{value}")
    assert talk.question == "place"
    assert talk.answers == {}


def test_start__uninvited__is_not_among_the_invited(talk: Talk) -> None:
    """A forged start for a campaign the resident was not invited to leaves no invitation."""
    talk.push(at="2027-02-01 09:00")
    campaign = talk.row("SELECT id FROM campaign")
    talk.do(button=f"sv:{campaign}:@start:resident_form")
    talk.say("1")
    assert talk.rows("SELECT * FROM invitation") == []


@pytest.mark.parametrize("campaign", ["12345", "9223372036854775807", "9223372036854775808", "9999999999999999999"])
def test_start__of_a_campaign_that_never_was__writes_no_answer_and_fails_nobody(
    talk_on: Callable[[Database], Talk], database: Database, campaign: str
) -> None:
    talk = talk_on(database)
    other = Talk(talk.service, user="u2")
    batch = [
        Received(an_inbound(button=f"sv:{campaign}:@start:resident_form", user="u1", channel="webchat"), ALL),
        Received(an_inbound(button=f"sv:{campaign}:@later", user="u2", channel="webchat"), ALL),
    ]
    assert not any(handled.failed for handled in talk.service.handle_many(batch, talk.now_ms))
    batch = [Received(an_inbound("1", user=user, channel="webchat"), ALL) for user in (talk.user, other.user)]
    with database.transaction() as tx:
        before = tx.exec_driver_sql("SELECT count(*) FROM answer").scalar()
    calls = []
    alone = talk.service._alone
    talk.service._alone = lambda *given: (calls.append(1), alone(*given))[1]  # type: ignore[method-assign]
    assert not any(handled.failed for handled in talk.service.handle_many(batch, talk.now_ms))
    assert calls == [], "the whole batch was done again"
    assert talk.row("SELECT count(*) FROM answer") == before == 0


def test_answer__delivered_twice__counts_once(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "0", "0")
    inbound = an_inbound("缺个食堂", user=talk.user, at_ms=talk.now_ms, channel="webchat")
    first = talk.receive(inbound)
    assert talk.receive(inbound) == first
    assert talk.voices == 1
    assert talk.question == "nature"
    assert talk.row("SELECT count(*) FROM answer WHERE question = 'missing'") == 1


def test_invitation__while_the_community_is_asked__keeps_the_waiting_need(talk: Talk) -> None:
    talk.say("换小区", "这里没有食堂呢怎么办才好")
    assert isinstance(talk.dialogue.stage, AskCommunity)
    talk.push()
    talk.tick()
    reminder = talk.invited()[0]
    assert "还没说完" in reminder.text
    assert reminder.buttons == talk.dialogue.choices
    talk.do(button=reminder.buttons[-3].payload)
    assert isinstance(talk.dialogue.stage, AskCommunity)
    talk.do(button=reminder.buttons[0].payload)
    assert [leaf for leaf, *_ in talk.needs] == ["community_canteen"]


def test_invitation__while_a_facility_is_asked__keeps_the_question(talk: Talk) -> None:
    talk.say("想要个公园")
    before = talk.dialogue
    talk.push()
    talk.tick()
    assert talk.dialogue.stage == before.stage
    talk.say("1")
    assert talk.needs == [("pocket_park", "chat", "filed")]


def test_invitation__in_another_survey__comes_after_it(talk: Talk) -> None:
    talk.begin()
    talk.say("1")
    talk.now_ms += 15 * 24 * 3600 * 1000
    talk.push()
    assert talk.tick() == 1
    assert talk.question == "age"
    talk.say("0", "0", "缺食堂", "1", "0", "0", "0", "0", "0", "0")
    assert "开始填" in [button.label for button in talk.buttons]
    talk.press("开始填")
    assert talk.question == "place"
    assert talk.rows("SELECT status FROM invitation ORDER BY at_ms") == [("finished",), ("started",)]


def test_form__every_group_of_facilities__can_be_opened_by_number(talk: Talk) -> None:
    talk.begin()
    talk.say("1", "0", "0")
    seen = []
    for number in range(1, len(load_catalogue().groups) + 1):
        talk.say(str(number))
        seen += [button.payload.rpartition(":")[2] for button in talk.buttons[:-1]]
        talk.press("回到分类")
    assert sorted(seen) == sorted(load_catalogue().facilities)


def test_survey__filled_in_again__replaces_and_leaves_nothing_over(talk: Talk) -> None:
    talk.begin()
    start = talk.invited()[0].buttons[0].payload
    talk.say("1", "5", "0", "缺食堂", "2", "0", "0", "0", "0", "4", "0", "0")
    assert talk.answers["satisfied"] == 4
    talk.do(button=start)
    talk.say("1", "0", "0", "缺食堂", "1", "0", "0", "0", "0", "0", "0")
    assert set(talk.answers) == {"place", "missing", "nature"}
    assert talk.voices == 1
