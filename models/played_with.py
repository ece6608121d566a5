"""What a generator is made to be played with, and what of that can be chosen: the parts of the seam that only some
families have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling


@dataclass(frozen=True)
class Recommended:
    """What a checkpoint is made to be played with, or is played with; ``None`` where it has no such thing, or does not
    say."""

    guidance: float | None = None
    steps: int | None = None
    shift: float | None = None


@runtime_checkable
class Denoises(Protocol):
    """The optional part of a generator that denoises, in a number of steps that can be chosen.

    Attributes:
        denoising_steps: of a generation.
        shorter_is_cheaper: whether a shorter take costs less; not, where one length is always computed.
    """

    denoising_steps: int
    shorter_is_cheaper: bool

    def denoise_in(self, steps: int) -> None:
        """Play in so many steps from now on; what was measured or recorded before is another model's."""

    def in_steps(self, steps: int) -> Generator:
        """The same modules, played in so many steps; this generator stays as it is."""

    def nearest_steps(self, steps: int) -> Tensor:
        """For each of so many steps, the one of this generator's own that is nearest to it in denoising time
        (steps,)."""


@runtime_checkable
class Recommends(Protocol):
    """The optional part of a generator that says what it is made to be played with.

    Attributes:
        recommended: that.
    """

    recommended: Recommended

    @property
    def played_with(self) -> Recommended:
        """What it is played with, but for guidance, which each call is given."""

    def check_sampling(self, sampling: Sampling) -> None:
        """Refuse what this checkpoint cannot do."""


@runtime_checkable
class Sings(Protocol):
    """The optional part of a generator of which it is known whether it sings.

    Attributes:
        sings: that: whether it plays voices with words.
    """

    sings: bool


USUAL_GUIDANCE = Sampling().guidance


def usual_guidance(generator: Generator) -> float:
    """The guidance that a generator is made for; a usual one, where it does not say."""
    wanted = generator.recommended.guidance if isinstance(generator, Recommends) else None
    return USUAL_GUIDANCE if wanted is None else wanted


def sings(generator: Generator) -> bool | None:
    """Whether a generator sings; ``None`` where that is not known."""
    return generator.sings if isinstance(generator, Sings) else None


def check_sampling(generator: Generator, sampling: Sampling) -> None:
    """Refuse what a generator cannot do. Raises :class:`TonescopeError`."""
    if isinstance(generator, Recommends):
        generator.check_sampling(sampling)
    elif sampling.negative:
        raise reads_no_negative(generator.name)


def reads_no_negative(name: str) -> TonescopeError:
    """The error for a negative prompt that a model has no place for."""
    return TonescopeError(
        f"{name} cannot be told what to steer away from, because its guidance starts from no prompt at all; leave the "
        "negative prompt out, or refuse things in the prompt itself."
    )
