"""Interchange: the activations of a set of units, taken from one prompt, put into takes of another.

Muting shows that a set is needed; this shows whether it is enough (interchange interventions: Geiger et al. 2021,
arXiv 2106.02997).
"""

from __future__ import annotations

import torch

from tonescope.diagnose.causes.muting_trials import Group, locations_of
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.recording import activations
from tonescope.diagnose.intervene.source_activations import SourceActivations
from tonescope.models.generator import Takes
from tonescope.models.units import Location


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
