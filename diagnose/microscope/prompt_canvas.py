"""A canvas of text states: what the generator reads is free, beyond what any prompt says; what it plays is its own.

Every few steps takes are played from the states as they then are. Between, gradients are those of a replay of these
takes. So whatever comes out is something that the model plays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from tonescope.diagnose.microscope.ascent import Finished, Look
from tonescope.diagnose.microscope.sight import Sight
from tonescope.models.generator import Sampling, Takes, Text

REPLAYED = 8  # steps between two generations
REACH = 1.5  # how far a token's state may go, in lengths of what it was
RATE = 0.04


@dataclass
class PromptCanvas:
    """Text states, one set a row.

    Attributes:
        sight: what is looked at.
        text: what the prompt says, one row: where the states start.
        prompt: that prompt.
        seeds: one a row.
        seconds: how long takes are.
        sampling: how they are drawn.
    """

    sight: Sight
    text: Text
    prompt: str
    seeds: Sequence[int]
    seconds: float
    sampling: Sampling = field(default_factory=Sampling)
    _played: Takes | None = None
    _best: Takes | None = None
    _best_states: Tensor | None = None

    def __post_init__(self) -> None:
        rows, states = len(self.seeds), self.text.states.detach()[:1]
        self._size = states.square().mean().sqrt()
        self._start = states.expand(rows, -1, -1)
        self.parameters = torch.zeros_like(self._start, dtype=torch.float32).contiguous().requires_grad_()
        self.rate = RATE

    def _states(self) -> Text:
        """The states as they are now: those of the prompt, and as much beside them as :data:`REACH` allows."""
        moved = self.parameters * self._size
        allowed = REACH * self._start.float().norm(dim=-1, keepdim=True)
        moved = moved * (allowed / moved.norm(dim=-1, keepdim=True).clamp_min(1e-6)).clamp_max(1.0)
        states = (self._start + moved).to(self._start.dtype)
        rows = len(self.seeds)
        return replace(self.text, states=states, mask=self.text.mask[:1].expand(rows, -1))

    def look(self, step: int, steps: int) -> Look:
        """Replay the last takes under the states as they are now; play new ones, where it is time."""
        text = self._states()
        fresh = step % REPLAYED == 0 or step == steps - 1
        if fresh:
            self._played = self.sight.relaxation.play(text, self.prompt, self.seeds, self.seconds, self.sampling)
        assert self._played is not None
        seen = self.sight.of_states(self._played, text)
        return Look(seen, torch.zeros(len(self.seeds), device=self.parameters.device), fresh)

    def keep(self, rows: Tensor) -> None:
        """Remember the takes that were played last, and what they were played from."""
        assert self._played is not None
        states = self._states().states.detach()
        if self._best is None or self._best_states is None:
            self._best, self._best_states = self._played, states
        chosen = [(self._played if better else self._best).pick([row]) for row, better in enumerate(rows.tolist())]
        self._best = Takes.join(chosen)
        self._best_states = torch.where(rows.to(states.device)[:, None, None], states, self._best_states)

    @torch.no_grad()
    def finish(self) -> Finished:
        """The best takes, and what they do under the states that they were played from."""
        assert self._best is not None and self._best_states is not None
        text = replace(self._states(), states=self._best_states)
        seen = {location: tensor.float().cpu() for location, tensor in self.sight.of_states(self._best, text).items()}
        return Finished(self._best, seen, {"text_states": self._best_states.float().cpu()})
