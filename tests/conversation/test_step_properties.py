"""The dialogue as a whole, under random histories: it never raises, always answers, can always be left."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.conversation import Dialogue, decode, encode, step
from bot.conversation import effects as e
from bot.conversation.context import Context, OwnNeed, World
from bot.conversation.events import Commanded, Event, Invited, Pressed, Said, SentUnsupported
from bot.conversation.state import Fresh, Idle
from bot.places import community_matcher
from domain.catalogue import load_catalogue, load_city
from domain.reading import Correction, Mention, Reading
from domain.texts import load_texts
from surveys.definition import load_surveys

CITY = load_city("dezhou")
CATALOGUE = load_catalogue()
WORLD = World(
    CATALOGUE, CITY, load_texts("zh"), load_surveys(), community_matcher(CITY.tree), {"gas_hotline": "0534-1"}, "社区"
)
IDS = itertools.count(1)

mentions = st.builds(
    Mention,
    leaf=st.sampled_from(CATALOGUE.leaves),
    p=st.floats(0, 1),
    start=st.just(0),
    end=st.just(2),
    nature=st.sampled_from(sorted(CATALOGUE.natures)),
    others=st.lists(st.sampled_from(CATALOGUE.leaves), max_size=3).map(tuple),
)
some_mentions = st.lists(mentions, max_size=3).map(tuple)
readings = st.builds(
    Reading,
    intent=st.sampled_from(sorted(CATALOGUE.intents)),
    intent_p=st.floats(0, 1),
    mentions=some_mentions,
    emergency=st.none() | st.sampled_from(sorted(CATALOGUE.emergency)),
    masked=st.just("x"),
    model=st.just("m"),
    correction=st.none() | st.builds(Correction, some_mentions, some_mentions, st.booleans()),
)
words = st.sampled_from(
    ["同意", "不同意", "1", "2", "3", "二", "堤岭", "西街", "取消", "帮助", "撤回", "跳过", "上一题", "退订"]
)
said = st.builds(Said, text=words | st.text(max_size=30), reading=readings, message_id=st.builds(lambda: next(IDS)))
commands = st.builds(
    Commanded,
    name=st.sampled_from(
        ["start", "help", "mine", "withdraw", "forget", "cancel", "stop", "surveys", "community", "x"]
    ),
    argument=st.sampled_from(["", "c-P05-01", "P15-02", "nonsense"]),
)
payloads = st.sampled_from(
    ["consent:yes", "consent:no", "forget:yes", "in:P05-03", "ok:1", "sv:9:age:x", "", "::", "set:1:x"]
)
invitations = st.builds(Invited, campaign_id=st.integers(1, 3), survey=st.sampled_from([*load_surveys(), "gone"]))
events = st.one_of(
    said,
    commands,
    st.builds(Pressed, payloads),
    st.builds(Pressed, st.text(max_size=30)),
    st.builds(SentUnsupported, st.just("photo")),
    st.just("press a shown button"),
    invitations,
)


class Resident:
    """A resident in memory: enough of the service to give each step its context."""

    def __init__(self) -> None:
        self.dialogue = Dialogue()
        self.consented = False
        self.community: str | None = None
        self.needs: dict[int, OwnNeed] = {}

    def context(self) -> Context:
        """What a step sees."""
        fresh = tuple((next(IDS), f"R{number}") for number in range(3))
        return Context(WORLD, self.consented, self.community, fresh, {}, tuple(self.needs.values()))

    def take(self, event: Event) -> tuple[e.Effect, ...]:
        """One step and its effects on memory."""
        self.dialogue, effects = step(self.dialogue, event, self.context())
        for effect in effects:
            match effect:
                case e.GiveConsent():
                    self.consented = True
                case e.SetCommunity(code):
                    self.community = code
                case e.FileNeed():
                    self.needs[effect.need_id] = OwnNeed(
                        effect.need_id,
                        effect.receipt,
                        effect.message_id,
                        effect.mention.leaf,
                        effect.mention.nature,
                        effect.status,
                        effect.community,
                        "2026-11-01",
                        1,
                    )
                case e.RetractNeed(need_id, _):
                    del self.needs[need_id]
                case e.Forget():
                    self.__init__()  # type: ignore[misc]
        return effects


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_step__random_history__answers_every_event_and_can_always_be_left(data: st.DataObject) -> None:
    resident = Resident()
    for _ in range(data.draw(st.integers(1, 25))):
        event = data.draw(events)
        if event == "press a shown button":
            if not resident.dialogue.choices:
                continue
            event = Pressed(data.draw(st.sampled_from(resident.dialogue.choices)).payload)
        consented, known = resident.consented, set(resident.needs)
        effects = resident.take(event)
        says = [effect for effect in effects if isinstance(effect, e.Say)]
        assert 1 <= len(says) <= 3 or isinstance(event, Invited), event
        assert all(say.outbound.text.strip() for say in says)
        assert all(len(button.payload.encode()) <= 64 for say in says for button in say.outbound.buttons)
        if not consented:
            assert not any(isinstance(effect, e.KeepMessage | e.FileNeed | e.FileRemark) for effect in effects)
        touched = {
            need_id
            for effect in effects
            if isinstance(effect, e.RetractNeed | e.ReassignNeed)
            for need_id in [effect.need_id]
        }
        assert touched <= known | {effect.need_id for effect in effects if isinstance(effect, e.FileNeed)}
        assert decode(encode(resident.dialogue)) == resident.dialogue
    resident.take(Commanded("cancel"))
    assert isinstance(resident.dialogue.stage, Idle | Fresh) or not resident.consented


def _reading(intent: str = "need_report", emergency: str | None = None, *leaves: str) -> Reading:
    return Reading(intent, 0.9, tuple(Mention(leaf, 0.9, 0, 2) for leaf in leaves), emergency, "x", "m")


def test_step__first_message__is_not_kept_before_consent() -> None:
    resident = Resident()
    effects = resident.take(Said("小区没车位", _reading("need_report", None, "car_parking"), 1))
    assert [type(effect) for effect in effects] == [e.Say]
    assert "同意" in effects[0].outbound.buttons[0].label  # type: ignore[attr-defined]


def test_step__emergency_before_consent__numbers_first_and_nothing_kept() -> None:
    resident = Resident()
    effects = resident.take(Said("着火了", _reading("emergency", "fire"), 1))
    assert [type(effect) for effect in effects] == [e.Say]
    assert "119" in effects[0].outbound.text.splitlines()[0]  # type: ignore[attr-defined]


def test_step__gas_leak_without_confirmed_number__shows_no_local_number() -> None:
    unconfirmed = World(CATALOGUE, CITY, load_texts("zh"), {}, community_matcher(CITY.tree), {}, "社区")
    context = Context(unconfirmed, True, "P05-01", (), {})
    _, effects = step(Dialogue(Idle()), Said("有煤气味", _reading("emergency", "gas_leak"), 1), context)
    text = effects[-1].outbound.text  # type: ignore[attr-defined]
    assert "119" in text
    assert "本地抢修电话" not in text
    assert "None" not in text


def test_step__need_said_while_community_unknown__is_kept_and_filed_after_the_choice() -> None:
    resident = Resident()
    resident.take(Commanded("start"))
    resident.take(Pressed("consent:yes"))
    first = resident.take(Said("俺们这儿停车没地方停啊急死人", _reading("need_report", None, "car_parking"), 5))
    assert any(isinstance(effect, e.KeepMessage) for effect in first)
    then = resident.take(Said("堤岭", _reading("unclear"), 6))
    filed = [effect for effect in then if isinstance(effect, e.FileNeed)]
    assert [(effect.mention.leaf, effect.message_id, effect.community) for effect in filed] == [
        ("car_parking", 5, "P05-05")
    ]


@pytest.mark.parametrize("stored", [b"", b"{}", b'{"v":1,"d":{"stage":{"type":"Gone"},"choices":[]}}', b"\xff", None])
def test_decode__damaged_or_unknown_state__starts_anew(stored: bytes | None) -> None:
    assert decode(stored) is None


KEPT_EXAMPLES = [
    b'{"v":1,"d":{"stage":{"type":"Idle"},"choices":[]}}',
    b'{"v":1,"d":{"stage":{"type":"AskConsent","community":"P05-01"},"choices":[{"label":"a","payload":"consent:yes"}]}}',
    b'{"v":1,"d":{"stage":{"type":"Filed","needs":[{"need_id":1,"leaf":"car_parking","others":[]}]},"choices":[]}}',
    b'{"v":1,"d":{"stage":{"type":"InSurvey","campaign_id":1,"survey":"s","question":"q","answers":{}},"choices":[]}}',
]


@pytest.mark.parametrize("stored", KEPT_EXAMPLES)
def test_decode__states_of_earlier_releases__still_load(stored: bytes) -> None:
    assert decode(stored) is not None


def _waiting_resident() -> Resident:
    """Somebody who agreed and has said two needs before naming the community."""
    resident = Resident()
    resident.take(Commanded("start"))
    resident.take(Pressed("consent:yes"))
    resident.take(Said("俺们这儿停车没地方停啊急死人", _reading("need_report", None, "car_parking"), 5))
    resident.take(Said("晚上路灯也不亮走路害怕得很", _reading("need_report", None, "internal_road_lighting"), 6))
    return resident


DETOURS = {
    "none": [],
    "change community": [Commanded("community")],
    "start again": [Commanded("start")],
    "help": [Commanded("help")],
    "erase and think better of it": [Commanded("forget"), Pressed("forget:no")],
    "unknown name": [Said("火星", _reading("unclear"), 9)],
}


@pytest.mark.parametrize("detour", DETOURS)
def test_step__needs_said_before_the_community__are_all_filed_whatever_comes_between(detour: str) -> None:
    resident = _waiting_resident()
    for event in DETOURS[detour]:
        resident.take(event)
    resident.take(Pressed("in:P05-05"))
    assert sorted(need.leaf for need in resident.needs.values()) == ["car_parking", "internal_road_lighting"]
    assert {need.message_id for need in resident.needs.values()} == {5, 6}


def test_step__community_link_while_needs_wait__files_them() -> None:
    resident = _waiting_resident()
    resident.take(Commanded("start", "c-P05-03"))
    assert {need.community for need in resident.needs.values()} == {"P05-03"}


def test_step__button_of_a_district__is_no_community() -> None:
    resident = _waiting_resident()
    effects = resident.take(Pressed("in:DZ-DC"))
    assert not any(isinstance(effect, e.SetCommunity | e.FileNeed) for effect in effects)
