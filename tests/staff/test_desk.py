"""Cases: what a worker sees and what a judgement changes."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.conversation.context import World
from bot.service import Service
from storage import staff as rows
from storage.database import Database
from storage.labels import judgements
from storage.vault import Vault
from tests.builders import DAY_MS, NOW_MS, a_consented_resident, a_world, press, say
from tests.staff.builders import ELSEWHERE, HERE, Bot, a_need, a_worker, an_invite, demand, labels, need_row


@pytest.fixture
def bot(service: Service, world: World, vault: Vault) -> Bot:
    """A linked worker of HERE."""
    a_worker(service.database, vault)
    return Bot(service.database, world, vault)


def test_next__unsure_need__is_shown_masked_with_its_receipt(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "想要个公园")
    shown = bot.say("/next")
    assert need_row(service.database, need_id).receipt in shown.text
    assert "想要个公园" in shown.text
    assert "待核对" in shown.text
    assert [button.label for button in shown.buttons] == ["对", "改", "不是需求", "类似的", "下一条"]
    assert all(str(need_id) in button.payload for button in shown.buttons)


def test_confirm__asked_need__counts_from_now_on(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "想要个公园")
    assert demand(service.database) == {}
    shown = bot.choose(bot.say("/next"), "对")
    assert "工作人员核对过" in shown.text
    assert demand(service.database) == {(HERE, "pocket_park"): (1, 1, 1)}
    row = need_row(service.database, need_id)
    assert (row.status, row.confirmed_by) == ("filed", "worker")
    assert labels(service.database) == [("worker", "pocket_park", "pocket_park")]


def test_confirm__filed_need__counters_stay(service: Service, bot: Bot) -> None:
    a_need(service, "没有车位")
    bot.choose(bot.say("/next"), "对")
    assert demand(service.database) == {(HERE, "car_parking"): (1, 1, 1)}


def test_correct__two_taps__moves_the_need_exactly(service: Service, bot: Bot) -> None:
    """Two residents want parking; one meant charging."""
    a_need(service, "没有车位", "u1")
    need_id = a_need(service, "车位不够", "u2")
    assert demand(service.database) == {(HERE, "car_parking"): (2, 2, 2)}
    groups = bot.press(f"fix:{need_id}")
    leaves = bot.choose(groups, "停车充电与出行")
    shown = bot.choose(leaves, bot.counter._desk.world.catalogue.leaf_name("ev_charging"))
    assert "工作人员核对过" in shown.text
    assert demand(service.database) == {(HERE, "car_parking"): (1, 1, 1), (HERE, "ev_charging"): (1, 1, 1)}
    assert labels(service.database) == [("worker", "car_parking", "ev_charging")]


def test_correct__one_of_two_needs_of_a_voice__the_voice_stays(service: Service, bot: Bot) -> None:
    a_need(service, "没有车位")
    need_id = a_need(service, "还是没有车位", now_ms=NOW_MS + DAY_MS)
    assert demand(service.database) == {(HERE, "car_parking"): (1, 2, 1)}
    bot.press(f"set:{need_id}:ev_charging")
    assert demand(service.database) == {(HERE, "car_parking"): (1, 1, 1), (HERE, "ev_charging"): (1, 1, 1)}


def test_reject__filed_need__counts_no_more_and_can_be_undone(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位")
    shown = bot.choose(bot.say("/next"), "不是需求")
    assert "标为不是需求" in shown.text
    assert demand(service.database) == {}
    bot.choose(shown, "还是需求")
    assert demand(service.database) == {(HERE, "car_parking"): (1, 1, 1)}
    row = need_row(service.database, need_id)
    assert (row.status, row.confirmed_by) == ("filed", "worker")


def test_reject__says_what_it_is_instead__becomes_the_label_that_stands(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位")
    shown = bot.choose(bot.say("/next"), "不是需求")
    assert labels(service.database) == [("worker", "car_parking", None)]
    shown = bot.choose(shown, "投诉")
    assert "不是需求（投诉）" in shown.text
    assert [button.label for button in shown.buttons] == ["还是需求", "改", "下一条"]
    bot.press(f"int:{need_id}:service_complaint")
    with service.database.transaction() as tx:
        (judged,) = judgements(tx)
    assert (judged.intent, judged.leaf, judged.source) == ("service_complaint", "car_parking", "worker")
    assert len(labels(service.database)) == 2, "pressed twice, said once"
    assert demand(service.database) == {}
    bot.choose(shown, "还是需求")
    with service.database.transaction() as tx:
        (judged,) = judgements(tx)
    assert (judged.intent, judged.leaf) == ("need_report", "car_parking")


@pytest.mark.parametrize("intent", ["castle", "need_report", ""])
def test_intent__forged__says_nothing(service: Service, bot: Bot, intent: str) -> None:
    need_id = a_need(service, "没有车位")
    bot.press(f"no:{need_id}")
    assert bot.press(f"int:{need_id}:{intent}").text == bot.counter._texts("error.staff.button")
    assert len(labels(service.database)) == 1


def test_intent__of_a_need_nobody_rejected__says_nothing(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位")
    bot.press(f"int:{need_id}:thanks")
    assert labels(service.database) == []
    assert need_row(service.database, need_id).status == "filed"


@pytest.mark.parametrize("action", ["ok:{0}", "no:{0}", "set:{0}:ev_charging"])
def test_judgement__same_update_twice__acts_once(service: Service, bot: Bot, action: str) -> None:
    need_id = a_need(service, "没有车位")
    payload = action.format(need_id)
    bot.press(payload, "u77")
    said = labels(service.database)
    bot.press(f"set:{need_id}:bus_stop")
    shown = bot.press(payload, "u77")
    assert need_row(service.database, need_id).leaf == "bus_stop"
    assert demand(service.database) == {(HERE, "bus_stop"): (1, 1, 1)}
    assert len(labels(service.database)) == len(said) + 1
    assert shown == bot.press(f"case:{need_id}"), "the repeat is answered with the case as it stands"


def test_confirm__changed_by_a_colleague_since__is_only_shown_anew(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "公园")
    seen = bot.say("/next")
    bot.press(f"set:{need_id}:bus_stop")
    assert bot.choose(seen, "对") == bot.press(f"case:{need_id}")
    assert labels(service.database) == [("worker", "pocket_park", "bus_stop")]


def test_judgement__pressed_twice__one_label(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位")
    bot.press(f"ok:{need_id}")
    bot.press(f"ok:{need_id}")
    assert labels(service.database) == [("worker", "car_parking", "car_parking")]


@pytest.mark.parametrize("payload", ["ok:{0}", "set:{0}:bus_stop", "no:{0}"])
def test_judgement__resident_took_it_back__changes_nothing(service: Service, bot: Bot, payload: str) -> None:
    need_id = a_need(service, "没有车位")
    receipt = need_row(service.database, need_id).receipt
    say(service, f"撤回 {receipt}")
    if need_row(service.database, need_id).status != "withdrawn":
        offered = say(service, "撤回")
        press(service, offered.replies[-1].buttons[0].payload)
    assert need_row(service.database, need_id).status == "withdrawn"
    shown = bot.press(payload.format(need_id))
    assert "撤回" in shown.text
    assert "车位" not in shown.text
    assert demand(service.database) == {}
    assert labels(service.database) == []


def test_judgement__resident_said_no_after_the_worker_said_yes__the_resident_has_the_last_word(
    service: Service, bot: Bot
) -> None:
    need_id = a_need(service, "没有车位")
    bot.press(f"ok:{need_id}")
    press(service, f"no:{need_row(service.database, need_id).message_id}")
    assert need_row(service.database, need_id).status == "rejected"
    shown = bot.press(f"ok:{need_id}")
    assert "居民说不对" in shown.text
    assert [button.label for button in shown.buttons] == ["下一条"]
    assert demand(service.database) == {}


def test_judgement__worker_said_no__the_residents_button_is_stale(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位")
    bot.press(f"no:{need_id}")
    handled = press(service, f"ok:{need_row(service.database, need_id).message_id}")
    assert not handled.failed
    assert demand(service.database) == {}


def test_judgements__many_at_once_beside_residents__counters_stay_exact(
    postgres_database: Database, world: World, vault: Vault, make_service: Callable[[Database], Service]
) -> None:
    """Four workers on the same cases while two processes file the same residents' next needs."""
    service = make_service(postgres_database)
    needs = [a_need(service, "没有车位", f"u{number}") for number in range(8)]
    a_worker(postgres_database, vault)

    def work(number: int) -> None:
        chance = random.Random(number)
        if number < 4:
            bot = Bot(postgres_database, world, vault)
            for _ in range(40):
                action = chance.choice(["ok:{0}", "no:{0}", "set:{0}:bus_stop", "set:{0}:ev_charging"])
                bot.press(action.format(chance.choice(needs)))
        else:
            mine = make_service(postgres_database)
            for _ in range(40):
                text = chance.choice(["没有车位", "没有公交", "没有车位和公交"])
                say(mine, text, user=f"u{chance.randrange(8)}", now_ms=NOW_MS + chance.randrange(40) * DAY_MS)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert demand(postgres_database)


