"""Where the decoder looks in the prompt: cross-attention, recomputed in a replay from the queries and keys that pass
by.

Attention says what is read, not what it does: it is the baseline that the attribution of words has to beat
(``benchmarks/word_curves.py``).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tonescope.models.generator import Takes
from tonescope.models.hooks import Place, hooked
from tonescope.models.hooks import read as reading

if TYPE_CHECKING:
    from tonescope.models.families.musicgen.musicgen import MusicGen


@torch.no_grad()
def read(generator: MusicGen, takes: Takes, guidance: float = 3.0) -> Tensor:
    """Attention of the prompted branch, mean over heads: (takes, layers, frames, tokens); each row over tokens sums
    to one.

    Raises :class:`tonescope.models.errors.TonescopeError` for models without cross-attention.
    """
    locations = generator.locations("decoder.cross")
    if not locations:
        generator.location("decoder.0.cross")
    seen: dict[tuple[int, str], Tensor] = {}
    hooks = []
    for layer, location in enumerate(locations):
        path = generator.path(location).removesuffix(".out_proj")
        for part in ("q_proj", "k_proj"):
            place = Place(generator.model.get_submodule(f"{path}.{part}"), "output", f"{location} {part}")
            hooks.append(reading(place, partial(seen.__setitem__, (layer, part))))
    codes, text = takes.state["codes"], generator.read_text(takes.prompts)
    with hooked(hooks):
        generator.hidden(codes, text, guidance)
    count, heads = len(takes), generator.model.config.decoder.num_attention_heads
    maps = []
    for layer in range(len(locations)):
        queries, keys = (
            seen[layer, part][:count].unflatten(2, (heads, -1)).transpose(1, 2).float() for part in ("q_proj", "k_proj")
        )
        scores = queries @ keys.transpose(2, 3) * queries.shape[-1] ** -0.5
        scores = scores.masked_fill(text.mask[:, None, None] == 0, float("-inf"))
        maps.append(scores.softmax(-1).mean(1)[:, : codes.shape[2]])
    return torch.stack(maps, 1).cpu()
