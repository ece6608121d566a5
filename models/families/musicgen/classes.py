"""The model classes of the family, one row each: which module is which site, and how the prompt is read. No code that
runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tonescope.models.outline import Key


@dataclass(frozen=True)
class ModelClass:
    """Where the sites of a model class are, and how it reads its prompt.

    Attributes:
        model_class: the transformers class.
        model_type: the type that its configuration states.
        backbone: the module that runs the decoder's layers.
        reads: ``cross`` (text through cross-attention) or ``prefix`` (text as the first positions of the decoder's
            input).
        paths: module path of each site; ``{}`` is the layer.
        lacks: why a site that other classes have does not exist here, and what to look at instead.
    """

    model_class: str
    model_type: str
    backbone: str
    reads: Literal["cross", "prefix"]
    paths: dict[Key, str]
    lacks: dict[Key, str] = field(default_factory=dict)


_SHARED: dict[Key, str] = {
    ("decoder", "mlp"): "decoder.model.decoder.layers.{}.fc2",
    ("decoder", "self"): "decoder.model.decoder.layers.{}.self_attn.out_proj",
    ("decoder", "residual"): "decoder.model.decoder.layers.{}",
    ("codec", "encoder"): "audio_encoder.encoder.layers.{}",
    ("codec", "decoder"): "audio_encoder.decoder.layers.{}",
}

CLASSES: tuple[ModelClass, ...] = (
    # small, medium, large, and the stereo models
    ModelClass(
        model_class="MusicgenForConditionalGeneration",
        model_type="musicgen",
        backbone="decoder.model.decoder",
        reads="cross",
        paths={**_SHARED, ("decoder", "cross"): "decoder.model.decoder.layers.{}.encoder_attn.out_proj"},
    ),
    # The melody models, mono and stereo: prompt and chroma are a prefix of the decoder's input. They are played from
    # text
    # alone, on the neutral chroma that transformers itself fills in without a melody.
    ModelClass(
        model_class="MusicgenMelodyForConditionalGeneration",
        model_type="musicgen_melody",
        backbone="decoder.model.decoder",
        reads="prefix",
        paths=_SHARED,
        lacks={
            ("decoder", "cross"): (
                "melody models read the text as a prefix through self-attention and have no cross-attention; "
                "look at decoder.LAYER.self instead"
            )
        },
    ),
)
