"""Where a denoiser looks in the prompt: cross-attention, recomputed in a replay from the queries and keys that pass by.

Attention says what is read, not what it does.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tonescope.models.generator import Sampling, Takes, read_takes
from tonescope.models.hooks import Place, hooked
from tonescope.models.hooks import read as reading
from tonescope.models.units import Location

if TYPE_CHECKING:
    from tonescope.models.families.diffusion.latent_diffusion import LatentDiffusion

OUTPUT = ".to_out.0"  # after the module of diffusers' Attention, whose input are the heads


class _Layer:
    """The cross-attention of one layer: sums the maps of the steps that pass by."""

    def __init__(self, generator: LatentDiffusion, location: Location, guidance: float, mask: Tensor) -> None:
        self.generator, self.location, self.guidance, self.mask = generator, location, guidance, mask
        self.queries, self.total = torch.empty(0), torch.zeros(())
        module = generator.model.get_submodule(generator.path(location).removesuffix(OUTPUT))
        parts = generator.attention_parts
        self.places = [Place(getattr(module, part), "output", f"{location} {part}") for part in parts]

    def look(self, tensor: Tensor) -> None:
        """Queries come first: (rows, positions, width), or that with heads and their width."""
        self.queries = tensor.flatten(2)

    def meet(self, keys: Tensor) -> None:
        """Keys (rows, tokens and more, width of those heads that have some of their own)."""
        generator, layout = self.generator, self.generator.layout(self.location, self.guidance)
        heads = generator.heads(self.location)
        width = self.queries.shape[-1] // heads
        queries = layout.split(self.queries)[0].unflatten(3, (heads, width))  # (takes, steps, along, heads, width)
        takes, steps = queries.shape[:2]
        by_branch = keys.flatten(2).unflatten(0, (-1, steps, takes))
        keys = by_branch[generator.order.index("cond") if len(by_branch) > 1 else 0].transpose(0, 1)[
            :, :, : self.mask.shape[1]
        ]
        keys = keys.unflatten(3, (-1, width))
        keys = keys.repeat_interleave(heads // keys.shape[3], 3)
        scores = torch.einsum("bsqhw,bskhw->bshqk", queries.float(), keys.float()) * width**-0.5
        scores = scores.masked_fill(~self.mask[:, None, None, None], float("-inf"))
        self.total = self.total + scores.softmax(-1).mean(2).sum(1) / generator.solver.steps


@torch.no_grad()
def read(generator: LatentDiffusion, takes: Takes, sampling: Sampling) -> Tensor:
    """Attention of the prompted branch to the tokens of the prompt, mean over heads and steps: (takes, layers, frames,
    tokens). Each row over tokens sums to one: what goes to padding, and to what else the denoiser is told, is left
    out."""
    text, guidance = read_takes(generator, takes), sampling.guidance
    layers = [_Layer(generator, place, guidance, text.mask.bool()) for place in generator.locations("denoiser.cross")]
    hooks = [reading(layer.places[0], layer.look) for layer in layers]
    hooks += [reading(layer.places[1], partial(_Layer.meet, layer)) for layer in layers]
    with hooked(hooks):
        generator.replay(takes, text, sampling)
    frames = generator.frames_of(takes)
    by_frame = [layer.total.repeat_interleave(generator.patch, 1)[:, :frames] for layer in layers]
    return torch.stack(by_frame, 1).cpu()
