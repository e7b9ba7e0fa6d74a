"""Killed at every point of a stream of messages: nothing acknowledged is lost, counted twice or answered twice."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.service import Service
from storage.database import Database
from tests.crash.stream import a_script
from tests.crash.sweep import Outcome, Sweep

POINTS = {
    f"{when} {what}"
    for when in ("before", "after")
    for what in ("a statement", "do_commit", "read_many", "step", "apply", "seal", "acknowledging")
}


@pytest.fixture
def service(make_service: Callable[[Database], Service]) -> Iterator[Service]:
    """In memory where there is a file system there: a kill leaves the page cache alone, so fsync does not matter."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        database = Database(f"sqlite:///{folder}/buqi.db")
        gc.freeze()  # a fork copies no page that nobody touches
        yield make_service(database)
        gc.unfreeze()
        database.close()


def sweep(service: Service, base: Path, kills: int, seed: int, **twin: bool) -> list[Outcome]:
    """Scripts one after the other, each killed at every one of its points, until there were enough kills."""
    outcomes: list[Outcome] = []
    while len(outcomes) < kills:
        one = Sweep(service, base, a_script(seed), acknowledge_first=twin.get("acknowledge_first", False))
        one.resend_interrupted = twin.get("resend_interrupted", False)
        points = one.count_points()
        assert one.point_names() >= POINTS
        for stop in range(1, points + 1):
            outcomes.append(one.kill_at(stop))
            assert outcomes[-1].killed
            if len(outcomes) == kills:
                break
        seed += 1
    return outcomes


@pytest.mark.timeout(900)
def test_kill__at_every_point__loses_nothing_and_doubles_nothing(
    service: Service, sqlite_template: Path, request: pytest.FixtureRequest
) -> None:
    outcomes = sweep(service, sqlite_template, request.config.getoption("--kills"), seed=1)
    lost = sum(outcome.lost for outcome in outcomes)
    wrong = [outcome.counted_wrong for outcome in outcomes if outcome.counted_wrong]
    twice = sum(outcome.answered_twice for outcome in outcomes)
    print(f"\n{len(outcomes)} kills: {lost} acknowledged lost, {len(wrong)} counted wrong, {twice} answered twice")
    assert (lost, wrong, twice) == (0, [], 0)


def test_sweep__of_a_twin_that_acknowledges_first__finds_lost_messages(service: Service, sqlite_template: Path) -> None:
    outcomes = sweep(service, sqlite_template, 60, seed=1, acknowledge_first=True)
    assert sum(outcome.lost for outcome in outcomes) > 0
    assert any(outcome.counted_wrong for outcome in outcomes)


def test_sweep__of_a_twin_that_sends_interrupted_replies_again__finds_answers_given_twice(
    service: Service, sqlite_template: Path
) -> None:
    seed = next(seed for seed in range(1, 99) if a_script(seed).carry == 0)
    outcomes = sweep(service, sqlite_template, 120, seed=seed, resend_interrupted=True)
    assert sum(outcome.answered_twice for outcome in outcomes) > 0
