"""Cores at work: takes played by workers against all rows in one batch, and two diagnoses at once against one alone.

The *old way* is one batch at a time on all threads, which wait for one another as OpenMP does by itself; the *new way*
is what Tonescope does. Both run in processes of their own, in turns, so that what else the machine does meets both.

python -m benchmarks.cores [--repeats 5] [--pairs 3]
python -m benchmarks.cores --sweep     # how long threads should wait: prints a table and keeps nothing
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import torch

from benchmarks.kept_results import keep
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.runtime.workers import ASKED, cores, most_workers
from tonescope.models.loading import load_generator

PROMPT = "lo-fi beats with accordion"
SECONDS = 4.0
ROWS = (1, 2, 4, 8, 32)
FEW = 4  # rows of which the ratio is what was aimed at
WAYS = {"old": {ASKED: "1", "GOMP_SPINCOUNT": "300000"}, "new": {}}  # libgomp's own number of turns, and ours
DIAGNOSIS = ("diagnose", PROMPT, "--takes", "2", "--seconds", "2", "--rounds", "1", "--overwrite")
TURNS = ("0", "1000", "10000", "100000", "300000")  # that a waiting thread makes before it gives its core away
DECIDED = (ASKED, "GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def environment(way: str) -> dict[str, str]:
    """The environment of a process that goes one of the :data:`WAYS`, or ours with another number of turns."""
    asked = WAYS.get(way, {"GOMP_SPINCOUNT": way})
    return {name: value for name, value in os.environ.items() if name not in DECIDED} | asked


class Player:
    """A process that plays as many takes as it is told to, and says how long that took."""

    def __init__(self, way: str) -> None:
        command = [sys.executable, "-m", "benchmarks.cores", "--player"]
        self.process = subprocess.Popen(
            command, env=environment(way), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, rows: int) -> float:
        """Seconds for so many takes."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{rows}\n")
        self.process.stdin.flush()
        return float(json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def serve() -> None:
    """Be a :class:`Player`'s process."""
    context = Context(load_generator(), seconds=SECONDS)
    for line in sys.stdin:
        rows, started = int(line), time.perf_counter()
        play(context, [PROMPT] * rows, range(rows))
        print(time.perf_counter() - started, flush=True)


def played(repeats: int) -> list[dict[str, Any]]:
    """Seconds of both ways by the number of rows, and how many times faster the new one is."""
    players = {way: Player(way) for way in WAYS}
    for player in players.values():
        player(FEW)  # warm
    rows = []
    for count in ROWS:
        turns = [{way: players[way](count) for way in _turn(repeat)} for repeat in range(repeats)]
        ratios = [turn["old"] / turn["new"] for turn in turns]
        rows.append({"what": f"{count} takes of {SECONDS:g} s", "rows": count, **_seconds(turns), **_ratio(ratios)})
    for player in players.values():
        player.close()
    return rows


def _turn(repeat: int) -> Sequence[str]:
    """The ways, each first in its turn."""
    return list(WAYS) if repeat % 2 else list(reversed(WAYS))


def _seconds(turns: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {f"{name} s": median(turn[name] for turn in turns) for name in turns[0]}


def _ratio(ratios: Sequence[float]) -> dict[str, float]:
    return {"ratio": median(ratios), "lowest": min(ratios), "highest": max(ratios)}


def diagnosed(way: str, together: int) -> float:
    """Seconds until the last of so many diagnoses that begin together has ended."""
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        runs = [
            subprocess.Popen(
                [sys.executable, "-m", "tonescope", *DIAGNOSIS, "--out", str(Path(folder, str(index)))],
                env=environment(way),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for index in range(together)
        ]
        if any([run.wait() for run in runs]):
            raise RuntimeError(f"a diagnosis failed; run: tonescope {' '.join(DIAGNOSIS)}")
        return time.perf_counter() - started


def at_once(pairs: int) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Diagnoses alone and two at once, both ways; the rows, and the ratios that count."""
    turns = []
    for repeat in range(pairs):
        alone = {f"{way} alone": diagnosed(way, 1) for way in _turn(repeat)}
        turns.append(alone | {"new two": diagnosed("new", 2)})
    turns[-1]["old two"] = diagnosed("old", 2)  # the slowest, and not what is aimed at: once
    found = {
        "two": [turn["new two"] / turn["new alone"] for turn in turns],
        "two_old": [turns[-1]["old two"] / turns[-1]["old alone"]],
        "alone": [turn["new alone"] / turn["old alone"] for turn in turns],
    }
    told = {"two": "new: two at once / one", "two_old": "old: two at once / one", "alone": "one alone: new / old"}
    rows = [{"what": told[name], **_ratio(ratios)} for name, ratios in found.items()]
    return rows, {name: median(ratios) for name, ratios in found.items()}


def sweep(pairs: int) -> None:
    """Print seconds of a diagnosis alone, and of two at once, by how long threads wait."""
    runs: dict[str, list[tuple[float, float]]] = {turns: [] for turns in TURNS}
    for repeat in range(pairs):
        for turns in TURNS if repeat % 2 else reversed(TURNS):
            runs[turns].append((diagnosed(turns, 1), diagnosed(turns, 2)))
    for turns, found in runs.items():
        alone, two = (median(seconds) for seconds in zip(*found, strict=True))
        print(f"{turns:>7} turns: alone {alone:.1f} s, two at once {two:.1f} s, {two / alone:.2f} x")


def main() -> None:
    """Play, then diagnose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="of playing")
    parser.add_argument("--pairs", type=int, default=3, help="rounds of diagnoses")
    parser.add_argument("--sweep", action="store_true", help="compare how long threads may wait")
    parser.add_argument("--player", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.player or arguments.sweep:
        serve() if arguments.player else sweep(arguments.pairs)
        return
    load = psutil.getloadavg()[0]
    generator = load_generator()
    by_rows = played(arguments.repeats)
    diagnoses, ratios = at_once(arguments.pairs)
    few = next(row for row in by_rows if row["rows"] == FEW)
    about = {
        "ratio": few["ratio"],
        "ratio_lowest": few["lowest"],
        "ratio_highest": few["highest"],
        "slowest": min(row["ratio"] for row in by_rows),
        "two_at_once": ratios["two"],
        "two_at_once_old": ratios["two_old"],
        "alone": ratios["alone"],
        "cores": cores(),
        "workers": most_workers(generator),
        "threads": torch.get_num_threads(),
        "load_before": load,
        "by_rows": by_rows,
    }
    keep("cores", diagnoses, about, models=[generator])


if __name__ == "__main__":
    main()