def _pages(bot: Bot) -> list[int]:
    """All cases of the queue by pressing on; every press a moment later."""
    seen, shown = [], bot.say("/next")
    while shown.buttons:
        seen.append(int(shown.buttons[-1].payload.partition(":")[2]))
        bot.now_ms += 1000
        shown = bot.choose(shown, "下一条")
    assert "从头" in shown.text
    return seen


def test_next__queue__most_valuable_label_first_and_skipping_goes_on(service: Service, bot: Bot) -> None:
    """Doubt before certainty, many before one, long waiting before new; newest first among equals."""
    sure_old = a_need(service, "没有车位", "u1", now_ms=NOW_MS - 3000)
    sure_new = a_need(service, "没有食堂", "u2", now_ms=NOW_MS - 2000)
    doubtful = a_need(service, "菜场", "u3", now_ms=NOW_MS - 1000)  # 0.40
    more_doubtful = a_need(service, "公园", "u4", now_ms=NOW_MS)  # 0.45
    assert _pages(bot) == [more_doubtful, doubtful, sure_new, sure_old]
    many = a_need(service, "想要菜场", "u5", now_ms=NOW_MS + 1)
    assert _pages(bot) == [many, doubtful, more_doubtful, sure_new, sure_old], "two wait for a judgement of the market"
    bot.now_ms += 3 * DAY_MS
    waited = a_need(service, "要个公园", "u6", ELSEWHERE, now_ms=NOW_MS)
    assert waited not in _pages(bot)
    today = a_need(service, "公园在哪", "u7", now_ms=bot.now_ms)
    assert _pages(bot) == [more_doubtful, many, doubtful, today, sure_new, sure_old], "three days count more than doubt"
    judged = bot.press(f"ok:{more_doubtful}")
    assert str(many) in bot.choose(judged, "下一条").buttons[0].payload


