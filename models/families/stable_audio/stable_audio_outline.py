"""The places of a Stable Audio Open, read from the files of its parts: nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path

from tonescope.models.families.diffusion.pipeline_outline import NO_DECODER, PipelineOutline, listed
from tonescope.models.families.stable_audio.blocks import PATHS
from tonescope.models.families.text_encoders import TEXT_PATHS
from tonescope.models.outline import Outline

_OUTLINE = PipelineOutline(
    paths={**TEXT_PATHS["t5"], **PATHS},
    lacks=NO_DECODER,
    heads={"transformer": "num_attention_heads", "text_encoder": "num_heads"},
    mixed="transformer_blocks.0.attn1.to_out.0.weight",
    codec_layers=lambda config: listed(config.get("downsampling_ratios")),
)


def outline(folder: Path, name: str) -> Outline:
    """What places the pipeline in a folder has."""
    return _OUTLINE.read(folder, name)
