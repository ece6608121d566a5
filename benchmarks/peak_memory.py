"""Peak memory of a diagnosis of a long clip on the full-size random model: estimated beforehand against measured.

Every part runs in a process of its own: what one part leaves with the allocator would hide what the next one takes.

    python -m benchmarks.peak_memory [--seconds 10]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks.full_size import LABELS, PROMPT, full_size_generator, full_size_judge, zero_means
from benchmarks.kept_results import keep
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.jobs.diagnosis import diagnose
from tonescope.diagnose.jobs.request import Models, Request
from tonescope.diagnose.runtime.memory import GIB, attribution_bytes
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.taxonomy import from_rows
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Takes
from tonescope.models.judges.clap import Clap

ROWS = 4  # that are generated, or decoded, together
LIMIT = 6.0  # GiB


class Peak:
    """The largest resident size while a block ran, beyond what was resident before: sampled, and read from the
    kernel's own mark at the end."""

    def __init__(self) -> None:
        self.process = psutil.Process()
        self.before = self.largest = self.process.memory_info().rss
        self._running = True

    def _watch(self) -> None:
        while self._running:
            self.largest = max(self.largest, self.process.memory_info().rss)
            time.sleep(0.02)

    @property
    def added(self) -> int:
        """Bytes."""
        return self.largest - self.before

    @classmethod
    @contextmanager
    def watched(cls) -> Iterator[Peak]:
        """Sample the process until the block ends."""
        forget_high_water()
        peak = cls()
        watcher = threading.Thread(target=peak._watch, daemon=True)
        watcher.start()
        try:
            yield peak
        finally:
            peak._running = False
            watcher.join()
            peak.largest = max(peak.largest, high_water())


def high_water() -> int:
    """The largest resident size of this process so far in bytes, or 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def forget_high_water() -> None:
    """Let the mark start again from what is resident now, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


@dataclass(frozen=True)
class Bench:
    """What is measured."""

    generator: MusicGen
    judge: Clap
    seconds: float

    @property
    def context(self) -> Context:
        """The models with means of zero."""
        return Context(self.generator, self.judge, zero_means(self.generator), seconds=self.seconds)

    def random_takes(self, count: int) -> Takes:
        """Takes of random codes: memory does not know what they say."""
        return Takes.join([self.generator.random_takes(PROMPT, self.seconds) for _ in range(count)])


Part = Callable[[Bench], tuple[float, Peak]]
"""What is estimated, in bytes, and what is measured."""


def generation(bench: Bench) -> tuple[float, Peak]:
    """A few rows of generation."""
    context, tokens = bench.context, bench.generator.token_mask([PROMPT]).shape[1]
    with Peak.watched() as peak:
        bench.generator.generate([PROMPT] * ROWS, range(ROWS), bench.seconds, context.sampling, decode=False)
    return ROWS * bench.generator.cost(bench.seconds, tokens, context.guidance).row, peak


def decoding(bench: Bench) -> tuple[float, Peak]:
    """As many rows through the codec."""
    takes = bench.random_takes(ROWS)
    with Peak.watched() as peak:
        bench.generator.channels(takes)
    return bench.generator.cost(bench.seconds, 0, bench.context.guidance).decoding, peak


def attribution(bench: Bench) -> tuple[float, Peak]:
    """The attribution of one take."""
    context, metric, take = bench.context, margin(bench.judge, *LABELS[:2]), bench.random_takes(1)
    with Peak.watched() as peak:
        attribute(context, take, metric)
    return attribution_bytes(context, PROMPT, metric), peak


def diagnosis(bench: Bench, *, takes: int = 1, limit: float | None = None) -> tuple[float, Peak]:
    """A diagnosis, without the search for units, which plays batch after batch of the size that is planned here, and
    without the variants that only repeat what others take."""
    generator, judge, seconds = bench.generator, bench.judge, bench.seconds
    taxonomy = from_rows([{"label": label, "family": label, "aliases": []} for label in judge.labels])
    settings = Settings(takes=takes, seconds=seconds, quick=True, tested_words=1, memory_gib=limit)
    request, models, means = Request(PROMPT, settings), Models(generator, judge, taxonomy), zero_means(generator)
    with Peak.watched() as peak:
        result, _ = diagnose(request, models, means)
    decoding_bytes = generator.cost(seconds, 0, settings.guidance or 3.0).decoding
    return max(result.cost.generation_gib * GIB, result.cost.attribution_gib * GIB, decoding_bytes), peak


PARTS: dict[str, Part] = {
    f"generation, {ROWS} rows": generation,
    f"decoding, {ROWS} rows": decoding,
    "attribution, 1 take": attribution,
    "whole diagnosis, 1 take": diagnosis,
    f"whole diagnosis, 2 takes, --memory {LIMIT:g}": partial(diagnosis, takes=2, limit=LIMIT),
}


def measure(part: str, seconds: float) -> None:
    """One part, in this process, as a line of JSON."""
    bench = Bench(full_size_generator(), full_size_judge(), seconds)
    bench.generator.generate([PROMPT], [0], 1.0)  # what torch allocates once and keeps is not the diagnosis'
    said, peak = PARTS[part](bench)
    row = {"part": part, "estimated_gib": said / GIB, "measured_gib": peak.added / GIB, "ratio": said / peak.added}
    print(json.dumps(row))


def main() -> None:
    """The parts alone, a diagnosis of one take, and one that would not fit if its takes went together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--part", choices=PARTS, help="only this one, in this process")
    arguments = parser.parse_args()
    if arguments.part:
        measure(arguments.part, arguments.seconds)
        return
    rows: list[dict[str, Any]] = []
    for part in PARTS:
        command = [sys.executable, "-m", "benchmarks.peak_memory", "--part", part, "--seconds", str(arguments.seconds)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        rows.append(json.loads(output.splitlines()[-1]))
        print(rows[-1], flush=True)
    about = {
        "seconds": arguments.seconds,
        "worst": max(abs(row["ratio"] - 1) for row in rows),
        "limit_gib": LIMIT,
        "under_limit": rows[-1]["measured_gib"] <= LIMIT,
    }
    keep("memory", rows, about, packages=("psutil",))


if __name__ == "__main__":
    main()
