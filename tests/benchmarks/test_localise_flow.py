"""Copies of the flow generator are drawn once, and kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import localise_flow
from benchmarks.localise_flow import FIRST_SEED, KINDS, MOST_DRAWS, made, make, recipes
from benchmarks.rewired import Kind, Recipe


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What was tried; seeds that are even make a copy, and no clean one does."""
    found: list[tuple[str, int]] = []

    def calibrated(_: Any, recipe: Recipe, __: Any) -> Recipe | None:
        found.append((recipe.kind, recipe.seed))
        return replace(recipe, strength=2.0) if recipe.seed % 2 == 0 and recipe.kind != "clean" else None

    def draw(kind: Kind, seed: int, _: Any) -> Recipe:
        return Recipe(kind, seed, "jazz", "house", "jazz", ("denoiser.1.mlp:3",))

    monkeypatch.setattr(localise_flow, "calibrated", calibrated)
    monkeypatch.setattr(localise_flow, "draw", draw)
    return found


def test_what_was_drawn_is_not_drawn_again(tried: list[tuple[str, int]], tmp_path: Path) -> None:
    path = tmp_path / "rewired.json"
    make(None, None, 2, path)  # type: ignore[arg-type]
    first = list(tried)
    make(None, None, 3, path)  # type: ignore[arg-type]
    assert len(set(tried)) == len(tried)
    assert [row.seed for row in recipes(made(path), "neuron")] == [FIRST_SEED, FIRST_SEED + 2, FIRST_SEED + 4]
    assert recipes(made(path), "neuron")[0].units == ("denoiser.1.mlp:3",)
    assert ("neuron", FIRST_SEED + 3) not in first
    assert len([kind for kind, _ in tried if kind == "clean"]) == MOST_DRAWS


def test_a_kind_that_gives_no_copies_ends(tried: list[tuple[str, int]], tmp_path: Path) -> None:
    make(None, None, 1, tmp_path / "rewired.json")  # type: ignore[arg-type]
    assert made(tmp_path / "rewired.json")["next"] == {
        kind: FIRST_SEED + (MOST_DRAWS if kind == "clean" else 1) for kind in KINDS
    }
