"""Whatever residents type and press, in any order: no exception, one to three messages, and rows that agree."""

from __future__ import annotations

import itertools

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.conversation import Dialogue, decode, encode, step
from bot.conversation.context import Context, OwnNeed
from bot.conversation.effects import FileNeed, KeepMessage, MarkInvitation, RecordAnswer, RetractNeed, Say
from bot.conversation.events import Commanded, Event, Invited, Pressed, Said
from bot.conversation.state import Idle, InSurvey
from surveys import flow
from surveys.definition import load_surveys
from tests.builders import COMMUNITY, FakeReader, a_world

WORLD = msgspec.structs.replace(a_world(), surveys=load_surveys())
READER = FakeReader()
TYPED = "1 2 3 5 9 11 0 134 65 跳过 上一题 不改 没有了 帮助 取消 换小区 都没有 缺食堂 想要公园 路灯坏了 嗯 东门".split()
TYPED += ["谢谢", "1 3", "缺食堂、车位和健身", "没有公交也没有路灯还缺电梯", "   ", "/start", "南部社区", "着火了"]

MOVES = st.lists(
    st.one_of(
        st.sampled_from(TYPED).map(lambda typed: ("say", typed)),
        st.integers(0, 12).map(lambda number: ("press", number)),
        st.integers(0, 40).map(lambda number: ("press_old", number)),
        st.just(("invite", 0)),
        st.text(max_size=8).map(lambda rest: ("forge", rest)),
    ),
    min_size=1,
    max_size=60,
)


class History:
    """The dialogue with what its effects would have written."""

    def __init__(self) -> None:
        self.ids = itertools.count(1)
        self.dialogue = Dialogue(Idle())
        self.answers: dict[int, dict[str, object]] = {}
        self.needs: dict[int, OwnNeed] = {}
        self.messages: set[int] = set()
        self.shown: list[str] = []
        self.old: list[str] = []
        self.community: str | None = COMMUNITY

    def happen(self, event: Event) -> None:
        """One event; checks what has to hold after any."""
        fresh = tuple((next(self.ids), f"R{next(self.ids)}") for _ in range(3))
        context = Context(WORLD, True, self.community, fresh, {}, tuple(self.needs.values()))
        before = self.dialogue
        self.dialogue, effects = step(before, event, context)
        assert decode(encode(self.dialogue)) == self.dialogue
        says = [effect.outbound for effect in effects if isinstance(effect, Say)]
        assert 1 <= len(says) <= 3
        self.shown = [button.payload for says_one in says for button in says_one.buttons]
        assert all(len(payload.encode()) <= 64 for payload in self.shown)
        self.old += self.shown
        written = [(e.campaign_id, e.question) for e in effects if isinstance(e, RecordAnswer)]
        assert len(written) == len(set(written))
        for effect in effects:
            self.apply(effect)
            if (
                isinstance(effect, MarkInvitation)
                and effect.status == "finished"
                and isinstance(before.stage, InSurvey)
            ):
                # nothing of an earlier run is left over: what is recorded is this run's path
                path = flow.path(WORLD.surveys["resident_form"], self.answers[effect.campaign_id])
                assert set(self.answers[effect.campaign_id]) <= {question.id for question in path}
        stage = self.dialogue.stage
        if isinstance(stage, InSurvey):
            recorded = self.answers.get(stage.campaign_id, {})
            assert stage.answers == {q: recorded.get(q) for q in stage.answers}
            filed = {need_id for ids in stage.needs.values() for need_id in ids}
            assert all(need_id in self.needs for need_id in filed)

    def apply(self, effect: object) -> None:
        """What `bot.apply` would do, and that it could."""
        if isinstance(effect, KeepMessage):
            assert effect.message_id not in self.messages
            self.messages.add(effect.message_id)
        elif isinstance(effect, FileNeed):
            assert effect.message_id in self.messages
            leaf, nature = effect.mention.leaf, effect.mention.nature
            self.needs[effect.need_id] = OwnNeed(
                effect.need_id, effect.receipt, effect.message_id, leaf, nature, effect.status, effect.community, "", 0
            )
        elif isinstance(effect, RetractNeed):
            del self.needs[effect.need_id]
        elif isinstance(effect, RecordAnswer):
            answers = self.answers.setdefault(effect.campaign_id, {})
            answers.pop(effect.question, None)
            if effect.value is not None:
                answers[effect.question] = effect.value
        elif isinstance(effect, MarkInvitation):
            assert effect.status in ("invited", "started", "finished", "stopped")


@settings(max_examples=250, deadline=None)
@given(MOVES)
def test_survey__any_history__never_raises_and_its_rows_agree(moves: list[tuple[str, object]]) -> None:
    history = History()
    campaigns = itertools.count(1)
    history.happen(Invited(next(campaigns), "resident_form"))
    history.happen(Pressed(history.shown[0]))
    for kind, value in moves:
        if kind == "say":
            history.happen(Said(str(value), READER.read(str(value)), next(history.ids) + 10**9))
        elif kind == "invite":
            history.happen(Invited(next(campaigns), "resident_form"))
        elif kind == "forge":
            history.happen(Pressed(f"sv:1:missing:{value}"))
        else:
            buttons = history.shown if kind == "press" else history.old
            if buttons:
                history.happen(Pressed(buttons[int(str(value)) % len(buttons)]))
    history.happen(Commanded("cancel"))
    assert not isinstance(history.dialogue.stage, InSurvey)
