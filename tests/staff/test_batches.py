"""Batches: many needs judged by one tap, each for itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.conversation.context import World
from bot.service import Service
from domain.messages import Outbound
from storage.database import Database
from storage.vault import Vault
from tests.builders import DAY_MS, NOW_MS, press, say
from tests.staff.builders import ELSEWHERE, HERE, Bot, a_need, a_worker, demand, labels, need_row


@pytest.fixture
def bot(service: Service, world: World, vault: Vault) -> Bot:
    """A linked worker of HERE."""
    a_worker(service.database, vault)
    return Bot(service.database, world, vault)


def _labels(shown: Outbound) -> list[str]:
    return [button.label for button in shown.buttons]


def test_batch__alike_needs__one_card_with_count_and_examples(service: Service, bot: Bot) -> None:
    for number in range(3):
        a_need(service, "想要个公园", f"u{number}")
    a_need(service, "没有菜场", "u8")
    shown = bot.say("/batch")
    assert "3 条" in shown.text
    assert "公园" in shown.text
    assert "菜场" not in shown.text
    assert _labels(shown) == ["都对", "都改", "逐条看", "下一组"]


def test_batch__many_or_long__at_most_five_examples_and_short_ones(service: Service, bot: Bot) -> None:
    for number in range(8):
        a_need(service, f"{number}号楼想要个公园" + "啊" * (4000 if number == 0 else 0), f"u{number}")
    shown = bot.say("/batch")
    assert "8 条" in shown.text
    assert shown.text.count("· ") == 5
    assert "1号楼想要个公园" in shown.text
    assert len(shown.text) < 1000


def test_confirm__a_batch__each_gets_its_label_and_counts(service: Service, bot: Bot) -> None:
    needs = [a_need(service, "想要个公园", f"u{number}") for number in range(4)]
    alone = a_need(service, "没有菜场", "u8")
    assert demand(service.database) == {}
    shown = bot.choose(bot.say("/batch"), "都对")
    assert "已核对 4 条" in shown.text
    assert demand(service.database) == {(HERE, "pocket_park"): (4, 4, 4)}
    assert labels(service.database) == [("worker", "pocket_park", "pocket_park")] * 4
    assert {need_row(service.database, need_id).confirmed_by for need_id in needs} == {"worker"}
    assert need_row(service.database, alone).status == "asked"
    assert "/next" in bot.choose(shown, "下一组").text


def test_correct__a_batch__all_move_exactly(service: Service, bot: Bot) -> None:
    """Three residents want a canteen, one of them twice; it was a shop they meant."""
    for number in range(3):
        a_need(service, "没有食堂", f"u{number}")
    a_need(service, "还是没有食堂", "u0", now_ms=NOW_MS + DAY_MS)
    assert demand(service.database) == {(HERE, "community_canteen"): (3, 4, 3)}
    groups = bot.choose(bot.say("/batch"), "都改")
    assert all(len(button.payload.encode()) <= 64 for button in groups.buttons)
    group = next(button for button in groups.buttons if button.payload.endswith(":mobility"))
    leaves = bot.press(group.payload)
    assert all(len(button.payload.encode()) <= 64 for button in leaves.buttons)
    shown = bot.choose(leaves, bot.counter._desk.world.catalogue.leaf_name("bus_stop"))
    assert "已核对 4 条" in shown.text
    assert demand(service.database) == {(HERE, "bus_stop"): (3, 4, 3)}
    assert labels(service.database) == [("worker", "community_canteen", "bus_stop")] * 4


def test_batch__need_came_or_went_since__nothing_is_judged_unseen(service: Service, bot: Bot) -> None:
    first = a_need(service, "想要个公园", "u1")
    a_need(service, "想要个公园", "u2")
    seen = bot.say("/batch")
    a_need(service, "想要个公园", "u3")
    shown = bot.choose(seen, "都对")
    assert "有变化" in shown.text
    assert "3 条" in shown.text
    assert labels(service.database) == []
    seen = bot.say("/batch")
    bot.press(f"set:{first}:bus_stop")
    assert "2 条" in bot.choose(seen, "都对").text
    assert len(labels(service.database)) == 1


def test_batch__resident_took_one_back__the_card_is_shown_anew(service: Service, bot: Bot) -> None:
    needs = [a_need(service, "想要个公园", f"u{number}") for number in range(3)]
    seen = bot.say("/batch")
    receipt = need_row(service.database, needs[0]).receipt
    say(service, f"撤回 {receipt}", user="u0")
    if need_row(service.database, needs[0]).status != "withdrawn":
        offered = say(service, "撤回", user="u0")
        press(service, offered.replies[-1].buttons[0].payload, user="u0")
    assert "2 条" in bot.choose(seen, "都对").text
    assert labels(service.database) == []


def test_batch__same_update_twice__acts_once(service: Service, bot: Bot) -> None:
    for number in range(2):
        a_need(service, "想要个公园", f"u{number}")
        a_need(service, "没有菜场", f"u{number}")
    payload = bot.say("/batch").buttons[0].payload
    bot.press(payload, "u77")
    assert len(labels(service.database)) == 2
    shown = bot.press(payload, "u77")
    assert "菜场" in shown.text, "the repeat is answered with what waits now"
    assert len(labels(service.database)) == 2


def test_batch__next_group__goes_round(service: Service, bot: Bot) -> None:
    for number in range(3):
        a_need(service, "想要个公园", f"u{number}")
    for number in range(2):
        a_need(service, "没有菜场", f"u{number}")
    first = bot.say("/batch")
    second = bot.choose(first, "下一组")
    assert "菜场" in second.text
    assert bot.choose(second, "下一组") == first
    single = bot.choose(first, "逐条看")
    assert "编号" in single.text


def test_batch__scope_and_role__other_areas_do_not_exist_and_planners_only_look(
    service: Service, bot: Bot, world: World, vault: Vault
) -> None:
    a_need(service, "想要个公园", "u1")
    for number in range(2, 4):
        a_need(service, "想要个公园", f"u{number}", ELSEWHERE)
    assert bot.say("/batch").text == world.texts("staff.batch.none")
    a_worker(service.database, vault, ELSEWHERE, "w2")
    theirs = Bot(service.database, world, vault, "w2").say("/batch")
    assert "2 条" in theirs.text
    assert bot.press(theirs.buttons[0].payload).text.endswith(world.texts("staff.batch.none"))
    assert labels(service.database) == []


@pytest.mark.parametrize("payload", ["ball:{0}", "ball:{0}:x", "bset:{0}:x:castle", "bgrp:{0}:x:y", "bfix:{0}:"])
def test_button__forged__judges_nothing(service: Service, bot: Bot, payload: str) -> None:
    need_id = a_need(service, "想要个公园", "u1")
    a_need(service, "想要个公园", "u2")
    assert bot.press(payload.format(need_id)).text
    assert labels(service.database) == []


def test_batches__many_workers_at_once_beside_residents__counters_stay_exact(
    postgres_database: Database, world: World, vault: Vault, make_service: Callable[[Database], Service]
) -> None:
    service = make_service(postgres_database)
    for number in range(8):
        a_need(service, ("没有车位", "没有公交")[number % 2], f"u{number}")
    a_worker(postgres_database, vault)

    def work(number: int) -> None:
        chance = random.Random(number)
        bot = Bot(postgres_database, world, vault)
        mine = make_service(postgres_database)
        for _ in range(12):
            if number < 3:
                shown = bot.say("/batch")
                payload = next((one.payload for one in shown.buttons if one.label == "都对"), "x")
                leaf = chance.choice(["", ":bus_stop", ":ev_charging"])
                bot.press(payload.replace("ball", "bset") + leaf if leaf else payload)
            else:
                text = chance.choice(["没有车位", "没有公交", "没有车位和公交"])
                say(mine, text, user=f"u{chance.randrange(8)}", now_ms=NOW_MS + chance.randrange(40) * DAY_MS)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(work, range(5)))
    assert demand(postgres_database)
    assert labels(postgres_database)
