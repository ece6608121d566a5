"""Stopping one run: asked for in any thread, noticed by the thread that computes wherever a network is passed.

Progress is told between batches, and a large batch takes many seconds. So the stop is looked for at every layer that is
passed as well, forwards and backwards: of the generator, step by step, and of the judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, get_ident
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.nn import Module

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session


class Stopped(BaseException):
    """Raised in the thread that computes, when its run was stopped: nothing that handles errors is to handle it."""


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

    def look_backwards(_: Any) -> None:
        stop.check()  # on a GPU, in a thread of its own

    def follow(_: Module, __: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) and output else output
        if isinstance(first, Tensor) and first.requires_grad and get_ident() == computing:
            first.register_hook(look_backwards)

    layers = _layers(session)
    handles = [layer.register_forward_pre_hook(look) for layer in layers]
    handles += [layer.register_forward_hook(follow) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _layers(session: Session) -> list[Module]:
    """The modules at the places of the generator, and all of the judge's, each once."""
    generator, judge = session.generator, session.judge
    found = [generator.place(location).module for location in generator.locations()]
    for held in vars(judge).values():
        if isinstance(held, Module):
            found += held.modules()
    return list({id(module): module for module in found}.values())
