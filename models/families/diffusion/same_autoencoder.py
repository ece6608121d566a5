"""SAME, the autoencoder of Stable Audio 3 (arXiv 2605.17991): latents to sound, and back, by transformers."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from tonescope.models.hooks import Place, shapes_at
from tonescope.models.units import Location

PATHS = {
    ("codec", "encoder"): "vae.encoder.blocks.0.transformers.{}",
    ("codec", "decoder"): "vae.decoder.blocks.0.transformers.{}",
}
_PROBE_FRAMES = 4
ALIVE, SAVED = 12, 24  # tensors of a layer's width that are alive at a time; that a backward pass needs of each layer


class Same:
    """The codec of a pipeline, of one level.

    A layer works on one position of a latent and so many that become sound, frame by frame; its channels are on the
    last axis.

    Args:
        model: an ``AutoencoderSAME``.

    Attributes:
        hop: samples a latent; ``sample_rate``, samples a second; ``frame_rate``, latents a second.
        channels: sides of the sound.
        lookahead: nothing that counts: all latents of a take are there, and no more.
        features_axis: which axis of the tensor at a layer holds its channels.
    """

    lookahead, features_axis = 0, -1

    def __init__(self, model: Any) -> None:
        if model.dtype.itemsize < 4:
            model.float()
        self.model = model
        self.hop, self.sample_rate = int(model.downsampling_ratio), int(model.config.sampling_rate)
        self.frame_rate, self.channels = self.sample_rate / self.hop, int(model.config.audio_channels)

    def decoding_bytes(self, frames: int) -> int:
        """What decoding so many frames of one take needs: a few tensors of a layer, and the mask of its attention with
        the scores."""
        positions = self._positions(frames)
        return ALIVE * 4 * positions * self._width + 2 * 4 * positions**2

    def saved_bytes(self, frames: int) -> int:
        """What a backward pass through the decoding of so many frames needs."""
        layers, positions = len(self.model.decoder.blocks[0].transformers), self._positions(frames)
        return layers * (SAVED * 4 * positions * self._width + 4 * positions**2)

    def _positions(self, frames: int) -> int:
        return frames * (1 + int(self.model.config.encoder_strides[0]))

    @property
    def _width(self) -> int:
        return int(self.model.config.encoder_channels) * int(self.model.config.encoder_c_mults[0])

    def sound(self, latents: Tensor) -> Tensor:
        """(rows, channels, samples) of latents (rows, width, frames); differentiable. As loud as it is: nothing is
        clipped."""
        found: Tensor = self.model.decode(latents.to(self.model.dtype)).sample
        return found

    @torch.no_grad()
    def encode(self, waveform: Tensor) -> Tensor:
        """The latents (rows, width, frames) of sound (rows, channels, samples)."""
        found: Tensor = self.model.encode(waveform.to(self.model.device, self.model.dtype)).latents
        return found

    @cached_property
    def silence(self) -> Tensor:
        """The latent of silence: (width,)."""
        latents = self.encode(torch.zeros(1, self.channels, _PROBE_FRAMES * self.hop))
        return latents[0, :, _PROBE_FRAMES // 2]

    def shapes(self, places: dict[Location, Place]) -> dict[Location, tuple[int, float]]:
        """Channels of every layer and positions a frame, found by sending a little silence through."""
        silence = torch.zeros(1, self.channels, _PROBE_FRAMES * self.hop)
        found = shapes_at(places, lambda: self.sound(self.encode(silence)))
        return {location: (shape[2], shape[1] / _PROBE_FRAMES) for location, shape in found.items()}
