"""build(settings) -> App: the only place that makes anything long-lived."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from msgspec import structs

from app.settings import Settings
from bot.conversation.context import World
from bot.gateway import Gateway, now_ms
from bot.places import community_matcher
from bot.service import Service
from domain.catalogue import load_catalogue, load_city
from domain.errors import ConfigError
from domain.texts import Texts, load_texts
from nlp.places import GAZETTEER, Entry, Places, read_gazetteer, tree_entries
from nlp.reader import Reader, is_stored
from storage import areas, meta, models
from storage.database import Database, is_outage
from storage.migrate import is_current, upgrade
from storage.vault import Vault, load_key
from surveys.definition import load_surveys

TRAIN = "import pathlib, sys; from nlp.reader import Reader; Reader.open(pathlib.Path(sys.argv[1]))"


@dataclass(slots=True)
class App:
    """An installation, ready to handle messages."""

    settings: Settings
    texts: Texts
    world: World
    database: Database
    vault: Vault
    reader: Reader
    service: Service
    gateway: Gateway
    demo: bool

    def close(self) -> None:
        """Gives back the database and its lock."""
        self.database.close()


def build_world(settings: Settings) -> World:
    """What the conversation knows about the city; reads data files only.

    Raises:
        ConfigError("gazetteer"): some of its lines are broken.
    """
    city = load_city(settings.city)
    return World(
        catalogue=load_catalogue(),
        city=city,
        texts=load_texts(settings.language),
        surveys=load_surveys(),
        match_community=community_matcher(city.tree, gazetteer(settings)),
        contacts=settings.contacts,
        operator=settings.operator,
        kept_days=settings.raw_text_days,
        abroad=frozenset({"telegram"}),
    )


def open_database(settings: Settings, purpose: str) -> tuple[Database, Vault]:
    """The database for writing, at the newest tables, with the city's areas and the right key.

    Raises:
        ConfigError: locked, unreachable, key lost or wrong, another city.
    """
    database = Database(settings.url, purpose=purpose)
    try:
        with _reachable(database):
            upgrade(database)
            with database.transaction() as tx:
                vault = open_vault(settings, may_make=meta.read(tx, meta.VAULT_CHECK) is None)
                meta.check_vault(tx, vault)
                areas.sync(tx, load_city(settings.city))
    except BaseException:
        database.close()
        raise
    return database, vault


def open_vault(settings: Settings, *, may_make: bool) -> Vault:
    """The vault with the installation's key.

    Raises:
        ConfigError: the key is malformed, or lost (`storage.vault.load_key`).
    """
    configured = settings.secret_key.get_secret_value() if settings.secret_key else None
    return Vault(load_key(configured, settings.data_dir, may_make=may_make))


def open_reading(settings: Settings) -> Database:
    """A read-only view of an existing database.

    Raises:
        ConfigError("database.missing"): `buqi migrate` was never run.
        ConfigError("database.unreachable")
    """
    reading = Database(settings.url, read_only=True)
    with _reachable(reading):
        if not is_current(reading):
            raise ConfigError("database.missing")
    return reading


@contextmanager
def _reachable(database: Database) -> Iterator[None]:
    try:
        yield
    except Exception as exc:
        if is_outage(exc):
            raise ConfigError("database.unreachable", url=database.url.render_as_string(hide_password=True)) from exc
        raise


def open_reader(settings: Settings) -> Reader:
    """The reader with the champion or today's model. Training needs a gigabyte: another process does it, once."""
    if not is_stored(settings.data_dir):
        subprocess.run([sys.executable, "-c", TRAIN, str(settings.data_dir.absolute())], check=False)
    return Reader.open(settings.data_dir, places=places(settings))


def places(settings: Settings) -> Places:
    """The names of the city's areas and of the operator's gazetteer.

    Raises:
        ConfigError("gazetteer"): some of its lines are broken.
    """
    return Places(tree_entries(load_city(settings.city).tree) + gazetteer(settings))


def gazetteer(settings: Settings) -> list[Entry]:
    """The operator's own names of places.

    Raises:
        ConfigError("gazetteer"): some of its lines are broken.
    """
    return read_gazetteer(settings.data_dir / GAZETTEER, load_city(settings.city).tree)


def build(settings: Settings, purpose: str, *, demo: bool = False) -> App:
    """Everything an installation needs to handle messages. `demo` marks a new database as holding invented people."""
    database, vault = open_database(settings, purpose)
    try:
        with database.transaction() as tx:
            if demo:
                meta.write(tx, meta.DEMO, "1")
            is_demo = meta.is_demo(tx)
        world = build_world(settings)
        reader = open_reader(settings)
        world = structs.replace(world, deciding_words=reader.deciding_words)
        with database.transaction() as tx:
            read = reader.model
            models.activate(
                tx, read.version, read.figures, now_ms(), corpus=read.corpus_version, dictionary=read.dictionary_version
            )
        service = Service(database, vault, world, reader)
    except BaseException:
        database.close()
        raise
    return App(settings, world.texts, world, database, vault, reader, service, Gateway(service), is_demo)
