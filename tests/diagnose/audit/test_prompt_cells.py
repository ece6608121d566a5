"""The prompts of a design: all of them, or a part in which every level and pair of levels comes about equally often."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tonescope.diagnose.audit.design import design_of
from tonescope.diagnose.audit.prompt_cells import balanced, prompt_cells
from tonescope.diagnose.runtime.work_items import first_seed
from tonescope.models.errors import TonescopeError

DESIGN = """
name: x
factors: {genres: [a, b, c], instruments: [piano, flute], moods: [happy]}
wordings: ["{genre}", "{genre} music"]
takes: 2
"""
GENRES = {"a": "a", "b": "b", "c": "c"}


def test_all_combinations_are_played_where_there_is_room() -> None:
    made = prompt_cells(design_of(DESIGN, "x"), GENRES)
    kinds = Counter(cell.kind for cell in made.cells)
    assert kinds == {"plain": 6, "neutral": 2, "words": 3 * 2 * 3 * 2 - 6}
    assert made.combinations == made.played == kinds["words"]
    assert made.takes == 2 * 8 + 30 and len({cell.prompt for cell in made.cells}) == len(made.cells)


def test_a_part_is_balanced_and_never_more_than_the_bound() -> None:
    made = prompt_cells(design_of(DESIGN, "x"), GENRES, 16 + 18)
    assert made.takes == 34 and made.played == 18
    words = [cell for cell in made.cells if cell.kind == "words"]
    assert max(Counter(cell.genre for cell in words).values()) <= 7
    assert all(any(cell.levels) for cell in words)


def test_the_same_design_gives_the_same_part() -> None:
    design = design_of(DESIGN, "x")
    assert prompt_cells(design, GENRES, 30).cells == prompt_cells(design, GENRES, 30).cells


def test_the_takes_that_every_audit_needs_are_refused_where_they_are_too_many() -> None:
    with pytest.raises(TonescopeError, match="16 takes, and 15 are the most"):
        prompt_cells(design_of(DESIGN, "x"), GENRES, 15)


def test_pairs_of_levels_come_about_equally_often() -> None:
    sizes = [6, 3, 4, 3]
    rows = balanced(sizes, 108)
    assert len(np.unique(rows, axis=0)) == 108
    for first in range(4):
        for second in range(first):
            counts = Counter(map(tuple, rows[:, [second, first]].tolist()))
            expected = 108 / (sizes[first] * sizes[second])
            assert len(counts) == sizes[first] * sizes[second]
            assert max(counts.values()) <= 1.5 * expected + 1 and min(counts.values()) >= 0.5 * expected - 1


def test_a_part_of_very_many_combinations_is_chosen_without_listing_them() -> None:
    rows = balanced([60] * 8, 40)
    assert rows.shape == (40, 8) and len(np.unique(rows, axis=0)) == 40


def test_every_prompt_has_noise_of_its_own_and_the_same_in_every_audit() -> None:
    firsts = [first_seed(prompt, 1) for prompt in ("house", "house music", "techno")]
    assert len(set(firsts)) == 3 and firsts == [first_seed(prompt, 1) for prompt in ("house", "house music", "techno")]
    assert first_seed("house", 2) != firsts[0] and all(0 <= first < 2**40 for first in firsts)


def hashed(text: str, genres: tuple[str, ...] = ("house", "techno"), most: int | None = None, seed: int = 1) -> str:
    design = design_of(text, "x")
    return prompt_cells(design, {genre: genre for genre in genres}, most).hash(design, {"seed": seed})


def test_the_hash_is_of_all_that_decides_the_takes_and_not_of_spelling() -> None:
    text = "name: x\nfactors: {genres: all, moods: [happy, sad, calm]}\ntakes: 5\n"
    other = "takes: 5\nname: x\nfactors:\n  genres: all\n  moods:\n  - happy\n  - sad\n  - calm\n"
    plain = hashed(text)
    assert plain == hashed(text) == hashed(other)
    changed = [
        hashed(text.replace("calm", "wild")),
        hashed(text.replace("5", "6")),
        hashed(text, ("house", "polka")),  # what “all” stands for depends on the judge
        hashed(text, most=23),
        hashed(text, seed=2),
    ]
    assert len({plain, *changed}) == 6
