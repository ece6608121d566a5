"""Workshop: what every page is given, and the work that goes on for its visitors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session


@dataclass
class Workshop:
    """A session that all pages share, and what goes on in it.

    Attributes:
        session: the models.
        memory_gib: how much more memory a run may use; without it, most of what is free.
        one_at_a_time: held by whoever computes.
    """

    session: Session
    memory_gib: float | None = None
    one_at_a_time: Lock = field(default_factory=Lock)
    _running: set[tuple[str | None, Event]] = field(default_factory=set)
    _closed: bool = False

    @contextmanager
    def work(self, owner: str | None) -> Iterator[Event]:
        """Work for an owner, waiting or going on; the event that is given is set when it has to end."""
        stop = Event()
        entry = (owner, stop)
        self._running.add(entry)
        if self._closed:
            stop.set()
        try:
            yield stop
        finally:
            self._running.discard(entry)

    def stop(self, owner: str | None) -> None:
        """End what goes on or waits for one owner."""
        for whose, stop in list(self._running):
            if whose == owner:
                stop.set()

    def close(self) -> None:
        """End everything, and let nothing new begin."""
        self._closed = True
        for _, stop in list(self._running):
            stop.set()

    @property
    def is_busy(self) -> bool:
        """Whether any work has not ended yet."""
        return bool(self._running)
