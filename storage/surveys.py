"""Rows of survey campaigns: who is due, who may be invited, who answered what."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, Select, exists, func, insert, or_, select, update

from storage import tables as t
from storage.book import ANSWER, IDENTITY, INVITATION, RESIDENT
from storage.declare import table_of
from storage.ids import new_id

REST_MS = 14 * 24 * 3600 * 1000  #: nobody is invited twice within 14 days

CAMPAIGN, AREA = table_of(t.Campaign), table_of(t.Area)


@dataclass(frozen=True, slots=True)
class Campaign:
    """One push of one survey to one area. `status`: scheduled, running, done, stopped."""

    id: int
    survey: str
    area: str
    at_ms: int
    status: str


@dataclass(frozen=True, slots=True)
class Respondent:
    """One resident invited by one campaign. `answers`: value by question, empty when nothing was answered."""

    resident_id: int
    campaign_id: int
    community: str | None
    status: str
    at_ms: int
    answers: dict[str, object]


def create_campaign(tx: Connection, survey: str, area: str, at_ms: int, now_ms: int) -> int:
    """A scheduled campaign; returns its id."""
    campaign_id = new_id(now_ms)
    row = {"id": campaign_id, "survey": survey, "area": area, "at_ms": at_ms, "created_ms": now_ms}
    tx.execute(insert(CAMPAIGN).values(**row, status="scheduled"))
    return campaign_id


def due(tx: Connection, now_ms: int) -> list[Campaign]:
    """The campaigns whose time has come and that are not through, oldest first."""
    query = (
        select(CAMPAIGN.c.id, CAMPAIGN.c.survey, CAMPAIGN.c.area, CAMPAIGN.c.at_ms, CAMPAIGN.c.status)
        .where(CAMPAIGN.c.status.in_(("scheduled", "running")), CAMPAIGN.c.at_ms <= now_ms)
        .order_by(CAMPAIGN.c.at_ms, CAMPAIGN.c.id)
    )
    return [Campaign(*row) for row in tx.execute(query)]


def set_status(tx: Connection, campaign_id: int, status: str) -> bool:
    """Moves a campaign on; False when there is none of that id, or it was stopped or done before."""
    query = update(CAMPAIGN).where(CAMPAIGN.c.id == campaign_id, CAMPAIGN.c.status.in_(("scheduled", "running")))
    return bool(tx.execute(query.values(status=status)).rowcount)


def recipients(
    tx: Connection, campaign_id: int, communities: Sequence[str], channels: Collection[str], now_ms: int, limit: int
) -> list[int]:
    """Ids of the next residents to invite: consented, not opted out, reachable, not invited within `REST_MS`.

    Args:
        channels: those that can push. A resident's newest identity decides, since messages go there.
    """
    query = _recipients(campaign_id, communities, channels, now_ms).order_by(RESIDENT.c.id).limit(limit)
    return list(tx.scalars(query))


def count_recipients(tx: Connection, communities: Sequence[str], channels: Collection[str], now_ms: int) -> int:
    """How many residents a new campaign could invite now."""
    found = _recipients(0, communities, channels, now_ms).subquery()
    return tx.scalar(select(func.count()).select_from(found)) or 0


def _recipients(
    campaign_id: int, communities: Sequence[str], channels: Collection[str], now_ms: int
) -> Select[tuple[int]]:
    any_of_theirs = IDENTITY.alias()
    newest = select(func.max(any_of_theirs.c.id)).where(any_of_theirs.c.resident_id == RESIDENT.c.id).scalar_subquery()
    invited = exists().where(
        INVITATION.c.resident_id == RESIDENT.c.id,
        or_(INVITATION.c.campaign_id == campaign_id, INVITATION.c.at_ms > now_ms - REST_MS),
    )
    return (
        select(RESIDENT.c.id)
        .select_from(RESIDENT.join(IDENTITY, IDENTITY.c.resident_id == RESIDENT.c.id))
        .where(
            IDENTITY.c.id == newest,
            RESIDENT.c.community.in_(list(communities)),
            RESIDENT.c.consent_version.is_not(None),
            RESIDENT.c.opted_out.is_(False),
            IDENTITY.c.gone.is_(False),
            IDENTITY.c.channel.in_(list(channels)),
            ~invited,
        )
    )


def area_names(tx: Connection) -> dict[str, str]:
    """The name of every place by its code."""
    return {row.code: row.name for row in tx.execute(select(AREA.c.code, AREA.c.name))}


def respondents(tx: Connection, survey: str) -> list[Respondent]:
    """Everybody invited to a survey, with what they answered; in the order of invitation.

    An answer without an invitation (a forged button) is not among them.
    """
    query = (
        select(
            INVITATION.c.resident_id,
            INVITATION.c.campaign_id,
            RESIDENT.c.community,
            INVITATION.c.status,
            INVITATION.c.at_ms,
            ANSWER.c.question,
            ANSWER.c.value,
        )
        .join(CAMPAIGN, CAMPAIGN.c.id == INVITATION.c.campaign_id)
        .join(RESIDENT, RESIDENT.c.id == INVITATION.c.resident_id)
        .outerjoin(
            ANSWER,
            (ANSWER.c.campaign_id == INVITATION.c.campaign_id) & (ANSWER.c.resident_id == INVITATION.c.resident_id),
        )
        .where(CAMPAIGN.c.survey == survey)
        .order_by(INVITATION.c.at_ms, INVITATION.c.campaign_id, INVITATION.c.resident_id)
    )
    found: dict[tuple[int, int], Respondent] = {}
    for resident_id, campaign_id, community, status, at_ms, question, value in tx.execute(query):
        person = found.get((campaign_id, resident_id))
        if person is None:
            person = Respondent(resident_id, campaign_id, community, status, at_ms, {})
            found[campaign_id, resident_id] = person
        if question is not None:
            person.answers[question] = msgspec.json.decode(value)
    return list(found.values())
