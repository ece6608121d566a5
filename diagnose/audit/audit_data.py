"""What an audit heard, take by take, beside what each take asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.audit.design import Cell, Design
from tonescope.diagnose.audit.prompt_cells import PromptCells
from tonescope.diagnose.audit.word_effects import WordTakes, levels_of
from tonescope.diagnose.genre_statistics.confusion_counts import ConfusionCounts
from tonescope.diagnose.jobs.request import Models
from tonescope.diagnose.store.measured_takes import AuditTakes, MeasuredTakes

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AuditData:
    """Takes and what they asked for.

    Attributes:
        design: what was declared; ``played``, its prompts.
        takes: what is heard in each, and what was measured.
        source: where vectors and states of takes come from.
        models: who played and who listened.
    """

    design: Design
    played: PromptCells
    takes: MeasuredTakes
    source: AuditTakes
    models: Models

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The prompts; takes name them by their place."""
        return self.played.cells

    @property
    def labels(self) -> tuple[str, ...]:
        """What the judge could have heard."""
        return self.models.judge.labels

    @cached_property
    def genres(self) -> tuple[str, ...]:
        """The genres that were asked for."""
        return tuple(dict.fromkeys(cell.genre for cell in self.cells if cell.genre))

    @cached_property
    def asked(self) -> Ints:
        """(takes,) the place of the label asked for; −1 for none."""
        places = {label: place for place, label in enumerate(self.labels)} | {"": -1}
        by_cell = np.array([places[cell.genre] for cell in self.cells], np.int64)
        asked: Ints = by_cell[self.takes.prompt]
        return asked

    @cached_property
    def levels(self) -> dict[str, Ints]:
        """By factor, (takes,) the place of the level; 0 for none."""
        by_cell = levels_of([cell.levels for cell in self.cells], dict(self.played.factors))
        return {factor: places[self.takes.prompt] for factor, places in by_cell.items()}

    def of_kind(self, *kinds: str) -> Flags:
        """(takes,) which can be heard and are of prompts of some kinds."""
        by_cell = np.array([cell.kind in kinds for cell in self.cells], bool)
        chosen: Flags = by_cell[self.takes.prompt] & self.takes.usable
        return chosen

    def prompt_rows(self, *kinds: str) -> tuple[Floats, Ints]:
        """(prompts, labels + 1) counts of takes by what is heard, unclear ones last, and the place of each prompt's
        label, of prompts of some kinds."""
        chosen = self.of_kind(*kinds)
        counts = np.zeros((len(self.cells), len(self.labels) + 1))
        np.add.at(counts, (self.takes.prompt[chosen], self.takes.heard[chosen]), 1)
        rows = [at for at, cell in enumerate(self.cells) if cell.kind in kinds]
        places = {label: place for place, label in enumerate(self.labels)} | {"": -1}
        return counts[rows], np.array([places[self.cells[at].genre] for at in rows], np.int64)

    @cached_property
    def confusion(self) -> ConfusionCounts:
        """Plain takes by genre asked for and heard."""
        columns = len(self.labels)
        heard = np.zeros((len(self.genres), columns), np.int64)
        unsure, excluded = np.zeros(len(self.genres), np.int64), np.zeros(len(self.genres), np.int64)
        for row, genre in enumerate(self.genres):
            own = self.asked == self.labels.index(genre)
            plain = own & self.of_kind("plain")
            heard[row] = np.bincount(self.takes.heard[plain & (self.takes.heard >= 0)], minlength=columns)
            unsure[row] = int((plain & (self.takes.heard < 0)).sum())
            excluded[row] = int((own & self._plain & ~self.takes.usable).sum())
        return ConfusionCounts(self.genres, tuple(self.labels), heard, unsure, excluded)

    @property
    def _plain(self) -> Flags:
        by_cell = np.array([cell.kind == "plain" for cell in self.cells], bool)
        plain: Flags = by_cell[self.takes.prompt]
        return plain

    @cached_property
    def problems(self) -> dict[tuple[str, str], int]:
        """Plain takes that were left out, by genre asked for and reason."""
        found: Counter[tuple[str, str]] = Counter()
        for at, problem in enumerate(self.takes.problem):
            cell = self.cells[self.takes.prompt[at]]
            if problem and cell.kind == "plain":
                found[cell.genre, problem] += 1
        return dict(found)

    @cached_property
    def exclusions(self) -> dict[str, int]:
        """All takes that were left out, by reason."""
        return dict(Counter(problem for problem in self.takes.problem if problem).most_common())

    @cached_property
    def word_takes(self) -> WordTakes:
        """Takes that ask for a genre, with words or without, for the tests of words."""
        return self.with_levels(self.of_kind("plain", "words"))

    def with_levels(self, chosen: Flags) -> WordTakes:
        """Some takes by what they ask for, word by word."""
        return WordTakes(
            asked=self.asked[chosen],
            heard=self.takes.heard[chosen],
            labels=tuple(self.labels),
            levels={factor: places[chosen] for factor, places in self.levels.items()},
            names=dict(self.played.factors),
        )

    def rows_of(self, vectors: Mapping[tuple[int, int], NDArray[np.float32]]) -> tuple[Ints, Floats]:
        """The takes (rows,) that have a vector, and these (rows, width)."""
        keys = list(zip(self.takes.prompt.tolist(), self.takes.seed.tolist(), strict=True))
        rows = [at for at, key in enumerate(keys) if key in vectors]
        values = np.array([vectors[keys[at]] for at in rows], np.float64)
        return np.array(rows, np.int64), values
