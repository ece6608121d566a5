"""From a folder to a Stable Audio Open: what its parts have to say alike, and then the model."""

from __future__ import annotations

from pathlib import Path

import torch

from tonescope.models import metadata
from tonescope.models.checkpoints.checks import Bound, Fact
from tonescope.models.checkpoints.headers import WEIGHTS_FILE
from tonescope.models.families.diffusion.latent_places import Parts
from tonescope.models.families.diffusion.pipeline_folder import (
    OOBLECK,
    SCHEDULER,
    TOKENIZER,
    Agreement,
    PartRow,
    PipelineFolder,
)
from tonescope.models.families.stable_audio.stable_audio import STEPS, StableAudio

SCHEDULERS = ("CosineDPMSolverMultistepScheduler",)
LONGEST_PROMPT = 4_096  # tokens, of a tokenizer that knows an end
_T5_BLOCK = "encoder.block.0.layer"
TRANSFORMER = PartRow(
    "transformer",
    "StableAudioDiTModel",
    facts=(
        Fact("num_layers", "transformer_blocks"),
        Fact("in_channels", "proj_in.weight", 1),
        Fact("out_channels", "proj_out.weight", 0),
        Fact("cross_attention_dim", "cross_attention_proj.0.weight", 0),
        Fact("cross_attention_input_dim", "cross_attention_proj.0.weight", 1),
        Fact("global_states_input_dim", "global_proj.0.weight", 1),
        Fact("time_proj_dim", "timestep_proj.0.weight", 1),
    ),
    bounds=(
        Bound("num_attention_heads", 1, 4_096),
        Bound("num_key_value_attention_heads", 1, 4_096),
        Bound("attention_head_dim", 4, 4_096),
        Bound("sample_size", 1, 1_000_000),
    ),
)
TEXT_ENCODER = PartRow(
    "text_encoder",
    "T5EncoderModel",
    weights=WEIGHTS_FILE,
    facts=(
        Fact("num_layers", "encoder.block"),
        Fact("vocab_size", "shared.weight", 0),
        Fact("d_model", "shared.weight", 1),
        Fact("d_ff", f"{_T5_BLOCK}.1.DenseReluDense.wo.weight", 1),
        Fact("num_heads", f"{_T5_BLOCK}.0.SelfAttention.relative_attention_bias.weight", 1),
    ),
    bounds=(Bound("relative_attention_max_distance", 1, 1_000_000),),
)
PROJECTION = PartRow(
    "projection_model",
    "StableAudioProjectionModel",
    facts=(
        Fact("text_encoder_dim", "text_projection.weight", 1),
        Fact("conditioning_dim", "start_number_conditioner.time_positional_embedding.1.weight", 0),
    ),
    bounds=(Bound("min_value", 0, 0), Bound("max_value", 1, 100_000)),
)
PARTS = (
    TRANSFORMER,
    TEXT_ENCODER,
    PROJECTION,
    OOBLECK,
    TOKENIZER,
    SCHEDULER,
)
AGREEMENTS = (
    Agreement(("vae", "decoder_input_channels"), ("transformer", "in_channels")),
    Agreement(("transformer", "in_channels"), ("transformer", "out_channels")),
    Agreement(("text_encoder", "d_model"), ("projection_model", "text_encoder_dim")),
    Agreement(("projection_model", "conditioning_dim"), ("transformer", "cross_attention_input_dim")),
    Agreement(("projection_model", "conditioning_dim"), ("transformer", "global_states_input_dim"), times=2),
)


def load(folder: Path, name: str, device: str, dtype: torch.dtype, adapter: str | None) -> StableAudio:
    """Load a Stable Audio Open, with an adapter on top if one is named.

    Raises :class:`~tonescope.models.errors.TonescopeError` for a folder whose parts do not belong together, before
    anything large is read or built.
    """
    about, found = metadata.read(folder), PipelineFolder.open(folder, name, PARTS, device)
    found.check_agreement(AGREEMENTS)
    found.check_memory(dtype, device)
    held, tokenizer = found.tokenizer("text_encoder", "vocab_size")
    if tokenizer.model_max_length > LONGEST_PROMPT:
        raise held.refuse(
            "it does not say how many tokens a prompt may have (model_max_length in its tokenizer_config.json)",
            "restore the model's own file",
        )
    scheduler = found.scheduler(SCHEDULERS)
    model = found.networks("text_encoder", dtype, "0.30")

    def made(networks: Parts, name: str, own: Path | None) -> StableAudio:
        steps = about.denoising_steps or STEPS
        return StableAudio(networks, tokenizer, scheduler, name, steps=steps, folder=own)

    return found.generator(made, model, about, device, adapter)
