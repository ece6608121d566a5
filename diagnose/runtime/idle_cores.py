"""Cores that nobody else wants, from what all programs used since the last look, less what this one did.

So a look costs nothing as long as one follows another; the first, or one after a long while, waits for a moment.
"""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import dataclass

import psutil

TAKEN = 0.8  # of a core, from which on it counts as somebody else's: a page that paints is done in a moment
SHORTEST = 0.05  # seconds between two looks; the system counts in hundredths
LONGEST = 10.0  # seconds; before, others may have come and gone
BUSY = ("user", "nice", "system", "irq", "softirq", "steal")


@dataclass(frozen=True)
class Usage:
    """Seconds of the cores that this process is bound to: of everybody, and of this process and what it started."""

    at: float
    cores: int
    everybody: float
    own: float

    @classmethod
    def now(cls) -> Usage:
        """Until now."""
        each = psutil.cpu_times(percpu=True)
        mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(each))
        bound = [times for core, times in enumerate(each) if core in mine]
        everybody = sum(getattr(times, kind, 0.0) for times in bound for kind in BUSY)
        own = psutil.Process().cpu_times()
        own_seconds = own.user + own.system + own.children_user + own.children_system
        return cls(time.monotonic(), len(bound), everybody, own_seconds)

    def idle_since(self, before: Usage) -> int:
        """Cores that others left alone between two looks."""
        others = (self.everybody - before.everybody) - (self.own - before.own)
        left = self.cores - max(0.0, others) / (self.at - before.at)
        return math.ceil(left - (1 - TAKEN))


class IdleCores:
    """How many cores are idle, looked at in turns by whoever asks."""

    def __init__(self) -> None:
        self._before: Usage | None = None
        self._idle = 1
        self._looking = threading.Lock()

    def __call__(self) -> int:
        """Cores that this process is bound to and others leave alone."""
        with self._looking:
            now = Usage.now()
            if self._before is None or now.at - self._before.at > LONGEST:
                self._before = now
                time.sleep(SHORTEST)
                now = Usage.now()
            elif now.at - self._before.at < SHORTEST:
                return self._idle
            self._idle, self._before = max(0, now.idle_since(self._before)), now
            return self._idle


idle_cores = IdleCores()
"""Of this process."""
