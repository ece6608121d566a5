"""Which place carries the change between two models: weights of B put into A, estimated on finished takes, then played.

Estimate: on the same takes of both, B's log-probability of every frame is compared with that of A, of A with B's
weights in one place, and of B with A's. How far that closes the gap is what the place brings, and takes away. Test:
fresh takes on the same noise, beside weights of another place that changed as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tonescope.diagnose.compare.behaviour import Asking, HeardTakes, distances, tempo_distances
from tonescope.diagnose.compare.compare_schema import GraftRow, PartRow
from tonescope.diagnose.compare.paired_statistics import Measured, ratio_over
from tonescope.diagnose.compare.weight_parts import Part, grafted
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import Advance, play
from tonescope.diagnose.intervene.recording import batches
from tonescope.models.generator import UNGUIDED, Generator, Takes, read_takes


@torch.no_grad()
def frame_likelihoods(generator: Generator, takes: Takes) -> Tensor:
    """The log-probability of every frame of finished takes (takes, frames) under their prompts, without guidance."""
    found: dict[int, Tensor] = {}
    for rows in batches(generator, takes):
        part = takes.pick(rows)
        with generator.working_on(None):
            replay = generator.replay(part, read_takes(generator, part), UNGUIDED)
            likely = generator.log_likelihood(replay).float().cpu()
        found |= dict(zip(rows, likely, strict=True))
    return torch.stack([found[row] for row in range(len(takes))])


@dataclass(frozen=True)
class Gap:
    """Two models on the same takes: log-probabilities (takes, frames) of A and of B."""

    first: Tensor
    second: Tensor
    prompts: tuple[str, ...]

    @property
    def size(self) -> list[float]:
        """By take."""
        return _apart(self.first, self.second)

    def closed(self, grafted_one: Tensor, target: Tensor) -> Measured | None:
        """How much of it is closed by a model whose log-probabilities these are, seen from the ``target``."""
        return ratio_over(self.prompts, _apart(grafted_one, target), self.size, less=True)


def _apart(first: Tensor, second: Tensor) -> list[float]:
    return (first - second).square().mean(1).tolist()


def estimated(
    first: Generator, second: Generator, takes: Takes, parts: Sequence[Part], advance: Advance
) -> list[PartRow]:
    """What each part brings and takes away, on finished takes of both; what brings most comes first."""
    gap = Gap(frame_likelihoods(first, takes), frame_likelihoods(second, takes), takes.prompts)
    rows = []
    for at, part in enumerate(parts):
        with grafted(first, second, [part]):
            brings = gap.closed(frame_likelihoods(first, takes), gap.second)
        with grafted(second, first, [part]):
            takes_away = gap.closed(frame_likelihoods(second, takes), gap.first)
        rows.append(PartRow(part=part.name, change=part.change, brings=brings, takes_away=takes_away))
        advance((at + 1) / len(parts))
    return sorted(rows, key=lambda row: -_score(row))


def _score(row: PartRow) -> float:
    """What a place does, both ways."""
    known = [one.value for one in (row.brings, row.takes_away) if one is not None]
    return sum(known) / len(known) if known else -math.inf


@dataclass(frozen=True)
class Fresh:
    """Fresh takes of A and of B on the same noise, and what is heard in them."""

    asked: Sequence[Asking]
    seeds: Sequence[int]
    first: Takes
    second: Takes
    first_heard: HeardTakes
    second_heard: HeardTakes

    @property
    def prompts(self) -> list[str]:
        """One a take."""
        return [each.prompt for each in self.asked]

    @property
    def changed(self) -> list[int]:
        """The takes that are not the same already."""
        return [row for row in range(len(self.second)) if not _same(self.first, self.second, row)]


def played(
    context: Context, source: Generator, parts: Sequence[Part], fresh: Fresh, *, control: bool, advance: Advance
) -> tuple[GraftRow, Takes]:
    """Fresh takes of the context's model with the weights of another in some parts."""
    with grafted(context.generator, source, parts):
        takes = play(context, fresh.prompts, fresh.seeds, advance=advance)
    heard = HeardTakes.of(context.listener, takes.waveform, context.rate)
    whole, left = distances(fresh.first_heard, fresh.second_heard), distances(heard, fresh.second_heard)
    tempo, tempo_left = (
        tempo_distances(fresh.first_heard, fresh.second_heard),
        tempo_distances(heard, fresh.second_heard),
    )
    known = [row for row in range(len(tempo)) if not (math.isnan(tempo[row]) or math.isnan(tempo_left[row]))]
    row = GraftRow(
        parts=[part.name for part in parts],
        control=control,
        same=sum(_same(takes, fresh.second, at) for at in fresh.changed),
        takes=len(fresh.changed),
        brings=ratio_over(fresh.prompts, left, whole, less=True),
        brings_tempo=ratio_over(
            [fresh.prompts[at] for at in known],
            [tempo_left[at] for at in known],
            [tempo[at] for at in known],
            less=True,
        ),
    )
    return row, takes


def _same(first: Takes, second: Takes, row: int) -> bool:
    """Whether a take is another to the last number of its state."""
    return all(torch.equal(first.state[name][row], second.state[name][row]) for name in first.state)
