"""Which units to mute together: chosen in rounds, each by slopes taken where those of the rounds before are muted.

One slope at the clean take foresees a small step and not a group: units stand in for one another, and a judge that is sure has next to no
slope. So a group is chosen a part at a time, and between the parts the takes are played again, on their noise, with what is chosen so
far muted: the next part is what holds the verdict up then.

A diagnosis asks for the judge's log-odds of what is heard over everything else: those over one other genre also fall where the other
grows likelier from nothing, and the verdict stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..models.generator import Generator, Sampling, Takes
from ..models.units import Unit
from . import sound
from .attribution import Attribution, attribute
from .interventions import Edit, regenerate
from .metrics import Metric
from .reference import Reference
from .settings import ROUNDS


def grown(units: Sequence[Unit], found: Attribution, share: float) -> tuple[Unit, ...]:
    """``units``, and the strongest others until there is ``share`` of each kind, at least one of each.

    Kinds are counted apart: a head is as wide as dozens of neurons, so that most heads would be among the strongest of all, and too
    few would be left to compare them with.
    """
    group = list(units)
    for part in found.by_kind():
        mine = {unit for unit in units if unit.location in part.units}
        wanted = max(1, round(share * part.count)) - len(mine)
        ranked = part.ranked(len(mine) + max(0, wanted))
        group += [unit for unit, _ in ranked if unit not in mine][: max(0, wanted)]
    return tuple(group)


def choose(
    generator: Generator, takes: Takes, metric: Metric, reference: Reference, found: Attribution, share: float, sampling: Sampling = Sampling(),
    rounds: int = ROUNDS, rows: int = 4, rows_played: int = 48, advance: Callable[[float], None] | None = None, feedback: int = 0,
) -> tuple[Unit, ...]:  # fmt: skip
    """The strongest ``share`` of the units of each kind, in the order in which they are chosen: first by the slopes at ``takes`` that
    ``found`` holds, then by those of the rounds that follow.

    Muted units that leave no usable sound explain nothing: where rounds lead there, the first slopes alone choose. ``rows`` takes are
    attributed and ``rows_played`` played at a time; ``advance`` is told the share that is done, and ``feedback`` is that of :func:`.attribution.attribute`.

    Raises:
        TonescopeError: an edit cannot be made here, or a gradient is not a number.
    """
    rate, seconds = int(generator.sample_rate), takes.codes.shape[2] / generator.frame_rate
    usual = sound.natural_distance(takes.waveform, rate)
    slopes, group = found, grown((), found, share / rounds)
    for number in range(2, rounds + 2 if rounds > 1 else 2):  # the last listens only
        edit = Edit(group)
        played = regenerate(
            generator, takes.prompts, takes.seeds, [edit] * len(takes), seconds, sampling, reference, rows_played
        )
        if sound.broken(played.waveform, takes.waveform, rate, usual).float().mean() >= 0.5:
            return grown((), found, share)
        if number <= rounds:
            slopes = attribute(generator, played, metric, reference, sampling, rows, at=edit, feedback=feedback)
            group = grown(group, slopes, share * number / rounds)
        if advance:
            advance(number / (rounds + 1))
    return group
