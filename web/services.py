"""What the pages are built from; made once by `app.wiring`."""

from __future__ import annotations

from dataclasses import dataclass

from bot.channels.webchat import Hub
from bot.conversation.context import World
from bot.gateway import Gateway
from storage.database import Database
from storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Services:
    """`reading` is a read-only view of the database: pages never wait for the writer, nor the writer for them."""

    gateway: Gateway
    reading: Database
    vault: Vault
    world: World
    hub: Hub
    demo: bool
    planner_token: str | None  #: required for the planners' pages when set; without it they are served on loopback only
    secure_cookies: bool
    language: str = "zh"
