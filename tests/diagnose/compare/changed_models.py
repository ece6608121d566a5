"""Random models of which one place is another, for tests of comparisons."""

from __future__ import annotations

import torch

from tests import tiny
from tonescope.models.families.musicgen.musicgen import MusicGen

LAYER = 1
MODULES = {"mlp": ("fc1", "fc2"), "self": ("self_attn.out_proj",), "cross": ("encoder_attn.v_proj",)}


def changed(kind: str = "mlp", layer: int = LAYER, by: float = 3.0) -> MusicGen:
    """A tiny generator in which the weights of one place were drawn anew."""
    generator = tiny.generator()
    block = generator.model.decoder.model.decoder.layers[layer]
    torch.manual_seed(5)
    with torch.no_grad():
        for name in MODULES[kind]:
            weight = block.get_submodule(name).weight
            weight.add_(by * weight.std() * torch.randn_like(weight))
    return generator
