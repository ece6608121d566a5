"""Passages that come again in many takes: found by their symbols and confirmed by the sound, or by the sound alone.

What is said of them is that they come again, in how many takes and for which prompts. Where they come from cannot be
told from takes, and is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.overused.fingerprint_matches import Match, common_landmarks, matches
from tonescope.diagnose.overused.landmarks import Ints, Landmarks
from tonescope.diagnose.overused.symbol_runs import frequent_runs

# Of the shortest run. Takes of one genre of the embedded generator, each with noise of its own, share 0.1 s in one pair
# of a hundred and 0.16 s at most; those that share their noise, up to 0.6 s.
RUN_SECONDS = 0.3
QUIET_DB = -30.0  # below the loudest moment of a take
PAIRS = 40  # of takes, whose sound is compared to confirm a passage
CONFIRMED = 0.5  # of them that have to share more landmarks than others do by chance
CHANCE_QUANTILE = 0.95
MOST_PASSAGES = 12
MOST_TAKES = 4000  # that are compared by their sound


@dataclass(frozen=True)
class Span:
    """Where a passage comes: in which take, from which second on and up to which."""

    take: int
    start: float
    end: float


@dataclass(frozen=True)
class Passage:
    """A passage that comes again.

    Attributes:
        spans: where, once in each take.
        by_symbols: whether it was found by symbols; if not, by the sound alone.
        confirmed: share of the pairs of takes that were compared whose sound agrees as well.
        chance: takes that a run came in by chance, at most; of the sound alone, landmarks.
        library: names of files of the user's that hold it.
    """

    spans: tuple[Span, ...]
    by_symbols: bool
    confirmed: float
    chance: int
    library: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it is, where it is longest."""
        return max(span.end - span.start for span in self.spans)

    @property
    def sure(self) -> bool:
        """Whether the sound agrees with the symbols."""
        return not self.by_symbols or self.confirmed >= CONFIRMED


def passages(
    sounds: Sequence[Landmarks],
    *,
    symbols: Ints | None = None,
    levels: NDArray[np.float64] | None = None,
    frame_rate: float = 0.0,
    fewest: int = 3,
) -> list[Passage]:
    """Passages that come in at least ``fewest`` takes, those in most takes first.

    Args:
        sounds: the landmarks of each take.
        symbols: (takes, frames), at ``frame_rate`` a second; absent where takes are not made of symbols.
        levels: (takes, moments) in dB, over the same time.
    """
    if symbols is None:
        return _by_sound(sounds, fewest)[:MOST_PASSAGES]
    found = frequent_runs(symbols, _loud(levels, symbols), max(2, round(RUN_SECONDS * frame_rate)), fewest=fewest)
    made = [
        Passage(
            tuple(Span(p.take, p.start / frame_rate, p.stop / frame_rate) for p in run.places), True, 0.0, found.chance
        )
        for run in found.found[: 3 * MOST_PASSAGES]
    ]
    return [replace(each, confirmed=_confirmed(each, sounds)) for each in made][:MOST_PASSAGES]


def _loud(levels: NDArray[np.float64] | None, symbols: Ints) -> NDArray[np.bool_]:
    """(takes, frames) which moments are not quiet."""
    if levels is None:
        return np.ones(symbols.shape, bool)
    at = np.minimum((np.arange(symbols.shape[1]) * levels.shape[1]) // symbols.shape[1], levels.shape[1] - 1)
    loud: NDArray[np.bool_] = (levels >= levels.max(1, keepdims=True) + QUIET_DB)[:, at]
    return loud


def _confirmed(passage: Passage, sounds: Sequence[Landmarks]) -> float:
    """The share of pairs whose sound agrees where their symbols do, beyond what the same takes share elsewhere."""
    parts = {span.take: sounds[span.take].within(span.start, span.end) for span in passage.spans}
    random = np.random.default_rng(len(sounds))
    pairs = _pairs(passage.spans, random)
    if not pairs:
        return 0.0
    own = [common_landmarks(parts[a.take], parts[b.take], b.start - a.start) for a, b in pairs]
    chance = []
    for a, b in pairs:
        mixed = Landmarks(parts[b.take].hashes, random.permutation(parts[b.take].times))
        chance.append(common_landmarks(parts[a.take], mixed, b.start - a.start))
    least = max(2.0, float(np.quantile(chance, CHANCE_QUANTILE)) + 1)
    return float(np.mean([count >= least for count in own]))


def _pairs(spans: Sequence[Span], random: np.random.Generator) -> list[tuple[Span, Span]]:
    """All pairs, or so many of them at random that no single take is in all."""
    count = len(spans)
    if count * (count - 1) // 2 <= PAIRS:
        return list(combinations(spans, 2))
    first = random.integers(count, size=PAIRS)
    second = (first + random.integers(1, count, size=PAIRS)) % count
    return [(spans[a], spans[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)]


def _by_sound(sounds: Sequence[Landmarks], fewest: int) -> list[Passage]:
    """Takes that share a passage with one another, by their sound alone."""
    found = matches(sounds[:MOST_TAKES])
    neighbours: dict[int, list[int]] = defaultdict(list)
    for at, match in enumerate(found.found):
        neighbours[match.first].append(at)
        neighbours[match.second].append(at)
    used, made = set[int](), []
    for take in sorted(neighbours, key=lambda take: -len(neighbours[take])):
        if take in used:
            continue
        spans = _around(take, [found.found[at] for at in neighbours[take]], used)
        if len(spans) >= fewest:
            used |= {span.take for span in spans}
            made.append(Passage(tuple(spans), False, 1.0, found.chance))
    return sorted(made, key=lambda each: -len(each.spans))


def _around(take: int, pairs: Sequence[Match], used: set[int]) -> list[Span]:
    """Where a passage of one take comes in the others."""
    spans: dict[int, Span] = {}
    for match in pairs:
        own, other = (match.start, match.end), (match.start + match.later, match.end + match.later)
        here, there = (own, other) if match.first == take else (other, own)
        who = match.second if match.first == take else match.first
        if who in used:
            continue
        spans.setdefault(take, Span(take, *here))
        spans[who] = Span(who, *there)
    return [spans[each] for each in sorted(spans)]


def in_library(found: Sequence[Passage], sounds: Sequence[Landmarks], files: Mapping[str, Landmarks]) -> list[Passage]:
    """The passages with the names of files that hold them; a file need not be as long as a take."""
    if not files or not found:
        return list(found)
    names = list(files)
    parts = [_longest(each, sounds) for each in found]
    compared = matches([*parts, *files.values()], apart=[0] * len(parts) + [1] * len(names))
    held: dict[int, list[str]] = defaultdict(list)
    for match in compared.found:
        held[match.first].append(names[match.second - len(parts)])
    return [replace(each, library=tuple(sorted(held[at]))) for at, each in enumerate(found)]


def takes_in_library(sounds: Sequence[Landmarks], files: Mapping[str, Landmarks]) -> dict[str, list[int]]:
    """Which takes share a passage with which file, by the file's name, surest first."""
    if not files:
        return {}
    names, held = list(files), defaultdict[str, list[int]](list)
    compared = matches([*sounds, *files.values()], apart=[0] * len(sounds) + [1] * len(names))
    for match in compared.found:
        held[names[match.second - len(sounds)]].append(match.first)
    return dict(held)


def _longest(passage: Passage, sounds: Sequence[Landmarks]) -> Landmarks:
    span = max(passage.spans, key=lambda span: span.end - span.start)
    return sounds[span.take].within(span.start, span.end)
