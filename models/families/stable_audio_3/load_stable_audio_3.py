"""From a folder to a Stable Audio 3: what its parts have to say alike, and then the model."""

from __future__ import annotations

from pathlib import Path

import torch

from tonescope.models import metadata
from tonescope.models.checkpoints.checks import Bound, Fact
from tonescope.models.checkpoints.headers import WEIGHTS_FILE
from tonescope.models.families.diffusion.latent_places import Parts
from tonescope.models.families.diffusion.pipeline_folder import (
    FLOW,
    SCHEDULER,
    TOKENIZER,
    Agreement,
    PartRow,
    PipelineFolder,
)
from tonescope.models.families.stable_audio_3.stable_audio_3 import StableAudio3

SINCE, NEEDED = "0.40", ("diffusers",)
LONGEST_SECONDS = 100_000
TRANSFORMER = PartRow(
    "transformer",
    "StableAudio3DiTModel",
    facts=(
        Fact("depth", "transformer_blocks"),
        Fact("io_channels", "proj_in.weight", 1),
        Fact("embed_dim", "proj_in.weight", 0),
        Fact("cond_token_dim", "to_cond_embed.0.weight", 1),
        Fact("global_cond_dim", "to_global_embed.0.weight", 1),
        Fact("timestep_features_dim", "to_timestep_embed.0.weight", 1),
        Fact("num_memory_tokens", "memory_tokens", 0),
    ),
    bounds=(Bound("num_heads", 1, 4_096), Bound("patch_size", 1, 1)),
)
TEXT_ENCODER = PartRow(
    "text_encoder",
    "T5GemmaEncoderModel",
    weights=WEIGHTS_FILE,
    facts=(
        Fact("encoder.num_hidden_layers", "encoder.layers"),
        Fact("encoder.vocab_size", "encoder.embed_tokens.weight", 0),
        Fact("encoder.hidden_size", "encoder.embed_tokens.weight", 1),
        Fact("encoder.intermediate_size", "encoder.layers.0.mlp.down_proj.weight", 1),
    ),
    bounds=(Bound("encoder.num_attention_heads", 1, 4_096), Bound("encoder.head_dim", 1, 4_096)),
)
DURATION = PartRow(
    "duration_embedder",
    "StableAudio3DurationEmbedder",
    facts=(Fact("output_dim", "linear.weight", 0), Fact("fourier_dim", "linear.weight", 1)),
)
VAE = PartRow(
    "vae",
    "AutoencoderSAME",
    facts=(Fact("latent_dim", "decoder.proj.weight", 1),),
    bounds=(
        Bound("sampling_rate", 100, 1_000_000),
        Bound("audio_channels", 1, 2),
        Bound("patch_size", 1, 100_000),
        Bound("encoder_channels", 1, 100_000),
        Bound("dim_heads", 1, 4_096),
    ),
    single=True,
)
PARTS = (TRANSFORMER, TEXT_ENCODER, DURATION, VAE, TOKENIZER, SCHEDULER)
AGREEMENTS = (
    Agreement(("vae", "latent_dim"), ("transformer", "io_channels")),
    Agreement(("text_encoder", "encoder.hidden_size"), ("transformer", "cond_token_dim")),
    Agreement(("duration_embedder", "output_dim"), ("transformer", "cond_token_dim")),
    Agreement(("duration_embedder", "output_dim"), ("transformer", "global_cond_dim")),
)


def load(folder: Path, name: str, device: str, dtype: torch.dtype, adapter: str | None) -> StableAudio3:
    """Load a Stable Audio 3, with an adapter on top if one is named.

    Raises :class:`~tonescope.models.errors.TonescopeError` for a folder whose parts do not belong together, before
    anything large is read or built.
    """
    about, found = metadata.read(folder), PipelineFolder.open(folder, name, PARTS, device, NEEDED)
    found.check_agreement(AGREEMENTS)
    _check_levels(found)
    _check_longest(found)
    found.check_memory(dtype, device)
    _, tokenizer = found.tokenizer("text_encoder", "encoder.vocab_size")
    scheduler = found.scheduler((FLOW,))
    model = found.networks("text_encoder", dtype, SINCE)

    def made(networks: Parts, name: str, own: Path | None) -> StableAudio3:
        return StableAudio3(networks, tokenizer, scheduler, name, steps=about.denoising_steps, folder=own)

    return found.generator(made, model, about, device, adapter)


def _check_levels(found: PipelineFolder) -> None:
    """Raise :class:`~tonescope.models.errors.TonescopeError` for a codec of several levels, whose places have no one
    number each."""
    strides = found.parts["vae"].config.__dict__.get("encoder_strides")
    if not (isinstance(strides, list) and len(strides) == 1 and isinstance(strides[0], int) and strides[0] > 0):
        raise found.refuse(
            f"encoder_strides of its vae is {str(strides)[:60]}, and has to be one number",
            "give a pipeline whose codec has one level, as those that were published",
        )


def _check_longest(found: PipelineFolder) -> None:
    """Raise :class:`~tonescope.models.errors.TonescopeError` for a longest duration that is none."""
    longest = found.parts["duration_embedder"].config.__dict__.get("max_val")
    if isinstance(longest, bool) or not isinstance(longest, int | float) or not 0 < longest <= LONGEST_SECONDS:
        raise found.refuse(
            f"max_val of its duration_embedder is {str(longest)[:60]}, and has to be seconds above 0",
            "restore the part's own config.json",
        )
