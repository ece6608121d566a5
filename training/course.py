"""The schedule of a training: by the clock, so that it ends annealed on any machine, and resumable."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

SAVE_EVERY = 120.0  # seconds
LONGEST_UNSAVED = 300.0  # seconds that pass outside, where the processor's time goes more slowly
LONGEST_STEP = 10.0  # seconds; a longer step means that the machine slept, and nothing was learnt meanwhile


class Stateful(Protocol):
    """Anything whose state can be saved and restored."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


class Course:
    """Progress of one training: its steps, its time, its learning rate, its checkpoint.

    Args:
        path: the checkpoint.
        minutes: how long the training takes in all.
        warm_up: steps until the full learning rate.
        floor: share of the learning rate that is left at the end.
        clock: gives seconds; that of the process, where others may have the processor in between.
        kept: what the checkpoint holds, by name: models, optimisers.
    """

    def __init__(
        self,
        path: Path,
        minutes: float,
        warm_up: int,
        floor: float = 0.02,
        *,
        clock: Callable[[], float] | None = None,
        **kept: Any,
    ) -> None:
        self.path, self.minutes, self.warm_up, self.floor = path, minutes, warm_up, floor
        self.clock = clock or time.monotonic
        self.kept: dict[str, Stateful] = kept
        self.step, self.spent, self._saved = 0, 0.0, 0.0
        self._saved_at = time.monotonic() if clock else math.inf

    @property
    def share(self) -> float:
        """Share of the time that is over, 0 to 1."""
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
        """Restore the checkpoint; false where there is none."""
        if not self.path.exists():
            return False
        state = torch.load(self.path, weights_only=True)
        for name, owner in self.kept.items():
            owner.load_state_dict(state[name])
        self.step, self.spent = state["step"], state["spent"]
        self._saved = self.spent
        return True

    def save(self) -> None:
        """Write the checkpoint: everything but the order of the data."""
        state = {name: owner.state_dict() for name, owner in self.kept.items()}
        torch.save({**state, "step": self.step, "spent": self.spent}, self.path.with_suffix(".tmp"))
        self.path.with_suffix(".tmp").replace(self.path)

    @contextmanager
    def lesson(self) -> Iterator[None]:
        """Count one step and its time."""
        started = self.clock()
        yield
        self.step += 1
        self.spent += min(self.clock() - started, LONGEST_STEP)

    def _long_unsaved(self) -> bool:
        if self._saved_at == math.inf or time.monotonic() - self._saved_at < LONGEST_UNSAVED:
            return False
        self._saved_at = time.monotonic()
        return True

    def saved(self) -> bool:
        """Save every :data:`SAVE_EVERY` seconds and at the end; true if this call did."""
        if self.spent - self._saved < SAVE_EVERY and not self.over and not self._long_unsaved():
            return False
        self._saved = self.spent
        self.save()
        return True


def half_is_quicker(model: nn.Module, loss: Any) -> bool:
    """Whether a training step takes less time in bfloat16 here; on some processors it takes half, on others 1.5 times.

    ``loss`` computes the scalar loss of ``model``; the best of three passes counts. Gradients are cleared afterwards.
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
