"""Brings a database to a revision of the tables, in one transaction: a kill leaves the old revision or the new one.

Alembic is imported only when there is something to do: a start with an up-to-date database reads one row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, inspect, text

from storage.database import Database

FOLDER = Path(__file__).parent / "migrations"
HEAD = max(path.name[:4] for path in (FOLDER / "versions").glob("[0-9]*.py"))
_LOCK = 0x62757169  #: "buqi", the advisory lock that lets one process at a time migrate a PostgreSQL database


def current(database: Database) -> str | None:
    """The revision a database stands at; None when it has no tables yet."""
    with database.transaction() as tx:
        return _current(tx)


def is_current(database: Database) -> bool:
    """Whether the database has the newest tables."""
    return current(database) == HEAD


def upgrade(database: Database, revision: str = "head") -> None:
    """Brings the database up to a revision; does nothing if it is there."""
    wanted = HEAD if revision == "head" else revision
    if current(database) != wanted:
        _migrate(database, wanted, "upgrade")


def downgrade(database: Database, revision: str) -> None:
    """Brings the database back to a revision, or to nothing with `base`."""
    _migrate(database, revision, "downgrade")


def _current(tx: Connection) -> str | None:
    if not inspect(tx).has_table("alembic_version"):
        return None
    found = tx.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found is not None else None


def _migrate(database: Database, wanted: str, direction: Literal["upgrade", "downgrade"]) -> None:
    from alembic import command
    from alembic.config import Config

    with _exclusive(database) as tx:
        if _current(tx) == wanted:
            return  # another process was faster
        config = Config()
        config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
        config.attributes["connection"] = tx
        getattr(command, direction)(config, wanted)


@contextmanager
def _exclusive(database: Database) -> Iterator[Connection]:
    """One transaction nobody else migrates in.

    SQLite changes most tables by copying them, and dropping the old copy must not cascade: foreign keys rest
    meanwhile and are checked before the commit (https://sqlite.org/lang_altertable.html, 7).
    """
    with database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        if database.dialect == "sqlite":
            raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                if database.dialect == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                yield connection
                if database.dialect == "sqlite" and connection.execute(text("PRAGMA foreign_key_check")).first():
                    raise RuntimeError("the migration left rows that refer to nothing")
        finally:
            if database.dialect == "sqlite":
                raw.execute("PRAGMA foreign_keys=ON")
