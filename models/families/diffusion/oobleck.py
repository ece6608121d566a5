"""Oobleck, the autoencoder of Stable Audio and ACE-Step: latents to sound, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from tonescope.models.hooks import Place, shapes_at
from tonescope.models.units import Location

PATHS = {("codec", "encoder"): "vae.encoder.block.{}", ("codec", "decoder"): "vae.decoder.block.{}"}
SEEN_AHEAD = 3 * (1 + 3 + 9)  # samples, by the three dilated convolutions of a block
_PROBE_FRAMES = 8
DECODED_LAYERS = 6  # tensors at the full sample rate that are alive at a time
SAVED_LAYERS = 60  # such tensors that a backward pass needs


def lookahead(ratios: Sequence[int]) -> int:
    """How many latents after a moment its sound depends on, by the strides of the encoder's blocks.

    The first and the last convolution see three positions ahead, a transposed one less than one of its input.
    """
    frames, rate = 3.0, 1
    for stride in reversed(ratios):
        frames += 1 / rate + SEEN_AHEAD / (rate * stride)
        rate *= stride
    return math.ceil(frames + 3 / rate)


class Oobleck:
    """The codec of a pipeline.

    Args:
        model: an ``AutoencoderOobleck``.

    Attributes:
        hop: samples a latent; ``sample_rate``, samples a second; ``frame_rate``, latents a second.
        channels: sides of the sound.
        lookahead: how many latents after a moment its sound depends on.
    """

    def __init__(self, model: Any) -> None:
        if model.dtype.itemsize < 4:  # half precision gains little here, and its periodic activations lose much
            model.float()
        self.model = model
        self.hop, self.sample_rate = int(model.hop_length), int(model.config.sampling_rate)
        self.frame_rate, self.channels = self.sample_rate / self.hop, int(model.config.audio_channels)
        self.lookahead = lookahead(model.config.downsampling_ratios)

    features_axis = 1
    """Which axis of the tensor at a block holds its channels."""

    def decoding_bytes(self, frames: int) -> int:
        """What decoding so many frames of one take needs."""
        return DECODED_LAYERS * self._layer(frames)

    def saved_bytes(self, frames: int) -> int:
        """What a backward pass through the decoding of so many frames needs."""
        return SAVED_LAYERS * self._layer(frames)

    def _layer(self, frames: int) -> int:
        """A tensor at the full sample rate."""
        return 4 * frames * self.hop * int(self.model.config.decoder_channels)

    def sound(self, latents: Tensor) -> Tensor:
        """(rows, channels, samples) of latents (rows, width, frames); differentiable."""
        return self.model.decoder(latents.to(self.model.dtype))  # type: ignore[no-any-return]

    @torch.no_grad()
    def encode(self, waveform: Tensor) -> Tensor:
        """The mean latents (rows, width, frames) of sound (rows, channels, samples)."""
        found: Tensor = self.model.encode(waveform.to(self.model.device, self.model.dtype)).latent_dist.mode()
        return found

    @cached_property
    def silence(self) -> Tensor:
        """The latent of silence: (width,)."""
        frames = 2 * self.lookahead + 1
        latents = self.encode(torch.zeros(1, self.channels, frames * self.hop))
        return latents[0, :, frames // 2]

    def shapes(self, places: dict[Location, Place]) -> dict[Location, tuple[int, float]]:
        """Channels of every block and samples a frame, found by sending a little silence through."""
        silence = torch.zeros(1, self.channels, _PROBE_FRAMES * self.hop)
        found = shapes_at(places, lambda: self.sound(self.encode(silence)))
        return {location: (shape[1], shape[2] / _PROBE_FRAMES) for location, shape in found.items()}
