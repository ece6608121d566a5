"""A canvas of takes in the making: what the generator plays with is free, and has to stay something that it would play.

The model's own log-probability is the prior. It only counts below what real takes have: the likeliest take of all is a
loop or silence, and a typical one is music.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import pad

from tonescope.diagnose.microscope.ascent import Finished, Look
from tonescope.diagnose.microscope.sight import Sight
from tonescope.models.generator import Generator, Takes, Text
from tonescope.models.relaxation import Chance, Draft, relaxation_of
from tonescope.models.units import Location

ASKED_EVERY = 4
WHOLE_EVERY = 2  # times that the prior is asked, it is asked of the whole take, where objectives look at its beginning
SETTLED = 0.6  # of the steps, after which no chance is left


@dataclass(frozen=True)
class Naturalness:
    """How natural a take has to be.

    Attributes:
        typical: log-probability of real takes, mean over their parts, in nats.
        weight: what a nat below that costs, in units of the objective; 0 asks for nothing.
        every: how often it is asked, in steps: a pass that asks goes to the end of the network.
        chance: how much noise an ascent begins with, as for :class:`tonescope.models.relaxation.Chance`.
    """

    typical: float = 0.0
    weight: float = 0.0
    every: int = ASKED_EVERY
    chance: float = 1.0


@dataclass
class DraftCanvas:
    """Takes in the making.

    Attributes:
        sight: what is looked at.
        text: what the generator reads meanwhile, one row or one a take.
        prompt: how that is written.
        seeds: one a row.
        parameters: as :class:`tonescope.models.relaxation.Relaxation` makes them.
        naturalness: the prior.
        owners: the location at which each row wants neurons turned on, one a row, ``None`` for nowhere; empty where
            all want so at the first of the sight.
        moment: how far into the take objectives look at most, 0 to 1; what comes later is passed only every other
            time that the prior is asked. ``None`` where they look at all of it.
    """

    sight: Sight
    text: Text
    prompt: str
    seeds: Sequence[int]
    parameters: Tensor
    naturalness: Naturalness = Naturalness()
    owners: Sequence[Location | None] = ()
    moment: float | None = None
    _draft: Draft | None = None
    _best: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parameters = self.parameters.detach().clone().requires_grad_()
        self.rate = self.sight.relaxation.rate

    def look(self, step: int, steps: int) -> Look:
        """Pass what the takes are now; what passes is a finished take."""
        prior = self.naturalness
        left = max(0.0, 1 - step / (SETTLED * steps))
        chance = Chance(tuple(self.seeds), step, prior.chance * left)
        asks = bool(prior.weight) and (step % prior.every == 0 or step == steps - 1)
        owners = self.owners or (self.sight.locations[0],) * len(self.parameters)
        ends = step % (WHOLE_EVERY * prior.every) == 0 or step == steps - 1
        exact = self.moment is None or ends or not prior.weight
        if exact:
            self._draft = self.sight.relaxation.draft(self.parameters, chance)
            seen, likely = self.sight.of_draft(self._draft, self.text, to_the_end=asks, owners=owners)
        else:
            seen, likely = self._beginning(chance, asks, owners)
        if likely is None:
            return Look(seen, torch.zeros(len(self.parameters), device=self.parameters.device), not prior.weight)
        cost = prior.weight * (prior.typical - likely).clamp_min(0)
        # Asked seldom, the prior pulls as much harder; its value stays what it is.
        return Look(seen, cost + (prior.every - 1) * (cost - cost.detach()), exact)

    def _beginning(
        self, chance: Chance, asks: bool, owners: Sequence[Location | None]
    ) -> tuple[dict[Location, Tensor], Tensor | None]:
        """What goes on up to the moment, and nothing after it; and how likely that much is, where it is asked. No such
        look is kept, so that the rest need not be known."""
        assert self.moment is not None
        relaxation = self.sight.relaxation
        first, whole = relaxation.beginning(self.parameters, self.sight.locations[0], self.moment)
        draft = relaxation.draft(first, chance)
        seen, likely = self.sight.of_draft(draft, self.text, to_the_end=asks, owners=owners)
        return {place: pad(part, (0, 0, 0, whole - part.shape[1])) for place, part in seen.items()}, likely

    def keep(self, rows: Tensor) -> None:
        """Remember what the draft of the last look would be."""
        assert self._draft is not None
        for name, tensor in self._draft.state.items():
            if name not in self._best:
                self._best[name] = tensor.clone()
            marked = rows.to(tensor.device)
            self._best[name][marked] = tensor[marked]

    def finish(self) -> Finished:
        """The best drafts as takes, and what these do when they are replayed."""
        relaxation = self.sight.relaxation
        state = self._best or relaxation.draft(self.parameters.detach(), Chance(tuple(self.seeds))).state
        takes = relaxation.finish(state, self.prompt, self.seeds)
        return Finished(takes, self.sight.of_takes(takes))


@torch.no_grad()
def typical(generator: Generator, takes: Takes) -> float:
    """Log-probability of finished takes under their own prompts without guidance, mean over their parts, in nats."""
    relaxation, found = relaxation_of(generator), []
    with generator.working_on(None):
        for row in range(len(takes)):
            take = takes.pick([row])
            draft = relaxation.draft(relaxation.parameters(take, 1.0), Chance((0,)))
            found.append(relaxation.run(draft, generator.read_text(take.prompts)))
    return float(torch.cat(found).mean())
