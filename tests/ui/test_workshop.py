"""Work of pages: one thing at a time, ended by its owner, by its watcher, and at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest

from tests import tiny
from tonescope.models.errors import TonescopeError
from tonescope.ui.components.watched_work import Done, Stage, Tell, watched_work
from tonescope.ui.workshop import STOPPED, Workshop


@pytest.fixture
def workshop() -> Workshop:
    return Workshop(tiny.session())


def soon(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while not holds() and time.monotonic() < until:
        time.sleep(0.01)
    return holds()


def endless(tell: Tell) -> Any:
    while True:
        tell("on and on", 0.5)
        time.sleep(0.01)


def test_stages_are_given_as_they_are_reached_and_then_the_result(workshop: Workshop) -> None:
    def work(tell: Tell) -> str:
        tell("play", 0.5)
        return "heard"

    came = list(watched_work(workshop, "ann", work))
    assert [each for each in came if each != Stage("wait", 0.0)] == [
        Stage("start", 0.0),
        Stage("play", 0.5),
        Done("heard"),
    ]
    assert soon(lambda: not workshop.is_busy)


def test_whoever_stops_watching_ends_the_work(workshop: Workshop) -> None:
    watched = watched_work(workshop, "ann", endless)
    assert soon(lambda: next(watched) == Stage("on and on", 0.5))
    watched.close()  # type: ignore[attr-defined]
    assert soon(lambda: not workshop.is_busy)


def test_an_owner_ends_their_own_work_and_no_one_elses(workshop: Workshop) -> None:
    watched = watched_work(workshop, "ann", endless)
    assert soon(lambda: next(watched) == Stage("on and on", 0.5))
    workshop.stop("bob")
    assert next(watched) == Stage("on and on", 0.5) and workshop.is_busy
    workshop.stop("ann")
    workshop.stop("ann")
    with pytest.raises(TonescopeError, match=STOPPED):
        list(watched)


def test_what_waits_is_stopped_as_well(workshop: Workshop) -> None:
    first = watched_work(workshop, "ann", endless)
    assert soon(lambda: next(first) == Stage("on and on", 0.5))
    waiting = watched_work(workshop, "bob", endless)
    assert next(waiting) == Stage("wait", 0.0)
    workshop.stop("bob")
    with pytest.raises(TonescopeError, match=STOPPED):
        list(waiting)
    workshop.close()
    assert soon(lambda: not workshop.is_busy)
    with pytest.raises(TonescopeError, match=STOPPED):
        list(watched_work(workshop, "eve", endless))


def test_a_stop_is_noticed_while_a_network_is_passed(workshop: Workshop) -> None:
    ended = Event()

    def play() -> None:
        with pytest.raises(TonescopeError, match=STOPPED), workshop.computing("ann"):
            while True:
                workshop.session.generator.generate(["house"], [1], 0.5)
        ended.set()

    Thread(target=play, daemon=True).start()
    assert soon(lambda: workshop.is_busy)
    workshop.stop("ann")
    assert ended.wait(20)


def test_an_error_reaches_whoever_watches(workshop: Workshop) -> None:
    def work(tell: Tell) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        list(watched_work(workshop, None, work))
    assert soon(lambda: not workshop.is_busy)
