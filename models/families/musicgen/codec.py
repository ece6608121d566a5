"""EnCodec as MusicGen uses it: codes to latents, latents to sound, and back. The two sides of a stereo image go
through one after the other."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from tonescope.models.hooks import Place, shapes_at
from tonescope.models.units import Location

DECODE_ROWS = 4  # the codec is faster on a few rows at a time than on many: its activations stay in the cache
_PROBE_FRAMES = 8


class Codec:
    """The codec of a MusicGen.

    Args:
        model: an ``EncodecModel``.
    """

    def __init__(self, model: Any) -> None:
        # Half precision gains nothing here, and some processors miscalculate its wide strides in it.
        if model.dtype.itemsize < 4:
            model.float()
        self.model = model
        self.sample_rate, self.frame_rate = int(model.config.sampling_rate), model.config.frame_rate

    @cached_property
    def codebooks(self) -> Tensor:
        """The codebook vectors (codebooks of one side, size, width)."""
        return torch.stack([layer.codebook.embed for layer in self.model.quantizer.layers])

    def expected(self, weights: Tensor) -> Tensor:
        """Expected latents (takes, frames, width) for weights over codes (takes, codebooks, frames, size) of one
        side."""
        return torch.einsum("bkts,ksw->btw", weights.to(self.codebooks.dtype), self.codebooks[: weights.shape[1]])

    def latents(self, codes: Tensor) -> Tensor:
        """Latents (takes, frames, width) of finished codes (takes, codebooks, frames) of one side."""
        return sum(self.codebooks[book][codes[:, book]] for book in range(codes.shape[1]))  # type: ignore[return-value]

    def sound(self, latents: Tensor) -> Tensor:
        """Waveform (takes, samples) of latents (takes, frames, width) of one side; differentiable."""
        return self.model.decoder(latents.transpose(1, 2))[:, 0]  # type: ignore[no-any-return]

    @torch.no_grad()
    def encode(self, waveform: Tensor) -> Tensor:
        """Codes (takes, codebooks of one side, frames) of a waveform (takes, samples) at the codec's rate."""
        device, dtype = self.codebooks.device, self.codebooks.dtype
        parts = waveform.split(DECODE_ROWS)
        return torch.cat([self.model.encode(part[:, None].to(device, dtype)).audio_codes[0] for part in parts])

    @cached_property
    def silence(self) -> Tensor:
        """The latent of silence: (width,)."""
        codes = self.encode(torch.zeros(1, self.sample_rate))
        return self.latents(codes)[0, codes.shape[2] // 2]

    def shapes(self, places: dict[Location, Place]) -> dict[Location, tuple[int, float]]:
        """Channels of every layer and steps a frame, found by sending a fraction of a second through it."""
        samples = _PROBE_FRAMES * round(self.sample_rate / self.frame_rate)
        device, dtype = self.codebooks.device, self.codebooks.dtype
        silence = torch.zeros(1, self.model.config.audio_channels, samples, device=device, dtype=dtype)
        found = shapes_at(places, lambda: self.model.decoder(self.model.encoder(silence)))
        return {location: (shape[1], shape[2] / _PROBE_FRAMES) for location, shape in found.items()}
