"""Workshop: what every page is given, and the work that goes on for its visitors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from tonescope.diagnose.runtime.stopping import Stop, Stopped, stoppable
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session

OFTEN = 0.2  # seconds between two looks whether something that waits was stopped
STOPPED = "the run was stopped."


@dataclass
class Workshop:
    """A session that all pages share, and what goes on in it.

    Attributes:
        session: the models.
        memory_gib: how much more memory a run may use; without it, most of what is free.
    """

    session: Session
    memory_gib: float | None = None
    _one_at_a_time: Lock = field(default_factory=Lock)
    _running: set[tuple[str | None, Stop]] = field(default_factory=set)
    _closed: bool = False

    @contextmanager
    def computing(self, owner: str | None) -> Iterator[Stop]:
        """Compute for an owner in the block, one at a time: wait for others, and end as soon as that is asked for.

        Raises:
            TonescopeError: it was stopped, while it waited or while it went on.
        """
        stop = Stop()
        entry = (owner, stop)
        self._running.add(entry)
        try:
            if self._closed:
                stop.ask()
            while not self._one_at_a_time.acquire(timeout=OFTEN):
                stop.check()
            try:
                stop.check()
                with stoppable(self.session, stop):
                    yield stop
            finally:
                self._one_at_a_time.release()
        except Stopped:
            raise TonescopeError(STOPPED) from None
        finally:
            self._running.discard(entry)

    def stop(self, owner: str | None) -> None:
        """End what goes on or waits for one owner."""
        for whose, stop in list(self._running):
            if whose == owner:
                stop.ask()

    def close(self) -> None:
        """End everything, and let nothing new begin."""
        self._closed = True
        for _, stop in list(self._running):
            stop.ask()

    @property
    def is_busy(self) -> bool:
        """Whether any work has not ended yet."""
        return bool(self._running)
