"""Interventions: change units and see what comes out. Every edit proves that it fired and that it changed something wherever it acts.

Edits are rows of one batch: each row of a replay or of a generation may have its own, so many variants cost little more than one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.delay import frame_at
from tonescope.models.families.musicgen.musicgen import Generator, Sampling, Takes
from tonescope.models.hooks import hooked, write
from tonescope.models.units import Location, Unit

Kind = Literal["zero", "mean", "resample", "scale", "set", "patch"]
Branch = Literal["both", "cond", "uncond"]

NEEDS_SOURCE = ("resample", "patch")


@dataclass(frozen=True)
class SourceActivations:
    """Activations to put in place of others: per location (branches, positions, features), of one take."""

    values: dict[Location, Tensor]

    def save(self, path: Path) -> None:
        """Write one safetensors file, so that another run, or another model of the same shape, can be patched from it."""
        temporary = path.with_name(path.name + ".tmp")
        save_file({str(location): tensor.contiguous() for location, tensor in self.values.items()}, temporary)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> SourceActivations:
        """Read what :meth:`save` wrote. Raises :class:`TonescopeError` when that is no source."""
        try:
            return cls({Location.parse(name): tensor for name, tensor in load_file(path).items()})
        except (OSError, SafetensorError) as error:
            raise TonescopeError(f"{path} holds no recorded activations; write one with Donor.save().") from error


@dataclass(frozen=True)
class Edit:
    """What becomes of some units.

    Attributes:
        targets: units, or whole locations.
        kind: ``zero``; ``mean`` (over the reference prompts); ``scale`` (times ``value``); ``set`` (to ``value``); ``resample`` and
            ``patch`` (to what they were in the ``source``, position by position: a random other take, or one that was chosen).
        value: for ``scale`` and ``set``.
        seconds: from when to when; all of the take if absent.
        branch: the prompted half of guidance, the unconditional half, or both.
        amount: how far to go from what is there to what would be put there; 1 is all the way.

    Edits in the decoder act on the positions of audio; where the prompt is a prefix, its positions are left alone.
    """

    targets: tuple[Unit | Location, ...]
    kind: Kind = "mean"
    value: float = 0.0
    seconds: tuple[float, float] | None = None
    branch: Branch = "both"
    source: SourceActivations | None = None
    strength: float = 1.0

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
        """The features at ``location`` that the edit names."""
        if location in self.targets:
            return torch.arange(generator.features(location))
        width = generator.head_width(location)
        return (torch.tensor(self._indices[location])[:, None] * width + torch.arange(width)).flatten()


def check_edit(generator: Generator, edit: Edit, means: MeanActivations | None, guidance: float) -> None:
    """Raise :class:`TonescopeError` for an edit that cannot be made in this model."""
    _check_form(edit)
    for target in edit.targets:
        if isinstance(target, Unit):
            generator.check_unit(target)
    for location in sorted(edit.locations):
        generator.place(location)
        if not location.site.causal:
            raise TonescopeError(
                f"{location} takes no part in playing, so an edit there changes nothing that is heard; edit the decoder or codec.LAYER.decoder."
            )
        if edit.kind == "mean" and (means is None or location not in means.values):
            raise TonescopeError(
                f"no reference mean was measured at {location}; measure it first, or use zero or resample ablation."
            )
        if edit.kind in NEEDS_SOURCE and (edit.source is None or location not in edit.source.values):
            raise TonescopeError(
                f"a {edit.kind} at {location} needs a source that was recorded there; record one with activations()."
            )
        if edit.seconds and location.network == "text":
            raise TonescopeError(
                f"{location} works on the whole prompt at once, so an edit there cannot be limited to some seconds; leave the seconds out."
            )
        given = means.values[location] if edit.kind == "mean" and means else None
        if edit.kind in NEEDS_SOURCE and edit.source:
            given = edit.source.values[location]
        if given is not None and given.shape[-1] != generator.features(location):
            raise TonescopeError(
                f"what should be put in at {location} is {given.shape[-1]} wide and the place is {generator.features(location)} wide, so it is of another model; record it in this one."
            )
        if given is not None and len(given) < generator.branches(location, guidance) and edit.branch != "cond":
            raise TonescopeError(
                f"what should be put in at {location} was recorded without guidance, so nothing is known of the unconditional half; record it with guidance, or edit the prompt half alone."
            )
        skippable_attention = guidance > 1 and location.name == "cross" and bool(generator.skippable_attention)
        if edit.branch == "uncond" and skippable_attention:
            raise TonescopeError(
                f"{location} reads nothing of the empty prompt, so there is nothing to edit in that half; use prompt or both."
            )
        if edit.branch != "both" and generator.branches(location, guidance) == 1 and not skippable_attention:
            raise TonescopeError(
                f"{location} runs once for both guidance branches (or guidance is off), so an edit there cannot be limited to one; use both."
            )


def _check_form(edit: Edit) -> None:
    """What is wrong with an edit in any model."""
    if not edit.targets:
        raise TonescopeError("an edit names no unit and no location, so it would change nothing; name at least one.")
    if strange := [target for target in edit.targets if not isinstance(target, Unit | Location)]:
        raise TonescopeError(
            f"“{strange[0]}” is neither a Unit nor a Location; make one of it with Unit.parse or Location.parse."
        )
    for given, known in ((edit.kind, get_args(Kind)), (edit.branch, get_args(Branch))):
        if given not in known:
            raise TonescopeError(f"“{given}” says nothing to an edit; use {', '.join(known)}.")
    if edit.source and edit.kind not in NEEDS_SOURCE:
        raise TonescopeError(
            f"an edit of the kind {edit.kind} takes nothing from a source; leave it out, or use {' or '.join(NEEDS_SOURCE)}."
        )
    if not (math.isfinite(edit.value) and math.isfinite(edit.strength)):
        raise TonescopeError("an edit’s value and amount have to be finite numbers, or the sound would be none.")
    if edit.seconds and not 0 <= edit.seconds[0] < edit.seconds[1]:
        raise TonescopeError(
            f"the seconds {edit.seconds[0]:g} to {edit.seconds[1]:g} are not a stretch of time; give a start and a later end."
        )


def resampled(targets: Sequence[Unit | Location], sources: Sequence[SourceActivations], seed: int) -> list[Edit]:
    """Resample ablation (Chan et al. 2022): one edit a take, each from the source of a random other take.

    Raises :class:`TonescopeError` when there is no other take.
    """
    if len(sources) < 2:
        raise TonescopeError("resampling takes from another take, and there is only one; record two takes or more.")
    shift = 1 + int(np.random.default_rng(seed).integers(len(sources) - 1))
    return [
        Edit(tuple(targets), "resample", source=sources[(row + shift) % len(sources)]) for row in range(len(sources))
    ]


class _Writer:
    """All edits at one location: ``tensor * factor + addend`` on the rows concerned; others pass untouched, bit for bit."""

    def __init__(
        self, generator: Generator, location: Location, edits: dict[int, Edit], rows: int, guidance: float, means: MeanActivations | None,
    ) -> None:  # fmt: skip
        self.generator, self.location, self.rows = generator, location, rows
        self.branches = generator.branches(location, guidance)
        self.edits = edits
        # One line for each (branch, row) that is edited here.
        self.lines = [
            (branch, row)
            for branch in range(self.branches)
            for row, edit in edits.items()
            if edit.branch == "both" or (edit.branch == "cond") == (branch == 0)
        ]
        length = max([1, *(edit.source.values[location].shape[1] for edit in edits.values() if edit.source)])
        features = generator.features(location)
        factor, addend = torch.ones(len(self.lines), 1, features), torch.zeros(len(self.lines), length, features)
        for line, (branch, row) in enumerate(self.lines):
            edit, columns = edits[row], edits[row].columns(generator, location)
            factor[line, :, columns] = edit.value if edit.kind == "scale" else 0.0
            if edit.kind == "mean":
                assert means is not None
                mean = means.values[location]
                addend[line, :, columns] = mean[branch, columns]
            elif edit.kind == "set":
                addend[line, :, columns] = edit.value
            elif edit.source:
                given = edit.source.values[location]
                addend[line, : given.shape[1], columns] = given[branch][:, columns].float()
            factor[line, :, columns] = 1 + edit.strength * (factor[line, :, columns] - 1)
            addend[line, :, columns] *= edit.strength
        device, dtype = generator.model.device, generator.dtype(location)
        self.factor, self.addend = factor.to(device, dtype), addend.to(device, dtype)
        self.reach = self._reach()
        self.everywhere = self._present(list(range(rows)))
        self.changed = torch.zeros(len(self.lines), dtype=torch.bool, device=device)
        self.short, self.longest = 0, 0  # positions that no source has, and how long the take was

    def _reach(self) -> Tensor | None:
        """What each line acts on, (lines, 3): first and last position in time, and steps the source has; ``None`` where all is."""
        rate, far = self.generator.frame_rate, 2**31
        reach = []
        for _, row in self.lines:
            edit = self.edits[row]
            start, stop = 0, far
            if edit.seconds:
                start = frame_at(edit.seconds[0], rate)
                stop = max(start + 1, frame_at(edit.seconds[1], rate))
            reach.append((start, stop, edit.source.values[self.location].shape[1] if edit.source else far))
        if all(line == (0, far, far) for line in reach):
            return None
        return torch.tensor(reach, device=self.generator.model.device)

    def __call__(self, tensor: Tensor) -> Tensor:
        clock = self.generator.clock
        body = tensor.transpose(1, 2) if self.location.site.axis == 1 else tensor
        prefix = clock.prefix if self.location.network == "decoder" else 0
        expected = self.branches * (self.rows if clock.rows is None else len(clock.rows))
        if len(body) != expected:
            raise TonescopeError(
                f"the edits are for {expected} rows at {self.location} and {len(body)} came by, so they would hit the wrong takes; give one edit or None for each take, and the guidance that is played with."
            )
        lines, where = self.everywhere if clock.rows is None else self._present(clock.rows.tolist())
        if not len(lines) or body.shape[1] == prefix:
            return tensor
        before = body[where, prefix:]
        steps = torch.arange(before.shape[1], device=tensor.device)
        if self.location.network == "decoder":
            steps = steps + clock.start
        # A codec source holds the sides of a stereo image one after the other.
        given = steps + clock.side * len(steps) if self.location.network == "codec" else steps
        addend = self.addend[lines]
        if addend.shape[1] > 1:
            addend = addend[:, given.clamp_max(addend.shape[1] - 1)]
        after = before * self.factor[lines] + addend
        if self.reach is not None:
            start, stop, supply = self.reach[lines].unsqueeze(1).unbind(2)
            # Codec layers run faster than frames; decoder positions and frames of the first codebook are the same.
            time = steps * clock.frames // len(steps) if self.location.network == "codec" else steps
            inside = (time >= start) & (time < stop)
            self.short = max(self.short, int((inside & (given >= supply)).sum()))
            self.longest = max(self.longest, int(time[-1]) + 1)
            after = torch.where(inside[..., None], after, before)
        self.changed[lines] |= (after != before).flatten(1).any(1)
        edited = body.clone()
        edited[where, prefix:] = after
        return edited.transpose(1, 2) if self.location.site.axis == 1 else edited

    def _present(self, here: list[int]) -> tuple[Tensor, Tensor]:
        """Which lines concern a tensor of the takes ``here``, and at which of its rows."""
        at = {row: index for index, row in enumerate(here)}
        found = [(line, branch * len(here) + at[row]) for line, (branch, row) in enumerate(self.lines) if row in at]
        pairs = torch.tensor(found, dtype=torch.long, device=self.generator.model.device).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    def check(self) -> None:
        """Raise when an edit ran out of source, or left everything here as it was in every branch it may touch."""
        if self.short:
            raise TonescopeError(
                f"the source at {self.location} is shorter than what it should fill; record as long a take (or as many tokens), or limit the edit to its seconds."
            )
        for row, edit in self.edits.items():
            if edit.seconds and self.longest <= frame_at(edit.seconds[0], self.generator.frame_rate):
                raise TonescopeError(
                    f"an edit from {edit.seconds[0]:g} s on changed nothing, because the take ends before; choose earlier seconds."
                )
            mine = [line for line, (_, owner) in enumerate(self.lines) if owner == row]
            # One branch will do: a unit may be silent without a prompt.
            if not bool(self.changed[mine].any()):
                raise TonescopeError(
                    f"an intervention at {self.location} changed nothing, so its result would mean nothing; choose units that are active, or another value."
                )


@contextmanager
def edited(
    generator: Generator, edits: Sequence[Edit | None], guidance: float, means: MeanActivations | None = None
) -> Iterator[None]:
    """Within the block, each row of a generation or a replay is edited in its own way (``None`` leaves a row alone).

    Raises:
        TonescopeError: an edit cannot be made here, did not fire, or changed nothing.
    """
    given = {row: edit for row, edit in enumerate(edits) if edit}
    for edit in {id(edit): edit for edit in given.values()}.values():
        check_edit(generator, edit, means, guidance)
    by_location: dict[Location, dict[int, Edit]] = defaultdict(dict)
    for row, edit in given.items():
        for location in edit.locations:
            by_location[location][row] = edit
    writers = [
        _Writer(generator, location, rows, len(edits), guidance, means)
        for location, rows in sorted(by_location.items())
    ]
    with hooked([write(generator.place(writer.location), writer) for writer in writers]):
        yield
    for writer in writers:
        writer.check()


def regenerate(
    generator: Generator,
    prompts: Sequence[str],
    seeds: Sequence[int],
    edits: Sequence[Edit | None],
    seconds: float,
    sampling: Sampling,
    means: MeanActivations | None,
    rows: int = 48,
    advance: Callable[[float], None] | None = None,
) -> Takes:
    """Generate with one edit a row, ``rows`` at a time, on the noise of ``seeds``; ``advance`` is told the share that is done.

    Raises:
        TonescopeError: an edit cannot be made here, did not fire, changed nothing, or reaches beyond the take.
    """
    if not len(prompts) == len(seeds) == len(edits):
        raise ValueError(
            f"{len(prompts)} prompts, {len(seeds)} seeds and {len(edits)} edits are not one of each a take"
        )
    for late in (edit.seconds[1] for edit in edits if edit and edit.seconds and edit.seconds[1] > seconds + 1e-6):
        raise TonescopeError(
            f"an edit up to {late:g} s reaches beyond the {seconds:g} s of the take; choose earlier seconds."
        )
    done = []
    for start in range(0, len(seeds), rows):
        part = slice(start, start + rows)
        with edited(generator, edits[part], sampling.guidance, means):
            done.append(generator.generate(prompts[part], seeds[part], seconds, sampling))
        if advance:
            advance(min(1.0, (start + rows) / len(seeds)))
    return Takes(
        tuple(prompts),
        tuple(seeds),
        torch.cat([takes.codes for takes in done]),
        torch.cat([takes.waveform for takes in done]),
    )
