"""ACE-Step 1.5: a transformer trained as a rectified flow that makes songs of tags and lyrics; published distilled
(``turbo``: few steps, no guidance), and as a base (many steps, with guidance)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tonescope.models.errors import TonescopeError
from tonescope.models.families.ace_step.ace_step_blocks import PATHS
from tonescope.models.families.ace_step.tags_and_lyrics import TagsAndLyrics, silent_context
from tonescope.models.families.diffusion import oobleck
from tonescope.models.families.diffusion.denoising import Told
from tonescope.models.families.diffusion.guidance import ProjectedGuidance
from tonescope.models.families.diffusion.latent_diffusion import LatentDiffusion
from tonescope.models.families.diffusion.latent_places import Parts
from tonescope.models.families.diffusion.pipeline_outline import NO_DECODER
from tonescope.models.families.diffusion.solver import FlowSolver
from tonescope.models.families.text_encoders import TEXT_PATHS
from tonescope.models.generator import Sampling, Text
from tonescope.models.played_with import Recommended

TURBO_STEPS, TURBO_SHIFT = 8, 3.0
BASE_STEPS, BASE_SHIFT, BASE_GUIDANCE = 50, 1.0, 7.0
LONGEST_SECONDS = 600.0  # as much silence as it comes with
CAVEAT = (
    "{} reads tags, and as lyrics what stands from the first part of a song in brackets on ([verse]); units of the "
    "text encoder are those that read the tags, and takes are as loud as they are decoded."
)


def shifted_sigmas(steps: int, shift: float) -> Tensor:
    """Shares of noise, evenly spaced and then shifted to where there is much noise (steps,)."""
    even = torch.linspace(1.0, 0.0, steps + 1)
    return (shift * even / (1 + (shift - 1) * even))[:-1]


class AceStep(LatentDiffusion):
    """An ACE-Step under the microscope.

    Args:
        model: ``transformer`` (AceStepTransformer1DModel), ``text_encoder`` (Qwen3), ``condition_encoder``
            (AceStepConditionEncoder) and ``vae`` (AutoencoderOobleck).
        tokenizer: of the text encoder.
        scheduler: a ``FlowMatchEulerDiscreteScheduler``.
        name: what the user called it.
        steps: denoising steps of a generation; absent, as many as the checkpoint is made for.
        shift: of the shares of noise; absent, the one that the checkpoint is made for.
        folder: where it was loaded from, if that is a folder.
    """

    solver: FlowSolver
    reader: TagsAndLyrics
    order = ("cond", "uncond")
    prefix = 0
    sings = True
    attention_parts = ("norm_q", "norm_k")

    def __init__(
        self,
        model: Parts,
        tokenizer: Any,
        scheduler: Any,
        name: str,
        *,
        steps: int | None = None,
        shift: float | None = None,
        folder: Path | None = None,
    ) -> None:
        networks: Any = model
        config = networks.transformer.config
        self.turbo = bool(config.is_turbo or config.model_version == "turbo")
        self.shift = shift or (TURBO_SHIFT if self.turbo else BASE_SHIFT)
        steps = steps or (TURBO_STEPS if self.turbo else BASE_STEPS)
        paths = {**TEXT_PATHS["qwen3"], **PATHS, **oobleck.PATHS}
        super().__init__(model, name, paths=paths, lacks=NO_DECODER, steps=steps, folder=folder)
        self.solver = FlowSolver(scheduler, steps, partial(shifted_sigmas, shift=self.shift))
        self.patch, self.longest_seconds = int(config.patch_size), LONGEST_SECONDS
        self.caveat = CAVEAT.format(name)
        self.recommended = Recommended(1.0 if self.turbo else BASE_GUIDANCE, steps, self.shift)
        self.reader = TagsAndLyrics(
            networks.text_encoder, networks.condition_encoder, tokenizer, self.codec.frame_rate, name
        )

    @property
    def played_with(self) -> Recommended:
        """Steps and shift."""
        return Recommended(steps=self.denoising_steps, shift=self.shift)

    def check_sampling(self, sampling: Sampling) -> None:
        """Refuse a negative prompt, and guidance of a turbo, which has it in its weights."""
        super().check_sampling(sampling)
        if self.turbo and sampling.guidance > 1:
            raise TonescopeError(
                f"{self.name} is a turbo, which has guidance in its weights and is played without; ask for a guidance "
                "of 1, or leave it out."
            )

    def fingerprint(self) -> str:
        """Tells apart models that share a name, and what they are played with."""
        return f"{super().fingerprint()}-{self.shift:g}"

    def shift_by(self, shift: float) -> None:
        """Play with so much shift from now on; what was measured or recorded before is another model's."""
        self.shift, self.solver = shift, self.solver.bent(partial(shifted_sigmas, shift=shift))

    def frames(self, seconds: float) -> int:
        """Frames that hold a length in seconds, at least one."""
        return max(1, math.ceil(seconds * self.codec.frame_rate - 1e-6))

    @property
    def latent_width(self) -> int:
        """Width of what is denoised."""
        return int(self.model.transformer.config.audio_acoustic_hidden_dim)

    def guide(self, scale: float) -> ProjectedGuidance:
        """Guidance with a memory, for one take or batch of takes, from its first step on."""
        return ProjectedGuidance(scale)

    def batches(self, prompts: Sequence[str]) -> list[list[int]]:
        """Rows of as many tokens of tags and of lyrics: the denoiser would read padding."""
        groups: dict[tuple[int, int], list[int]] = {}
        for row, lengths in enumerate(self.reader.lengths(prompts)):
            groups.setdefault(lengths, []).append(row)
        return list(groups.values())

    def told(self, text: Text, seconds: Tensor, sampling: Sampling) -> Told:
        """The condition, and in unconditional rows at every position the one that was learned for none."""
        read = text.states.expand(len(seconds), -1, -1)
        if sampling.guidance > 1:
            nothing = self.model.condition_encoder.null_condition_emb.to(read.dtype).expand_as(read)
            read = torch.cat([read, nothing])
        return {"encoder_hidden_states": read}

    def denoise(self, latents: Tensor, times: Tensor, told: Told) -> Tensor:
        """What the transformer predicts (rows, width, frames), in place of silence, all of it to be made."""
        silence = silent_context(self.model.condition_encoder, latents.shape[2]).to(latents)
        context = torch.cat([silence, torch.ones_like(silence)], 2).expand(len(latents), -1, -1)
        times = times.to(latents.dtype)
        found = self.model.transformer(
            latents.transpose(1, 2), times, times, context_latents=context, return_dict=False, **told
        )
        return found[0].transpose(1, 2)  # type: ignore[no-any-return]
