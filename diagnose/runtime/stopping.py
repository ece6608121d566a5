"""Stopping one run: asked for in any thread, noticed by the thread that computes wherever a network is passed.

Progress is told between batches, and a large batch takes many seconds. So the stop is looked for at every layer that is
passed as well: of the generator, step by step, and of the judge. A backward pass goes through no layer of these; it
ends first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, get_ident
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.nn import Module

    from tonescope.diagnose.runtime.session import Session


class Stopped(Exception):
    """Raised in the thread that computes, when its run was stopped."""


class Stop:
    """What ends one run. Asking twice does no harm."""

    def __init__(self) -> None:
        self._asked = Event()

    def ask(self) -> None:
        """End the run, as soon as it is noticed."""
        self._asked.set()

    @property
    def is_asked(self) -> bool:
        """Whether the run is to end."""
        return self._asked.is_set()

    def check(self) -> None:
        """Raise :class:`Stopped` once it was asked for."""
        if self._asked.is_set():
            raise Stopped


@contextmanager
def stoppable(session: Session, stop: Stop) -> Iterator[None]:
    """Within the block, a pass of this thread through the models of a session ends in :class:`Stopped` once that was
    asked for. Hooks only look: what is computed stays as it is."""
    computing = get_ident()

    def look(*_: Any) -> None:
        if stop.is_asked and get_ident() == computing:
            raise Stopped

    handles = [module.register_forward_pre_hook(look) for module in _layers(session)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _layers(session: Session) -> list[Module]:
    """The modules at the places of the generator, and all of the judge's, each once."""
    from torch.nn import Module

    generator, judge = session.generator, session.judge
    found = [generator.place(location).module for location in generator.locations()]
    for held in vars(judge).values():
        if isinstance(held, Module):
            found += held.modules()
    return list({id(module): module for module in found}.values())
