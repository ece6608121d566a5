"""From a design to the prompts that are played: all combinations, or a balanced part of them.

A part is chosen prompt by prompt: of some random combinations the one whose levels, and pairs of levels, were rarest so
far. So every level is heard about equally often, beside every other (a D-optimal design by a greedy search; Fedorov
1972).
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.audit.design import Cell, Design, prompt_of
from tonescope.models.errors import TonescopeError

TRIED = 48  # random combinations, of which one is taken
HASH_DIGITS = 16
LISTED = 200_000  # combinations that are looked at one by one

Places = NDArray[np.int64]


@dataclass(frozen=True)
class PromptCells:
    """What is played.

    Attributes:
        cells: the prompts, plain ones and neutral ones first.
        factors: the word factors with their levels, in the order of :attr:`Cell.levels`.
        combinations: how many prompts with words there are; ``played``, how many of them are in ``cells``.
    """

    cells: tuple[Cell, ...]
    factors: Mapping[str, tuple[str, ...]]
    combinations: int
    played: int

    @property
    def takes(self) -> int:
        """In all."""
        return sum(cell.takes for cell in self.cells)

    def hash(self, design: Design, playing: Mapping[str, Any]) -> str:
        """Of all that decides which takes there are: the design, every prompt with its takes (so, the genres that
        “all” stands for and the part that is played), and how they are played, the seed among it."""
        prompts = [[cell.prompt, cell.kind, cell.genre, cell.takes] for cell in self.cells]
        told = {"design": design.model_dump(mode="json"), "prompts": prompts, "playing": dict(playing)}
        return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:HASH_DIGITS]


def prompt_cells(design: Design, genres: Mapping[str, str], takes_at_most: int | None = None) -> PromptCells:
    """The prompts of a design.

    Args:
        design: what is asked.
        genres: how each genre is named in prompts, by the judge's label.
        takes_at_most: instead of the design's own bound.

    Raises:
        TonescopeError: the takes that every audit needs are more than there may be.
    """
    most = design.takes_at_most if takes_at_most is None else takes_at_most
    factors, nothing = design.words, tuple("" for _ in design.words)
    plain = [
        Cell("plain", label, nothing, place, prompt_of(design, name, place, {}), design.takes)
        for label, name in genres.items()
        for place in range(len(design.wordings))
    ]
    neutral = [Cell("neutral", "", nothing, 0, prompt, design.takes) for prompt in design.neutral]
    needed = sum(cell.takes for cell in (*plain, *neutral))
    if needed > most:
        raise TonescopeError(
            f"{len(plain)} plain and {len(neutral)} neutral prompts of {design.takes} takes are {needed} takes, and "
            f"{most} are the most; ask for fewer genres, wordings or takes, or raise takes_at_most."
        )
    levels = [("", *values) for values in factors.values()]
    sizes = [len(genres), len(design.wordings), *(len(values) for values in levels)]
    every = int(np.prod([float(size) for size in sizes])) - len(plain) if levels else 0
    rows = balanced(sizes, min(every, (most - needed) // design.takes_per_combination), skip=_says_nothing)
    labels = list(genres)
    words = []
    for row in rows.tolist():
        said = tuple(values[place] for values, place in zip(levels, row[2:], strict=True))
        named = dict(zip(factors, said, strict=True))
        prompt = prompt_of(design, genres[labels[row[0]]], row[1], named)
        words.append(Cell("words", labels[row[0]], said, row[1], prompt, design.takes_per_combination))
    cells = _each_once([*plain, *neutral, *words])
    return PromptCells(tuple(cells), factors, every, sum(cell.kind == "words" for cell in cells))


def _says_nothing(rows: Places) -> NDArray[np.bool_]:
    """Which combinations are plain prompts: no factor but genre and wording has a level."""
    plain: NDArray[np.bool_] = (rows[:, 2:] == 0).all(1)
    return plain


def _each_once(cells: Sequence[Cell]) -> list[Cell]:
    """The first cell of every prompt: two that read alike are one."""
    found: dict[str, Cell] = {}
    for cell in cells:
        found.setdefault(cell.prompt, cell)
    return list(found.values())


def balanced(
    sizes: Sequence[int], count: int, *, skip: Callable[[Places], NDArray[np.bool_]] | None = None, seed: int = 0
) -> Places:
    """So many different combinations (count, factors) of factors with so many levels, balanced.

    ``skip`` says of (rows, factors) which are not to be chosen.
    """
    random, total = np.random.default_rng(seed), float(np.prod([float(size) for size in sizes]))
    if count <= 0:
        return np.zeros((0, len(sizes)), np.int64)
    if total <= LISTED:
        every = np.array(list(itertools.product(*map(range, sizes))), np.int64)
        every = every[~skip(every)] if skip else every
        if count >= len(every):
            return every
    chosen = _Chosen(sizes, random)
    while len(chosen.rows) < count:
        tried = np.stack([random.integers(size, size=TRIED) for size in sizes], 1)
        chosen.add(tried[~skip(tried)] if skip else tried)
    return np.array(chosen.rows, np.int64)


class _Chosen:
    """The combinations so far, and how often each level and pair of levels is among them."""

    def __init__(self, sizes: Sequence[int], random: np.random.Generator) -> None:
        self.rows: list[tuple[int, ...]] = []
        self._random, self._known = random, set[tuple[int, ...]]()
        self._single = [np.zeros(size) for size in sizes]
        self._pairs = {
            pair: np.zeros((sizes[pair[0]], sizes[pair[1]])) for pair in itertools.combinations(range(len(sizes)), 2)
        }

    def add(self, tried: Places) -> None:
        """Take the rarest of some combinations that is new."""
        cost = sum((counts[tried[:, at]] * len(counts) for at, counts in enumerate(self._single)), np.zeros(len(tried)))
        for (first, second), paired in self._pairs.items():
            cost = cost + paired[tried[:, first], tried[:, second]] * paired.size
        for place in np.lexsort((self._random.random(len(tried)), cost)).tolist():
            row = tuple(int(level) for level in tried[place])
            if row not in self._known:
                self._take(row)
                return

    def _take(self, row: tuple[int, ...]) -> None:
        self._known.add(row)
        self.rows.append(row)
        for at, counts in enumerate(self._single):
            counts[row[at]] += 1
        for (first, second), paired in self._pairs.items():
            paired[row[first], row[second]] += 1
