"""Shared fixtures: real databases, prepared once and copied; a world; a service with a reader of few words."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from domain.catalogue import load_city
from storage import areas, migrate
from storage.database import Database
from storage.vault import Vault

if TYPE_CHECKING:
    from bot.conversation.context import World
    from bot.service import Service
    from tests.builders import FakeReader

POSTGRES = os.environ.get("BUQI_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
REQUIRE_ALL = bool(os.environ.get("CI") or os.environ.get("BUQI_REQUIRE_ALL"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Sizes of the long tests."""
    parser.addoption("--updates", type=int, default=100_000, help="updates of the random history on SQLite")
    parser.addoption("--kills", type=int, default=2_000, help="kills of the crash sweep")
    parser.addoption("--texts", type=int, default=20_000, help="hostile texts the reader has to stand")
    parser.addoption("--images", type=int, default=500, help="power-cut images")


def prepare(database: Database) -> None:
    """Tables and areas."""
    migrate.upgrade(database)
    with database.transaction() as tx:
        areas.sync(tx, load_city("dezhou"))


# SQLite


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "buqi.db"
    database = Database(f"sqlite:///{path}")
    prepare(database)
    database.close()
    return path


@pytest.fixture
def empty_sqlite(tmp_path: Path) -> Iterator[Database]:
    """SQLite without tables."""
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    yield database
    database.close()


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    """SQLite with tables and areas."""
    path = tmp_path / "buqi.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


# PostgreSQL


def _administer(*statements: str) -> None:
    engine = create_engine(make_url(POSTGRES).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def _url(name: str) -> str:
    return make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)


def _create(template: str | None = None) -> str:
    name = f"buqi_test_{secrets.token_hex(6)}"
    try:
        _administer(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    except OperationalError:
        if REQUIRE_ALL:
            pytest.fail("no PostgreSQL at BUQI_TEST_POSTGRES_URL, and every test is required")
        pytest.skip("no PostgreSQL at BUQI_TEST_POSTGRES_URL")
    return name


def _drop(name: str) -> None:
    _administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """A prepared PostgreSQL database to copy."""
    name = _create()
    database = Database(_url(name))
    prepare(database)
    database.close()
    yield name
    _drop(name)


@pytest.fixture
def empty_postgres() -> Iterator[Database]:
    """PostgreSQL without tables."""
    name = _create()
    database = Database(_url(name))
    yield database
    database.close()
    _drop(name)


@pytest.fixture
def postgres_database(postgres_template: str) -> Iterator[Database]:
    """PostgreSQL with tables and areas."""
    name = _create(postgres_template)
    database = Database(_url(name))
    yield database
    database.close()
    _drop(name)


# both


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database(request: pytest.FixtureRequest) -> Database:
    """Either database without tables."""
    found = request.getfixturevalue(f"empty_{request.param}")
    assert isinstance(found, Database)
    return found


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """Either database with tables and areas."""
    found = request.getfixturevalue(f"{request.param}_database")
    assert isinstance(found, Database)
    return found


# the rest of an installation


@pytest.fixture
def vault() -> Vault:
    """A vault with a fixed key."""
    return Vault(bytes(range(32)))


@pytest.fixture
def world() -> World:
    """Catalogue, Dezhou, Chinese texts."""
    from tests.builders import a_world

    return a_world()


@pytest.fixture
def reader() -> FakeReader:
    """Reads by a handful of words."""
    from tests.builders import FakeReader

    return FakeReader()


@pytest.fixture
def make_service(vault: Vault, world: World, reader: FakeReader) -> Callable[[Database], Service]:
    """A service on any database."""
    from tests.builders import a_service

    return lambda database: a_service(database, vault, world, reader)


@pytest.fixture
def service(database: Database, make_service: Callable[[Database], Service]) -> Service:
    """A service on either database."""
    return make_service(database)


@pytest.fixture
def sqlite_service(sqlite_database: Database, make_service: Callable[[Database], Service]) -> Service:
    """A service on SQLite, for what does not depend on the database."""
    return make_service(sqlite_database)
