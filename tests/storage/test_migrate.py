"""Migrations: up, down, complete, whole or not at all."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint, func, inspect, select

from domain.catalogue import load_city
from storage import areas, migrate
from storage.database import Database
from storage.tables import Area, Base


def test_upgrade__of_an_empty_database__makes_exactly_the_tables_of_the_models(empty_database: Database) -> None:
    migrate.upgrade(empty_database)
    with empty_database.transaction() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    assert migrate.is_current(empty_database)


def test_head__is_the_newest_file_and_the_only_head() -> None:
    scripts = ScriptDirectory(str(migrate.FOLDER))
    assert scripts.get_heads() == [migrate.HEAD]


def test_downgrade__with_rows__leaves_nothing_and_upgrade_works_again(empty_database: Database) -> None:
    migrate.upgrade(empty_database)
    with empty_database.transaction() as tx:
        assert areas.sync(tx, load_city("dezhou")) == len(load_city("dezhou").areas)
        assert areas.sync(tx, load_city("dezhou")) == 0
    migrate.downgrade(empty_database, "base")
    assert migrate.current(empty_database) is None
    with empty_database.transaction() as tx:
        assert set(inspect(tx).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(empty_database)
    with empty_database.transaction() as tx:
        assert tx.scalar(select(func.count()).select_from(Area)) == 0


def test_foreign_keys__that_act_on_deletion__have_an_index() -> None:
    """Without one, each erasure and each voice that falls silent reads a whole table."""
    for table in Base.metadata.tables.values():
        keys = [each for each in table.constraints if isinstance(each, UniqueConstraint | PrimaryKeyConstraint)]
        leading = {next(iter(each.columns)).name for each in (*table.indexes, *keys)}
        for key in table.foreign_keys:
            assert key.ondelete is None or key.parent.name in leading, f"{table.name}.{key.parent.name}"
