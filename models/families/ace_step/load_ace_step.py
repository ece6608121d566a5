"""From a folder to an ACE-Step: what its parts have to say alike, and then the model."""

from __future__ import annotations

from pathlib import Path

import torch

from tonescope.models import metadata
from tonescope.models.checkpoints.checks import Bound, Fact
from tonescope.models.checkpoints.headers import WEIGHTS_FILE
from tonescope.models.families.ace_step.ace_step import AceStep
from tonescope.models.families.diffusion.latent_places import Parts
from tonescope.models.families.diffusion.pipeline_folder import (
    FLOW,
    OOBLECK,
    SCHEDULER,
    TOKENIZER,
    Agreement,
    PartRow,
    PipelineFolder,
)

SINCE, NEEDED = "0.38", ("diffusers",)
TRANSFORMER = PartRow(
    "transformer",
    "AceStepTransformer1DModel",
    facts=(
        Fact("num_hidden_layers", "layers"),
        Fact("hidden_size", "proj_in_conv.weight", 0),
        Fact("in_channels", "proj_in_conv.weight", 1),
        Fact("patch_size", "proj_in_conv.weight", 2),
        Fact("audio_acoustic_hidden_dim", "proj_out_conv.weight", 1),
        Fact("intermediate_size", "layers.0.mlp.down_proj.weight", 1),
    ),
    bounds=(
        Bound("num_attention_heads", 1, 4_096),
        Bound("num_key_value_heads", 1, 4_096),
        Bound("head_dim", 2, 4_096),
        Bound("sliding_window", 1, 1_000_000),
    ),
)
TEXT_ENCODER = PartRow(
    "text_encoder",
    "Qwen3Model",
    weights=WEIGHTS_FILE,
    facts=(
        Fact("num_hidden_layers", "layers"),
        Fact("vocab_size", "embed_tokens.weight", 0),
        Fact("hidden_size", "embed_tokens.weight", 1),
        Fact("intermediate_size", "layers.0.mlp.down_proj.weight", 1),
    ),
    bounds=(Bound("num_attention_heads", 1, 4_096), Bound("head_dim", 1, 4_096)),
)
CONDITION = PartRow(
    "condition_encoder",
    "AceStepConditionEncoder",
    facts=(
        Fact("hidden_size", "text_projector.weight", 0),
        Fact("text_hidden_dim", "text_projector.weight", 1),
        Fact("timbre_hidden_dim", "timbre_encoder.embed_tokens.weight", 1),
        Fact("num_lyric_encoder_hidden_layers", "lyric_encoder.layers"),
        Fact("num_timbre_encoder_hidden_layers", "timbre_encoder.layers"),
    ),
    bounds=(Bound("num_attention_heads", 1, 4_096), Bound("head_dim", 2, 4_096)),
)
PARTS = (TRANSFORMER, TEXT_ENCODER, CONDITION, OOBLECK, TOKENIZER, SCHEDULER)
AGREEMENTS = (
    Agreement(("vae", "decoder_input_channels"), ("transformer", "audio_acoustic_hidden_dim")),
    Agreement(("transformer", "audio_acoustic_hidden_dim"), ("transformer", "in_channels"), times=3),
    Agreement(("text_encoder", "hidden_size"), ("condition_encoder", "text_hidden_dim")),
    Agreement(("condition_encoder", "timbre_hidden_dim"), ("transformer", "audio_acoustic_hidden_dim")),
)


def load(folder: Path, name: str, device: str, dtype: torch.dtype, adapter: str | None) -> AceStep:
    """Load an ACE-Step, with an adapter on top if one is named.

    Raises :class:`~tonescope.models.errors.TonescopeError` for a folder whose parts do not belong together, before
    anything large is read or built.
    """
    about, found = metadata.read(folder), PipelineFolder.open(folder, name, PARTS, device, NEEDED)
    found.check_agreement(AGREEMENTS)
    # Of the larger turbo, the condition is narrower than the transformer.
    wide = "encoder_hidden_size" if found.parts["transformer"].config.__dict__.get("encoder_hidden_size") else None
    agreed = ("transformer", wide or "hidden_size")
    found.check_agreement((Agreement(("condition_encoder", "hidden_size"), agreed),))
    found.check_memory(dtype, device)
    _, tokenizer = found.tokenizer("text_encoder", "vocab_size")
    scheduler = found.scheduler((FLOW,))
    model = found.networks("text_encoder", dtype, SINCE)

    def made(networks: Parts, name: str, own: Path | None) -> AceStep:
        steps, shift = about.denoising_steps, about.shift
        return AceStep(networks, tokenizer, scheduler, name, steps=steps, shift=shift, folder=own)

    return found.generator(made, model, about, device, adapter)
