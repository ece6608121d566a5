"""Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598), step by step."""

from __future__ import annotations

from torch import Tensor


class LinearGuidance:
    """From what the branches predict to what is done. Families whose guidance has a memory have one of their own; each
    take has a fresh one, which is asked for every step in its turn.

    Args:
        scale: 1 or less means that there is one branch.
    """

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, predicted: Tensor) -> Tensor:
        """(takes, width, frames) of one step, of (branches, takes, width, frames), the conditional branch first."""
        if len(predicted) == 1:
            return predicted[0]
        return predicted[1] + self.scale * (predicted[0] - predicted[1])
