"""Which units to mute together: chosen in rounds, each by slopes taken where those of the rounds before are muted.

One slope at the clean take foresees a small step and not a group: units stand in for one another, and a judge that is sure has next to no
slope. So a group is chosen a part at a time, and between the parts the takes are played again, on their noise, with what is chosen so
far muted: the next part is what holds the verdict up then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..models.generator import Generator, Sampling, Takes
from ..models.units import Unit
from . import sound
from .attribution import Attribution, attribute
from .interventions import Edit, regenerate
from .metrics import Metric
from .reference import Reference

ROUNDS = 4


@dataclass
class Group:
    """Units to be muted together.

    Attributes:
        units: in the order in which they were chosen.
        estimated: (takes,): the change of the metric that is expected, every unit's at the slopes it was chosen by.
    """

    units: list[Unit] = field(default_factory=list)
    estimated: Tensor = field(default_factory=lambda: torch.zeros(()))

    def grow(self, found: Attribution, share: float) -> None:
        """Take the strongest that are not in it yet, until it holds ``share`` of each kind of unit, at least one of each.

        Kinds are counted apart: a head is as wide as dozens of neurons, so that most heads would be among the strongest of all, and too
        few would be left to compare them with.
        """
        for part in found.by_kind():
            mine = {unit for unit in self.units if unit.location in part.units}
            wanted = max(1, round(share * part.count)) - len(mine)
            if wanted > 0:
                more = [unit for unit, _ in part.ranked(len(mine) + wanted) if unit not in mine][:wanted]
                self.units += more
                self.estimated = self.estimated + part.of(more)


def choose(
    generator: Generator, takes: Takes, metric: Metric, reference: Reference, found: Attribution, share: float, sampling: Sampling = Sampling(),
    rounds: int = ROUNDS, rows: int = 4, rows_played: int = 48, advance: Callable[[float], None] | None = None,
) -> Group:  # fmt: skip
    """The strongest ``share`` of the units of each kind, by the slopes at ``takes`` that ``found`` holds and those of the rounds that follow.

    A round whose takes are no longer usable sound says nothing about music; what is left is then chosen by the slopes before it.
    ``rows`` takes are attributed and ``rows_played`` played at a time. ``advance`` is told the share that is done.

    Raises:
        TonescopeError: an edit cannot be made here, or a gradient is not a number.
    """
    group, seconds = Group(), takes.codes.shape[2] / generator.frame_rate
    usual = sound.natural_distance(takes.waveform, int(generator.sample_rate))
    for number in range(1, rounds + 1):
        group.grow(found, share * number / rounds)
        if number < rounds:
            edit = Edit(tuple(group.units))
            played = regenerate(
                generator, takes.prompts, takes.seeds, [edit] * len(takes), seconds, sampling, reference, rows_played
            )
            broke = sound.broken(played.waveform, takes.waveform, int(generator.sample_rate), usual)
            if broke.float().mean() >= 0.5:
                group.grow(found, share)
                break
            found = attribute(generator, played, metric, reference, sampling, rows, at=edit)
        if advance:
            advance(number / rounds)
    return group
