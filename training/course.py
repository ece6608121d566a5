"""How a training runs: by the clock, so that it ends annealed on a slow machine and on a fast one, and goes on where it was stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

SAVE_EVERY = 120.0
LONGEST_STEP = 10.0  # seconds; what is longer was a machine that slept, and nothing was learnt meanwhile


class Stateful(Protocol):
    """What can be kept and taken up again."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


class Course:
    """Where a training stands.

    Args:
        path: where its state is kept.
        minutes: how long it takes in all.
        warm_up: steps until the full learning rate.
        floor: share of the learning rate that is left at the end.
        kept: models, optimisers and the like, by name.
    """

    def __init__(self, path: Path, minutes: float, warm_up: int, floor: float = 0.02, **kept: Any) -> None:
        self.path, self.minutes, self.warm_up, self.floor = path, minutes, warm_up, floor
        self.kept: dict[str, Stateful] = kept
        self.step, self.spent, self._saved = 0, 0.0, 0.0

    @property
    def share(self) -> float:
        """How much of the time is over (0 to 1)."""
        return min(1.0, self.spent / (self.minutes * 60))

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.share >= 1

    @property
    def rate(self) -> float:
        """Share of the full learning rate: warm-up by steps, then a cosine by time."""
        cosine = 0.5 * (1 + math.cos(math.pi * self.share))
        return min(1.0, (self.step + 1) / self.warm_up) * (self.floor + (1 - self.floor) * cosine)

    def resume(self) -> bool:
        """Take up what :meth:`save` wrote, if there is any."""
        if not self.path.exists():
            return False
        state = torch.load(self.path, weights_only=True)
        for name, owner in self.kept.items():
            owner.load_state_dict(state[name])
        self.step, self.spent = state["step"], state["spent"]
        self._saved = self.spent
        return True

    def save(self) -> None:
        """Write everything but the order of the data."""
        state = {name: owner.state_dict() for name, owner in self.kept.items()}
        torch.save({**state, "step": self.step, "spent": self.spent}, self.path.with_suffix(".tmp"))
        self.path.with_suffix(".tmp").replace(self.path)

    @contextmanager
    def lesson(self) -> Iterator[None]:
        """Time one step, and count it."""
        started = time.monotonic()
        yield
        self.step += 1
        self.spent += min(time.monotonic() - started, LONGEST_STEP)

    def saved(self) -> bool:
        """Save when it is time to, and say whether it was: every two minutes and at the end."""
        if self.spent - self._saved < SAVE_EVERY and not self.over:
            return False
        self._saved = self.spent
        self.save()
        return True


def half_is_quicker(model: nn.Module, loss: Any) -> bool:
    """Whether this processor takes a step in bfloat16 in less time; some do it in half, others need half as much again.

    ``loss`` makes one; learning is the same in both.
    """
    best = {True: math.inf, False: math.inf}
    for half in (True, False) * 3:
        started = time.monotonic()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            found: Tensor = loss()
        found.backward()
        best[half] = min(best[half], time.monotonic() - started)
    model.zero_grad()
    return best[True] < best[False]
