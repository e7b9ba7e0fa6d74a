"""Copies the city's areas into the database, so that rows can refer to them. Nothing is ever deleted."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, insert, select, update

from domain.areas import Area, AreaTree
from domain.catalogue import City
from domain.errors import ConfigError
from storage import meta
from storage.tables import Area as AreaRow


def sync(tx: Connection, city: City) -> int:
    """Inserts new areas and renames changed ones, parents first. Returns how many rows changed.

    Raises:
        ConfigError("database.city"): the database belongs to another city.
    """
    owner = meta.read(tx, meta.CITY)
    if owner is None:
        meta.write(tx, meta.CITY, city.code)
    elif owner != city.code:
        raise ConfigError("database.city", stored=owner, configured=city.code)
    known = {row.code: row for row in tx.execute(select(AreaRow.__table__))}
    changed = 0
    for area in _parents_first(city.tree):
        columns = {"kind": area.kind, "name": area.name, "parent": area.parent, "circle_scale": area.circle_scale}
        row = known.get(area.code)
        if row is None:
            tx.execute(insert(AreaRow).values(code=area.code, **columns))
        elif any(getattr(row, name) != value for name, value in columns.items()):
            tx.execute(update(AreaRow).where(AreaRow.code == area.code).values(**columns))
        else:
            continue
        changed += 1
    return changed


def _parents_first(tree: AreaTree) -> Iterator[Area]:
    yield from sorted(tree.by_code.values(), key=lambda area: sum(1 for _ in tree.up(area.code)))
