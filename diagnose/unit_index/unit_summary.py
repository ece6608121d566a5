"""Summaries: what the units of one location do over a corpus, in memory that does not grow with it.

A summary of some recordings and one of others give that of all of them, in whatever order they are merged: sums,
extremes, a histogram, the recordings in which a unit does most, and what it does in a random sample of recordings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

OCTAVES = 12  # of magnitude below and above 1 that are told apart
FINENESS = 4  # bins an octave, evenly spaced within it: those of a float's first two bits of mantissa
SIDE = 2 * OCTAVES * FINENESS
BINS = 2 * SIDE + 1  # the least first; the middle one is about zero
_SHIFT = 21  # bits of a float32 below those two
_ZERO = ((127 - OCTAVES) * FINENESS) - 1  # the float's bits just below the smallest bin
COUNTED = 64  # positions of a window that are in the histogram, about: every so many
NOBODY = torch.iinfo(torch.int64).max  # in the place of a recording where there is none


def bin_of(values: Tensor) -> Tensor:
    """The bin of each value, 0 to :data:`BINS` − 1; those beyond the last bin are in it."""
    bits = values.float().contiguous().view(torch.int32)
    size = ((bits & 0x7FFFFFFF) >> _SHIFT).sub_(_ZERO).clamp_(0, SIDE)
    return torch.where(bits < 0, SIDE - size, SIDE + size)


def bin_edges() -> NDArray[np.float64]:
    """The edges of the bins, ascending: (BINS + 1,)."""
    steps = np.arange(SIDE + 1)
    size = 2.0 ** (steps // FINENESS - OCTAVES) * (1 + steps % FINENESS / FINENESS)
    return np.concatenate([-size[::-1], size])


@dataclass(frozen=True)
class Block:
    """What units do in some windows of equal length.

    Attributes:
        positions: how many were looked at.
        total, square: sums over them, and over their squares (units,).
        least, most: (units,).
        histogram: of every so many positions (units, bins).
        peak: the most in each window (windows, units), and ``at``, how far into the window that is, 0 to 1.
    """

    positions: int
    total: Tensor
    square: Tensor
    least: Tensor
    most: Tensor
    histogram: Tensor
    peak: Tensor
    at: Tensor

    @classmethod
    def of(cls, values: Tensor, moments: Tensor) -> Block:
        """From values (windows, positions, units), and how far into the window each position is (positions,)."""
        windows, along, units = values.shape
        values = values.float()
        peak, where = values.max(1)
        some = values[:, :: max(1, along // COUNTED)]
        places = bin_of(some) + torch.arange(units, device=values.device) * BINS
        counts = torch.bincount(places.flatten(), minlength=units * BINS).view(units, BINS)
        return cls(
            windows * along,
            values.sum((0, 1)).double().cpu(),
            torch.linalg.vecdot(values.flatten(0, 1), values.flatten(0, 1), dim=0).double().cpu(),
            values.amin((0, 1)).cpu(),
            peak.amax(0).cpu(),
            counts.cpu(),
            peak.cpu(),
            moments.to(values.device)[where].cpu(),
        )


@dataclass(frozen=True)
class Summary:
    """What the units of a location do in the recordings seen so far.

    Attributes:
        positions: how many were looked at (1,); ``total``, ``square``, sums over them (units,) in double precision.
        least, most: (units,).
        histogram: (units, bins).
        top: the most of the recordings in which units do most, descending (units, top); ``top_recording``, which they
            are, and ``top_second``, when that is.
        sample: what units do at most in a random sample of recordings (sample, units); ``sample_second``, when;
            ``sample_recording`` (sample,), which they are; ``sample_priority`` (sample,): the lowest ones are kept.
    """

    positions: Tensor
    total: Tensor
    square: Tensor
    least: Tensor
    most: Tensor
    histogram: Tensor
    top: Tensor
    top_recording: Tensor
    top_second: Tensor
    sample: Tensor
    sample_second: Tensor
    sample_recording: Tensor
    sample_priority: Tensor

    @classmethod
    def empty(cls, units: int, top: int) -> Summary:
        """Of no recording. So many are to be kept as the ``top``."""
        double = torch.zeros(units, dtype=torch.float64)
        return cls(
            torch.zeros(1, dtype=torch.int64),
            double,
            double.clone(),
            torch.full((units,), torch.inf),
            torch.full((units,), -torch.inf),
            torch.zeros(units, BINS, dtype=torch.int64),
            torch.full((units, top), -torch.inf),
            torch.full((units, top), NOBODY, dtype=torch.int64),
            torch.zeros(units, top),
            torch.zeros(0, units),
            torch.zeros(0, units),
            torch.zeros(0, dtype=torch.int64),
            torch.zeros(0, dtype=torch.int64),
        )

    @property
    def units(self) -> int:
        """How many there are."""
        return len(self.total)

    def with_block(self, block: Block) -> Summary:
        """With the windows of a block in its sums; which recordings they are of, :meth:`with_recordings` is told."""
        return self._changed(
            positions=self.positions + block.positions,
            total=self.total + block.total,
            square=self.square + block.square,
            least=torch.minimum(self.least, block.least),
            most=torch.maximum(self.most, block.most),
            histogram=self.histogram + block.histogram,
        )

    def with_recordings(self, peaks: Peaks, priorities: Mapping[int, int]) -> Summary:
        """With recordings among those that examples are taken from; those with a priority may be in the sample."""
        count = self.top.shape[1]
        numbers = torch.tensor(peaks.recordings)
        new = (peaks.value.T, numbers.expand(self.units, -1), peaks.second.T)
        top, recording, second = _best(
            [torch.cat(pair, 1) for pair in zip((self.top, self.top_recording, self.top_second), new, strict=True)],
            count,
        )
        rows = [row for row, number in enumerate(peaks.recordings) if number in priorities]
        found = self._changed(top=top, top_recording=recording, top_second=second)
        return found._sampled(
            peaks.value[rows],
            peaks.second[rows],
            numbers[rows],
            torch.tensor([priorities[peaks.recordings[row]] for row in rows], dtype=torch.int64),
            len(self.sample) + len(rows),
        )

    def merged(self, other: Summary, sample: int) -> Summary:
        """Of the recordings of both. So many are kept as the sample."""
        top, recording, second = _best(
            [
                torch.cat([self.top, other.top], 1),
                torch.cat([self.top_recording, other.top_recording], 1),
                torch.cat([self.top_second, other.top_second], 1),
            ],
            self.top.shape[1],
        )
        found = self._changed(
            positions=self.positions + other.positions,
            total=self.total + other.total,
            square=self.square + other.square,
            least=torch.minimum(self.least, other.least),
            most=torch.maximum(self.most, other.most),
            histogram=self.histogram + other.histogram,
            top=top,
            top_recording=recording,
            top_second=second,
        )
        return found._sampled(other.sample, other.sample_second, other.sample_recording, other.sample_priority, sample)

    def _sampled(self, values: Tensor, seconds: Tensor, recordings: Tensor, priorities: Tensor, most: int) -> Summary:
        every = torch.cat([self.sample_priority, priorities])
        kept = every.argsort(stable=True)[:most]
        return self._changed(
            sample=torch.cat([self.sample, values])[kept],
            sample_second=torch.cat([self.sample_second, seconds])[kept],
            sample_recording=torch.cat([self.sample_recording, recordings])[kept],
            sample_priority=every[kept],
        )

    def _changed(self, **changed: Tensor) -> Summary:
        return Summary(**{**self.tensors(), **changed})

    # --- what follows from it ----------------------------------------------------------------------------------------

    @property
    def mean(self) -> Tensor:
        """Over all positions (units,)."""
        return self.total / self.positions

    @property
    def variance(self) -> Tensor:
        """Over all positions (units,)."""
        return (self.square / self.positions - self.mean.square()).clamp_min(0)

    def quantiles(self, shares: Sequence[float]) -> NDArray[np.float64]:
        """About the values that so much of the positions lies below, 0 to 1: (shares, units). Within a bin, positions
        are taken to be spread evenly."""
        edges, counts = bin_edges(), self.histogram.numpy()
        below = np.cumsum(counts, 1)
        wanted = np.asarray(shares)[:, None] * below[:, -1]
        found = np.empty((len(shares), self.units))
        for row, target in enumerate(wanted):
            at = np.minimum((below < target[:, None]).sum(1), BINS - 1)
            here, before = counts[np.arange(self.units), at], below[np.arange(self.units), at]
            inside = (target - (before - here)) / np.maximum(here, 1)
            found[row] = edges[at] + np.clip(inside, 0, 1) * (edges[at + 1] - edges[at])
        return np.clip(found, self.least.numpy(), self.most.numpy())

    def density(self) -> NDArray[np.float64]:
        """The share of positions at which units (units,) do much: are more than half way from their median to the
        most that they ever do; 0 for those that always do the same."""
        half = (self.quantiles([0.5])[0] + self.most.numpy()) / 2
        centres = (bin_edges()[:-1] + bin_edges()[1:]) / 2
        counts = self.histogram.numpy()
        active = (counts * (centres[None] >= half[:, None])).sum(1)
        moves = (self.most > self.least).numpy()
        return np.where(moves, active / np.maximum(counts.sum(1), 1), 0.0)

    # --- to be kept --------------------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """By name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_tensors(cls, kept: Mapping[str, Tensor]) -> Summary:
        """Inverse of :meth:`tensors`."""
        return cls(**kept)


@dataclass(frozen=True)
class Peaks:
    """The most that units do in whole recordings: their numbers, ``value`` (recordings, units), and the second of each
    recording in which that is."""

    recordings: tuple[int, ...]
    value: Tensor
    second: Tensor


def _best(parts: list[Tensor], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Values, recordings and seconds (units, some) of the ``count`` largest values; of equal ones those of the first
    recordings, so that the order in which recordings come makes no difference."""
    value, recording, second = parts
    order = recording.argsort(dim=1, stable=True)
    order = order.gather(1, value.gather(1, order).argsort(dim=1, descending=True, stable=True))[:, :count]
    return value.gather(1, order), recording.gather(1, order), second.gather(1, order)
