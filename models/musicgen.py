"""The MusicGen family: which module is which site. Data only; :mod:`.generator` does the work.

A path is looked up from the ``MusicgenForConditionalGeneration`` object; ``{}`` is the layer.
"""

from __future__ import annotations

from dataclasses import dataclass

Key = tuple[str, str]


@dataclass(frozen=True)
class Family:
    """Where the sites of a model class are."""

    model_class: str
    paths: dict[Key, str]


DECODER = {
    ("decoder", "mlp"): "decoder.model.decoder.layers.{}.fc2",
    ("decoder", "self"): "decoder.model.decoder.layers.{}.self_attn.out_proj",
    ("decoder", "cross"): "decoder.model.decoder.layers.{}.encoder_attn.out_proj",
    ("decoder", "residual"): "decoder.model.decoder.layers.{}",
    ("codec", "encoder"): "audio_encoder.encoder.layers.{}",
    ("codec", "decoder"): "audio_encoder.decoder.layers.{}",
}

FAMILIES = {"musicgen": Family("MusicgenForConditionalGeneration", DECODER)}

# Text encoders by their configuration's model type.
TEXT_PATHS: dict[str, dict[Key, str]] = {
    "t5": {
        ("text", "mlp"): "text_encoder.encoder.block.{}.layer.1.DenseReluDense.wo",
        ("text", "self"): "text_encoder.encoder.block.{}.layer.0.SelfAttention.o",
    },
    "bert": {
        ("text", "mlp"): "text_encoder.encoder.layer.{}.output.dense",
        ("text", "self"): "text_encoder.encoder.layer.{}.attention.output.dense",
    },
}
