"""Runs of symbols that come in many takes: n-grams of whatever takes are made of, against the same takes shuffled.

Moments that are quiet are masked, since silence is the same everywhere; so are runs of hardly any different symbols,
which are one sound held. What chance gives is counted in the same takes with their moments shuffled.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.overused.landmarks import Ints

FEWEST_TAKES = 3
VARIED = 0.35  # of the symbols of a run that have to differ from one another
SHUFFLES = 2
TAKES_AT_ONCE = 64  # whose n-grams are in memory
_WEIGHTS = 0x9E3779B97F4A7C15  # the golden ratio in 64 bits: a usual multiplier of hashes


@dataclass(frozen=True)
class Place:
    """Where a run comes: in which take, from which frame on and up to which."""

    take: int
    start: int
    stop: int


@dataclass(frozen=True)
class Run:
    """A run that comes in several takes: once in each, where it is longest."""

    places: tuple[Place, ...]

    @property
    def frames(self) -> int:
        """How long it is, where it is longest."""
        return max(place.stop - place.start for place in self.places)


@dataclass(frozen=True)
class Runs:
    """Runs by how many takes they come in, and in how many takes one came by chance, at most."""

    found: tuple[Run, ...]
    chance: int


def frequent_runs(
    symbols: Ints, loud: NDArray[np.bool_], length: int, *, fewest: int = FEWEST_TAKES, seed: int = 0
) -> Runs:
    """Runs of ``length`` symbols, or longer, that come in many takes.

    Args:
        symbols: (takes, frames).
        loud: (takes, frames) which moments are not quiet.
        length: of the shortest run.
        fewest: takes that a run has to be in.
        seed: of the shuffles.
    """
    random, chance = np.random.default_rng(seed), 0
    if symbols.shape[1] < length or not len(symbols):
        return Runs((), 0)
    for _ in range(SHUFFLES):
        order = random.random(symbols.shape).argsort(1)
        grams = _Grams.of(np.take_along_axis(symbols, order, 1), np.take_along_axis(loud, order, 1), length)
        chance = max(chance, int(grams.takes_of().max(initial=0)))
    grams = _Grams.of(symbols, loud, length)
    least = max(fewest, chance + 1)
    return Runs(tuple(_runs(grams, grams.takes_of() >= least, length)), chance)


@dataclass(frozen=True)
class _Grams:
    """All n-grams that count: their take and start, and which different one each is (``kind``, of ``kinds``)."""

    take: Ints
    start: Ints
    kind: Ints
    kinds: int

    @classmethod
    def of(cls, symbols: Ints, loud: NDArray[np.bool_], length: int) -> _Grams:
        parts = [
            _hashed(symbols[first : first + TAKES_AT_ONCE], loud[first : first + TAKES_AT_ONCE], length)
            for first in range(0, len(symbols), TAKES_AT_ONCE)
        ]
        take = np.concatenate([part[0] + TAKES_AT_ONCE * at for at, part in enumerate(parts)])
        start = np.concatenate([part[1] for part in parts])
        values, kind = np.unique(np.concatenate([part[2] for part in parts]), return_inverse=True)
        return cls(take.astype(np.int64), start.astype(np.int64), kind.astype(np.int64), len(values))

    def takes_of(self) -> Ints:
        """(kinds,) in how many takes each comes."""
        pairs = np.unique(self.kind * (int(self.take.max(initial=0)) + 1) + self.take)
        return np.bincount(pairs // (int(self.take.max(initial=0)) + 1), minlength=self.kinds)


def _hashed(symbols: Ints, loud: NDArray[np.bool_], length: int) -> tuple[Ints, Ints, NDArray[np.uint64]]:
    """Take, start and hash of every n-gram that counts, of some takes."""
    windows = np.lib.stride_tricks.sliding_window_view(symbols, length, axis=1)
    counts = np.lib.stride_tricks.sliding_window_view(loud, length, axis=1).all(-1)
    ordered = np.sort(windows, axis=-1)
    counts &= (ordered[..., 1:] != ordered[..., :-1]).sum(-1) + 1 >= VARIED * length
    take, start = np.nonzero(counts)
    hashed = np.zeros(len(take), np.uint64)
    for place in range(length):
        hashed = (hashed ^ windows[take, start, place].astype(np.uint64)) * np.uint64(_WEIGHTS)
        hashed ^= hashed >> np.uint64(29)
    return take.astype(np.int64), start.astype(np.int64), hashed


def _runs(grams: _Grams, frequent: NDArray[np.bool_], length: int) -> list[Run]:
    """Frequent n-grams that follow one another are one run."""
    chosen = np.flatnonzero(frequent[grams.kind])
    stretches: list[tuple[Place, tuple[int, ...]]] = []
    for at in chosen.tolist():
        take, start, kind = int(grams.take[at]), int(grams.start[at]), int(grams.kind[at])
        last = stretches[-1] if stretches else None
        if last and last[0].take == take and last[0].stop - length + 1 == start:
            stretches[-1] = (Place(take, last[0].start, start + length), (*last[1], kind))
        else:
            stretches.append((Place(take, start, start + length), (kind,)))
    root: dict[int, int] = {}

    def find(kind: int) -> int:
        while root.setdefault(kind, kind) != kind:
            root[kind] = root[root[kind]]
            kind = root[kind]
        return kind

    for _, kinds in stretches:
        for kind in kinds[1:]:
            root[find(kind)] = find(kinds[0])
    together: dict[int, dict[int, Place]] = defaultdict(dict)
    for place, kinds in stretches:
        own = together[find(kinds[0])]
        had = own.get(place.take)
        if had is None or place.stop - place.start > had.stop - had.start:
            own[place.take] = place
    runs = [Run(tuple(places[take] for take in sorted(places))) for places in together.values()]
    return sorted(runs, key=lambda run: (-len(run.places), -run.frames))
