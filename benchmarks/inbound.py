"""Messages in, receipts out: this software against the naive bot, in one run, round by round.

`python -m benchmarks.inbound [--rounds 3] [--seconds 5] [--json FILE]`; see benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.corpus import distinct_texts
from benchmarks.load import Load, Target, has_wrk, run_load, send_all
from benchmarks.servers import NAIVE, OURS, SECRET, Kind, Server, bot_api, serving
from domain.catalogue import load_city

RESIDENTS = 10_000
TEXTS = 3_000
CITY = "dezhou"
WARM_UP = (8, 3.0)  #: connections and seconds before anything is measured: lazy imports, caches
SETTLE_S = 40
ROUND_IDS = 100_000_000  # update ids set aside for a round


@dataclass(frozen=True, slots=True)
class Level:
    """One server at one number of connections in one round."""

    server: str
    round: int
    connections: int
    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    errors: int
    messages: int
    exact: bool  #: rows in the table = distinct update ids sent


@dataclass(frozen=True, slots=True)
class Life:
    """One server process in one round: seconds to its first answered message, and the most memory it held."""

    server: str
    round: int
    start_s: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio ours / naive that has to be at least, or at most, `limit`."""

    name: str
    figure: str
    connections: int | None
    limit: float
    at_least: bool

    def met(self, ratio: float) -> bool:
        """Whether `ratio` reaches the goal."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit


GOALS = (
    Goal("messages/s at 64 connections", "per_second", 64, 25, True),
    Goal("messages/s at 1 connection", "per_second", 1, 4, True),
    Goal("p99 at 64 connections", "p99_ms", 64, 1 / 40, False),
    Goal("start to first answer", "start_s", None, 1 / 6, False),
    Goal("peak memory", "peak_mib", None, 1 / 3, False),
)


def main() -> None:
    """Runs the comparison and prints it; ends with 1 if rows and update ids differ anywhere."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cores = sorted(os.sched_getaffinity(0))
    server_core = cores[0] if len(cores) > 1 else None
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[1]})  # this process and wrk
    wrk = has_wrk() and arguments.driver != "own"
    print(
        f"load by {'wrk' if wrk else 'the own driver'}; server core {server_core}; {arguments.residents} residents",
        flush=True,
    )
    try:
        with tempfile.TemporaryDirectory(prefix="buqi-inbound-", dir=arguments.scratch) as folder, bot_api() as api:
            levels, lives = _measure(arguments, Path(folder), server_core, api, wrk)
    except KeyboardInterrupt:
        sys.exit(130)  # servers and folders are gone by now
    found = _ratios(levels, lives)
    _print_summary(levels, lives, found)
    if arguments.json:
        _write_json(arguments.json, levels, lives, found)
    if not all(level.exact for level in levels):
        sys.exit("rows and update ids sent differ")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inbound", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--residents", type=int, default=RESIDENTS)
    parser.add_argument("--only", choices=["naive", "ours"], help="one server only, without ratios")
    parser.add_argument("--driver", choices=["own", "wrk"], help="default: wrk if it is installed")
    parser.add_argument("--scratch", type=Path, help="folder on the disk to measure (default: the system's temporary)")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    return parser.parse_args()


