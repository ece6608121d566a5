"""Work in a thread of its own, watched by a generator: who stops watching ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from tonescope.diagnose.runtime.stopping import Stop
from tonescope.ui.workshop import Workshop

OFTEN = 0.25  # seconds between two looks; a watcher that left is noticed no later

Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Stage:
    """What is being done, and how much of the whole is done."""

    name: str
    share: float


@dataclass(frozen=True)
class Done:
    """What came of it."""

    value: Any


def watched_work(workshop: Workshop, owner: str | None, work: Callable[[Tell], Any]) -> Iterator[Stage | Done]:
    """Do something for an owner, one thing at a time in a workshop, and give each stage as it is reached, at last the
    result.

    The generator gives the stage again while nothing changes, so that it can be closed at any time: then the work ends
    at once.

    Args:
        work: what to do; it is given a function that has to be told every stage.

    Raises:
        TonescopeError: it was stopped.
        Exception: whatever the work raised.
    """
    told: SimpleQueue[Stage | Done | BaseException] = SimpleQueue()
    stops: list[Stop] = []
    left = Event()  # nobody watches any more

    def run() -> None:
        def tell(name: str, share: float) -> None:
            stop.check()
            told.put(Stage(name, share))

        try:
            with workshop.computing(owner) as stop:
                stops.append(stop)
                if left.is_set():
                    stop.ask()
                tell("start", 0.0)
                told.put(Done(work(tell)))
        except BaseException as error:  # it is raised again where it is watched
            told.put(error)

    Thread(target=run, daemon=True).start()
    last: Stage | Done = Stage("wait", 0.0)
    try:
        while not isinstance(last, Done):
            try:
                came = told.get(timeout=OFTEN)
            except Empty:
                yield last
                continue
            if isinstance(came, BaseException):
                raise came
            last = came
            yield last
    finally:
        left.set()
        for stop in stops:
            stop.ask()
