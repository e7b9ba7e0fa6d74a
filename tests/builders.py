"""Small builders: a message, a resident who agreed, a reader that knows a few words and needs no trained model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from bot.conversation.context import World
from bot.places import community_matcher
from bot.service import ALL, Handled, Received, Service
from domain.catalogue import load_catalogue, load_city
from domain.messages import Inbound
from domain.reading import Mention, Reading
from domain.texts import load_texts
from storage.database import Database
from storage.vault import Vault
from surveys.definition import Survey

if TYPE_CHECKING:
    from nlp.reader import Reader

NOW_MS = 1_800_000_000_000  #: 2027-01-15 16:00 in Dezhou
DAY_MS = 24 * 3600 * 1000
COMMUNITY = "P05-01"

_numbers = itertools.count(1)

#: word -> (facility, probability); below 0.6 the conversation asks first
WORDS = {
    "车位": ("car_parking", 0.95),
    "公交": ("bus_stop", 0.95),
    "食堂": ("community_canteen", 0.95),
    "电梯": ("elevator_retrofit", 0.95),
    "路灯": ("internal_road_lighting", 0.9),
    "健身": ("fitness_equipment", 0.9),
    "厕所": ("public_toilet", 0.9),
    "公园": ("pocket_park", 0.45),
    "菜场": ("fresh_market", 0.4),
}
#: word -> intent, the first that fits; otherwise a text with facilities reports needs
INTENTS = {
    "坏了": "fault_report",
    "反对": "objection",
    "态度": "service_complaint",
    "建议": "suggestion",
    "你好": "greeting_chitchat",
    "谢谢": "thanks",
    "进度": "progress_question",
    "政策": "policy_question",
    "人工": "human_handoff",
    "隐私": "data_rights",
}
EMERGENCIES = {"着火": "fire"}


class FakeReader:
    """Reads by the words above; a text with `炸` raises, as a defect of the model would."""

    def read_many(self, texts: Sequence[str]) -> list[Reading]:
        """One reading per text."""
        return [self.read(text) for text in texts]

    def read(self, text: str) -> Reading:
        """The reading of one text."""
        if "炸" in text:
            raise ValueError("unreadable")
        mentions = tuple(
            Mention(leaf, p, text.index(word), text.index(word) + len(word), "missing" if "没有" in text else "unknown")
            for word, (leaf, p) in WORDS.items()
            if word in text
        )[:3]
        intent = next((intent for word, intent in INTENTS.items() if word in text), None)
        emergency = next((kind for word, kind in EMERGENCIES.items() if word in text), None)
        return Reading(
            "emergency" if emergency else intent or ("need_report" if mentions else "unclear"),
            0.9,
            mentions,
            emergency,
            text,
            "fake-1",
        )


def a_world(language: str = "zh") -> World:
    """Catalogue, city and texts of an installation without surveys and without confirmed numbers."""
    city = load_city("dezhou")
    surveys: dict[str, Survey] = {}
    return World(
        load_catalogue(),
        city,
        load_texts(language),
        surveys,
        community_matcher(city.tree),
        {},
        "德州市补齐试点工作组",
    )


def an_inbound(
    text: str | None = None,
    *,
    user: str = "u1",
    n: int | str | None = None,
    button: str | None = None,
    command: str | None = None,
    argument: str = "",
    unsupported: str | None = None,
    at_ms: int = NOW_MS,
    channel: str = "console",
    account: str = "test",
) -> Inbound:
    """One event; `n` is the platform's id of it, a fresh one unless given."""
    return Inbound(
        channel,
        account,
        str(next(_numbers) if n is None else n),
        user,
        f"chat-{user}",
        at_ms,
        text=text,
        button=button,
        command=command,
        argument=argument,
        unsupported=unsupported,
    )


def a_service(
    database: Database, vault: Vault | None = None, world: World | None = None, reader: FakeReader | None = None
) -> Service:
    """A service with a fixed key and the reader of few words."""
    reads = cast("Reader", reader or FakeReader())
    return Service(database, vault or Vault(bytes(range(32))), world or a_world(), reads)


def send(service: Service, *inbounds: Inbound, now_ms: int = NOW_MS) -> list[Handled]:
    """Handles events one after the other, every reply carried."""
    return [service.handle_many([Received(inbound, ALL)], now_ms)[0] for inbound in inbounds]


def say(service: Service, text: str, *, user: str = "u1", now_ms: int = NOW_MS) -> Handled:
    """A resident writes."""
    return send(service, an_inbound(text, user=user, at_ms=now_ms), now_ms=now_ms)[0]


def press(service: Service, payload: str, *, user: str = "u1", now_ms: int = NOW_MS) -> Handled:
    """A resident presses a button."""
    return send(service, an_inbound(button=payload, user=user, at_ms=now_ms), now_ms=now_ms)[0]


def a_consented_resident(service: Service, user: str = "u1", community: str = COMMUNITY, now_ms: int = NOW_MS) -> str:
    """A resident who followed a community's link and agreed. Returns the user."""
    start = an_inbound(command="start", argument=f"c-{community}", user=user, at_ms=now_ms)
    send(service, start, an_inbound("同意", user=user, at_ms=now_ms), now_ms=now_ms)
    return user


def buttons(handled: Handled) -> dict[str, str]:
    """Label -> payload of all buttons of a reply."""
    return {button.label: button.payload for reply in handled.replies for button in reply.buttons}
