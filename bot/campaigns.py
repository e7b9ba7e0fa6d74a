"""Survey campaigns: created by a command, carried out tick by tick in the daytime, each resident invited once.

    push      checks survey, area and time, and writes one row
    tick      every few seconds: claims the slot, takes the next residents, invites them through the service

How fast the invitations then leave is the outbox's matter.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Protocol
from zoneinfo import ZoneInfo

from bot import channels
from bot.conversation.context import World
from bot.conversation.events import Invited
from bot.service import Service
from domain.errors import InputError
from storage import slots, surveys
from storage.database import Connection, Database

SLOT_MS = 5_000  #: one chunk in this time, whatever the number of processes
CHUNK = 150  #: residents invited in one transaction: 30 a second, as fast as a platform takes them
LATE_MS = 60_000  #: a start this far in the past still means now


class QuietHours(Protocol):
    """When nobody is disturbed, as "HH:MM" in city time; may reach over midnight."""

    @property
    def quiet_from(self) -> str:
        """Start."""

    @property
    def quiet_until(self) -> str:
        """End: from here on invitations leave."""


def push(database: Database, world: World, survey: str, area: str, at: str | None, now_ms: int) -> Mapping[str, object]:
    """Schedules a survey for the residents of an area and everything below it.

    Returns survey, area, recipients (residents who could be invited now), at (city time) and the campaign's id.

    Raises:
        InputError("survey.unknown"), InputError("area.unknown"): says which there are.
        InputError("survey.bad_time"), InputError("survey.past_time"): `at` is no time, or is over.
        InputError("survey.nobody"): the campaign should start now and there is nobody to invite.
    """
    if survey not in world.surveys:
        raise InputError("survey.unknown", name=survey[:40], known="、".join(world.surveys))
    world.city.tree.check(area)
    zone = ZoneInfo(world.city.timezone)
    at_ms = parse_time(at, zone, now_ms)
    with database.transaction() as tx:
        count = surveys.count_recipients(tx, _codes(world, area), pushing_channels(), now_ms)
        if count == 0 and at_ms <= now_ms:
            raise InputError("survey.nobody", area=world.city.tree[area].name)
        campaign_id = surveys.create_campaign(tx, survey, area, at_ms, now_ms)
    begins = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    return {
        "survey": survey,
        "area": area,
        "recipients": count,
        "at": begins.strftime("%Y-%m-%d %H:%M"),
        "campaign": campaign_id,
    }


def parse_time(text: str | None, zone: ZoneInfo, now_ms: int) -> int:
    """A time as "2026-12-01 09:00" in city time or as ISO with its own zone; None is now.

    Raises:
        InputError("survey.bad_time"), InputError("survey.past_time")
    """
    if text is None:
        return now_ms
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as exc:
        raise InputError("survey.bad_time", time=text[:40]) from exc
    if len(text.strip()) <= len("2026-12-01"):  # a day is no time
        raise InputError("survey.bad_time", time=text[:40])
    at_ms = int((found if found.tzinfo else found.replace(tzinfo=zone)).timestamp() * 1000)
    if at_ms < now_ms - LATE_MS:
        raise InputError("survey.past_time", time=text[:40])
    return at_ms


def tick(service: Service, hours: QuietHours, owner: str, now_ms: int) -> int:
    """Invites the next residents of the oldest campaign that is due; returns how many. In the writer thread.

    Repeated, at the same time in two processes, or after a crash, it never invites anybody twice: the slot is
    claimed, an invited resident is no longer among the recipients, and the outbox refuses the same key.
    """
    world = service.world
    if is_quiet(hours, ZoneInfo(world.city.timezone), now_ms):
        return 0
    with service.database.transaction() as tx:
        waiting = surveys.due(tx, now_ms)
        if not waiting or not slots.claim(tx, "campaigns", str(now_ms // SLOT_MS), owner, now_ms):
            return 0
        found = _next_recipients(tx, world, waiting, now_ms)
    if found is None:
        return 0
    campaign, people = found
    event = Invited(campaign.id, campaign.survey)
    return service.invite([(person, event, f"campaign:{campaign.id}:{person}") for person in people], now_ms)


def _next_recipients(
    tx: Connection, world: World, waiting: Sequence[surveys.Campaign], now_ms: int
) -> tuple[surveys.Campaign, list[int]] | None:
    """The first campaign with somebody left to invite, and whom; those without are done."""
    for campaign in waiting:
        if campaign.survey not in world.surveys or campaign.area not in world.city.tree:
            surveys.set_status(tx, campaign.id, "stopped")
            continue
        codes = _codes(world, campaign.area)
        people = surveys.recipients(tx, campaign.id, codes, pushing_channels(), now_ms, CHUNK)
        surveys.set_status(tx, campaign.id, "running" if people else "done")
        if people:
            return campaign, people
    return None


def stop(database: Database, campaign_id: int) -> None:
    """Ends a campaign: nobody else is invited. What waits in the outbox still leaves.

    Raises:
        InputError("survey.no_campaign"): none of that id is scheduled or running.
    """
    with database.transaction() as tx:
        if not surveys.set_status(tx, campaign_id, "stopped"):
            raise InputError("survey.no_campaign", campaign=campaign_id)


def is_quiet(hours: QuietHours, zone: ZoneInfo, now_ms: int) -> bool:
    """Whether residents must not be disturbed at this moment."""
    clock = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).strftime("%H:%M")
    if hours.quiet_from <= hours.quiet_until:
        return hours.quiet_from <= clock < hours.quiet_until
    return clock >= hours.quiet_from or clock < hours.quiet_until


@cache
def pushing_channels() -> frozenset[str]:
    """The messaging apps in which we may write first."""
    names = [module.name for module in pkgutil.iter_modules(channels.__path__) if "_" not in module.name]
    modules = {name: importlib.import_module(f"{channels.__name__}.{name}") for name in names}
    return frozenset(
        name
        for name, module in modules.items()
        if getattr(module, "CAPABILITIES", None) is not None and module.CAPABILITIES.can_push
    )


def _codes(world: World, area: str) -> list[str]:
    return [community.code for community in world.city.tree.communities(area)]
