"""Initialises the codec as a lapped transform, so that training begins with a working codec.

Three strided convolutions (20, 4, 4) can pass 320 samples through as polyphase channels and filter them with any window
of 640 samples: the geometry of an MDCT (Princen & Bradley 1987) with 320 bands. The lowest bands go into the latents,
weighted so that quiet high bands count; the decoder starts as the inverse. Signals are kept small, where ELU is nearly
the identity. All other channels start at random.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from transformers import EncodecModel

BANDS = 320
SMALL = 0.1  # scale of the signals inside the network
STRIDES = (20, 4, 4)


def basis(bands: int = BANDS) -> Tensor:
    """Basis of the MDCT with a sine window: (2 * bands samples, bands), orthonormal with overlap-add."""
    n, k = torch.arange(2 * bands).float()[:, None], torch.arange(bands).float()
    window = torch.sin(math.pi / (2 * bands) * (n + 0.5))
    return math.sqrt(2 / bands) * window * torch.cos(math.pi / bands * (n + 0.5 + bands / 2) * (k + 0.5))


def coefficients(audio: Tensor) -> Tensor:
    """MDCT coefficients (rows, frames, bands) of (rows, samples), framed as the codec frames them."""
    padded = torch.nn.functional.pad(audio, (BANDS // 2, BANDS + BANDS // 2))
    return padded.unfold(1, 2 * BANDS, BANDS)[:, : audio.shape[1] // BANDS] @ basis()


def _set(layer: Any, weight: Tensor) -> None:
    """Write a weight into a weight-normed convolution, whose gain is the norm over all axes but the first."""
    conv = layer.conv
    conv.parametrizations.weight.original1.copy_(weight)
    conv.parametrizations.weight.original0.copy_(weight.flatten(1).norm(dim=1)[:, None, None].clamp_min(1e-6))
    conv.bias.zero_()


def _random(layer: Any, scale: float) -> Tensor:
    """Random weights of a convolution whose outputs are about ``scale`` times as large as its inputs."""
    shape = layer.conv.weight.shape
    fan_in = (
        shape[0] * shape[2] / layer.conv.stride[0]
        if isinstance(layer.conv, torch.nn.ConvTranspose1d)
        else shape[1] * shape[2]
    )
    return torch.randn(shape) * scale / math.sqrt(fan_in)


@torch.no_grad()
def start(model: EncodecModel, audio: Tensor, kept: int) -> None:
    """Set the weights of ``model`` so that it passes the lowest MDCT bands of any audio.

    Args:
        model: an untrained codec.
        audio: (rows, samples); bands are weighted by their levels in it.
        kept: how many bands pass.

    Raises:
        ValueError: the codec's strides are not 20, 4, 4.
    """
    encoder, decoder = model.encoder.layers, model.decoder.layers
    down = [layer for layer in encoder if hasattr(layer, "conv")]
    up = [layer for layer in decoder if hasattr(layer, "conv")]
    if tuple(layer.conv.stride[0] for layer in down[1:-1]) != STRIDES:
        raise ValueError("the lapped start needs strides 20, 4, 4")
    cosines = basis()[:, :kept]
    loudness = coefficients(audio).flatten(0, 1).std(0)[:kept].clamp_min(1e-3)
    weights = loudness**-0.5
    weights = weights / (weights * loudness).square().mean().sqrt()

    first = _random(down[0], 0.3)
    first[0] = 0
    first[0, 0, 3] = SMALL
    _set(down[0], first)
    phases = _random(down[1], 0.3)
    phases[:20] = 0
    for phase in range(20):
        phases[phase, 0, 10 + phase] = 1
    _set(down[1], phases)
    blocks = _random(down[2], 0.3)
    blocks[:80] = 0
    for step in range(4):
        for phase in range(20):
            blocks[step * 20 + phase, phase, 2 + step] = 1
    _set(down[2], blocks)
    transform = _random(down[3], 0.3)
    transform[:kept] = 0
    transform[:kept, :80] = cosines.T.reshape(kept, 8, 80).transpose(1, 2)
    _set(down[3], transform)
    latents = _random(down[4], 50.0)  # the free latents start about as large as the others
    latents[:kept] = 0
    for band in range(kept):
        latents[band, band, 3] = weights[band] / SMALL
    _set(down[4], latents)

    back = _random(up[0], 0.02)
    back[:kept] = 0
    for band in range(kept):
        back[band, band, 3] = SMALL / weights[band]
    _set(up[0], back)
    inverse = _random(up[1], 0.02)
    inverse[:kept] = 0
    inverse[:kept, :80] = cosines.T.reshape(kept, 8, 80).transpose(1, 2)
    _set(up[1], inverse)
    unblock = _random(up[2], 0.02)
    unblock[:80] = 0
    for step in range(4):
        for phase in range(20):
            unblock[step * 20 + phase, phase, 2 + step] = 1
    _set(up[2], unblock)
    samples = _random(up[3], 0.02)
    samples[:20] = 0
    for phase in range(20):
        samples[phase, 0, 10 + phase] = 1
    _set(up[3], samples)
    last = _random(up[4], 0.01) / SMALL
    last[0, 0] = 0
    last[0, 0, 3] = 1 / SMALL
    _set(up[4], last)

    for layer in (*encoder, *decoder):
        if hasattr(layer, "block"):
            convolutions = [part for part in layer.block if hasattr(part, "conv")]
            for part in convolutions[:-1]:
                _set(part, _random(part, 1.0))
            _set(convolutions[-1], _random(convolutions[-1], 0.03))
        if hasattr(layer, "lstm"):
            for name, weight in layer.lstm.named_parameters():
                if "weight_ih" in name or "bias" in name:
                    weight.mul_(0.05)
