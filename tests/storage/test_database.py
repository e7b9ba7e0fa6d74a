"""One writer per SQLite file; what ties a database to its city and its key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event, inspect, update

from domain.catalogue import load_city
from domain.errors import ConfigError
from storage import areas, meta, migrate
from storage.database import Database
from storage.tables import Area, Base
from storage.vault import Vault

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from storage.database import Database
held = Database(sys.argv[1], purpose="serve")
print(1, flush=True)
sys.stdin.read()
"""


def migrate_and_die(url: str, stop: int) -> int:
    """Migrates in a forked process that kills itself at the `stop`-th statement or commit; the wait status."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        database = Database(url)
        event.listen(database.engine, "after_cursor_execute", count)
        event.listen(database.engine, "commit", count)
        migrate.upgrade(database)
    finally:
        os._exit(min(seen, 255))


def python(*arguments: str) -> subprocess.Popen[str]:
    """A fresh interpreter beside this one."""
    return subprocess.Popen(
        [sys.executable, "-c", *arguments], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def test_database__second_writer_on_one_file__is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'one.db'}"
    with python(HOLD, url) as holder:
        assert holder.stdout is not None and holder.stdout.readline()
        with pytest.raises(ConfigError) as refused:
            Database(url)
        assert refused.value.code == "database.locked"
        assert refused.value.params["pid"] == holder.pid
        assert refused.value.params["purpose"] == "serve"
        (tmp_path / "one.db").touch()
        Database(url, read_only=True).close()
        holder.kill()
    Database(url).close()


def test_upgrade__killed_at_every_statement__leaves_all_tables_or_none(tmp_path: Path) -> None:
    status = migrate_and_die(f"sqlite:///{tmp_path / 'whole.db'}", -1)
    statements = os.waitstatus_to_exitcode(status)
    assert statements > len(Base.metadata.tables)
    for stop in range(1, statements + 1):
        url = f"sqlite:///{tmp_path / f'{stop}.db'}"
        assert os.WTERMSIG(migrate_and_die(url, stop)) == signal.SIGKILL
        database = Database(url)
        with database.transaction() as tx:
            assert inspect(tx).get_table_names() == []
        if stop % 20 == 0:
            migrate.upgrade(database)
            assert migrate.is_current(database)
        database.close()


def test_upgrade__that_fails_half_way__leaves_nothing(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import op

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(op, "create_index", fail)
    with pytest.raises(RuntimeError, match="disk on fire"):
        migrate.upgrade(empty_database)
    monkeypatch.undo()
    assert migrate.current(empty_database) is None
    with empty_database.transaction() as tx:
        assert inspect(tx).get_table_names() == []
    migrate.upgrade(empty_database)


def test_start__with_an_up_to_date_database__does_not_import_alembic(sqlite_template: Path) -> None:
    code = (
        "import sys; from storage import migrate; from storage.database import Database;"
        "migrate.upgrade(Database(sys.argv[1])); print('alembic' in sys.modules)"
    )
    with python(code, f"sqlite:///{sqlite_template}") as start:
        assert start.communicate()[0].strip() == "False"


def test_sync__of_another_city__is_refused(database: Database) -> None:
    city = load_city("dezhou")
    with database.transaction() as tx:
        meta.write(tx, meta.CITY, "jinan")
        with pytest.raises(ConfigError, match=r"database\.city"):
            areas.sync(tx, city)


def test_sync__of_a_renamed_area__renames_it(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(update(Area).where(Area.code == "P05-01").values(name="旧名"))
        assert areas.sync(tx, load_city("dezhou")) == 1


def test_check_vault__with_another_key__is_refused(database: Database, vault: Vault) -> None:
    with database.transaction() as tx:
        meta.check_vault(tx, vault)
        meta.check_vault(tx, vault)
        with pytest.raises(ConfigError, match=r"vault\.key"):
            meta.check_vault(tx, Vault(os.urandom(32)))
