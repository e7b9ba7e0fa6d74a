"""A power cut at any moment: FULL loses nothing acknowledged; with NORMAL this test sees the loss."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.powercut import FATES, Disk, File, lost, read_log

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("writelog.c")
MESSAGES = 400


@dataclass(frozen=True)
class Figures:
    """What the images of one run showed."""

    images: int
    corrupt: int
    losing: int
    worst: int


@pytest.fixture(scope="module")
def write_log_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The write log, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        if os.environ.get("CI") or os.environ.get("BUQI_REQUIRE_ALL"):
            pytest.fail("no C compiler, and every test is required")
        pytest.skip("no C compiler")
    library = tmp_path_factory.mktemp("writelog") / "writelog.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl", "-lpthread"], check=True)
    return library


def cut(library: Path, base: Path, folder: Path, synchronous: str, images: int) -> Figures:
    """Records one run, cuts the power at evenly spread moments of it, and looks at every image."""
    (folder / "live").mkdir(parents=True)
    (folder / "image").mkdir()
    path, log = folder / "live" / "buqi.db", folder / "log"
    shutil.copyfile(base, path)
    watched = {"LD_PRELOAD": str(library), "WRITELOG_DIR": f"{folder / 'live'}/", "WRITELOG_FILE": str(log)}
    command = [sys.executable, "-m", "tests.crash.victim", str(path), synchronous, str(MESSAGES)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **watched}, check=True)
    changes = list(read_log(log))
    begin = next(number for number, change in enumerate(changes) if change.name == "acknowledged")
    chance = random.Random(1)
    moments = sorted(chance.choices(range(begin, len(changes)), k=images))
    disk = Disk({"buqi.db": File(bytearray(base.read_bytes()))})
    corrupt = losing = worst = 0
    for number, change in enumerate(changes):
        while moments and moments[0] == number:
            moments.pop(0)
            disk.cut(folder / "image", FATES[len(moments) % len(FATES)], chance)
            sound, missing = lost(folder / "image", "buqi.db", disk.acknowledged)
            corrupt += not sound
            losing += missing > 0
            worst = max(worst, missing)
        disk.take(change)
    assert len(disk.acknowledged) >= MESSAGES
    assert any(change.kind == "W" and change.name == "buqi.db" for change in changes), "no checkpoint was in the log"
    return Figures(images, corrupt, losing, worst)


@pytest.mark.timeout(600)
def test_power_cut__with_full_synchronisation__loses_nothing_acknowledged(
    write_log_library: Path, sqlite_template: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    figures = cut(write_log_library, sqlite_template, tmp_path, "FULL", request.config.getoption("--images"))
    print(f"\nFULL: {figures}")
    assert (figures.corrupt, figures.losing) == (0, 0)


@pytest.mark.timeout(600)
def test_power_cut__of_a_twin_with_normal_synchronisation__is_seen_to_lose_messages(
    write_log_library: Path, sqlite_template: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    images = request.config.getoption("--images") // 5
    figures = cut(write_log_library, sqlite_template, tmp_path, "NORMAL", images)
    print(f"\nNORMAL: {figures}")
    assert figures.losing > images // 2
