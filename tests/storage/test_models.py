"""The model in use is known with its measured error; an old one steps back."""

from __future__ import annotations

from storage.database import Database
from storage.demand import active_figures
from storage.models import activate


def test_activate__a_new_version__takes_the_place_of_the_old(database: Database) -> None:
    with database.transaction() as tx:
        assert active_figures(tx) is None
        assert activate(tx, "a", {"leaves": {}}, 1)
        assert not activate(tx, "a", {"leaves": {}}, 2)
        assert activate(tx, "b", {"leaves": {"pharmacy": {"precision": 0.9, "recall": 0.8, "support": 30}}}, 3)
        assert active_figures(tx) == ("b", {"leaves": {"pharmacy": {"precision": 0.9, "recall": 0.8, "support": 30}}})
        assert activate(tx, "a", {}, 4)
        assert active_figures(tx) == ("a", {})
