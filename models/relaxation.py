"""What a generator can offer beside its protocol: takes that are made by gradient ascent.

A finished take is discrete, or the end of many steps. Here it is a tensor of free parameters that gradients reach: what
the take would be if it were finished now passes through the network, hooks fire, and the gradient goes on to the
parameters. A family that has this gives its generator an attribute ``relaxation``; one without it is refused by
:func:`relaxation_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling, State, Takes, Text
from tonescope.models.units import Location


@dataclass(frozen=True)
class Draft:
    """Takes in the making.

    Attributes:
        state: what they would be if they were finished now, takes first.
        carrier: the same as numbers that carry the gradient of the parameters; its shape is the family's own.
    """

    state: State
    carrier: Tensor


@dataclass(frozen=True)
class Chance:
    """The noise of one step of an ascent: every row has its own, whatever else is in the batch.

    Attributes:
        seeds: one a row.
        step: which step of the ascent it is.
        amount: how much of it there is, from 1 (as at the start of an ascent) to 0 (none).
    """

    seeds: tuple[int, ...]
    step: int = 0
    amount: float = 0.0


class Relaxation(Protocol):
    """Takes as free parameters (rows, ...), rows independent of one another.

    Attributes:
        rate: a step of the parameters, for an optimiser that normalises gradients, that is neither idle nor wild.
    """

    rate: float

    def random(self, seeds: Sequence[int], frames: int) -> Tensor:
        """Parameters of takes that are noise, one for each seed."""

    def parameters(self, takes: Takes, firmness: float, *, frames: slice = ...) -> Tensor:
        """Parameters of takes that are these, or some frames of them: the firmer, 0 to 1, the longer they stay so."""

    def beginning(self, parameters: Tensor, location: Location, moment: float) -> tuple[Tensor, int]:
        """The parameters of the first part of takes, with which all that goes on at a location of the network that
        plays, up to a moment (0 to 1), is as with the whole; and how many positions the whole has there."""

    def draft(self, parameters: Tensor, chance: Chance) -> Draft:
        """What takes of these parameters are now; differentiable."""

    def run(self, draft: Draft, text: Text) -> Tensor:
        """Pass a draft through the network that plays, prompted branch alone, for the hooks there. Gives its
        log-probability under the text, mean over its parts (rows,); differentiable in the draft on both sides."""

    def leaking(self, locations: Sequence[Location | None]) -> AbstractContextManager[None]:
        """Within the block, gradients of each row pass the nonlinearity before neurons at its location, one a row or
        ``None``, even where that is flat, so that a neuron that is off can be turned on; what passes forwards stays as
        it is."""

    def sound(self, draft: Draft) -> Tensor:
        """Waveform (rows, samples) of a draft, through the codec's decoder; differentiable."""

    def hear(self, waveform: Tensor) -> None:
        """Pass (rows, samples) through the codec's encoder, for the hooks there; differentiable."""

    def finish(self, state: State, prompt: str, seeds: Sequence[int]) -> Takes:
        """A draft's state as finished takes."""

    def encoded(self, waveform: Tensor, prompt: str, seeds: Sequence[int]) -> Takes:
        """The takes that sound most like (rows, samples) at the generator's rate."""

    def play(self, text: Text, prompt: str, seeds: Sequence[int], seconds: float, sampling: Sampling) -> Takes:
        """Generate from text states (rows, tokens, width) that no prompt has; ``prompt`` is what they started from, and
        has as many tokens."""

    def read_out(self, takes: Takes, sampling: Sampling) -> list[Takes]:
        """The takes as each layer of the network that plays would have gone on with them: the residual stream after it
        is read by the final norm and the output heads, on the past and the noise of the takes. Those of the last layer
        are the takes themselves."""


def relaxation_of(generator: Generator) -> Relaxation:
    """What a generator offers. Raises :class:`TonescopeError` for a family that offers nothing of it."""
    found: Relaxation | None = getattr(generator, "relaxation", None)
    if found is None:
        raise TonescopeError(
            f"{generator.name} belongs to a family whose takes cannot be made by gradient ascent yet "
            f"({generator.description}); look at units of the judge instead, or at a MusicGen."
        )
    return found
