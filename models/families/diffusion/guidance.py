"""Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598), step by step."""

from __future__ import annotations

from torch import Tensor, nn


class LinearGuidance:
    """From what the branches predict to what is done. Families whose guidance has a memory have one of their own; each
    take has a fresh one, which is asked for every step in its turn.

    Args:
        scale: 1 or less means that there is one branch.
    """

    has_memory = False
    """Whether what is done at a step depends on the steps before."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, predicted: Tensor) -> Tensor:
        """(takes, width, frames) of one step, of (branches, takes, width, frames), the conditional branch first."""
        if len(predicted) == 1:
            return predicted[0]
        return predicted[1] + self.scale * (predicted[0] - predicted[1])


class ProjectedGuidance(LinearGuidance):
    """Adaptive projected guidance (Sadat et al. 2024, arXiv 2410.02416), as ACE-Step has it: with a momentum over
    steps, a bound on how long the push of each channel is over time, and without what goes the way of the prompted
    prediction."""

    MOMENTUM, LONGEST = -0.75, 2.5
    has_memory = True

    def __init__(self, scale: float) -> None:
        super().__init__(scale)
        self._average: Tensor | None = None

    def __call__(self, predicted: Tensor) -> Tensor:
        """(takes, width, frames) of the next step, of (branches, takes, width, frames), the conditional branch
        first."""
        if len(predicted) == 1:
            return predicted[0]
        push = predicted[0] - predicted[1]
        if self._average is not None:
            push = push + self.MOMENTUM * self._average
        self._average = push
        push = push * (self.LONGEST / push.norm(dim=-1, keepdim=True)).clamp_max(1.0)
        way = nn.functional.normalize(predicted[0].double(), dim=-1)
        across = push.double() - (push.double() * way).sum(-1, keepdim=True) * way
        return predicted[0] + (self.scale - 1) * across.to(push.dtype)
