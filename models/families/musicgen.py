"""MusicGen: small, medium, large, and the stereo models (``MusicgenForConditionalGeneration``)."""

from __future__ import annotations

from .family import Family

FAMILY = Family(
    model_class="MusicgenForConditionalGeneration",
    model_type="musicgen",
    backbone="decoder.model.decoder",
    reads="cross",
    paths={
        ("decoder", "mlp"): "decoder.model.decoder.layers.{}.fc2",
        ("decoder", "self"): "decoder.model.decoder.layers.{}.self_attn.out_proj",
        ("decoder", "cross"): "decoder.model.decoder.layers.{}.encoder_attn.out_proj",
        ("decoder", "residual"): "decoder.model.decoder.layers.{}",
        ("codec", "encoder"): "audio_encoder.encoder.layers.{}",
        ("codec", "decoder"): "audio_encoder.decoder.layers.{}",
    },
)
