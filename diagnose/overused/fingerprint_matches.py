"""Which sounds share a passage: landmarks that two of them have in common, at one and the same distance in time.

What chance gives is counted in the same sounds with the times of their landmarks shuffled: these have all notes and no
order. Only pairs that share more than any pair did by chance count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tonescope.diagnose.overused.landmarks import HOP_SECONDS, WINDOW_SECONDS, Ints, Landmarks

FEWEST_VOTES = 12  # landmarks in common, below which no pair counts
COMMON = 48  # sounds that may share a landmark; of one that more have, so many are looked at
SHUFFLES = 2
SHORTEST_SECONDS = 0.5


@dataclass(frozen=True)
class Match:
    """Two sounds that share a passage.

    Attributes:
        first, second: which sounds.
        start, end: seconds of the passage in the first; in the second it comes ``later`` by so many seconds.
        votes: landmarks that both have there.
    """

    first: int
    second: int
    start: float
    end: float
    later: float
    votes: int


@dataclass(frozen=True)
class Matches:
    """The pairs that share a passage, the surest first, and how many landmarks chance gave at most."""

    found: tuple[Match, ...]
    chance: int


def matches(sounds: Sequence[Landmarks], *, apart: Sequence[int] | None = None, seed: int = 0) -> Matches:
    """Pairs of sounds that share a passage.

    Args:
        sounds: what each is known by.
        apart: a group for each; only sounds of different groups are compared. All, if absent.
        seed: of the shuffles, and of what is looked at where a landmark is common.
    """
    random = np.random.default_rng(seed)
    groups = np.arange(len(sounds)) if apart is None else np.asarray(apart)
    chance = 0
    for _ in range(SHUFFLES):
        mixed = [Landmarks(each.hashes, random.permutation(each.times)) for each in sounds]
        _, votes, _ = _votes(mixed, groups, random)
        chance = max(chance, int(votes.max(initial=0)))
    pairs, votes, entries = _votes(sounds, groups, random)
    least = max(FEWEST_VOTES, chance + 1)
    found = [_match(pairs[at], int(votes[at]), entries) for at in np.flatnonzero(votes >= least)]
    whole = [each for each in found if each.end - each.start >= SHORTEST_SECONDS]
    best: dict[tuple[int, int], Match] = {}
    for each in sorted(whole, key=lambda each: -each.votes):
        best.setdefault((each.first, each.second), each)
    return Matches(tuple(best.values()), chance)


def common_landmarks(first: Landmarks, second: Landmarks, later: float, tolerance: int = 1) -> int:
    """How many landmarks two sounds share, where those of the second come ``later`` by so many seconds."""
    shift = round(later / HOP_SECONDS)
    order = np.argsort(second.hashes, kind="stable")
    hashes, times = second.hashes[order], second.times[order]
    low, high = np.searchsorted(hashes, first.hashes, "left"), np.searchsorted(hashes, first.hashes, "right")
    found = 0
    for at in np.flatnonzero(high > low).tolist():
        gaps = times[low[at] : high[at]] - first.times[at] - shift
        found += bool((np.abs(gaps) <= tolerance).any())
    return found


@dataclass(frozen=True)
class _Entries:
    """Every landmark that two sounds share: its pair and distance as one key, and when it is in the first."""

    keys: Ints
    times: Ints
    span: int
    count: int


def _votes(sounds: Sequence[Landmarks], groups: Ints, random: np.random.Generator) -> tuple[Ints, Ints, _Entries]:
    """Keys of (pair, distance in time), how many landmarks vote for each, and the votes."""
    count = len(sounds)
    owner = np.repeat(np.arange(count), [len(each) for each in sounds])
    hashes = np.concatenate([each.hashes for each in sounds]) if count else np.zeros(0, np.int64)
    times = np.concatenate([each.times for each in sounds]) if count else np.zeros(0, np.int64)
    span = 2 * (int(times.max(initial=0)) + 1)
    order = np.lexsort((random.random(len(hashes)), hashes))
    hashes, owner, times = hashes[order], owner[order], times[order]
    keys, moments = [], []
    for step in range(1, COMMON + 1):  # every landmark with the next, the one after that, … of its hash
        same = hashes[step:] == hashes[:-step]
        left, right = owner[:-step][same], owner[step:][same]
        other = groups[left] != groups[right]
        left, right, before, after = (
            values[other] for values in (left, right, times[:-step][same], times[step:][same])
        )
        swapped = left > right
        first, second = np.where(swapped, right, left), np.where(swapped, left, right)
        one, two = np.where(swapped, after, before), np.where(swapped, before, after)
        keys.append((first * count + second) * span + (two - one) + span // 2)
        moments.append(one)
    entries = _Entries(np.concatenate(keys), np.concatenate(moments), span, count)
    found, votes = np.unique(entries.keys, return_counts=True)
    return found, votes, entries


def _match(key: int, votes: int, entries: _Entries) -> Match:
    pair, distance = divmod(int(key), entries.span)
    times = entries.times[entries.keys == key]
    low, high = np.quantile(times, [0.02, 0.98])  # one landmark far from the others is chance
    return Match(
        first=pair // entries.count,
        second=pair % entries.count,
        start=float(low) * HOP_SECONDS,
        end=float(high) * HOP_SECONDS + WINDOW_SECONDS,
        later=(distance - entries.span // 2) * HOP_SECONDS,
        votes=votes,
    )
