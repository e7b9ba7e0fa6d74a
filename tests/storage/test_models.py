"""The model in use is known with its measured error; an old one steps back."""

from __future__ import annotations

from storage.database import Database
from storage.demand import active_figures
from storage.models import activate, history, note, set_verdict


def test_activate__a_new_version__takes_the_place_of_the_old(database: Database) -> None:
    with database.transaction() as tx:
        assert active_figures(tx) is None
        assert activate(tx, "a", {"leaves": {}}, 1)
        assert not activate(tx, "a", {"leaves": {}}, 2)
        assert activate(tx, "b", {"leaves": {"pharmacy": {"precision": 0.9, "recall": 0.8, "support": 30}}}, 3)
        assert active_figures(tx) == ("b", {"leaves": {"pharmacy": {"precision": 0.9, "recall": 0.8, "support": 30}}})
        assert activate(tx, "a", {}, 4)
        assert active_figures(tx) == ("a", {})


def _note(database: Database, version: str, verdict: str, now_ms: int) -> None:
    with database.transaction() as tx:
        note(
            tx,
            version,
            now_ms,
            corpus="c1",
            dictionary="d1",
            parent="a",
            verdict=verdict,
            labels={"resident": 20, "worker": 40},
            comparison={"reason": "better"},
            figures={"leaves": {}},
        )


def test_note__a_challenger__stands_in_the_history_and_reads_only_once_activated(database: Database) -> None:
    with database.transaction() as tx:
        activate(tx, "a", {}, 1, corpus="c1", dictionary="d1")
    _note(database, "b", "promoted", 2)
    with database.transaction() as tx:
        newest, oldest = history(tx)
        assert (newest.version, newest.active, newest.parent, newest.verdict) == ("b", False, "a", "promoted")
        assert (newest.labels, newest.comparison) == ({"resident": 20, "worker": 40}, {"reason": "better"})
        assert (oldest.version, oldest.active, oldest.corpus, oldest.verdict) == ("a", True, "c1", None)
        assert activate(tx, "b", {"x": 1}, 3, corpus="c1", dictionary="d1")
        assert [(entry.version, entry.active, entry.verdict) for entry in history(tx)] == [
            ("b", True, "promoted"),
            ("a", False, None),
        ]
        set_verdict(tx, "b", "rolled_back")
        assert history(tx)[0].verdict == "rolled_back"


def test_note__judged_again__the_later_judgement_stands(database: Database) -> None:
    _note(database, "b", "refused", 2)
    _note(database, "b", "promoted", 5)
    with database.transaction() as tx:
        (entry,) = history(tx)
    assert (entry.verdict, entry.created_ms) == ("promoted", 5)
