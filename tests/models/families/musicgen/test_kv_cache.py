"""The cache: what it hands out is what concatenation would give, also when its room runs out."""

from __future__ import annotations

import pytest
import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, EncoderDecoderCache

from tests import tiny
from tonescope.models.families.musicgen import musicgen
from tonescope.models.families.musicgen.kv_cache import PreallocatedLayer, preallocated_cache


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
    generator, used = tiny.generator(family), []

    def roomy(positions: int) -> EncoderDecoderCache:
        used.append(True)
        return preallocated_cache(positions)

    monkeypatch.setattr(musicgen, "preallocated_cache", roomy)
    ours = generator.generate(["jazz", "jazz"], [1, 2], 0.5)
    assert used
    monkeypatch.setattr(musicgen, "preallocated_cache", lambda _: EncoderDecoderCache(DynamicCache(), DynamicCache()))
    usual = generator.generate(["jazz", "jazz"], [1, 2], 0.5)
    assert torch.equal(ours.state["codes"], usual.state["codes"])
