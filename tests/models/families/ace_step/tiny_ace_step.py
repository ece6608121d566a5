"""A random ACE-Step of a few thousand weights: as a generator, as diffusers' own pipeline, as a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AceStepConditionEncoder,
    AceStepPipeline,
    AceStepTransformer1DModel,
    AutoencoderOobleck,
    FlowMatchEulerDiscreteScheduler,
)
from transformers import Qwen3Config, Qwen3Model

from tests import tiny
from tests.models.families.random_weights import fill
from tonescope.models.families.ace_step.ace_step import AceStep
from tonescope.models.families.diffusion.latent_places import Parts

SAMPLE_RATE, HOP, LATENT, STEPS = 1600, 32, 6, 5
INNER, HEADS = 40, 4
READS = ("cross_attn", "condition_embedder", "text_projector", "lyric_encoder")
ROWS_TOGETHER = 6  # so that a replay goes piece by piece
SILENT_FRAMES = 40  # in place of ten minutes
LOUDER = 60  # than random weights would be


def parts(seed: int = 0, *, turbo: bool = False, short: bool = True) -> dict[str, Any]:
    """The parts of the pipeline by name; ``short``, with less silence than is saved."""
    torch.manual_seed(seed)
    attention = {"num_attention_heads": HEADS, "num_key_value_heads": 2, "head_dim": 4, "sliding_window": 8}
    text = Qwen3Config(
        vocab_size=len(tiny.WORDS),
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=4096,
    )
    transformer = AceStepTransformer1DModel(
        hidden_size=16,
        intermediate_size=INNER,
        num_hidden_layers=2,
        in_channels=3 * LATENT,
        audio_acoustic_hidden_dim=LATENT,
        patch_size=2,
        is_turbo=turbo,
        **attention,
    )
    condition = AceStepConditionEncoder(
        hidden_size=16,
        intermediate_size=32,
        text_hidden_dim=24,
        timbre_hidden_dim=LATENT,
        num_lyric_encoder_hidden_layers=2,
        num_timbre_encoder_hidden_layers=1,
        **attention,
    )
    vae = AutoencoderOobleck(
        encoder_hidden_size=2 * LATENT,
        downsampling_ratios=[2, 4, 4],
        channel_multiples=[1, 2, 2],
        decoder_channels=4,
        decoder_input_channels=LATENT,
        audio_channels=2,
        sampling_rate=SAMPLE_RATE,
    )
    encoder = Qwen3Model(text)
    for number, model in enumerate((transformer, condition, vae, encoder)):
        fill(model, 10 * seed + number, READS)
    with torch.no_grad():
        vae.decoder.conv2.weight_g.mul_(LOUDER)
        condition.silence_latent.normal_(0, 0.3, generator=torch.Generator().manual_seed(seed))
    if short:
        condition.silence_latent = condition.silence_latent[:, :SILENT_FRAMES].clone()
    return {
        "transformer": transformer.eval(),
        "condition_encoder": condition.eval(),
        "vae": vae.eval(),
        "text_encoder": encoder.eval(),
        "tokenizer": tiny.tokenizer(),
        "scheduler": FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
    }


def generator(seed: int = 0, steps: int = STEPS, *, turbo: bool = False, short: bool = True) -> AceStep:
    """The pipeline under the microscope."""
    found = parts(seed, turbo=turbo, short=short)
    tokenizer, scheduler = found.pop("tokenizer"), found.pop("scheduler")
    made = AceStep(Parts(**found), tokenizer, scheduler, "tiny ace-step", steps=steps)
    made.rows_together = made.rows_kept = ROWS_TOGETHER
    return made


def pipeline(seed: int = 0, *, turbo: bool = False, short: bool = True) -> AceStepPipeline:
    """The same in diffusers' own hands."""
    made = AceStepPipeline(**parts(seed, turbo=turbo, short=short))
    made.set_progress_bar_config(disable=True)
    return made


def save(folder: Path, seed: int = 0) -> Path:
    """Write the pipeline as a folder that the command line can load, with few steps."""
    pipeline(seed, short=False).save_pretrained(folder)
    (folder / "tonescope.json").write_text(f'{{"denoising_steps": {STEPS}}}')
    return folder
