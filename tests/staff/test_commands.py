"""`buqi staff list` and `buqi staff revoke`; planners look, workers judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.commands import COMMANDS, Tools
from app.settings import Settings
from bot.service import Service
from domain.errors import InputError, NotFound
from storage import staff
from tests.builders import NOW_MS
from tests.staff.builders import HERE, Bot, a_need, a_worker, an_invite, labels


@pytest.fixture
def tools(service: Service, tmp_path: Path) -> Tools:
    """What a command works with."""
    return Tools(Settings(data_dir=tmp_path), service.world, service.database, service.vault)


def test_list__linked_people__with_what_revoke_needs(tools: Tools) -> None:
    assert COMMANDS["staff list"](tools, {}) == {"staff": []}
    worker = a_worker(tools.database, tools.vault)
    assert COMMANDS["staff list"](tools, {}) == {"staff": [{"id": worker.staff_id, "role": "worker", "area": HERE}]}


def test_revoke__linked_worker__is_out_at_once(tools: Tools) -> None:
    worker = a_worker(tools.database, tools.vault)
    bot = Bot(tools.database, tools.world, tools.vault)
    assert COMMANDS["staff revoke"](tools, {"id": worker.staff_id}) == {"id": worker.staff_id}
    assert bot.say("/next").text == tools.world.texts("staff.unknown")
    assert COMMANDS["staff list"](tools, {}) == {"staff": []}
    for unknown in (worker.staff_id, 5):
        with pytest.raises(NotFound) as fault:
            COMMANDS["staff revoke"](tools, {"id": unknown})
        assert fault.value.code == "staff.nobody"


@pytest.mark.parametrize("number", [2**63, -1, "x", None])
def test_revoke__no_number_of_ours__is_refused(tools: Tools, number: object) -> None:
    with pytest.raises((NotFound, InputError)):
        COMMANDS["staff revoke"](tools, {"id": number})


def test_planner__looks__and_judges_nothing(service: Service) -> None:
    need = a_need(service, "没有车位")
    database, vault = service.database, service.vault
    code = an_invite(database, role="planner")
    with database.transaction() as tx:
        staff.redeem(tx, code, vault.fingerprint("staff", "telegram", "w1"), NOW_MS)
    bot = Bot(database, service.world, vault)
    shown = bot.say("/next")
    assert "没有车位" in shown.text
    assert [button.payload for button in shown.buttons] == [f"next:{need}"]
    for payload in (f"ok:{need}:car_parking", f"set:{need}:bus_stop", f"no:{need}"):
        assert bot.press(payload).text == service.world.texts("error.staff.only_workers")
    assert labels(database) == []
