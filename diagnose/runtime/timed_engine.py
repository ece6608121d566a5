"""An engine that is timed, to tell how long many takes will take from a few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tonescope.diagnose.runtime.engine import Engine, UnderWay
from tonescope.diagnose.runtime.work_items import Finished, WorkItem


@dataclass
class TimedEngine:
    """Another engine, ``inner``, whose workers are timed while they play and hear: how long they take to start is of
    no account where there are many takes."""

    inner: Engine
    done: list[Finished] = field(default_factory=list)

    @property
    def workers(self) -> int:
        """Those of the engine."""
        return self.inner.workers

    def run(self, items: Iterator[WorkItem], under_way: UnderWay = lambda takes: None) -> Iterator[Finished]:
        """What the engine does."""
        for finished in self.inner.run(items, under_way):
            self.done.append(finished)
            yield finished

    @property
    def seconds_a_take(self) -> float:
        """Of all workers together. The first item does not count where there is a second: models warm up in it."""
        warm = self.done[1:] or self.done
        each = sum(finished.seconds for finished in warm) / sum(len(finished.takes) for finished in warm)
        return each / max(1, self.workers)
