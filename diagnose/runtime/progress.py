"""How far a long piece of work is, where its time went, and what memory a part of it will take, said beforehand where
that is much. How long the rest takes is foretold in :mod:`.duration`, for the whole and not for a part."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tonescope.diagnose.runtime.memory import GIB, give_back

LARGE_BYTES = 2 * GIB

Progress = Callable[[str, float], None]
"""Called with what is being done and how much of the whole is done (0 to 1)."""


class Stage:
    """One part of the work, under way: called with the share of it that is done."""

    def __init__(self, name: str, base: float, weight: float, progress: Progress) -> None:
        self.stage, self.name, self.base, self.weight, self.progress = name, name, base, weight, progress

    def __call__(self, share: float) -> None:
        self.progress(self.name, self.base + share * self.weight)

    def note(self, bytes: float = 0, seconds: float = 0) -> None:
        """Say beforehand what memory the stage will take, where that is much.

        ``seconds``, the most that it can take, are not told: beside what is likely they would contradict it.
        """
        self.name = f"{self.stage} (about {bytes / GIB:.1f} GiB)" if bytes > LARGE_BYTES else self.stage
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
