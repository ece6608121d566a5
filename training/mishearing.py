"""Corrupts the codes that a decoder in training hears.

A decoder that is trained on finished music relies on the music so far more than on the prompt, and on its own errors
when it generates. Two remedies: some frames are its own samples (scheduled sampling in two passes, Mihaylova & Martins
2019, arXiv:1906.07651), or come from another piece, which only the prompt can tell from the right one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

STRETCHES = (1, 5, 25)  # frames that are replaced in one go


def guessed(logits: Tensor) -> Tensor:
    """Codes (...) sampled from logits (..., codes), by the Gumbel-max trick."""
    noise = torch.empty_like(logits, dtype=torch.float32).exponential_().clamp_min(1e-9).log()
    return (logits.float() - noise).argmax(-1)


def elsewhere(codes: Tensor, random: np.random.Generator) -> Tensor:
    """For each clip of codes (batch, codebooks, frames) another clip of the batch, rotated in time."""
    batch, _, frames = codes.shape
    others = (np.arange(batch) + random.integers(1, batch, size=batch)) % batch
    places = (np.arange(frames) + random.integers(frames, size=(batch, 1))) % frames
    return codes[torch.from_numpy(others)[:, None], :, torch.from_numpy(places)].transpose(1, 2)


def misheard(codes: Tensor, wrong: Tensor, most: float, random: np.random.Generator) -> Tensor:
    """Codes (batch, codebooks, frames) with stretches of frames from ``wrong``: up to a share ``most`` of a clip."""
    batch, _, frames = codes.shape
    stretch = int(random.choice(STRETCHES))
    share = random.uniform(0, most, size=(batch, 1))
    slips = random.random((batch, -(-frames // stretch))) < share
    return torch.where(torch.from_numpy(slips.repeat(stretch, axis=1)[:, None, :frames]), wrong, codes)
