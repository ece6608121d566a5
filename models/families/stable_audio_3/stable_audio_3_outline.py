"""The places of a Stable Audio 3, read from the files of its parts: nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tonescope.models.families.diffusion.pipeline_outline import NO_DECODER, PipelineOutline
from tonescope.models.families.stable_audio_3.stable_audio_3_blocks import PATHS
from tonescope.models.families.text_encoders import TEXT_PATHS
from tonescope.models.outline import Outline


def _codec_layers(config: Mapping[str, Any]) -> int | None:
    depths = config.get("encoder_transformer_depths")
    first = depths[0] if isinstance(depths, list) and depths else None
    return first if type(first) is int and first > 0 else None


_OUTLINE = PipelineOutline(
    paths={**TEXT_PATHS["t5gemma"], **PATHS},
    lacks=NO_DECODER,
    heads={"transformer": "num_heads", "text_encoder": "encoder.num_attention_heads"},
    mixed="transformer_blocks.0.self_attn.to_out.weight",
    codec_layers=_codec_layers,
)


def outline(folder: Path, name: str) -> Outline:
    """What places the pipeline in a folder has."""
    return _OUTLINE.read(folder, name)
