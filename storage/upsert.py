"""Inserts that may meet a row with the same key. Each database has its own; only the one in use is imported."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table

from storage import tables as t


def upsert(into: Table | type[t.Base], dialect: str) -> Any:
    """An insert of `dialect` that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert(into)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(into)
