"""Tables written as classes with typed columns, without SQLAlchemy's ORM: its import and mappers cost every start of a
server 0.13 s and 6 MB, and nothing here uses its sessions. For the type checker they are the ORM's own classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from sqlalchemy import Boolean, Column, Double, Integer, LargeBinary, MetaData, String, Table

if TYPE_CHECKING:
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
else:
    from typing import Generic, TypeVar

    T = TypeVar("T")
    TYPES = {int: Integer, str: String, float: Double, bool: Boolean, bytes: LargeBinary}

    class Mapped(Generic[T]):
        """A column of this type; `Mapped[int | None]` may be NULL."""

    def mapped_column(*parts: object, **options: Any) -> tuple[tuple[object, ...], dict[str, Any]]:
        """What a column has beside its name and type: another type, foreign keys, options of `Column`."""
        return parts, options

    class _Declared(type):
        def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> None:
            super().__init__(name, bases, body)
            if "__tablename__" not in body:
                return
            columns = [_column(key, hint, body.get(key, ((), {}))) for key, hint in _hints(cls)]
            cls.__table__ = Table(cls.__tablename__, cls.metadata, *columns, *body.get("__table_args__", ()))
            for column in columns:
                setattr(cls, column.name, column)

        def __clause_element__(cls) -> Table:
            """A class stands for its table in a statement."""
            return cls.__table__

    class DeclarativeBase(metaclass=_Declared):
        """The base of tables that share `metadata`."""

        metadata: MetaData

    def _hints(cls: type) -> list[tuple[str, Any]]:
        hints = get_type_hints(cls)
        return [(name, hints[name]) for name in vars(cls).get("__annotations__", ())]

    def _column(name: str, hint: Any, given: tuple[tuple[object, ...], dict[str, Any]]) -> Column[Any]:
        (kind,) = get_args(hint)
        optional = type(None) in get_args(kind)
        if optional:
            (kind,) = (each for each in get_args(kind) if each is not type(None))
        parts, options = given
        if not parts:
            parts = (TYPES[kind],)  # one that refers to another column has the other's type
        return Column(name, *parts, **{"nullable": optional} | options)


def table_of(model: type[DeclarativeBase]) -> Table:
    """The table of a class, for statements that name its columns at run time."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


__all__ = ["DeclarativeBase", "Mapped", "mapped_column", "table_of"]
