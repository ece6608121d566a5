"""Lets a model in training hear some of the music so far wrong.

A model that reads finished music learns to go by what it hears more than by what was asked, and trusts its own slips when it plays. Two
remedies: some of what is heard is its own guess (scheduled sampling in two passes, Mihaylova and Martins 2019, arXiv:1906.07651), or comes
from another piece, which only the prompt can tell from the right one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

STRETCHES = (1, 5, 25)  # frames that are heard wrong in one go


def guessed(logits: Tensor) -> Tensor:
    """Codes (...) drawn from logits (..., codes)."""
    noise = torch.empty_like(logits, dtype=torch.float32).exponential_().clamp_min(1e-9).log()
    return (logits.float() - noise).argmax(-1)


def elsewhere(codes: Tensor, random: np.random.Generator) -> Tensor:
    """For each clip of codes (batch, codebooks, frames), another one of the batch from another place on."""
    batch, _, frames = codes.shape
    others = (np.arange(batch) + random.integers(1, batch, size=batch)) % batch
    places = (np.arange(frames) + random.integers(frames, size=(batch, 1))) % frames
    return codes[torch.from_numpy(others)[:, None], :, torch.from_numpy(places)].transpose(1, 2)


def misheard(codes: Tensor, wrong: Tensor, most: float, random: np.random.Generator) -> Tensor:
    """Codes (batch, codebooks, frames) where up to a share ``most`` of each clip's frames is that of ``wrong``, in stretches."""
    batch, _, frames = codes.shape
    stretch = int(random.choice(STRETCHES))
    share = random.uniform(0, most, size=(batch, 1))
    slips = random.random((batch, -(-frames // stretch))) < share
    return torch.where(torch.from_numpy(slips.repeat(stretch, axis=1)[:, None, :frames]), wrong, codes)
