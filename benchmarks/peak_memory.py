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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch

from benchmarks.common import PROMPT, full_size_generator, full_size_judge, keep
from benchmarks.overhead import LABELS, no_reference
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.jobs.diagnosis import diagnose
from tonescope.diagnose.runtime.memory import GIB, attribution_bytes, decoding_bytes, generation_bytes
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.taxonomy import from_rows
from tonescope.models.families.musicgen.delay import frames_in
from tonescope.models.generator import Generator, Takes
from tonescope.models.judges.judge import Judge

LIMIT = 6.0  # GiB


class Peak:
    """The largest resident size while a block ran, beyond what was resident before: sampled, and read from the kernel's own mark at the end."""

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


def play(generator: Generator, judge: Judge, seconds: float) -> tuple[float, Peak]:
    """Four rows of generation."""
    tokens = generator.read_text([PROMPT]).mask.shape[1]
    with Peak.watched() as peak:
        generator.generate([PROMPT] * 4, range(4), seconds, decode=False)
    return 4 * generation_bytes(generator, seconds, tokens, 3.0), peak


def codes(generator: Generator, takes: int, seconds: float) -> torch.Tensor:
    """Random codes: memory does not know what they say."""
    return torch.randint(generator.size, (takes, generator.n_codebooks, frames_in(seconds, generator.frame_rate)))


def decode(generator: Generator, judge: Judge, seconds: float) -> tuple[float, Peak]:
    """Four rows through the codec."""
    random = codes(generator, 4, seconds)
    with Peak.watched() as peak:
        generator.decode(random)
    return decoding_bytes(generator, seconds), peak


def estimate(generator: Generator, judge: Judge, seconds: float) -> tuple[float, Peak]:
    """The attribution of one take."""
    metric, means = margin(judge, *LABELS), no_reference(generator)
    random = codes(generator, 1, seconds)
    take = Takes((PROMPT,), (0,), random, torch.zeros(1, 1))
    with Peak.watched() as peak:
        attribute(Context(generator, means=means), take, metric)
    return attribution_bytes(generator, PROMPT, metric, seconds, 3.0), peak


def whole(
    generator: Generator, judge: Judge, seconds: float, takes: int = 1, limit: float | None = None
) -> tuple[float, Peak]:
    """A diagnosis, without the rounds and variants that only repeat what others take."""
    taxonomy = from_rows([{"label": label, "family": label, "aliases": []} for label in judge.labels])
    settings = Settings(
        takes=takes, seconds=seconds, rounds=2, tested_units=0, tested_words=0, doses=(), memory_gib=limit
    )
    means = no_reference(generator)
    with Peak.watched() as peak:
        result, _ = diagnose(PROMPT, generator, judge, taxonomy, means, settings)
    parts = (result.cost.generation_gib * GIB, result.cost.attribution_gib * GIB, decoding_bytes(generator, seconds))
    return max(parts), peak


PARTS = {
    "generation, 4 rows": play, "decoding, 4 rows": decode, "attribution, 1 take": estimate, "whole diagnosis, 1 take": whole,
    f"whole diagnosis, 2 takes, --memory {LIMIT:g}": partial(whole, takes=2, limit=LIMIT),
}  # fmt: skip


def measure(part: str, seconds: float) -> None:
    """One part, in this process, as a line of JSON."""
    generator, judge = full_size_generator(), full_size_judge()
    generator.generate([PROMPT], [0], 1.0)  # what torch allocates once and keeps is not the diagnosis'
    said, peak = PARTS[part](generator, judge, seconds)
    row = {"part": part, "estimated_gib": said / GIB, "measured_gib": peak.added / GIB, "ratio": said / peak.added}
    print(json.dumps(row))


def main() -> None:
    """The parts alone, a whole diagnosis of one take, and one that would not fit into what it is given if its takes went together."""
    parser = argparse.ArgumentParser(description=__doc__)
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
    worst = max(abs(row["ratio"] - 1) for row in rows)
    keep(
        "memory",
        rows,
        {
            "seconds": arguments.seconds,
            "worst": worst,
            "limit_gib": LIMIT,
            "under_limit": rows[-1]["measured_gib"] <= LIMIT,
        },
        ("psutil",),
    )


if __name__ == "__main__":
    main()
