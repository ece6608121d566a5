"""Stable Audio 3: a transformer trained as a rectified flow, told of the prompt and of the seconds; published distilled
(few steps with new noise at each, and no guidance) and as a base (many steps, with guidance)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tonescope.models.errors import TonescopeError
from tonescope.models.families.diffusion import same_autoencoder
from tonescope.models.families.diffusion.denoising import Told
from tonescope.models.families.diffusion.latent_diffusion import LatentDiffusion
from tonescope.models.families.diffusion.latent_places import Parts
from tonescope.models.families.diffusion.negative_prompts import NegativePrompts
from tonescope.models.families.diffusion.padded_prompts import PaddedPrompts
from tonescope.models.families.diffusion.pipeline_outline import NO_DECODER
from tonescope.models.families.diffusion.same_autoencoder import Same
from tonescope.models.families.diffusion.solver import FlowSolver
from tonescope.models.families.stable_audio_3.stable_audio_3_blocks import PATHS
from tonescope.models.families.text_encoders import TEXT_PATHS
from tonescope.models.generator import Sampling, Takes, Text
from tonescope.models.played_with import Recommended
from tonescope.models.units import Location

DISTILLED_STEPS, BASE_STEPS = 8, 100  # as the pipeline has them by default
LEAST_LOG_SNR, MOST_LOG_SNR = -6.2, 2.0
LONGEST_PROMPT = 256  # tokens, whatever the tokenizer says
CAVEAT = (
    "{} has {} positions of memory before the audio, where units are neither estimated nor muted; a head is the "
    "difference of two attentions."
)


def log_snr_sigmas(steps: int) -> Tensor:
    """Shares of noise, uniform in the logarithm of signal over noise, the first exactly 1 (steps,)."""
    parts = torch.linspace(1.0, 0.0, steps + 1)
    sigmas = torch.sigmoid(-(MOST_LOG_SNR - parts * (MOST_LOG_SNR - LEAST_LOG_SNR)))
    sigmas[0] = 1.0
    return sigmas[:-1]


class StableAudio3(LatentDiffusion):
    """A Stable Audio 3 under the microscope.

    Args:
        model: ``transformer`` (StableAudio3DiTModel), ``text_encoder`` (T5GemmaEncoderModel), ``duration_embedder``
            and ``vae`` (AutoencoderSAME).
        tokenizer: of the text encoder.
        scheduler: a ``FlowMatchEulerDiscreteScheduler``.
        name: what the user called it.
        steps: denoising steps of a generation; absent, as the pipeline has them.
        folder: where it was loaded from, if that is a folder.
    """

    negatives: NegativePrompts

    def __init__(
        self,
        model: Parts,
        tokenizer: Any,
        scheduler: Any,
        name: str,
        *,
        steps: int | None = None,
        folder: Path | None = None,
    ) -> None:
        paths = {**TEXT_PATHS["t5gemma"], **PATHS, **same_autoencoder.PATHS}
        self.distilled = bool(scheduler.config.stochastic_sampling)
        steps = steps or (DISTILLED_STEPS if self.distilled else BASE_STEPS)
        super().__init__(model, name, paths=paths, lacks=NO_DECODER, steps=steps, folder=folder)
        self.solver = FlowSolver(scheduler, steps, log_snr_sigmas)
        self.prefix = int(self.model.transformer.config.num_memory_tokens)
        self.longest_seconds = float(self.model.duration_embedder.config.max_val)
        self.caveat = CAVEAT.format(name, self.prefix)
        longest = min(int(tokenizer.model_max_length), LONGEST_PROMPT)
        self.reader = PaddedPrompts(self.model.text_encoder, tokenizer, None, name, longest=longest)
        self.negatives = NegativePrompts(self.reader)
        self.recommended = Recommended(1.0 if self.distilled else None, steps)

    def _codec(self) -> Same:
        return Same(self.model.vae)

    def heads(self, location: Location) -> int:
        """Attention heads of the text encoder or the denoiser."""
        if location.network == "text":
            return int(self.model.text_encoder.config.encoder.num_attention_heads)
        return int(self.model.transformer.config.num_heads)

    def frames(self, seconds: float) -> int:
        """Frames that hold a length in seconds, at least one."""
        return max(1, math.ceil(seconds * self.codec.frame_rate - 1e-6))

    @property
    def latent_width(self) -> int:
        """Width of what is denoised."""
        return int(self.model.transformer.config.io_channels)

    def told(self, text: Text, seconds: Tensor, sampling: Sampling) -> Told:
        """Prompt and seconds, and which of that is no padding: the denoiser has a state of its own for that.
        Unconditional rows read the empty prompt, or what to steer away from."""
        takes = len(seconds)
        with torch.no_grad():
            length = self.model.duration_embedder(seconds.to(self.device, torch.float32))

        def with_length(read: Text) -> tuple[Tensor, Tensor]:
            states, mask = read.states.expand(takes, -1, -1), read.mask.expand(takes, -1)
            return torch.cat([states, length[:, None].to(states.dtype)], 1), torch.cat(
                [mask, mask.new_ones(takes, 1)], 1
            )

        rows = [with_length(text)]
        if sampling.guidance > 1:
            rows.insert(0, with_length(self.negatives.read(sampling.negative)))
        return {
            "encoder_hidden_states": torch.cat([states for states, _ in rows]),
            "encoder_attention_mask": torch.cat([mask for _, mask in rows]),
            "global_hidden_states": torch.cat([length] * len(rows)),
        }

    def denoise(self, latents: Tensor, times: Tensor, told: Told) -> Tensor:
        """What the transformer predicts (rows, width, frames)."""
        found = self.model.transformer(latents, times, return_dict=False, **told)
        return found[0]  # type: ignore[no-any-return]

    def text_attention(self, takes: Takes, sampling: Sampling) -> Tensor:
        """Refused: there is no share of attention that a head gives to a word."""
        raise TonescopeError(
            f"each head of {self.name} looks at the prompt twice and takes the difference, which is no share of "
            "attention; look at what leaving out each word does instead."
        )