def _measure(
    arguments: argparse.Namespace, folder: Path, core: int | None, api: int, wrk: bool
) -> tuple[list[Level], list[Life]]:
    kinds = [kind for kind in (NAIVE, OURS) if arguments.only in (None, kind.name)]
    texts = distinct_texts(TEXTS)
    levels: list[Level] = []
    lives: list[Life] = []
    for kind in kinds:
        _prepare(kind, folder, core, api, texts, arguments.residents)
    for number in range(1, arguments.rounds + 1):
        for kind in kinds:
            data = folder / f"{kind.name}-{number}"
            shutil.copytree(folder / kind.name, data)
            with serving(kind, data, core, api) as server:
                target = Target(server.port, SECRET, texts, arguments.residents)
                first = number * ROUND_IDS
                start_s = server.first_answer(target.request(first, target.first_resident, texts[0]))
                run_load(target, first + 1, first, WARM_UP[0], WARM_UP[1], wrk=wrk)
                for step, connections in enumerate(arguments.connections, 1):
                    begin = first + step * (ROUND_IDS // 20)
                    levels.append(_level(server, target, number, begin, connections, arguments.seconds, wrk))
                    _print_level(levels[-1])
                lives.append(Life(kind.name, number, start_s, server.peak_rss_mib()))
                _print_life(lives[-1])
            shutil.rmtree(data)
    return levels, lives


def _prepare(kind: Kind, folder: Path, core: int | None, api: int, texts: Sequence[str], residents: int) -> None:
    """Fills a data folder, the same for every round: each resident scans a community's code and agrees."""
    data = folder / kind.name
    data.mkdir()
    begin = time.perf_counter()
    with serving(kind, data, core, api) as server:
        target = Target(server.port, SECRET, texts, residents)
        server.first_answer(target.request(1, target.first_resident - 1, "/start"))
        for first, requests in ((1_000_000, _starts(target)), (2_000_000, _agreements(target))):
            load = send_all(target, first, requests, 32)
            if load.answered != residents:
                raise RuntimeError(f"{kind.name}: {load.answered} of {residents} residents set up; see {server.log}")
    print(f"{kind.name}: {residents} residents set up in {time.perf_counter() - begin:.0f} s", flush=True)


def _starts(target: Target) -> Iterator[bytes]:
    codes = [area.code for area in load_city(CITY).tree.all_communities]
    for number in range(target.residents):
        user = target.first_resident + number
        yield target.request(1_000_000 + number, user, f"/start c-{codes[number % len(codes)]}")


def _agreements(target: Target) -> Iterator[bytes]:
    for number in range(target.residents):
        yield target.request(2_000_000 + number, target.first_resident + number, "同意")


def _level(
    server: Server, target: Target, number: int, first: int, connections: int, seconds: float, wrk: bool
) -> Level:
    cpu = server.cpu_seconds()
    load = run_load(target, first, first, connections, seconds, wrk=wrk)
    kept = _settled(server, load)
    cpu = server.cpu_seconds() - cpu
    exact = _send_missing(server, target, load, kept)
    return Level(
        server.kind.name,
        number,
        connections,
        load.answered / load.seconds,
        1e6 * cpu / max(1, len(kept)),
        load.p50_ms,
        load.p99_ms,
        load.errors,
        load.sent,
        exact,
    )


def _settled(server: Server, load: Load) -> list[int]:
    """The stored update ids, once what was under way at the end is in."""
    before, kept = -1, server.stored(load.first, load.sent)
    until = time.perf_counter() + SETTLE_S
    while len(kept) < load.sent and len(kept) != before and time.perf_counter() < until:
        time.sleep(0.5)
        before, kept = len(kept), server.stored(load.first, load.sent)
    return kept


def _send_missing(server: Server, target: Target, load: Load, kept: list[int]) -> bool:
    """Sends what the load generator cut off once more, then counts: each update id sent is stored exactly once.

    An answered message may not be missing, and none may be there twice.
    """
    missing = sorted(set(range(load.first, load.first + load.sent)) - set(kept))
    answered_missing = load.answered > len(kept)
    send_all(
        target,
        load.first,
        (target.request(update_id, target.first_resident, target.texts[0]) for update_id in missing),
        1,
    )
    after = server.stored(load.first, load.sent)
    return not answered_missing and len(after) == len(set(after)) == load.sent


# the report


def _figure(rows: Sequence[Level | Life], server: str, name: str, connections: int | None) -> dict[int, float]:
    """The figure by round."""
    return {
        row.round: getattr(row, name)
        for row in rows
        if row.server == server and (connections is None or getattr(row, "connections", None) == connections)
    }


def _ratios(levels: Sequence[Level], lives: Sequence[Life]) -> dict[str, float]:
    """ours / naive, the median over the rounds, by "figure@connections" or figure."""
    wanted = [
        (name, count)
        for count in sorted({level.connections for level in levels})
        for name in ("per_second", "cpu_us", "p50_ms", "p99_ms")
    ]
    found = {}
    for name, count in [*wanted, ("start_s", None), ("peak_mib", None)]:
        rows: Sequence[Level | Life] = lives if count is None else levels
        naive, ours = (_figure(rows, kind.name, name, count) for kind in (NAIVE, OURS))
        both = [ours[number] / naive[number] for number in ours.keys() & naive.keys() if naive[number]]
        if both:
            found[_key(name, count)] = median(both)
    return found


def _key(name: str, connections: int | None) -> str:
    return name if connections is None else f"{name}@{connections}"


def _print_level(level: Level) -> None:
    print(
        f"round {level.round}  {level.server:<6} c={level.connections:<3} {level.per_second:>8.0f} msg/s "
        f"{level.cpu_us:>7.0f} µs CPU  p50 {level.p50_ms:>8.2f} ms  p99 {level.p99_ms:>8.2f} ms  "
        f"errors {level.errors}  {level.messages} ids {'= rows' if level.exact else '≠ ROWS'}",
        flush=True,
    )


def _print_life(life: Life) -> None:
    print(
        f"round {life.round}  {life.server:<6} first answer {life.start_s:.2f} s  peak {life.peak_mib:.0f} MiB",
        flush=True,
    )


def _print_summary(levels: Sequence[Level], lives: Sequence[Life], found: dict[str, float]) -> None:
    if not found:
        return
    print("\nmedians over the rounds      naive       ours   ours / naive")
    for key, ratio in found.items():
        name, _, count = key.partition("@")
        rows: Sequence[Level | Life] = levels if count else lives
        naive, ours = (
            median(_figure(rows, kind.name, name, int(count) if count else None).values()) for kind in (NAIVE, OURS)
        )
        print(f"{key:<20} {naive:>13.2f} {ours:>10.2f}   {_as_ratio(ratio)}")
    print("\ngoals")
    for goal in GOALS:
        reached = found.get(_key(goal.figure, goal.connections))
        if reached is not None:
            word = "at least" if goal.at_least else "at most"
            state = "met" if goal.met(reached) else "MISSED"
            print(f"{goal.name:<30} {word} {_as_ratio(goal.limit):<8} got {_as_ratio(reached):<8} {state}")


def _as_ratio(ratio: float) -> str:
    return f"{ratio:.1f}×" if ratio >= 1 else f"1/{1 / ratio:.1f}"


def _write_json(file: Path, levels: Sequence[Level], lives: Sequence[Life], found: dict[str, float]) -> None:
    goals = [
        asdict(goal) | {"ratio": found[key], "met": goal.met(found[key])}
        for goal in GOALS
        if (key := _key(goal.figure, goal.connections)) in found
    ]
    document = {
        "levels": [asdict(level) for level in levels],
        "lives": [asdict(life) for life in lives],
        "ratios": found,
        "goals": goals,
    }
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
