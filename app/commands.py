"""The commands that write, as functions: the same for a command line and for a running server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.settings import Settings
from app.wiring import build_world
from bot import campaigns
from bot.conversation.context import World
from bot.gateway import now_ms
from domain.errors import NotFound
from storage import models, staff, topics
from storage.database import Database
from storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Tools:
    """What a command works with."""

    settings: Settings
    world: World
    database: Database
    vault: Vault

    @classmethod
    def of(cls, settings: Settings, database: Database, vault: Vault) -> Tools:
        """The tools of an installation."""
        return cls(settings, build_world(settings), database, vault)


def staff_invite(tools: Tools, arguments: dict[str, Any]) -> dict[str, Any]:
    """A one-time code for a worker of one area."""
    area = tools.world.city.tree.check(arguments["area"])
    with tools.database.transaction() as tx:
        code = staff.create_invite(tx, arguments["role"], area, now_ms())
    return {"code": code, "area": area, "role": arguments["role"]}


def staff_list(tools: Tools, _arguments: dict[str, Any]) -> dict[str, Any]:
    """Everybody who is linked: id, role and area, nothing that names them."""
    with tools.database.transaction() as tx:
        people = staff.everybody(tx)
    return {"staff": [{"id": person.staff_id, "role": person.role, "area": person.area} for person in people]}


def staff_revoke(tools: Tools, arguments: dict[str, Any]) -> dict[str, Any]:
    """Ends somebody's access at once; their judgements stay.

    Raises:
        NotFound("staff.nobody"): nobody linked has this id.
    """
    number = arguments["id"]
    known = isinstance(number, int) and 0 < number < 2**63
    with tools.database.transaction() as tx:
        if not known or not staff.revoke(tx, number, now_ms()):
            raise NotFound("staff.nobody", id=str(number)[:40])
    return {"id": number}


def survey_push(tools: Tools, arguments: dict[str, Any]) -> dict[str, Any]:
    """One campaign: a survey to the residents of an area."""
    area = tools.world.city.tree.check(arguments["area"])
    return dict(campaigns.push(tools.database, tools.world, arguments["survey"], area, arguments.get("at"), now_ms()))


def model_note(tools: Tools, arguments: dict[str, Any]) -> dict[str, Any]:
    """Notes how a challenger was judged."""
    with tools.database.transaction() as tx:
        models.note(tx, now_ms=now_ms(), **arguments)
    return {"version": arguments["version"]}


def model_verdict(tools: Tools, arguments: dict[str, Any]) -> dict[str, Any]:
    """Changes what became of a model."""
    with tools.database.transaction() as tx:
        models.set_verdict(tx, arguments["version"], arguments["verdict"])
    return {"version": arguments["version"]}


def topics_keep(tools: Tools, arguments: dict[str, Any]) -> dict[str, Any]:
    """What `buqi topics` found, in place of what was kept: topics with their needs."""
    found = [topics.KeptTopic(**topic) for topic in arguments["topics"]]
    with tools.database.transaction() as tx:
        topics.keep(tx, found)
    return {"topics": len(found)}


COMMANDS: dict[str, Callable[[Tools, dict[str, Any]], dict[str, Any]]] = {
    "model note": model_note,
    "model verdict": model_verdict,
    "staff invite": staff_invite,
    "staff list": staff_list,
    "staff revoke": staff_revoke,
    "survey push": survey_push,
    "topics keep": topics_keep,
}
