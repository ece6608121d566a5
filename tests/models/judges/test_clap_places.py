from __future__ import annotations

import pytest
import torch

from tests import tiny
from tests.models.judges.toy_judge import ToyJudge
from tonescope.models.errors import TonescopeError
from tonescope.models.hooks import hooked, read
from tonescope.models.judges.judge_places import places_of
from tonescope.models.units import Location


def test_every_block_of_every_stage_is_a_layer() -> None:
    places = places_of(tiny.judge())
    assert [str(location) for location in places.locations()] == [
        *("judge.0.mlp", "judge.1.mlp", "judge.0.residual", "judge.1.residual")
    ]
    assert places.units(Location.parse("judge.0.mlp")) == 2 * places.units(Location.parse("judge.0.residual"))


def test_what_passes_is_as_wide_as_is_told() -> None:
    judge = tiny.judge()
    places = places_of(judge)
    for location in places.locations():
        seen: list[torch.Tensor] = []
        with hooked([read(places.place(location), seen.append)]):
            judge.logits(torch.randn(3, 800), 1600)
        assert seen[0].shape[0] == 3 and seen[0].shape[2] == places.units(location)


def test_places_of_other_networks_are_refused() -> None:
    places = places_of(tiny.judge())
    for name in ("decoder.0.mlp", "judge.2.mlp"):
        with pytest.raises(TonescopeError, match="has no location"):
            places.location(name)
    with pytest.raises(TonescopeError, match="has units 0 to"):
        places.unit("judge.0.mlp:9999")


def test_a_judge_without_places_is_refused() -> None:
    with pytest.raises(TonescopeError, match="shows no units"):
        places_of(ToyJudge())
