"""Stable Audio Open: a transformer that denoises latents, told of the prompt and of start and end (Evans et al. 2024,
arXiv 2407.14358)."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tonescope.models.families.diffusion import oobleck
from tonescope.models.families.diffusion.denoising import Told
from tonescope.models.families.diffusion.latent_diffusion import LatentDiffusion
from tonescope.models.families.diffusion.latent_places import Parts
from tonescope.models.families.diffusion.negative_prompts import NegativePrompts
from tonescope.models.families.diffusion.padded_prompts import PaddedPrompts
from tonescope.models.families.diffusion.pipeline_outline import NO_DECODER
from tonescope.models.families.diffusion.solver import SdeSolver
from tonescope.models.families.stable_audio.blocks import PATHS
from tonescope.models.families.text_encoders import TEXT_PATHS
from tonescope.models.families.zero_prompts import reads_nothing
from tonescope.models.generator import Sampling, Text
from tonescope.models.played_with import Recommended

STEPS, GUIDANCE = 100, 7.0  # as the pipeline has them by default
CAVEAT = (
    "{} always computes {:.1f} s and plays the beginning of them; time and length are one position before the audio, "
    "where units are neither estimated nor muted."
)


class StableAudio(LatentDiffusion):
    """A Stable Audio Open under the microscope.

    Args:
        model: ``transformer`` (StableAudioDiTModel), ``text_encoder`` (T5), ``projection_model`` and ``vae``
            (AutoencoderOobleck).
        tokenizer: of the text encoder, with a finite ``model_max_length``.
        scheduler: a ``CosineDPMSolverMultistepScheduler``.
        name: what the user called it.
        steps: denoising steps of a generation.
        folder: where it was loaded from, if that is a folder.
    """

    negatives: NegativePrompts
    sings = False  # its publisher: no realistic vocals

    def __init__(
        self,
        model: Parts,
        tokenizer: Any,
        scheduler: Any,
        name: str,
        *,
        steps: int = STEPS,
        folder: Path | None = None,
    ) -> None:
        paths = {**TEXT_PATHS["t5"], **PATHS, **oobleck.PATHS}
        super().__init__(model, name, paths=paths, lacks=NO_DECODER, steps=steps, folder=folder)
        self.solver = SdeSolver(scheduler, steps)
        config = self.model.transformer.config
        self.fixed_frames = int(config.sample_size)
        told = float(self.model.projection_model.config.max_value)
        self.longest_seconds = min(self.fixed_frames / self.frame_rate, told)
        self.caveat = CAVEAT.format(name, self.fixed_frames / self.frame_rate)
        project = self.model.projection_model.text_projection
        self.reader = PaddedPrompts(self.model.text_encoder, tokenizer, project, name)
        self.negatives = NegativePrompts(self.reader)
        self.recommended = Recommended(GUIDANCE, steps)

    @property
    def latent_width(self) -> int:
        """Width of what is denoised."""
        return int(self.model.transformer.config.in_channels)

    @cached_property
    def _skipped(self) -> list[nn.Module]:
        transformer = self.model.transformer
        attentions = [block.attn2 for block in transformer.transformer_blocks]
        return attentions if reads_nothing(transformer.cross_attention_proj, *attentions) else []

    def skipped_attention(self) -> list[nn.Module]:
        """Cross-attention of every layer: unconditional rows are told zeros."""
        return self._skipped

    def told(self, text: Text, seconds: Tensor, sampling: Sampling) -> Told:
        """Prompt, start and end for cross-attention, zeros (or what to steer away from) in unconditional rows; start
        and end for the position before the audio, in all rows."""
        takes, projection = len(seconds), self.model.projection_model
        ends = seconds.to(self.device, torch.float32)
        with torch.no_grad():
            found = projection(start_seconds=torch.zeros_like(ends), end_seconds=ends)
        times = found.seconds_start_hidden_states, found.seconds_end_hidden_states
        states = text.states.expand(takes, -1, -1) if len(text.states) == 1 else text.states
        read, length = torch.cat([states, *times], 1), torch.cat(times, 2)
        if sampling.guidance > 1:
            other = torch.zeros_like(read)
            if sampling.negative:
                negative = self.negatives.read(sampling.negative).states.expand(takes, -1, -1)
                other = torch.cat([negative, *times], 1)
            read, length = torch.cat([other, read]), torch.cat([length, length])
        return {"encoder_hidden_states": read, "global_hidden_states": length}

    @cached_property
    def _rotary(self) -> tuple[Tensor, Tensor]:
        from diffusers.models.embeddings import get_1d_rotary_pos_embed

        width = self.model.transformer.config.attention_head_dim // 2
        positions = (self.fixed_frames or 1) + self.prefix
        return get_1d_rotary_pos_embed(width, positions, use_real=True, repeat_interleave_real=False)

    def denoise(self, latents: Tensor, times: Tensor, told: Told) -> Tensor:
        """What the transformer predicts (rows, width, frames)."""
        rotary = tuple(part.to(latents.device) for part in self._rotary)
        found = self.model.transformer(latents, times, rotary_embedding=rotary, return_dict=False, **told)
        return found[0]  # type: ignore[no-any-return]
