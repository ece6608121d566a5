"""The places of an ACE-Step, read from the files of its parts: nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path

from tonescope.models.families.ace_step.ace_step_blocks import PATHS
from tonescope.models.families.diffusion.pipeline_outline import NO_DECODER, PipelineOutline, listed
from tonescope.models.families.text_encoders import TEXT_PATHS
from tonescope.models.outline import Outline

_OUTLINE = PipelineOutline(
    paths={**TEXT_PATHS["qwen3"], **PATHS},
    lacks=NO_DECODER,
    heads={"transformer": "num_attention_heads", "text_encoder": "num_attention_heads"},
    mixed="layers.0.self_attn.to_out.0.weight",
    codec_layers=lambda config: listed(config.get("downsampling_ratios")),
)


def outline(folder: Path, name: str) -> Outline:
    """What places the pipeline in a folder has."""
    return _OUTLINE.read(folder, name)
