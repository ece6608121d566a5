"""Random units that stand beside those that are tested."""

from __future__ import annotations

import torch

from tonescope.diagnose.intervene.controls import matched_controls, matched_group
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


def test_a_whole_location_is_matched_by_another_of_its_site_and_units_by_units() -> None:
    activity = {Location("decoder", layer, site): torch.rand(8) for layer in range(3) for site in ("mlp", "self")}
    place, unit = Location("decoder", 1, "mlp"), Unit(Location("decoder", 0, "self"), 3)
    drawn = {matched_group((place, unit), activity, seed) for seed in range(8)}
    assert len(drawn) > 1
    for other, like in drawn:
        assert isinstance(other, Location) and other.site == place.site and other != place
        assert isinstance(like, Unit) and like != unit and like.location.site == unit.location.site
    assert matched_group((unit,), activity, 0) == matched_controls((unit,), activity, 0)


def test_a_location_that_has_none_like_it_has_no_control() -> None:
    place = Location("text", 0, "mlp")
    assert matched_group((place,), {place: torch.rand(4), Location("decoder", 0, "mlp"): torch.rand(4)}, 0) == ()


def test_several_locations_have_as_many_different_ones_for_a_control() -> None:
    activity = {Location("decoder", layer, "mlp"): torch.rand(8) for layer in range(4)}
    places = tuple(activity)[:2]
    for seed in range(8):
        assert set(matched_group(places, activity, seed)) == set(activity) - set(places)
