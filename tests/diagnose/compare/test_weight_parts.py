from __future__ import annotations

import pytest
import torch

from tests import tiny
from tests.diagnose.compare.changed_models import MODULES, changed
from tests.models.families.seam import FAMILIES, of_family
from tonescope.diagnose.compare.weight_parts import _owner, _Place, changed_parts, grafted, parts_of, same_shape
from tonescope.models.units import Location


@pytest.mark.parametrize("family", FAMILIES)
def test_every_weight_is_in_one_part(family: str) -> None:
    generator = of_family(family)
    parts = parts_of(generator)
    named = [name for part in parts for name in part.weights]
    assert sorted(named) == sorted(generator.model.state_dict())
    assert len({part.name for part in parts}) == len(parts) and any(part.location for part in parts)


def test_weights_of_a_layer_are_those_of_the_nearest_place() -> None:
    by_weight = {
        name.partition("layers.1.")[2]: part.name
        for part in parts_of(tiny.generator())
        for name in part.weights
        if ".decoder.layers.1." in name
    }
    wanted = {
        "fc1.weight": "mlp",
        "fc2.weight": "mlp",
        "final_layer_norm.weight": "mlp",
        "self_attn.q_proj.weight": "self",
        "self_attn_layer_norm.weight": "self",
        "encoder_attn.k_proj.weight": "cross",
        "encoder_attn_layer_norm.bias": "cross",
    }
    assert {name: by_weight[name] for name in wanted} == {name: f"decoder.1.{place}" for name, place in wanted.items()}


def test_what_is_in_no_layer_is_named_by_its_path() -> None:
    names = {part.name for part in parts_of(tiny.generator()) if part.location is None}
    assert {"decoder.lm_heads", "decoder.model"} <= names


@pytest.mark.parametrize("kind", MODULES)
def test_the_part_that_changed_is_found(kind: str) -> None:
    found = changed_parts(tiny.generator(), changed(kind))
    assert [part.name for part in found] == [f"decoder.1.{kind}"] and found[0].change > 0.1


def test_a_graft_makes_one_model_the_other_and_is_undone() -> None:
    first, second = tiny.generator(), changed()
    before = first.generate(["house"], [1], 0.5).state["codes"]
    wanted = second.generate(["house"], [1], 0.5).state["codes"]
    assert not torch.equal(before, wanted)
    with grafted(first, second, changed_parts(first, second)):
        assert torch.equal(first.generate(["house"], [1], 0.5).state["codes"], wanted)
    assert torch.equal(first.generate(["house"], [1], 0.5).state["codes"], before)
    with pytest.raises(KeyError), grafted(first, second, changed_parts(first, second)):
        raise KeyError
    assert torch.equal(first.generate(["house"], [1], 0.5).state["codes"], before)


def test_models_of_other_shapes_do_not_fit() -> None:
    assert same_shape(tiny.generator(), tiny.generator(seed=3))
    assert not same_shape(tiny.generator(), tiny.generator("stereo"))


def test_what_is_near_no_place_of_its_layer_is_with_the_neurons() -> None:
    names = {"cross": "crossed", "self": "own", "mlp": "inner"}
    places = [_Place(Location("decoder", 0, name), ("layers", "0"), (path,)) for name, path in names.items()]
    assert _owner(("layers", "0", "z", "weight"), places) == Location("decoder", 0, "mlp")
    assert _owner(("layers", "0", "z", "weight"), places[:2]) == Location("decoder", 0, "self")
    assert _owner(("layers", "0", "crossed", "weight"), places) == Location("decoder", 0, "cross")
    assert _owner(("layers", "1", "z", "weight"), places) is None
