"""Peak memory of a diagnosis of a long clip on the full-size random model: estimated beforehand against measured.

python -m benchmarks.memory [--seconds 10]
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from tonescope.diagnose.attribution import attribute
from tonescope.diagnose.diagnosis import diagnose
from tonescope.diagnose.memory import GIB, attribution_bytes, decoding_bytes, generation_bytes
from tonescope.diagnose.metrics import margin
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.taxonomy import from_rows

from benchmarks.common import PROMPT, full_size_generator, full_size_judge, keep
from benchmarks.overhead import LABELS, no_reference


class Peak:
    """The largest resident size seen while a block ran, beyond what was resident before."""

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
        peak = cls()
        watcher = threading.Thread(target=peak._watch, daemon=True)
        watcher.start()
        try:
            yield peak
        finally:
            peak._running = False
            watcher.join()


def main() -> None:
    """The parts alone, and a whole diagnosis of one take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    generator, judge, seconds = full_size_generator(), full_size_judge(), arguments.seconds
    metric, reference = margin(judge, *LABELS), no_reference(generator)
    generator.generate([PROMPT], [0], 1.0)  # what torch allocates once and keeps is not the diagnosis'
    tokens = generator.read_text([PROMPT]).mask.shape[1]
    rows: list[dict[str, Any]] = []

    def note(part: str, said: float, peak: Peak) -> None:
        rows.append(
            {"part": part, "estimated_gib": said / GIB, "measured_gib": peak.added / GIB, "ratio": said / peak.added}
        )
        print(rows[-1], flush=True)

    with Peak.watched() as peak:
        takes = generator.generate([PROMPT] * 4, range(4), seconds, decode=False)
    note("generation, 4 rows", 4 * generation_bytes(generator, seconds, tokens, 3.0), peak)
    with Peak.watched() as peak:
        generator.decode(takes.codes)
    note("decoding, 4 rows", decoding_bytes(generator, seconds), peak)
    said = attribution_bytes(generator, PROMPT, metric, seconds, 3.0)
    with Peak.watched() as peak:
        attribute(generator, takes.rows(0, 1), metric, reference)
    note("attribution, 1 take", said, peak)
    taxonomy = from_rows([{"label": label, "family": label, "aliases": []} for label in judge.labels])
    settings = Settings(takes=1, seconds=seconds, tested_units=0, tested_words=0, doses=())
    with Peak.watched() as peak:
        result, _ = diagnose(PROMPT, generator, judge, taxonomy, reference, settings)
    parts = (result.cost.generation_gib * GIB, result.cost.attribution_gib * GIB, decoding_bytes(generator, seconds))
    note("whole diagnosis, 1 take", max(parts), peak)
    keep("memory", rows, {"seconds": seconds, "worst": max(abs(row["ratio"] - 1) for row in rows)}, ("psutil",))


if __name__ == "__main__":
    main()
