"""A random Stable Audio 3 of a few thousand weights: as a generator, as diffusers' own pipeline, as a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderSAME,
    FlowMatchEulerDiscreteScheduler,
    StableAudio3DiTModel,
    StableAudio3DurationEmbedder,
    StableAudio3Pipeline,
)
from transformers import T5GemmaConfig, T5GemmaEncoderModel, T5GemmaModuleConfig

from tests import tiny
from tests.models.families.random_weights import fill
from tonescope.models.families.diffusion.latent_places import Parts
from tonescope.models.families.stable_audio_3.stable_audio_3 import StableAudio3

SAMPLE_RATE, PATCH, STRIDE, LATENT, STEPS = 1600, 8, 4, 6, 5
LONGEST_PROMPT, INNER, HEADS, MEMORY = 16, 64, 4, 3
READS = ("cross_attn", "to_cond_embed")
ROWS_TOGETHER = 6  # so that a replay goes piece by piece
APART = 5.0  # queries and keys of the codec


def parts(seed: int = 0, *, distilled: bool = True) -> dict[str, Any]:
    """The parts of the pipeline by name."""
    torch.manual_seed(seed)
    text = T5GemmaModuleConfig(
        vocab_size=len(tiny.WORDS),
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        query_pre_attn_scalar=8,
        sliding_window=32,  # no position sees padding alone
        max_position_embeddings=64,
        attn_implementation="eager",
    )
    config = T5GemmaConfig(encoder=text, decoder=text, is_encoder_decoder=False, vocab_size=len(tiny.WORDS))
    transformer = StableAudio3DiTModel(
        io_channels=LATENT,
        embed_dim=16,
        depth=2,
        num_heads=HEADS,
        cond_token_dim=24,
        global_cond_dim=24,
        local_add_cond_dim=7,
        timestep_features_dim=8,
        ff_mult=4.0,
        num_memory_tokens=MEMORY,
    )
    duration = StableAudio3DurationEmbedder(output_dim=24, fourier_dim=8, max_val=32.0)
    vae = AutoencoderSAME(
        audio_channels=2,
        patch_size=PATCH,
        encoder_channels=4,
        encoder_c_mults=[4],
        encoder_strides=[STRIDE],
        encoder_transformer_depths=[2],
        latent_dim=LATENT,
        dim_heads=8,
        ff_mult=2,
        decoder_sinusoidal_blocks=[1],
        sampling_rate=SAMPLE_RATE,
    )
    encoder = T5GemmaEncoderModel(config)
    for number, model in enumerate((transformer, duration, vae, encoder)):
        fill(model, 10 * seed + number, READS)
    with torch.no_grad():  # so that two attentions differ
        for name, weight in vae.named_parameters():
            if name.endswith(("q_norm.gamma", "k_norm.gamma")):
                weight.mul_(APART)
    tokenizer = tiny.tokenizer()
    tokenizer.model_max_length = LONGEST_PROMPT
    return {
        "transformer": transformer.eval(),
        "duration_embedder": duration.eval(),
        "vae": vae.eval(),
        "text_encoder": encoder.eval(),
        "tokenizer": tokenizer,
        "scheduler": FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, stochastic_sampling=distilled),
    }


def generator(seed: int = 0, steps: int = STEPS, *, distilled: bool = True) -> StableAudio3:
    """The pipeline under the microscope."""
    found = parts(seed, distilled=distilled)
    tokenizer, scheduler = found.pop("tokenizer"), found.pop("scheduler")
    made = StableAudio3(Parts(**found), tokenizer, scheduler, "tiny stable audio 3", steps=steps)
    made.rows_together = made.rows_kept = ROWS_TOGETHER
    return made


def pipeline(seed: int = 0, *, distilled: bool = True) -> StableAudio3Pipeline:
    """The same in diffusers' own hands."""
    made = StableAudio3Pipeline(**parts(seed, distilled=distilled))
    made.set_progress_bar_config(disable=True)
    return made


def save(folder: Path, seed: int = 0) -> Path:
    """Write the pipeline as a folder that the command line can load, with few steps."""
    pipeline(seed).save_pretrained(folder)
    (folder / "tonescope.json").write_text(f'{{"denoising_steps": {STEPS}}}')
    return folder