def test_today__a_day__counts_what_happened_here(service: Service, bot: Bot) -> None:
    a_need(service, "没有车位", "u1", now_ms=NOW_MS - DAY_MS)
    a_need(service, "没有食堂", "u8")
    need_id = a_need(service, "公园", "u2")
    say(service, "路灯坏了", user="u1")
    a_need(service, "没有食堂", "u9", ELSEWHERE)
    bot.press(f"ok:{need_id}")
    a_need(service, "菜场", "u3", now_ms=NOW_MS + 1)
    with service.database.transaction() as tx:
        codes = [HERE]
        day_start = NOW_MS - 16 * 3600 * 1000
        found = rows.today(tx, codes, day_start, day_start + DAY_MS)
    assert found == rows.Today(messages=4, needs=3, remarks=1, confirmed=1, to_review=1)
    text = bot.say("/today").text
    assert "留言 4 条" in text
    assert "2027-01-15" in text


def test_case__by_receipt__is_found_as_read_aloud(service: Service, bot: Bot) -> None:
    receipt = need_row(service.database, a_need(service, "没有车位")).receipt
    assert receipt in bot.say(receipt).text
    assert receipt in bot.say(receipt.replace("-", "").lower()).text


def test_case__long_message__fits_telegram(service: Service, bot: Bot) -> None:
    a_need(service, "没有车位" + "啊" * 4000)
    assert len(bot.say("/next").text) < 2000


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "ok",
        "ok:",
        "ok:abc",
        "ok:-1",
        "ok:9223372036854775808",
        "ok:99999999999999999999",
        "fly:{0}",
        "set:{0}:castle",
        "grp:{0}:x",
    ],
)
def test_button__stale_or_forged__is_answered_politely(service: Service, bot: Bot, payload: str) -> None:
    need_id = a_need(service, "没有车位")
    shown = bot.press(payload.format(need_id))
    assert shown.text in {
        bot.counter._texts("error.staff.button"),
        bot.counter._texts("error.staff.case"),
    }
    assert demand(service.database) == {(HERE, "car_parking"): (1, 1, 1)}


