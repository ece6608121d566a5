"""Cross-attention is what the model itself computes."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.cross_attention import read as cross_attention


@pytest.mark.parametrize("family", ["mono", "stereo", "bert"])
def test_it_equals_what_eager_attention_returns(family: str) -> None:
    generator = tiny.generator(family)
    takes = generator.generate(["smooth jazz with piano", "house"], [1, 2], 0.5)
    maps = cross_attention(generator, takes)
    text = generator.read_text(takes.prompts)
    assert maps.shape == (2, generator.layers, takes.state["codes"].shape[2], text.mask.shape[1])
    assert torch.allclose(maps.sum(-1), torch.ones(maps.shape[:3]), atol=1e-5)
    assert (maps[1, :, :, text.mask[1] == 0] == 0).all()

    returned: list[torch.Tensor] = []
    attention = generator.model.decoder.model.decoder.layers[1].encoder_attn
    generator.model.decoder.set_attn_implementation("eager")
    handle = attention.register_forward_hook(lambda _, __, output: returned.append(output[1]))
    with torch.no_grad():
        generator.branch_logits(takes.state["codes"], text)
    handle.remove()
    expected = returned[0][:2].mean(1)[:, : takes.state["codes"].shape[2]]
    assert torch.allclose(maps[:, 1], expected, atol=1e-5)


def test_models_without_cross_attention_say_so() -> None:
    generator = tiny.generator("melody")
    with pytest.raises(TonescopeError, match="no cross-attention"):
        cross_attention(generator, generator.generate(["house"], [1], 0.3))
