from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tonescope.diagnose.microscope.artifact_views import artifact_view
from tonescope.diagnose.store.artifact_catalogue import ArtifactCatalogue
from tonescope.diagnose.store.artifacts import Artifact, ArtifactStore, Recipe
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes

MODELS = {"generator": "aa", "judge": "bb"}


def kept(
    store: ArtifactStore, technique: str, made: float = 0.0, models: dict[str, str] | None = None, **asked: object
) -> str:
    recipe = Recipe(technique, 1, asked, models or MODELS)
    takes = Takes(("x", "x"), (1, 2), {}, torch.zeros(2, 80))
    artifact = Artifact.of_takes(recipe, takes, {"values": torch.rand(5, 2)})
    store.keep(artifact)
    os.utime(store.path(recipe), (made, made))
    return recipe.key


def test_artifacts_are_found_by_place_and_model_the_newest_first(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    old = kept(store, "visualize", 100, unit="decoder.1.mlp:3", steps=1)
    new = kept(store, "visualize", 300, unit="decoder.1.mlp:3", steps=2)
    words = kept(store, "words", 200, unit="decoder.1.mlp:3")
    kept(store, "visualize", 400, unit="decoder.1.mlp:4")
    kept(store, "visualize", 500, models={"generator": "cc"}, unit="decoder.1.mlp:3")
    kept(store, "dream", 600, location="decoder.1.mlp", clip="of somebody")
    (tmp_path / "broken.safetensors").write_bytes(b"no artifact")
    catalogue = ArtifactCatalogue(store)
    found = catalogue.about("decoder.1.mlp:3", MODELS)
    assert [one.key for one in found] == [new, words, old] and all(one.sounds for one in found)
    assert catalogue.about("decoder.1.mlp", MODELS) == []
    assert catalogue.read(new).recipe.parameters["steps"] == 2


def test_a_key_is_no_path(tmp_path: Path) -> None:
    catalogue = ArtifactCatalogue(ArtifactStore(tmp_path / "store"))
    for key in ("../secret", "", "zz", "0" * 24):
        with pytest.raises(TonescopeError, match="no longer there"):
            catalogue.read(key)


@pytest.mark.parametrize(
    ("technique", "result", "names"),
    [
        (
            "visualize",
            {
                "renderings": [
                    {"seed": 1, "side": "positive", "heard": "a"},
                    {"seed": 1, "side": "negative", "heard": "b"},
                ]
            },
            [["positive", "negative"]],
        ),
        ("dream", {"before": {"heard": "a"}, "after": {"heard": "b"}}, [["before", "dreamt"]]),
        ("caricature", {"samples": [{"heard": "a"}, {"heard": "b"}]}, [["sample 1"], ["sample 2"]]),
        ("unheard of", {}, [["sample 1"], ["sample 2"]]),
    ],
)
def test_an_artifact_is_shown_without_a_model(
    tmp_path: Path, technique: str, result: dict[str, object], names: list[list[str]]
) -> None:
    recipe = Recipe(technique, 1, {"unit": "decoder.1.mlp:3", "seed": 4}, MODELS)
    takes = Takes(("x", "x"), (4, 5), {}, torch.zeros(2, 80))
    artifact = Artifact(recipe, {"waveform": takes.waveform, "values": torch.rand(5, 2)}, result)
    view, shown = artifact_view(artifact)
    assert [[sound.title for sound in row] for row in view.sounds] == names and shown is not None and len(shown) == 2
    assert view.figures and "seed 4" in view.sentences[0][0]
