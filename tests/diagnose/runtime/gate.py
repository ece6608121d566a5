"""A gate before the first step of toy runs."""

from __future__ import annotations

import threading

SOON = 120.0  # seconds: what takes longer hangs, on a busy machine too


class Gate:
    """Holds every run at its first step until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Semaphore(0), threading.Event()

    def __call__(self, step: int) -> None:
        if step == 0:
            self.reached.release()
            assert self.opened.wait(SOON)

    def wait(self) -> None:
        """Until a run stands before it."""
        assert self.reached.acquire(timeout=SOON)
