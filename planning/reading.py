"""The row reader of planning: from a database to the values the pure parts work on."""

from __future__ import annotations

from domain.catalogue import Catalogue, City
from planning.demand import Demand, DemandQuery, combine
from planning.intervals import leaf_errors
from storage import demand as rows
from storage import meta
from storage.database import Connection


def read_demand(tx: Connection, query: DemandQuery, city: City, catalogue: Catalogue, made_ms: int) -> Demand:
    """The demand of a selection, all of it from the transaction's one moment."""
    scope = query.scope(city, catalogue)
    active = rows.active_figures(tx)
    errors = leaf_errors(active[1]) if active else {}
    has_period = query.since is not None or query.until is not None
    found = combine(
        rows.cells(tx, scope),
        None if has_period else rows.residents(tx, scope),
        rows.judged(tx, scope),
        errors,
        city,
        catalogue,
    )
    return Demand(query, found, made_ms, meta.is_demo(tx), active[0] if active and errors else None)
