from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests import tiny
from tests.diagnose.microscope.tiny_microscope import microscope
from tests.models.families.toy_diffusion import ToyDiffusion, ToyModel
from tonescope.diagnose.microscope.layer_map import LayerMap, MapWish, layer_map, takes_of_layers
from tonescope.models.errors import TonescopeError

WISH = MapWish("house with piano", takes=2, seconds=0.4)


@pytest.mark.parametrize("family", ["mono", "stereo", "melody"])
def test_the_last_layer_is_the_take(tmp_path: Path, family: str) -> None:
    made = microscope(tmp_path, tiny.generator(family))
    artifact = layer_map(made, WISH).artifact
    layers = takes_of_layers(artifact, WISH)
    whole = artifact.takes(layers[-1].prompts, layers[-1].seeds)
    assert torch.equal(layers[-1].state["codes"], whole.state["codes"])
    assert torch.allclose(layers[-1].waveform, whole.waveform, atol=1e-5)
    found = LayerMap.model_validate(artifact.result)
    assert found.layers[-1].like_the_take == 1 and found.layers[-1].heard == found.heard
    assert [layer.layer for layer in found.layers] == [0, 1, 2]


def test_layers_that_add_nothing_are_heard_as_the_whole(tmp_path: Path) -> None:
    generator = tiny.generator()
    for layer in generator.model.decoder.model.decoder.layers[1:]:
        for part in (layer.self_attn.out_proj, layer.encoder_attn.out_proj, layer.fc2):
            part.weight.data.zero_()
    found = LayerMap.model_validate(layer_map(microscope(tmp_path, generator), WISH).artifact.result)
    assert [layer.like_the_take for layer in found.layers] == [1, 1, 1]
    assert found.decided == found.built == 0 and (found.agree, found.takes) == (2, 2)


def test_a_last_layer_that_does_it_all_is_named(tmp_path: Path) -> None:
    generator = tiny.generator()
    layer = generator.model.decoder.model.decoder.layers[2]
    layer.fc2.weight.data *= 300
    found = LayerMap.model_validate(layer_map(microscope(tmp_path, generator), WISH).artifact.result)
    assert found.layers[0].like_the_take < 0.9 and found.layers[1].like_the_take < 0.9
    assert found.layers[2].like_the_take == 1


def test_a_map_is_rendered_once(tmp_path: Path) -> None:
    made = microscope(tmp_path)
    assert not layer_map(made, WISH).was_there and layer_map(made, WISH).was_there


def test_a_family_that_cannot_be_read_by_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TonescopeError, match="cannot be made by gradient ascent yet"):
        layer_map(microscope(tmp_path, ToyDiffusion(ToyModel())), WISH)
