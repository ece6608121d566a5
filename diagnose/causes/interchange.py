"""Interchange: the activations of a set of units, taken from one prompt, put into takes of another.

Muting shows that a set is needed; this shows whether it is enough (interchange interventions: Geiger et al. 2021,
arXiv 2106.02997).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch

from tonescope.diagnose.causes.muting_trials import MOST, Group, MutingTrials, locations_of
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import activations
from tonescope.diagnose.intervene.source_activations import SourceActivations
from tonescope.diagnose.judging.verdict import hear
from tonescope.models.generator import Takes
from tonescope.models.judges.listening import posterior
from tonescope.models.units import Location, Unit

TRIED_TAKES = 2
MOST_UNITS = 5  # that are tried together


def put_in(context: Context, takes: Takes, group: Group, prompt: str, count: int) -> tuple[Edit, ...]:
    """One edit for each of ``count`` takes of ``prompt``: the group's activations in one of ``takes``, which are as
    long.

    What runs along the tokens of a prompt is averaged over them: another prompt has other tokens. The mean stands at as
    many as the longer of the two has, for they may be read together.
    """
    locations = locations_of(group)
    tokens = context.generator.token_mask([prompt, takes.prompts[0]]).shape[1]
    sources = [_spread(source, tokens) for source in activations(context, takes, locations)]
    return tuple(Edit(group, "patch", source=sources[row % len(sources)]) for row in range(count))


def _spread(source: SourceActivations, tokens: int) -> SourceActivations:
    def fitting(location: Location, values: torch.Tensor) -> torch.Tensor:
        if location.site.along != "tokens":
            return values
        return values.mean(2, keepdim=True).expand(-1, -1, max(tokens, 1), -1)

    return SourceActivations({location: fitting(location, values) for location, values in source.values.items()})


def enough(trials: MutingTrials, prompt: str, units: Sequence[Unit]) -> Group:
    """The fewest of ``units``, each of which turns takes back alone, whose activations bring the target into takes of
    another prompt; empty where all of them do not.

    Where two units are needed together, muting either turns the takes back, and only both bring the confusion.
    """
    sizes = list(accumulate(((unit,) for unit in units[:MOST_UNITS]), lambda group, unit: (*group, *unit)))
    works = next(
        (group for group, share in zip(sizes, _brought(trials, prompt, sizes), strict=True) if share >= MOST), ()
    )
    while len(works) > 1:
        smaller = [tuple(unit for unit in works if unit != left_out) for left_out in works]
        shares = _brought(trials, prompt, smaller)
        best = max(range(len(smaller)), key=lambda row: shares[row])
        if shares[best] < MOST:
            break
        works = smaller[best]
    return works


def _brought(trials: MutingTrials, prompt: str, groups: Sequence[Group]) -> list[float]:
    """The share of takes of a prompt that are heard as the target with each group's activations put in."""
    context, judge, seeds = trials.context, trials.context.listener, trials.seeds[:TRIED_TAKES]
    source = trials.untouched.pick(range(len(seeds)))
    edits = [edit for group in groups for edit in put_in(context, source, group, prompt, len(seeds))]
    played = play(context, [prompt] * len(edits), [*seeds] * len(groups), edits)
    trials.rows += len(edits)
    heard = hear(posterior(judge, played.waveform, context.rate), judge.labels)
    parts = [heard[start : start + len(seeds)] for start in range(0, len(heard), len(seeds))]
    return [part.count(trials.contrast.target) / len(part) for part in parts]
