"""Interventions: what becomes of some units, and the refusal of what cannot be done to them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tonescope.diagnose.intervene.edit_kinds import NEEDS_SOURCE, Branch, Kind, wrong_names
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.source_activations import Filling, SourceActivations
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator
from tonescope.models.layout import Branch as PassedBranch
from tonescope.models.units import Location, Unit


@dataclass(frozen=True)
class Edit:
    """What becomes of some units.

    Attributes:
        targets: units, or whole locations.
        kind: ``zero``; ``mean`` (over the reference prompts); ``scale`` (times ``value``); ``set`` (to ``value``);
            ``resample`` and ``patch`` (to what they were in the ``source``, position by position: a random other
            take, or one that was chosen).
        value: the factor of ``scale``, the activation of ``set``; no other kind reads it.
        seconds: start and end in the take; all of it if absent.
        branch: the conditional half of guidance, the unconditional one, or both.
        source: activations to put in, for ``resample`` and ``patch``.
        strength: how far to go from what is there to what would be put there; 1 is all the way.
        steps: the first denoising step and the one after the last; all of them if absent.

    Edits of what plays act on the positions of audio; where the prompt is a prefix, its positions are left alone.
    """

    targets: tuple[Unit | Location, ...]
    kind: Kind = "mean"
    value: float = 0.0
    seconds: tuple[float, float] | None = None
    branch: Branch = "both"
    source: SourceActivations | None = None
    strength: float = 1.0
    steps: tuple[int, int] | None = None

    @property
    def locations(self) -> set[Location]:
        """Where the targets are."""
        return {target.location if isinstance(target, Unit) else target for target in self.targets}

    @cached_property
    def _indices(self) -> dict[Location, list[int]]:
        """The units named at each location."""
        found: dict[Location, list[int]] = defaultdict(list)
        for target in self.targets:
            if isinstance(target, Unit):
                found[target.location].append(target.index)
        return found

    def columns(self, generator: Generator, location: Location) -> Tensor:
        """Indices of the features at ``location`` that the edit changes (features,): of a head, all that it has."""
        if location in self.targets:
            return torch.arange(generator.features(location))
        width = generator.head_width(location)
        return (torch.tensor(self._indices[location])[:, None] * width + torch.arange(width)).flatten()

    def touches(self, branch: PassedBranch) -> bool:
        """Whether it acts on a branch that passes through a location; one that is shared is always acted on."""
        return self.branch in ("both", branch) or branch == "shared"

    def given(self, location: Location, means: MeanActivations | None) -> Filling | None:
        """What is put in at a location; ``None`` where nothing was recorded there, or the kind puts in none."""
        columns = None
        if self.kind == "mean" and means is not None:
            values = means.values.get(location)
        elif self.source is not None:
            values, columns = self.source.values.get(location), self.source.columns.get(location)
        else:
            return None
        return Filling(values, columns) if values is not None else None


def check_edit(generator: Generator, edit: Edit, means: MeanActivations | None, guidance: float) -> None:
    """Raise :class:`TonescopeError` for an edit that cannot be made in this model."""
    _refuse(_wrong_form(edit))
    for target in edit.targets:
        if isinstance(target, Unit):
            generator.check_unit(target)
    for location in sorted(edit.locations):
        generator.place(location)
        _refuse(_wrong_place(generator, edit, location, guidance))
        _refuse(_wrong_filling(generator, edit, location, means, guidance))


def _refuse(reasons: Iterator[str]) -> None:
    """Raise with the first reason, if there is one."""
    for reason in reasons:
        raise TonescopeError(reason)


def _wrong_form(edit: Edit) -> Iterator[str]:
    """What is wrong with an edit in any model."""
    if not edit.targets:
        yield "an edit names no unit and no location, so it would change nothing; name at least one."
    if strange := [target for target in edit.targets if not isinstance(target, Unit | Location)]:
        yield f"“{strange[0]}” is neither a Unit nor a Location; make one of it with Unit.parse or Location.parse."
    yield from wrong_names(edit.kind, edit.branch)
    if edit.source and edit.kind not in NEEDS_SOURCE:
        yield (
            f"an edit of the kind {edit.kind} takes nothing from a source; leave it out, or use "
            f"{' or '.join(NEEDS_SOURCE)}."
        )
    if not (math.isfinite(edit.value) and math.isfinite(edit.strength)):
        yield "an edit’s value and strength have to be finite numbers, or the sound would be none."
    if edit.seconds and not 0 <= edit.seconds[0] < edit.seconds[1]:
        yield (
            f"the seconds {edit.seconds[0]:g} to {edit.seconds[1]:g} are not a stretch of time; give a start and a "
            "later end."
        )
    if edit.steps and not 0 <= edit.steps[0] < edit.steps[1]:
        yield f"the steps {edit.steps[0]} to {edit.steps[1]} are no range; give a first step and a later end."


def _wrong_place(generator: Generator, edit: Edit, location: Location, guidance: float) -> Iterator[str]:
    """What cannot be done at a location, whatever is put in."""
    branches = generator.branches(location, guidance)
    if not location.site.causal:
        yield (
            f"{location} takes no part in playing, so an edit there changes nothing that is heard; "
            "edit what plays, or codec.LAYER.decoder."
        )
    if edit.seconds and location.network == "text":
        yield (
            f"{location} works on the whole prompt at once, so an edit there cannot be limited to some seconds; "
            "leave the seconds out."
        )
    steps = generator.steps(location)
    if edit.steps and steps == 1:
        yield (
            f"{location} runs once for all of the take, so an edit there cannot be limited to some denoising steps; "
            "leave the steps out."
        )
    if edit.steps and edit.steps[1] > steps:
        yield (
            f"an edit up to step {edit.steps[1]} reaches beyond the {steps} denoising steps that pass through "
            f"{location}; choose a range within 0 to {steps}."
        )
    if edit.branch == "uncond" and branches == ("cond",):
        yield (
            f"{location} reads nothing of the empty prompt, so there is nothing to edit in that half; use cond or both."
        )
    if edit.branch != "both" and branches == ("shared",):
        yield (
            f"{location} runs once for both guidance branches (or guidance is off), so an edit there cannot be "
            "limited to one; use both."
        )


def _wrong_filling(
    generator: Generator, edit: Edit, location: Location, means: MeanActivations | None, guidance: float
) -> Iterator[str]:
    """What is wrong with what should be put in at a location."""
    filling = edit.given(location, means)
    if edit.kind == "mean" and filling is None:
        yield f"no reference mean was measured at {location}; measure it first, or use zero or resample ablation."
    if edit.kind in NEEDS_SOURCE and filling is None:
        yield f"a {edit.kind} at {location} needs a source that was recorded there; record one with activations()."
    if filling is None:
        return
    given = filling.values
    if filling.columns is None and given.shape[-1] != generator.features(location):
        yield (
            f"what should be put in at {location} is {given.shape[-1]} wide and the place is "
            f"{generator.features(location)} wide, so it is of another model; record it in this one."
        )
    if not filling.holds(edit.columns(generator, location)):
        yield (
            f"what should be put in at {location} was recorded for other units of it than those that are edited; "
            "record it for these."
        )
    if len(given) < len(generator.branches(location, guidance)) and edit.branch != "cond":
        yield (
            f"what should be put in at {location} was recorded without guidance, so nothing is known of the "
            "unconditional half; record it with guidance, or edit the conditional half alone."
        )
    if given.shape[1] not in (1, generator.steps(location)):
        yield (
            f"what should be put in at {location} was recorded over {given.shape[1]} denoising steps and "
            f"{generator.steps(location)} pass through it; record it with as many."
        )
