from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tonescope.diagnose.store.artifacts import Artifact, ArtifactStore, Recipe
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes

RECIPE = Recipe("visualize", 1, {"unit": "decoder.1.mlp:3", "seed": 1, "steps": 5}, {"generator": "abc"})


def artifact(value: float = 1.0) -> Artifact:
    takes = Takes(("a", "b"), (1, 2), {"codes": torch.arange(8).view(2, 4)}, torch.full((2, 6), value))
    made = Artifact.of_takes(RECIPE, takes, {"values": torch.ones(5, 2)})
    return replace(made, result={"value": value}, seconds=0.5)


def test_an_artifact_comes_back_as_it_was(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.keep(artifact())
    found, note = store.kept(RECIPE)
    assert found is not None and not note
    assert found.result == {"value": 1.0} and found.seconds == 0.5 and found.recipe == RECIPE
    takes = found.takes(["a", "b"], [1, 2])
    assert torch.equal(takes.state["codes"], torch.arange(8).view(2, 4)) and takes.waveform.shape == (2, 6)
    assert set(takes.state) == {"codes"} and found.tensors["values"].shape == (5, 2)


@pytest.mark.parametrize(
    "other",
    [
        replace(RECIPE, technique="dream"),
        replace(RECIPE, version=2),
        replace(RECIPE, parameters={**RECIPE.parameters, "seed": 2}),
        replace(RECIPE, models={"generator": "abd"}),
        replace(RECIPE, models={"generator": "abc", "judge": "x"}),
    ],
)
def test_whatever_decides_an_artifact_is_in_its_name(other: Recipe) -> None:
    assert other.key != RECIPE.key


def test_the_order_of_parameters_is_not_in_its_name() -> None:
    assert replace(RECIPE, parameters=dict(reversed(list(RECIPE.parameters.items())))).key == RECIPE.key


def test_nothing_is_made_twice(tmp_path: Path) -> None:
    store, made = ArtifactStore(tmp_path), list[float]()

    def render() -> Artifact:
        made.append(1.0)
        return artifact()

    assert [store.made(RECIPE, render).was_there for _ in range(3)] == [False, True, True] and len(made) == 1


@pytest.mark.parametrize("where", [200, -4])
def test_a_damaged_artifact_is_made_anew_and_that_is_said(tmp_path: Path, where: int) -> None:
    store = ArtifactStore(tmp_path)
    store.keep(artifact())
    path = store.path(RECIPE)
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(bytes(data))
    made = store.made(RECIPE, lambda: artifact(2.0))
    assert not made.was_there and "so it was rendered anew" in made.note
    assert store.made(RECIPE, artifact).artifact.result == {"value": 2.0}


def test_a_file_cut_short_or_of_something_else_is_refused(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.keep(artifact())
    path = store.path(RECIPE)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(TonescopeError, match="damaged"):
        Artifact.load(path)
    save_file({"x": torch.ones(1)}, path)
    with pytest.raises(TonescopeError, match="no artifact"):
        Artifact.load(path)


def test_an_artifact_under_another_name_is_not_taken(tmp_path: Path) -> None:
    store, other = ArtifactStore(tmp_path), replace(RECIPE, version=9)
    store.keep(artifact())
    store.path(RECIPE).rename(store.path(other))
    found, note = store.kept(other)
    assert found is None and "of something else" in note


def test_a_store_that_cannot_be_written_costs_time_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = ArtifactStore(tmp_path / "file")
    assert store.made(RECIPE, artifact).artifact.result == {"value": 1.0}
    assert not store.made(RECIPE, artifact).was_there
