"""A world with the library's surveys, and residents who can be pushed to."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from bot.conversation.context import World
from bot.service import Service
from storage.database import Database
from surveys.definition import load_surveys
from tests.builders import a_world
from tests.surveys.talk import Talk


@pytest.fixture
def world() -> World:
    """Dezhou with the resident form."""
    return msgspec.structs.replace(a_world(), surveys=load_surveys())


@pytest.fixture
def talk(sqlite_service: Service) -> Talk:
    """A consented resident of P05-01 in the web chat."""
    return Talk(sqlite_service)


@pytest.fixture
def talk_on(make_service: Callable[[Database], Service]) -> Callable[[Database], Talk]:
    """The same on a given database."""
    return lambda database: Talk(make_service(database))
