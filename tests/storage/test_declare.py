"""Tables declared without the ORM are the tables the ORM would make of the same classes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from storage import tables


@pytest.fixture
def by_orm(tmp_path: Path) -> Iterator[MetaData]:
    source = Path(tables.__file__).read_text(encoding="utf-8")
    file = tmp_path / "orm_tables.py"
    file.write_text(source.replace("from storage.declare import", "from sqlalchemy.orm import"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("orm_tables", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["orm_tables"] = module
    try:
        spec.loader.exec_module(module)
        yield module.Base.metadata
    finally:
        del sys.modules["orm_tables"]


def _described(metadata: MetaData) -> list[str]:
    found = []
    for dialect in (sqlite.dialect(), postgresql.dialect()):
        for table in metadata.sorted_tables:
            found.append(str(CreateTable(table).compile(dialect=dialect)))
            indexes = sorted(table.indexes, key=lambda index: str(index.name))
            found += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
            found += [f"{column!r} {column.nullable} {column.default}" for column in table.columns]
    return found


def test_declare__every_table__is_what_the_orm_makes(by_orm: MetaData) -> None:
    known = _described(by_orm)
    assert known
    assert _described(tables.Base.metadata) == known
