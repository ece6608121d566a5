"""How far a long piece of work is, where its time went, and what a part of it will cost, said beforehand where that
is much."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tonescope.diagnose.runtime.memory import GIB, give_back

LARGE_BYTES = 2 * GIB
LONG_SECONDS = 90.0

Progress = Callable[[str, float], None]
"""Called with what is being done and how much of the whole is done (0 to 1)."""


class Stage:
    """One part of the work, under way: called with the share of it that is done."""

    def __init__(self, name: str, base: float, weight: float, progress: Progress) -> None:
        self.stage, self.name, self.base, self.weight, self.progress = name, name, base, weight, progress

    def __call__(self, share: float) -> None:
        self.progress(self.name, self.base + share * self.weight)

    def note(self, bytes: float = 0, seconds: float = 0) -> None:
        """Say beforehand what the stage will take, where that is much."""
        told = [f"about {bytes / GIB:.1f} GiB"] * (bytes > LARGE_BYTES)
        told += [f"at most {seconds / 60:.0f} min"] * (seconds > LONG_SECONDS)
        self.name = f"{self.stage} ({', '.join(told)})" if told else self.stage
        self(0.0)


class Clock:
    """Where the time went, and how far the whole is; ``stages`` holds each stage's share of it."""

    def __init__(self, stages: Mapping[str, float], progress: Progress | None) -> None:
        self.timings: dict[str, float] = {}
        self._stages, self._progress, self._done = stages, progress or (lambda _, __: None), 0.0

    @contextmanager
    def stage(self, name: str, bytes: float = 0, seconds: float = 0) -> Iterator[Stage]:
        """Time the block as one of the stages."""
        stage = Stage(name, self._done, self._stages[name], self._progress)
        stage.note(bytes, seconds)
        started = time.perf_counter()
        yield stage
        give_back()
        self.timings[name] = round(time.perf_counter() - started, 3)
        self._done += self._stages[name]
