"""Random units that stand beside those that are tested."""

from __future__ import annotations

import torch

from tonescope.diagnose.intervene.controls import matched_controls
from tonescope.models.units import Location, Unit


def test_controls_come_from_the_next_layer_where_a_location_is_used_up() -> None:
    heads = [Unit(Location("decoder", 1, "self"), index) for index in range(3)]
    activity = {Location("decoder", layer, "self"): torch.rand(4) for layer in range(3)}
    control = matched_controls(heads, activity, seed=0)
    assert len(control) == 3 and not set(control) & set(heads)
    assert {unit.location.name for unit in control} == {"self"}
    everything = [Unit(place, index) for place in activity for index in range(4)]
    assert matched_controls(everything, activity, seed=0) == ()


def test_controls_are_the_nearest_in_activity() -> None:
    place = Unit.parse("decoder.1.mlp:0").location
    levels = torch.rand(500, generator=torch.Generator().manual_seed(0))
    asked = tuple(Unit(place, index) for index in range(20))
    for seed in range(5):
        control = matched_controls(asked, {place: levels}, seed, nearest=12)
        free = levels[20:]
        for unit, other in zip(asked, control, strict=True):
            closer = int(((free - levels[unit.index]).abs() < (levels[other.index] - levels[unit.index]).abs()).sum())
            assert closer < 12 + len(asked)  # others may have been taken before
