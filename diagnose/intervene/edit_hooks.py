"""Edits in force: each row of a generation or a replay is edited in its own way, and proves that it was.

Rows are those of one batch, so many variants cost little more than one. An edit that did not fire, or changed
nothing, raises.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from tonescope.diagnose.intervene.interventions import Edit, check_edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator
from tonescope.models.hooks import hooked, write
from tonescope.models.layout import Layout
from tonescope.models.units import Location

_FAR = 2**31


class _Writer:
    """All edits at one location: ``tensor * factor + addend`` on the rows concerned; others pass untouched, bit for
    bit.

    A *line* is one (branch, row) that is edited here.
    """

    def __init__(
        self,
        generator: Generator,
        location: Location,
        edits: dict[int, Edit],
        *,
        rows: int,
        guidance: float,
        means: MeanActivations | None,
    ) -> None:
        self.generator, self.location, self.edits = generator, location, edits
        self.rows, self.guidance = rows, guidance
        self.branches = generator.branches(location, guidance)
        self.lines = [
            (branch, row)
            for branch, name in enumerate(self.branches)
            for row, edit in edits.items()
            if edit.touches(name)
        ]
        self.factor, self.addend = self._coefficients(means)
        self.reach = self._reach()
        self.everywhere = self._present(list(range(rows)))
        self.changed = torch.zeros(len(self.lines), dtype=torch.bool, device=generator.device)
        self.short, self.longest = 0, 0  # positions that no source has, and how long the take was

    def _coefficients(self, means: MeanActivations | None) -> tuple[Tensor, Tensor]:
        """What lines are multiplied by, (lines, 1, 1, features), and what is added, (lines, steps or 1, along or 1,
        features)."""
        generator, location = self.generator, self.location
        features = generator.features(location)
        given = {row: edit.given(location, means) for row, edit in self.edits.items()}
        recorded = [tensor for tensor in given.values() if tensor is not None]
        steps = max([1, *(tensor.shape[1] for tensor in recorded)])
        length = max([1, *(tensor.shape[2] for tensor in recorded if tensor.ndim == 4)])
        factor = torch.ones(len(self.lines), 1, 1, features)
        addend = torch.zeros(len(self.lines), steps, length, features)
        for line, (branch, row) in enumerate(self.lines):
            edit, columns, filling = self.edits[row], self.edits[row].columns(generator, location), given[row]
            kept = edit.value if edit.kind == "scale" else 0.0
            factor[line, ..., columns] = 1 + edit.strength * (kept - 1)
            if edit.kind == "set":
                addend[line, ..., columns] = edit.strength * edit.value
            elif filling is not None:
                put = filling[branch] if filling.ndim == 4 else filling[branch][:, None]
                addend[line, :, : put.shape[1], columns] = edit.strength * put[..., columns].float()
        device, dtype = generator.device, generator.activation_dtype(location)
        return factor.to(device, dtype), addend.to(device, dtype)

    def _reach(self) -> Tensor | None:
        """What each line acts on, (lines, 5): first and last frame, frames its source has, first and last step;
        ``None`` where all is."""
        rate, reach = self.generator.frame_rate, []
        for _, row in self.lines:
            edit, start, stop = self.edits[row], 0, _FAR
            if edit.seconds:
                start = round(edit.seconds[0] * rate)
                stop = max(start + 1, round(edit.seconds[1] * rate))
            supply = edit.source.values[self.location].shape[2] if edit.source else _FAR
            reach.append((start, stop, supply, *(edit.steps or (0, _FAR))))
        if all(line == (0, _FAR, _FAR, 0, _FAR) for line in reach):
            return None
        return torch.tensor(reach, device=self.generator.device)

    def __call__(self, tensor: Tensor) -> Tensor:
        layout = self.generator.layout(self.location, self.guidance)
        self._check_rows(len(tensor), layout.steps, None if layout.takes is None else len(layout.takes))
        lines, branch, take = self.everywhere if layout.takes is None else self._present(layout.takes.tolist())
        canonical = layout.split(tensor)
        if not len(lines) or not canonical.shape[3]:
            return tensor
        before = canonical[branch, take]
        steps, along = before.shape[1:3]
        after = before * self.factor[lines] + self._added(lines, layout, before)
        if self.reach is not None:
            start, stop, supply, first, last = self.reach[lines].unbind(1)
            times, at = layout.times(along, tensor.device), self._at(layout, along)
            inside = (times >= start[:, None]) & (times < stop[:, None])
            self.short = max(self.short, int((inside & (at >= supply[:, None])).sum()))
            self.longest = max(self.longest, int(times[-1]) + 1)
            step = torch.arange(layout.first_step, layout.first_step + steps, device=tensor.device)
            during = (step >= first[:, None]) & (step < last[:, None])
            after = torch.where((inside[:, None] & during[:, :, None])[..., None], after, before)
        self.changed[lines] |= (after != before).flatten(1).any(1)
        edited = canonical.clone()
        edited[branch, take] = after
        return layout.merge(edited, tensor)

    def _at(self, layout: Layout, along: int) -> Tensor:
        """Which position of a source each position is: sources hold the sides of a stereo image one after the other."""
        here = torch.arange(along, device=self.generator.device)
        return here + layout.part * along if layout.frames else here + layout.start

    def _added(self, lines: Tensor, layout: Layout, before: Tensor) -> Tensor:
        """What is added to ``before``, (lines, steps, along, features)."""
        addend, (steps, along) = self.addend[lines], before.shape[1:3]
        if addend.shape[1] > 1:
            addend = addend[:, layout.first_step : layout.first_step + steps]
        if addend.shape[2] > 1:
            addend = addend[:, :, self._at(layout, along).clamp_max(addend.shape[2] - 1)]
        return addend

    def _check_rows(self, came: int, steps: int, takes: int | None) -> None:
        expected = len(self.branches) * steps * (self.rows if takes is None else takes)
        if came != expected:
            raise TonescopeError(
                f"the edits are for {expected} rows at {self.location} and {came} came by, so they would hit the "
                "wrong takes; "
                "give one edit or None for each take, and the guidance that is played with."
            )

    def _present(self, here: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Which lines concern a tensor of the takes ``here``, and which of its branches and takes those are."""
        at = {row: index for index, row in enumerate(here)}
        found = [(line, branch, at[row]) for line, (branch, row) in enumerate(self.lines) if row in at]
        triples = torch.tensor(found, dtype=torch.long, device=self.generator.device).reshape(-1, 3)
        return triples[:, 0], triples[:, 1], triples[:, 2]

    def check(self) -> None:
        """Raise when an edit ran out of source, or left everything here as it was in every branch it may touch."""
        if self.short:
            raise TonescopeError(
                f"the source at {self.location} is shorter than what it should fill; "
                "record as long a take (or as many tokens), or limit the edit to its seconds."
            )
        for row, edit in self.edits.items():
            if edit.seconds and self.longest <= round(edit.seconds[0] * self.generator.frame_rate):
                raise TonescopeError(
                    f"an edit from {edit.seconds[0]:g} s on changed nothing, because the take ends before; "
                    "choose earlier seconds."
                )
            mine = [line for line, (_, owner) in enumerate(self.lines) if owner == row]
            # One branch will do: a unit may be silent without a prompt.
            if not bool(self.changed[mine].any()):
                raise TonescopeError(
                    f"an intervention at {self.location} changed nothing, so its result would mean nothing; "
                    "choose units that are active, or another value."
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
        _Writer(generator, location, rows, rows=len(edits), guidance=guidance, means=means)
        for location, rows in sorted(by_location.items())
    ]
    with hooked([write(generator.place(writer.location), writer) for writer in writers]):
        yield
    for writer in writers:
        writer.check()
