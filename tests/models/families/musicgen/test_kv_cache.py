"""The cache: what it hands out is what concatenation would give, also when its room runs out."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import nn
from transformers.cache_utils import DynamicCache, DynamicLayer, EncoderDecoderCache

from tests import tiny
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen import musicgen
from tonescope.models.families.musicgen.kv_cache import PreallocatedLayer, cache_argument


def test_a_layer_keeps_what_concatenation_keeps() -> None:
    roomy, plain = PreallocatedLayer(9), DynamicLayer()
    for length in (5, 1, 1, 9, 1, 30, 1):
        keys, values = torch.randn(2, 3, 2, length, 4)
        for mine, theirs in zip(roomy.update(keys, values), plain.update(keys, values), strict=True):
            assert torch.equal(mine, theirs)
        assert roomy.get_seq_length() == plain.get_seq_length()
        assert roomy.get_mask_sizes(1) == plain.get_mask_sizes(1)


def test_steps_are_written_in_place() -> None:
    layer = PreallocatedLayer(3)
    _, first, second = (layer.update(torch.randn(1, 1, 1, 4), torch.randn(1, 1, 1, 4))[0] for _ in range(3))
    assert first.data_ptr() == second.data_ptr()


def test_a_first_step_that_is_played_twice_takes_no_room() -> None:
    layer = PreallocatedLayer(1000)
    first, _ = layer.update(torch.randn(1, 1, 1, 4), torch.randn(1, 1, 1, 4))
    assert first.untyped_storage().nbytes() == 16


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_takes_are_those_of_the_usual_cache(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator, kept = tiny.generator(family), []
    update = PreallocatedLayer.update

    def counted(layer: PreallocatedLayer, *given: Any, **named: Any) -> tuple[torch.Tensor, torch.Tensor]:
        done = update(layer, *given, **named)
        kept.append(layer.get_seq_length())
        return done

    monkeypatch.setattr(PreallocatedLayer, "update", counted)
    ours = generator.generate(["jazz", "jazz"], [1, 2], 0.5)
    assert max(kept) >= ours.state["codes"].shape[2] + max(generator.delay)  # of every step, and not of the first alone
    monkeypatch.setattr(musicgen, "preallocated_cache", lambda _: EncoderDecoderCache(DynamicCache(), DynamicCache()))
    usual = generator.generate(["jazz", "jazz"], [1, 2], 0.5)
    assert torch.equal(ours.state["codes"], usual.state["codes"])


def test_the_argument_is_read_from_the_forward() -> None:
    class Newer(nn.Module):
        def forward(self, states: torch.Tensor, cache: Any = None, **_: Any) -> None: ...

    class Older(nn.Module):
        @torch.no_grad()
        def forward(self, states: torch.Tensor, past_key_values: Any = None, **_: Any) -> None: ...

    class Unknown(nn.Module):
        def forward(self, states: torch.Tensor, **_: Any) -> None: ...

    assert cache_argument(Newer()) == "cache" and cache_argument(Older()) == "past_key_values"
    with pytest.raises(TonescopeError, match="Unknown takes no cache or past_key_values"):
        cache_argument(Unknown())


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_no_argument_is_handed_over_that_is_on_its_way_out(family: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*(past_key_values|cache)")
        tiny.generator(family).generate(["jazz"], [1], 0.3)