def test_buttons__every_correction__fits_64_bytes(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位")
    groups = bot.press(f"fix:{need_id}")
    offered = set()
    for button in groups.buttons:
        assert len(button.payload.encode()) <= 64
        for leaf in bot.press(button.payload).buttons if button.payload.startswith("grp:") else ():
            assert len(leaf.payload.encode()) <= 64
            offered.add(leaf.payload.rpartition(":")[2])
        if button.payload.startswith("set:"):
            offered.add(button.payload.rpartition(":")[2])
    assert set(a_world().catalogue.leaves) <= offered


def test_unknown_user__anything__one_polite_sentence(service: Service, world: World, vault: Vault) -> None:
    need_id = a_need(service, "没有车位")
    stranger = Bot(service.database, world, vault, user="stranger")
    answers = [stranger.say(text) for text in ("/start", "/today", "/next", "你好", "/help")]
    answers += [stranger.press(payload) for payload in (f"ok:{need_id}", f"case:{need_id}", "x")]
    assert {answer.text for answer in answers} == {world.texts("staff.unknown")}
    assert all(not answer.buttons for answer in answers)


def test_start__code__greets_with_role_and_area_once(service: Service, world: World, vault: Vault) -> None:
    code = an_invite(service.database)
    bot = Bot(service.database, world, vault, user="new")
    greeting = bot.say(f"/start {code}", "s1")
    assert "社区工作人员" in greeting.text
    assert world.city.tree[HERE].name in greeting.text
    assert bot.say(f"/start {code}", "s1") == greeting, "a repeat of the update is answered alike"
    assert "已经用过" in bot.say(f"/start {code}").text
    assert "不对" in Bot(service.database, world, vault, user="other").say("/start no'such code").text


def test_revoked_worker__next_press__is_a_stranger(service: Service, bot: Bot, world: World) -> None:
    need_id = a_need(service, "没有车位")
    with service.database.transaction() as tx:
        rows.revoke(tx, rows.everybody(tx)[0].staff_id, NOW_MS)
    assert bot.press(f"no:{need_id}").text == world.texts("staff.unknown")
    assert demand(service.database) == {(HERE, "car_parking"): (1, 1, 1)}


def test_erased_resident__case__is_gone(service: Service, bot: Bot) -> None:
    need_id = a_need(service, "没有车位")
    offered = say(service, "删除我的信息")
    press(service, offered.replies[-1].buttons[0].payload)
    assert demand(service.database) == {}
    assert bot.press(f"ok:{need_id}").text == bot.counter._texts("error.staff.case")


def test_scope__other_area_busy_or_empty__every_output_is_the_same(service: Service, bot: Bot, vault: Vault) -> None:
    """A worker of HERE cannot tell whether ELSEWHERE holds anything."""
    mine = a_need(service, "公园", "u1")
    a_need(service, "没有车位", "u2")
    absent, receipt = 1234567, "222-2222"

    def everything(need_id: int, receipt: str) -> list[object]:
        said = [bot.say(text) for text in ("/today", "/next", "/help", "/start", receipt)]
        actions = ["case:{0}", "fix:{0}", "grp:{0}:mobility", "ok:{0}", "no:{0}", "set:{0}:bus_stop", "next:{0}"]
        pressed = [bot.press(action.format(need_id)) for action in actions]
        return [*said, *pressed, bot.press(f"next:{mine}")]

    before = everything(absent, receipt)
    a_consented_resident(service, "u5", ELSEWHERE)
    theirs = a_need(service, "菜场", "u5", ELSEWHERE)
    a_need(service, "没有车位", "u6", ELSEWHERE)
    say(service, "路灯坏了", user="u6")
    figures = demand(service.database)
    assert everything(theirs, need_row(service.database, theirs).receipt) == before
    assert demand(service.database) == figures
    assert need_row(service.database, theirs).status == "asked"


def test_scope__street_district_city__see_what_lies_below(service: Service, world: World, vault: Vault) -> None:
    here = need_row(service.database, a_need(service, "公园", "u1")).receipt
    there = need_row(service.database, a_need(service, "菜场", "u2", ELSEWHERE)).receipt
    tree = world.city.tree
    for area in [*tree.up(HERE), *tree.up(ELSEWHERE)]:
        a_worker(service.database, vault, area.code)
        bot = Bot(service.database, world, vault)
        below = {community.code for community in tree.communities(area.code)}
        assert (here in bot.say(here).text and bool(bot.say(here).buttons)) == (HERE in below)
        assert bool(bot.say(there).buttons) == (ELSEWHERE in below)
