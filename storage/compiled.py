"""Statements compiled once and handed to the driver: SQLAlchemy writes the SQL, but not anew for every batch.

Measured on the path of a message, SQLAlchemy's own execution spends some 15 microseconds a row on parameters and 60 to
150 a statement on contexts and expanding lists; the driver's cursor spends none.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Executable, Select, bindparam
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine

Row = Mapping[str, object]
MOST_KEYS = 256  #: keys of one look-up; below every database's limit of parameters

#: Called around every statement when set: lets a test stop the process at each of them.
on_statement: Callable[[str], None] | None = None

_written: dict[Hashable, tuple[str, Callable[[Row], object] | None]] = {}
_looked: dict[Hashable, tuple[str, tuple[str, ...] | None, Row]] = {}


def write_many(tx: Connection, name: Hashable, build: Callable[[], Executable], rows: Sequence[Row]) -> None:
    """Runs an insert, update or delete for each row. `name` stands for the statement and the rows' columns."""
    key = (name, tx.dialect.name)
    if (found := _written.get(key)) is None:
        compiled = _compile(tx, build(), list(rows[0]))
        order = tuple(compiled.positiontup) if compiled.positional and compiled.positiontup else None
        found = _written[key] = (compiled.string, _in_order(order) if order else None)
    sql, arrange = found
    with _cursor(tx, sql) as cursor:
        cursor.executemany(sql, [arrange(row) for row in rows] if arrange else rows)


def look_up(
    tx: Connection,
    name: Hashable,
    build: Callable[[list[Any]], Select[Any]],
    keys: Sequence[tuple[object, ...]],
    types: Sequence[TypeEngine[Any]],
    fixed: Row | None = None,
) -> list[tuple[Any, ...]]:
    """The rows of a select for a list of keys. `fixed`: its other parameters.

    A key has one column for each of `types`; `build` is given a parameter per key, or a tuple of them where a key has
    several columns.

    Lists are filled up to the next power of two by repeating their last key, so that few statements are ever compiled.
    """
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(keys), MOST_KEYS):
        chunk = list(keys[start : start + MOST_KEYS])
        size = 1 << (len(chunk) - 1).bit_length()
        chunk += [chunk[-1]] * (size - len(chunk))
        key = (name, size, tx.dialect.name)
        if (found := _looked.get(key)) is None:
            found = _looked[key] = _compile_look_up(tx, build, size, types)
        sql, order, literals = found
        flat = {f"k{number}_{column}": value for number, each in enumerate(chunk) for column, value in enumerate(each)}
        values = {**literals, **(fixed or {}), **flat}
        with _cursor(tx, sql) as cursor:
            cursor.execute(sql, tuple(values[each] for each in order) if order else values)
            rows += cursor.fetchall()
    return rows


@contextmanager
def _cursor(tx: Connection, sql: str) -> Iterator[Any]:
    """The driver's cursor inside the transaction. Its errors come as SQLAlchemy's, without the parameters."""
    if on_statement is not None:
        on_statement("before a statement")
    raw = tx.connection.driver_connection
    assert raw is not None
    cursor = raw.cursor()
    try:
        yield cursor
    except Exception as exc:
        raise DBAPIError.instance(sql, None, exc, tx.dialect.loaded_dbapi.Error, dialect=tx.dialect) from exc
    finally:
        cursor.close()
    if on_statement is not None:
        on_statement("after a statement")


def _compile_look_up(
    tx: Connection, build: Callable[[list[Any]], Select[Any]], size: int, types: Sequence[TypeEngine[Any]]
) -> tuple[str, tuple[str, ...] | None, Row]:
    keys = [
        tuple(bindparam(f"k{number}_{column}", type_=type_) for column, type_ in enumerate(types))
        for number in range(size)
    ]
    compiled = _compile(tx, build(keys if len(types) > 1 else [key[0] for key in keys]), None)
    order = tuple(compiled.positiontup) if compiled.positional and compiled.positiontup else None
    return compiled.string, order, {each: value for each, value in compiled.params.items() if value is not None}


def _compile(tx: Connection, statement: Executable, columns: list[str] | None) -> SQLCompiler:
    assert isinstance(statement, ClauseElement)
    compiled = statement.compile(dialect=tx.dialect, column_keys=columns)
    assert isinstance(compiled, SQLCompiler)
    return compiled


def _in_order(names: tuple[str, ...]) -> Callable[[Row], object]:
    if len(names) == 1:
        (name,) = names
        return lambda row: (row[name],)
    return itemgetter(*names)
