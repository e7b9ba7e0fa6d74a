"""Workers: similar cases with their reasons, linking and parting; nobody's count moves."""

from __future__ import annotations

import pytest

from bot.conversation.context import World
from bot.service import Service
from storage.vault import Vault
from tests.builders import DAY_MS, NOW_MS, press, say
from tests.staff.builders import ELSEWHERE, HERE, Bot, a_need, a_worker, demand, need_row


@pytest.fixture
def bot(service: Service, world: World, vault: Vault) -> Bot:
    """A linked worker of HERE."""
    a_worker(service.database, vault)
    return Bot(service.database, world, vault)


def receipt(service: Service, need_id: int) -> str:
    return need_row(service.database, need_id).receipt


def test_similar__neighbours_said_it_too__are_listed_with_score_and_reason(service: Service, bot: Bot) -> None:
    near = a_need(service, "晚上没处停车，车位太少", "u2", now_ms=NOW_MS - 12 * DAY_MS)
    a_need(service, "晚上没处停车，车位太少", "u3", ELSEWHERE)
    food = a_need(service, "没有食堂", "u4")
    mine = a_need(service, "车位不够，停车难", "u1")
    shown = bot.choose(bot.press(f"case:{mine}"), "类似的")
    assert receipt(service, mine) in shown.text
    assert receipt(service, near) in shown.text
    assert receipt(service, food) not in shown.text
    assert "都说到：车位" in shown.text
    assert "相隔 12 天" in shown.text
    assert "%" in shown.text
    assert [button.label for button in shown.buttons] == ["1 是同一件", "返回"]
    assert all(len(button.payload.encode()) <= 64 for button in shown.buttons)


def test_similar__linked__both_cases_show_the_group_and_it_can_be_parted(service: Service, bot: Bot) -> None:
    other = a_need(service, "晚上没处停车，车位太少", "u2")
    mine = a_need(service, "车位不够，停车难", "u1")
    counted = demand(service.database)
    shown = bot.choose(bot.press(f"like:{mine}"), "1 是同一件")
    assert "同一件事：2 条" in shown.text
    assert receipt(service, other) in shown.text
    assert "同一件事：2 条" in bot.press(f"case:{other}").text
    assert "没有和" in bot.press(f"like:{mine}").text, "what is linked is no candidate any more"
    assert demand(service.database) == counted
    parted = bot.choose(bot.press(f"case:{other}"), "分开")
    assert "同一件事" not in parted.text
    assert "同一件事" not in bot.press(f"case:{mine}").text
    assert "分开" not in [button.label for button in parted.buttons]


def test_similar__five_at_most(service: Service, bot: Bot) -> None:
    for number in range(7):
        a_need(service, "没有车位", f"n{number}")
    mine = a_need(service, "车位不够", "u1")
    assert len(bot.press(f"like:{mine}").buttons) == 5 + 1


def test_similar__taken_back__is_no_longer_counted_in_the_group(service: Service, bot: Bot) -> None:
    mine, other, third = (a_need(service, "没有车位", f"u{number}") for number in range(3))
    bot.press(f"same:{mine}:{other}")
    bot.press(f"same:{mine}:{third}")
    assert "同一件事：3 条" in bot.press(f"case:{mine}").text
    offered = say(service, "撤回", user="u2")
    press(service, offered.replies[-1].buttons[0].payload, user="u2")
    bot.press(f"no:{other}")
    shown = bot.press(f"case:{mine}").text
    assert "同一件事" not in shown


@pytest.mark.parametrize("payload", ["same:{0}:{0}", "same:{0}:x", "same:{0}:", "same:{0}:1", "same:{0}:{1}", "part:1"])
def test_similar__forged__is_answered_politely_and_links_nothing(service: Service, bot: Bot, payload: str) -> None:
    mine, elsewhere = a_need(service, "没有车位", "u1"), a_need(service, "没有车位", "u2", ELSEWHERE)
    shown = bot.press(payload.format(mine, elsewhere))
    assert shown.text in {bot.counter._texts("error.staff.button"), bot.counter._texts("error.staff.case")}
    assert "同一件事" not in bot.press(f"case:{mine}").text


def test_similar__pressed_again_by_a_repeat__links_once(service: Service, bot: Bot) -> None:
    mine, other = a_need(service, "没有车位", "u1"), a_need(service, "没有车位", "u2")
    bot.press(f"same:{mine}:{other}", "r1")
    bot.press(f"part:{mine}")
    assert "同一件事" not in bot.press(f"same:{mine}:{other}", "r1").text


def test_similar__a_case_of_another_area__does_not_exist(
    service: Service, bot: Bot, world: World, vault: Vault
) -> None:
    mine = a_need(service, "没有车位", "u1", HERE)
    a_worker(service.database, vault, ELSEWHERE, "w2")
    stranger = Bot(service.database, world, vault, "w2")
    assert stranger.press(f"like:{mine}").text == bot.counter._texts("error.staff.case")
