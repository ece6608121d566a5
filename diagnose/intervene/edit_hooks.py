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

from tonescope.diagnose.intervene.coefficients import Coefficients, union_of_columns
from tonescope.diagnose.intervene.interventions import Edit, check_edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator
from tonescope.models.hooks import hooked, write
from tonescope.models.layout import Layout
from tonescope.models.units import Location

_NO_LIMIT = 2**31  # beyond any frame and any step


class _Writer:
    """The write hook of one location: ``tensor * factor + addend`` on the rows and features that are edited there; the
    others pass untouched, bit for bit.

    A *line* is one (branch, row) that is edited here.

    Args:
        edits: the edit of each row that has one at this location.
        rows: how many rows the whole generation or replay has.
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
        self.columns = union_of_columns(generator, location, edits.values())
        self.coefficients = Coefficients(generator, location, self.columns)
        for branch, row in self.lines:
            self.coefficients.add(edits[row], branch, means)
        self.limits = self._limits()
        self.all_lines = self._lines_of(list(range(rows)))
        self.changed = torch.zeros(len(self.lines), dtype=torch.bool, device=generator.device)
        self.missing_positions, self.frames_seen = 0, 0  # positions beyond the end of a source; length of the take

    def _limits(self) -> Tensor | None:
        """Where each line acts, (lines, 5): first frame, end frame, positions in its source, first step, end step; ends
        are exclusive. ``None`` where no line is limited."""
        rate, limits = self.generator.frame_rate, []
        for _, row in self.lines:
            edit, start, stop = self.edits[row], 0, _NO_LIMIT
            if edit.seconds:
                start = round(edit.seconds[0] * rate)
                stop = max(start + 1, round(edit.seconds[1] * rate))
            in_source = edit.source.values[self.location].shape[2] if edit.source else _NO_LIMIT
            limits.append((start, stop, in_source, *(edit.steps or (0, _NO_LIMIT))))
        if all(line == (0, _NO_LIMIT, _NO_LIMIT, 0, _NO_LIMIT) for line in limits):
            return None
        return torch.tensor(limits, device=self.generator.device)

    def __call__(self, tensor: Tensor) -> Tensor:
        layout = self.generator.layout(self.location, self.guidance)
        self._check_rows(len(tensor), layout.steps, None if layout.takes is None else len(layout.takes))
        lines, branch, take = self.all_lines if layout.takes is None else self._lines_of(layout.takes.tolist())
        canonical = layout.split(tensor)
        if not len(lines) or not canonical.shape[3]:
            return tensor
        here = self._here(branch, take)
        before = self._along_columns(canonical[here])
        steps, along = before.shape[1:3]
        positions = self._source_positions(layout, along)
        when = slice(layout.first_step, layout.first_step + steps)
        after = self.coefficients.applied(before, lines, when, positions)
        if layout.words is not None:
            after = torch.where(layout.words[take][:, None, :, None], after, before)
        if self.limits is not None:
            start, stop, in_source, first_step, end_step = self.limits[lines].unbind(1)
            frames = layout.times(along, tensor.device)
            inside = (frames >= start[:, None]) & (frames < stop[:, None])
            missing = inside & (positions >= in_source[:, None])
            self.missing_positions = max(self.missing_positions, int(missing.sum()))
            self.frames_seen = max(self.frames_seen, int(frames[-1]) + 1)
            step = torch.arange(layout.first_step, layout.first_step + steps, device=tensor.device)
            during = (step >= first_step[:, None]) & (step < end_step[:, None])
            after = torch.where((inside[:, None] & during[:, :, None])[..., None], after, before)
        self.changed[lines] |= (after != before).flatten(1).any(1)
        edited = canonical.clone()
        edited[here] = after if self.columns is None else after.permute(0, 3, 1, 2)
        return layout.merge(edited, tensor)

    def _here(self, branch: Tensor, take: Tensor) -> tuple[Tensor | slice, ...]:
        """Where the edited features of some lines are in the canonical view."""
        if self.columns is None:
            return branch, take
        columns = self.columns.to(branch.device)
        return branch[:, None], take[:, None], slice(None), slice(None), columns[None]

    def _along_columns(self, picked: Tensor) -> Tensor:
        """(lines, steps, along, features) of what stands at :meth:`_here`: torch puts index axes first."""
        return picked if self.columns is None else picked.permute(0, 2, 3, 1)

    def _source_positions(self, layout: Layout, along: int) -> Tensor:
        """The position in a source that belongs to each position here (along,). Sources of the codec hold the sides of
        a stereo image one after the other."""
        here = torch.arange(along, device=self.generator.device)
        return here + layout.part * along if layout.frames else here + layout.start

    def _check_rows(self, rows: int, steps: int, takes: int | None) -> None:
        """Raise when a tensor has other rows than the edits are for; ``takes`` is how many it holds, or all."""
        expected = len(self.branches) * steps * (self.rows if takes is None else takes)
        if rows != expected:
            raise TonescopeError(
                f"the edits are for {expected} rows at {self.location} and {rows} came by, so they would hit the "
                "wrong takes; give one edit or None for each take, and the guidance that is played with."
            )

    def _lines_of(self, rows: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """The lines that concern a tensor of these rows, and the branch and take of it that each line edits: three
        index tensors (lines,)."""
        take = {row: index for index, row in enumerate(rows)}
        found = [(line, branch, take[row]) for line, (branch, row) in enumerate(self.lines) if row in take]
        triples = torch.tensor(found, dtype=torch.long, device=self.generator.device).reshape(-1, 3)
        return triples[:, 0], triples[:, 1], triples[:, 2]

    def check(self, strict: bool) -> None:
        """Raise when an edit ran out of source, or (``strict``) left everything here as it was in every branch it may
        touch."""
        if self.missing_positions:
            raise TonescopeError(
                f"the source at {self.location} is shorter than what it should fill; "
                "record as long a take (or as many tokens), or limit the edit to its seconds."
            )
        for row, edit in self.edits.items():
            if edit.seconds and self.frames_seen <= round(edit.seconds[0] * self.generator.frame_rate):
                raise TonescopeError(
                    f"an edit from {edit.seconds[0]:g} s on changed nothing, because the take ends before; "
                    "choose earlier seconds."
                )
            mine = [line for line, (_, owner) in enumerate(self.lines) if owner == row]
            # A change in one branch is enough: a unit may be silent without a prompt.
            if strict and not bool(self.changed[mine].any()):
                raise TonescopeError(
                    f"an intervention at {self.location} changed nothing, so its result would mean nothing; "
                    "choose units that are active, or another value."
                )


@contextmanager
def edited(
    generator: Generator,
    edits: Sequence[Edit | None],
    guidance: float,
    means: MeanActivations | None = None,
    *,
    strict: bool = True,
) -> Iterator[None]:
    """Within the block, each row of a generation or a replay is edited in its own way.

    Args:
        edits: one for each row; ``None`` leaves a row alone.
        guidance: the guidance scale of the generation or replay, which decides what its rows are.
        means: what edits of the kind ``mean`` put in.
        strict: whether an edit that changed nothing is refused. Where units are only tried, it is a result: a neuron
            may be silent on a prompt, and on average.

    Raises:
        TonescopeError: an edit cannot be made here, did not fire, ran out of source, or changed nothing.
    """
    edit_of_row = {row: edit for row, edit in enumerate(edits) if edit}
    for edit in {id(edit): edit for edit in edit_of_row.values()}.values():  # each edit once
        check_edit(generator, edit, means, guidance)
    by_location: dict[Location, dict[int, Edit]] = defaultdict(dict)
    for row, edit in edit_of_row.items():
        for location in edit.locations:
            by_location[location][row] = edit
    writers = [
        _Writer(generator, location, rows, rows=len(edits), guidance=guidance, means=means)
        for location, rows in sorted(by_location.items())
    ]
    with hooked([write(generator.place(writer.location), writer) for writer in writers]):
        yield
    for writer in writers:
        writer.check(strict)
