"""The engine: SQLite in a file (one writer, synchronous=FULL) or PostgreSQL by URL. Transactions are synchronous."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.pool import NullPool, StaticPool

from domain.errors import ConfigError

BUSY_TIMEOUT_MS = 5000
CACHE_KIB = 12_288  #: five times as much wrote no message faster (10,000 residents) and took 20 MiB more
#: 4 KiB pages in the log before it is copied into the file: pages written again and again are copied once
CHECKPOINT_PAGES = 16_000


class Database:
    """One database. `writer` holds the only writing connection of a SQLite file."""

    def __init__(
        self,
        url: str,
        *,
        read_only: bool = False,
        purpose: str = "buqi",
        synchronous: str = "FULL",
        checkpoint_pages: int = CHECKPOINT_PAGES,
    ) -> None:
        """Opens the database.

        Raises:
            ConfigError("database.url"): not a URL SQLAlchemy understands, or neither SQLite nor PostgreSQL.
            ConfigError("database.locked"): another process writes to this SQLite file.
            ConfigError("database.missing"): `read_only`, and there is no such SQLite file; none is made.
        """
        try:
            self.url = make_url(url)
        except ArgumentError as exc:
            raise ConfigError("database.url", url=url.split("@")[-1]) from exc
        self.dialect = self.url.get_backend_name()
        if self.dialect not in ("sqlite", "postgresql"):
            raise ConfigError("database.url", url=self.dialect)
        self._lock: IO[str] | None = None
        if self.dialect == "sqlite":
            path = Path(self.url.database or "").absolute()
            if not read_only:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._lock = take_lock(path, purpose)
            elif not path.exists():
                raise ConfigError("database.missing")
            # one connection for ever: the writer thread's; readers come one by one
            self.engine = create_engine(
                self.url,
                poolclass=NullPool if read_only else StaticPool,
                creator=partial(_connect, path, read_only),
                hide_parameters=True,
            )
            _sqlite(self.engine, synchronous, read_only, checkpoint_pages)
        else:
            self.engine = create_engine(
                self.url.set(drivername="postgresql+psycopg"),
                pool_pre_ping=True,
                hide_parameters=True,
                execution_options={"postgresql_readonly": read_only},
            )

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back when anything is raised."""
        with self.engine.begin() as tx:
            yield tx

    def close(self) -> None:
        """Gives back connections and the lock file."""
        self.engine.dispose()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def reader(self) -> Database:
        """A second, read-only view: for pages and exports beside the writer."""
        return Database(self.url.render_as_string(hide_password=False), read_only=True)


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    """A reader makes no database. It leaves no log behind either: the last reader of an idle file may tidy up."""
    mode = "rwc"
    if read_only:
        mode = "ro" if path.with_name(path.name + "-wal").exists() else "rw"  # `query_only` in both
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}", uri=True, check_same_thread=False, timeout=BUSY_TIMEOUT_MS / 1000
    )


def _sqlite(engine: Engine, synchronous: str, read_only: bool, checkpoint_pages: int) -> None:
    @event.listens_for(engine, "connect")
    def _configure(connection, _record) -> None:  # type: ignore[no-untyped-def]
        connection.isolation_level = None  # the driver's own BEGIN is too late: DDL and reads stay outside
        cursor = connection.cursor()
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        else:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute(f"PRAGMA synchronous={synchronous}")
            cursor.execute("PRAGMA secure_delete=ON")
            cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            cursor.execute(f"PRAGMA wal_autocheckpoint={checkpoint_pages}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        raw = connection.connection.driver_connection
        assert raw is not None
        try:
            raw.execute(begin)
        except sqlite3.Error as exc:
            raise OperationalError(begin, None, exc) from exc


def is_outage(exc: BaseException) -> bool:
    """Whether the database itself failed (gone, full, locked) rather than the rows: to be tried again, not parked."""
    if isinstance(exc, (OperationalError, InterfaceError)):
        return True
    # "file is not a database", "database disk image is malformed"
    return type(exc) is DatabaseError


def is_conflict(exc: BaseException) -> bool:
    """Whether another process wrote the same row first: seen from the next transaction on."""
    return isinstance(exc, IntegrityError)


def take_lock(database: Path, purpose: str) -> IO[str]:
    """The lock file beside a SQLite database; it names the process that writes.

    Raises:
        ConfigError("database.locked"): with pid, host, command and since when.
    """
    path = database.with_name(database.name + ".lock")
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        holder = lock_holder(database)
        file.close()
        raise ConfigError("database.locked", file=str(database), **holder) from exc
    file.seek(0)
    file.truncate()
    json.dump(
        {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "purpose": purpose,
            "since": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        },
        file,
    )
    file.flush()
    return file


def lock_holder(database: Path) -> dict[str, object]:
    """Who wrote the lock file last: pid, host, purpose, since."""
    unknown: dict[str, object] = {"pid": "?", "host": "?", "purpose": "?", "since": "?"}
    try:
        found = json.loads(database.with_name(database.name + ".lock").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return unknown
    return unknown | found if isinstance(found, dict) else unknown


__all__ = ["Connection", "Database", "is_conflict", "is_outage", "lock_holder", "take_lock"]
