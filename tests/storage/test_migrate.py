"""Migrations: up, down, complete, whole or not at all."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint, func, inspect, select, text

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


def test_learning__labels_of_the_first_release__were_all_needs_and_go_back(empty_database: Database) -> None:
    migrate.upgrade(empty_database, "0001")
    with empty_database.transaction() as tx:
        areas.sync(tx, load_city("dezhou"))
        for statement in (
            "INSERT INTO resident (id, created_ms, opted_out) VALUES (1, 1, false)",
            "INSERT INTO message (id, resident_id, at_ms, source, original, masked, intent, intent_p, model)"
            " VALUES (1, 1, 1, 'chat', '', 'x', 'need_report', 0.9, 'm')",
            "INSERT INTO need (id, receipt, message_id, resident_id, community, leaf, nature, p, span_start, span_end,"
            " status, source, day, at_ms)"
            " VALUES (1, 'r', 1, 1, 'P05-01', 'bus_stop', 'unknown', 0.9, 0, 1, 'filed', 'chat', '2026-11-01', 1)",
            "INSERT INTO label (id, need_id, by_role, by_id, old_leaf, new_leaf, at_ms)"
            " VALUES (1, 1, 'worker', 1, 'bus_stop', 'pharmacy', 1)",
            "INSERT INTO model_version (version, created_ms, figures, active) VALUES ('a', 1, '{}', true)",
        ):
            tx.execute(text(statement))
    migrate.upgrade(empty_database)
    with empty_database.transaction() as tx:
        assert tx.execute(text("SELECT new_leaf, intent FROM label")).one() == ("pharmacy", "need_report")
        assert tx.execute(text("SELECT version, verdict FROM model_version")).one() == ("a", None)
        tx.execute(
            text(
                "INSERT INTO label (id, need_id, by_role, by_id, old_leaf, at_ms)"
                " VALUES (2, 1, 'worker', 1, 'pharmacy', 2)"
            )
        )
        tx.execute(text("DELETE FROM resident"))
        assert tx.scalar(text("SELECT count(*) FROM label")) == 0, "the tables still erase with their resident"
    migrate.downgrade(empty_database, "0001")
    migrate.upgrade(empty_database)


def test_foreign_keys__that_act_on_deletion__have_an_index() -> None:
    """Without one, each erasure and each voice that falls silent reads a whole table."""
    for table in Base.metadata.tables.values():
        keys = [each for each in table.constraints if isinstance(each, UniqueConstraint | PrimaryKeyConstraint)]
        leading = {next(iter(each.columns)).name for each in (*table.indexes, *keys)}
        for key in table.foreign_keys:
            assert key.ondelete is None or key.parent.name in leading, f"{table.name}.{key.parent.name}"
