"""Gradient ascent: a canvas is changed, step by step, until objectives have more of what they ask for.

Rows are independent, so that many units are worked on in one batch and each is what it would be alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from tonescope.diagnose.microscope.objectives import Objective, Seen
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes

BETAS = (0.9, 0.99)  # of Adam: gradients through chance vary from step to step, and ascents are short
FUSED = ("cpu", "cuda")


@dataclass(frozen=True)
class Look:
    """What a canvas is at a step.

    Attributes:
        seen: activations, (rows, along, features) a location.
        penalty: how unnatural it is (rows,), in units of the objective.
        exact: whether the finished take would do just this; a canvas that is looked at through noise would not.
    """

    seen: Seen
    penalty: Tensor
    exact: bool


class Canvas(Protocol):
    """What is changed.

    Attributes:
        parameters: (rows, ...), a leaf that wants a gradient.
        rate: the size of a step.
    """

    parameters: Tensor
    rate: float

    def look(self, step: int, steps: int) -> Look:
        """Pass it through the network, as it is at this step of so many."""

    def keep(self, rows: Tensor) -> None:
        """Remember the rows (rows,) that are marked as they were at the last look: no others were better."""

    def finish(self) -> Finished:
        """The rows that were remembered; where none ever was, as they are now."""


@dataclass(frozen=True)
class Finished:
    """What a canvas became.

    Attributes:
        takes: one a row.
        seen: what they do, (rows, along, features) a location, on the CPU; without any noise.
        tensors: what else would be needed to see that again.
    """

    takes: Takes
    seen: Seen
    tensors: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Ascent:
    """What came of it.

    Attributes:
        finished: one take a row, and what it does.
        values: the objective at every step (steps, rows), and ``penalties`` likewise.
    """

    finished: Finished
    values: Tensor
    penalties: Tensor


def ascend(
    canvas: Canvas,
    objectives: Sequence[Objective],
    steps: int,
    *,
    constrain: Callable[[Tensor], None] | None = None,
    advance: Callable[[float], None] | None = None,
) -> Ascent:
    """Change a canvas so that its rows have more of the objectives: the first rows of the first, and so on, as many
    rows each.

    Args:
        constrain: brings the parameters back, in place, to where they may be, after every step.
        advance: told the share that is done.

    Raises:
        TonescopeError: an objective is not a number.
    """
    rows = len(canvas.parameters)
    if rows % len(objectives):
        raise ValueError(f"{rows} rows cannot be shared by {len(objectives)} objectives")
    fused = canvas.parameters.device.type in FUSED  # in one pass over the parameters
    optimiser = torch.optim.Adam([canvas.parameters], lr=canvas.rate, betas=BETAS, fused=fused)
    best, values, penalties = torch.full((rows,), -torch.inf), list[Tensor](), list[Tensor]()
    for step in range(steps):
        look = canvas.look(step, steps)
        value = of_rows(objectives, look.seen)
        total = value - look.penalty
        if not torch.isfinite(total).all():
            raise TonescopeError(
                "what is looked at is not a number at some point, so there is no way up from it; "
                "load the model in float32, or choose another seed."
            )
        optimiser.zero_grad()
        (-total.sum()).backward()
        now = total.detach().float().cpu()
        if look.exact and bool((better := now > best).any()):
            canvas.keep(better)
            best = torch.where(better, now, best)
        optimiser.step()
        if constrain:
            with torch.no_grad():
                constrain(canvas.parameters)
        values.append(value.detach().float().cpu())
        penalties.append(look.penalty.detach().float().cpu())
        if advance:
            advance((step + 1) / steps)
    return Ascent(canvas.finish(), torch.stack(values), torch.stack(penalties))


def of_rows(objectives: Sequence[Objective], seen: Seen) -> Tensor:
    """The objectives (rows,) of activations: of the first rows the first of them, and so on, as many rows each."""
    each = len(next(iter(seen.values()))) // len(objectives)
    return torch.cat([one(_rows(seen, at * each, each)) for at, one in enumerate(objectives)])


def _rows(seen: Seen, start: int, count: int) -> Seen:
    return {location: tensor[start : start + count] for location, tensor in seen.items()}
