"""MusicGen Melody, mono and stereo: prompt and chroma are a prefix of the decoder's input; there is no cross-attention.

Tonescope plays these models from text alone, on the neutral chroma that transformers itself fills in without a melody.
"""

from __future__ import annotations

from .family import Family

FAMILY = Family(
    model_class="MusicgenMelodyForConditionalGeneration",
    model_type="musicgen_melody",
    backbone="decoder.model.decoder",
    reads="prefix",
    paths={
        ("decoder", "mlp"): "decoder.model.decoder.layers.{}.fc2",
        ("decoder", "self"): "decoder.model.decoder.layers.{}.self_attn.out_proj",
        ("decoder", "residual"): "decoder.model.decoder.layers.{}",
        ("codec", "encoder"): "audio_encoder.encoder.layers.{}",
        ("codec", "decoder"): "audio_encoder.decoder.layers.{}",
    },
    lacks={
        (
            "decoder",
            "cross",
        ): "melody models read the text as a prefix through self-attention and have no cross-attention; look at decoder.LAYER.self instead",
    },
)
