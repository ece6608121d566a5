"""A pipeline of diffusers under the microscope: what it is, what it costs, where it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from tonescope.models.families.diffusion import attention_maps
from tonescope.models.families.diffusion.denoising import DECODED_TOGETHER, Denoising
from tonescope.models.families.diffusion.latent_places import Parts
from tonescope.models.families.diffusion.negative_prompts import NegativePrompts
from tonescope.models.generator import Cost, Sampling, Takes
from tonescope.models.metadata import Metadata
from tonescope.models.outline import Key
from tonescope.models.played_with import Recommended, reads_no_negative
from tonescope.models.sites import ATTRIBUTED
from tonescope.models.units import Location


class LatentDiffusion(Denoising):
    """A generator made of a pipeline's parts.

    Args:
        model: the networks ``transformer``, ``text_encoder``, ``vae``, and others that the family calls.
        name: what the user called it.
        paths: dotted module path of each site.
        lacks: why a site that other families have does not exist here.
        steps: denoising steps of a generation.
        folder: where it was loaded from, if that is a folder.
    """

    longest_seconds: float
    recommended: Recommended
    negatives: NegativePrompts | None = None
    """What guidance steers away from, where the family reads that."""
    caveat = ""
    attention_parts = ("to_q", "to_k")
    """Modules of a cross-attention that give queries and keys as they are compared."""

    def __init__(
        self,
        model: Parts,
        name: str,
        *,
        paths: Mapping[Key, str],
        lacks: Mapping[Key, str],
        steps: int,
        folder: Path | None = None,
    ) -> None:
        super().__init__(model, name, paths, lacks, steps)
        self.folder = folder
        self.sample_rate, self.frame_rate = self.codec.sample_rate, self.codec.frame_rate
        self.n_channels, self.shortest_seconds = self.codec.channels, 1 / self.codec.frame_rate
        self.description = self._described()

    def _described(self) -> str:
        layers, kind = len(self.locations("denoiser.mlp")), type(self.model.transformer).__name__
        return f"{kind}, {layers} layers, {self.denoising_steps} denoising steps"

    def denoise_in(self, steps: int) -> None:
        """Play in so many steps from now on."""
        super().denoise_in(steps)
        self.description = self._described()

    @property
    def played_with(self) -> Recommended:
        """In how many steps."""
        return Recommended(steps=self.denoising_steps)

    def check_sampling(self, sampling: Sampling) -> None:
        """Refuse a negative prompt where there is no place for one, or that is too long."""
        if sampling.negative and self.negatives is None:
            raise reads_no_negative(self.name)
        if sampling.negative and self.negatives is not None:
            self.negatives.read(sampling.negative)

    def told_by(self, about: Metadata) -> None:
        """What a folder says of itself: how long it can play, and with what guidance."""
        if "longest_seconds" in about.model_fields_set:
            self.longest_seconds = min(self.longest_seconds, about.longest_seconds)
        if about.guidance is not None:
            self.recommended = replace(self.recommended, guidance=about.guidance)

    def token_mask(self, prompts: Sequence[str]) -> Tensor:
        """Which positions of the tokenised prompts are tokens and not padding: (rows, tokens)."""
        return self.reader.mask(prompts)

    def text_attention(self, takes: Takes, sampling: Sampling) -> Tensor:
        """Cross-attention of the prompted branch, mean over heads and steps: (takes, layers, frames, tokens)."""
        return attention_maps.read(self, takes, sampling)

    def cost(self, seconds: float, tokens: int, guidance: float) -> Cost:
        """Predictions of every step are kept, beside first latents and noise; the codec's widest layers run at the full
        sample rate. With gradients, what one part of a replay keeps comes after what the codec keeps."""
        branches, steps, size = 2 if guidance > 1 else 1, self.denoising_steps, self.dtype.itemsize
        first = Location("denoiser", 0, "mlp")
        inner, width = self.features(first), self.features(Location("denoiser", 0, "residual"))
        frames, along = self.frames(seconds), self.along(first, self.frames(seconds), tokens)
        samples, sounded, positions = frames * self.codec.hop, self.sounded_frames(frames), self.prefix + along
        state = 4 * steps * self.latent_width * (self.fixed_frames or frames)
        edit = 8 * steps * max(self.features(place) for place in self.locations(*ATTRIBUTED))
        part = max(branches, min(self.rows_kept, branches * steps))
        saved = size * part * positions * len(self.locations("denoiser.mlp")) * (16 * width + 5 * inner)
        return Cost(
            row=size * branches * positions * (10 * width + 3 * inner) + 4 * state + edit + 4 * samples,
            decoding=DECODED_TOGETHER * self.codec.decoding_bytes(sounded),
            waveform=state + 4 * samples,
            attribution=max(saved, self.codec.saved_bytes(sounded)) + 4 * state,
        )

    def random_takes(self, prompt: str, seconds: float) -> Takes:
        """One take of random predictions and no sound."""
        shape = self.latent_width, self.fixed_frames or self.frames(seconds)
        predicted = torch.randn(1, self.denoising_steps, *shape, dtype=self.latent_dtype)
        asked = torch.full((1,), seconds, dtype=torch.float64)
        return Takes((prompt,), (0,), {"predicted": predicted, "seconds": asked}, torch.zeros(1, 0))
