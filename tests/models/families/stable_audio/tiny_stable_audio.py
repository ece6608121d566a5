"""A random Stable Audio Open of a few thousand weights: as a generator, as diffusers' own pipeline, as a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderOobleck,
    CosineDPMSolverMultistepScheduler,
    StableAudioDiTModel,
    StableAudioPipeline,
    StableAudioProjectionModel,
)
from transformers import T5Config, T5EncoderModel

from tests import tiny
from tonescope.models.families.diffusion.latent_places import Parts
from tonescope.models.families.stable_audio.stable_audio import StableAudio

SAMPLE_RATE, HOP, FRAMES, LATENT, STEPS = 1600, 32, 80, 6, 5
LONGEST_PROMPT, INNER, HEADS = 16, 64, 4
GAIN = 0.6  # of random weights, so that nothing saturates
READS, TELLING = ("attn2", "cross_attention_proj", "text_projection"), 1.5  # so that the prompt matters
LOUDER = 6  # than random weights would be
ROWS_TOGETHER = 6  # so that a replay goes piece by piece


def _weights(model: torch.nn.Module, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("weight_g"):  # the size of normalised weights
                weight.normal_(0.5 * GAIN, 0.1, generator=random)
            elif weight.ndim > 1:
                gain = GAIN * (TELLING if any(part in name for part in READS) else 1)
                weight.normal_(0, gain / weight[0].numel() ** 0.5, generator=random)
            elif name.endswith(("bias", "alpha", "beta")):
                weight.normal_(0, 0.1, generator=random)


def parts(seed: int = 0) -> dict[str, Any]:
    """The parts of the pipeline by name."""
    torch.manual_seed(seed)
    text = T5Config(
        d_model=24,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=3,
        vocab_size=len(tiny.WORDS),
        is_encoder_decoder=False,
        use_cache=False,
    )
    transformer = StableAudioDiTModel(
        sample_size=FRAMES,
        in_channels=LATENT,
        out_channels=LATENT,
        num_layers=2,
        attention_head_dim=4,
        num_attention_heads=HEADS,
        num_key_value_attention_heads=2,
        cross_attention_dim=8,
        cross_attention_input_dim=12,
        time_proj_dim=8,
        global_states_input_dim=24,
    )
    projection = StableAudioProjectionModel(text_encoder_dim=24, conditioning_dim=12, min_value=0, max_value=32)
    vae = AutoencoderOobleck(
        encoder_hidden_size=2 * LATENT,
        downsampling_ratios=[2, 4, 4],
        channel_multiples=[1, 2, 2],
        decoder_channels=4,
        decoder_input_channels=LATENT,
        audio_channels=2,
        sampling_rate=SAMPLE_RATE,
    )
    encoder = T5EncoderModel(text)
    for number, model in enumerate((transformer, projection, vae, encoder)):
        _weights(model, 10 * seed + number)
    with torch.no_grad():
        vae.decoder.conv2.weight_g.mul_(LOUDER)
    tokenizer = tiny.tokenizer()
    tokenizer.model_max_length = LONGEST_PROMPT
    return {
        "transformer": transformer,
        "projection_model": projection,
        "vae": vae,
        "text_encoder": encoder,
        "tokenizer": tokenizer,
        "scheduler": CosineDPMSolverMultistepScheduler(),
    }


def generator(seed: int = 0, steps: int = STEPS, dtype: torch.dtype = torch.float32) -> StableAudio:
    """The pipeline under the microscope."""
    found = parts(seed)
    tokenizer, scheduler = found.pop("tokenizer"), found.pop("scheduler")
    made = StableAudio(Parts(**found).to(dtype), tokenizer, scheduler, "tiny stable audio", steps=steps)
    made.rows_together = made.rows_kept = ROWS_TOGETHER
    return made


def pipeline(seed: int = 0) -> StableAudioPipeline:
    """The same in diffusers' own hands."""
    made = StableAudioPipeline(**parts(seed))
    made.set_progress_bar_config(disable=True)
    return made


def save(folder: Path, seed: int = 0) -> Path:
    """Write the pipeline as a folder that the command line can load, with few steps."""
    pipeline(seed).save_pretrained(folder)
    (folder / "tonescope.json").write_text(f'{{"denoising_steps": {STEPS}}}')
    return folder
