"""The models that Tonescope can open: one row for each family of generators, and each kind of judge and tagger.

A new family or judge is a file with ``load`` and a row here. A generator's is
``load(folder, name, device, dtype, adapter) -> Generator``, a judge's ``load(folder, name, labels, device) -> Judge``,
a tagger's ``load(folder, name, device) -> Tagger``.
What they share (configuration, size, weights, tokenizer) is in :mod:`tonescope.models.checkpoints.checks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from tonescope.models.errors import TonescopeError

Kind = Literal["generator", "judge", "tagger"]


@dataclass(frozen=True)
class Row:
    """A family of generators, or a kind of judge or tagger.

    Attributes:
        name: what people call it.
        kind: ``generator``, ``judge`` or ``tagger``.
        model_types: ``model_type`` in config.json, or ``_class_name`` in the model_index.json of a pipeline.
        module: where its ``load`` is; imported when a model of the family is opened.
        refuses: model types that look like it and cannot be opened: why, and what to give instead.
        outline: where ``outline(folder, name) -> Outline`` is, which reads from the files of a generator what places it
            has, and imports nothing heavy (:mod:`tonescope.models.outline`); empty where files do not tell.
    """

    name: str
    kind: Kind
    model_types: tuple[str, ...]
    module: str
    refuses: Mapping[str, str] = field(default_factory=dict)
    outline: str = ""

    @property
    def load(self) -> Callable[..., Any]:
        """The loader of the row."""
        load: Callable[..., Any] = import_module(self.module).load
        return load


REGISTRY: list[Row] = [
    Row(
        name="MusicGen",
        kind="generator",
        model_types=("musicgen", "musicgen_melody"),
        module="tonescope.models.families.musicgen.load_musicgen",
        refuses={
            "musicgen_decoder": "it is a decoder alone; give the folder of the whole model",
            "musicgen_melody_decoder": "it is a decoder alone; give the folder of the whole model",
            "encodec": "it is a codec alone; give the folder of the whole model",
            "t5": "it is a text encoder alone; give the folder of the whole model",
        },
        outline="tonescope.models.families.musicgen.read_outline",
    ),
    Row(
        name="Stable Audio Open",
        kind="generator",
        model_types=("StableAudioPipeline",),
        module="tonescope.models.families.stable_audio.load_stable_audio",
        refuses={
            "StableAudioDiTModel": "it is a denoiser alone; give the folder of the whole pipeline",
            "StableAudioProjectionModel": "it is a projection alone; give the folder of the whole pipeline",
            "AutoencoderOobleck": "it is a codec alone; give the folder of the whole pipeline",
        },
        outline="tonescope.models.families.stable_audio.stable_audio_outline",
    ),
    Row(
        name="Stable Audio 3",
        kind="generator",
        model_types=("StableAudio3Pipeline",),
        module="tonescope.models.families.stable_audio_3.load_stable_audio_3",
        outline="tonescope.models.families.stable_audio_3.stable_audio_3_outline",
        refuses={
            "StableAudio3DiTModel": "it is a denoiser alone; give the folder of the whole pipeline",
            "StableAudio3DurationEmbedder": "it reads seconds and nothing else; give the folder of the whole pipeline",
            "AutoencoderSAME": "it is a codec alone; give the folder of the whole pipeline",
            "StableAudio3AudioToAudioPipeline": "it changes sound that is there; save it as a StableAudio3Pipeline",
            "StableAudio3InpaintPipeline": "it changes sound that is there; save it as a StableAudio3Pipeline",
        },
    ),
    Row(
        name="ACE-Step",
        kind="generator",
        model_types=("AceStepPipeline",),
        module="tonescope.models.families.ace_step.load_ace_step",
        outline="tonescope.models.families.ace_step.ace_step_outline",
        refuses={
            "AceStepTransformer1DModel": "it is a denoiser alone; give the folder of the whole pipeline",
            "AceStepConditionEncoder": "it reads conditions and nothing else; give the folder of the whole pipeline",
        },
    ),
    Row(
        name="CLAP",
        kind="judge",
        model_types=("clap",),
        module="tonescope.models.judges.load_clap",
        refuses={
            "clap_text_model": "it is half of a CLAP model; give the folder of the whole model",
            "clap_audio_model": "it is half of a CLAP model; give the folder of the whole model",
            "musicnn": "it is a tagger, which says what it hears and chooses between no genres",
        },
    ),
    Row(
        name="CLAP as laion-clap saves it",
        kind="judge",
        model_types=("laion_clap",),
        module="tonescope.models.judges.load_laion_clap",
    ),
    Row(
        name="PE-Audio",
        kind="judge",
        model_types=("pe_audio", "pe_audio_video"),
        module="tonescope.models.judges.load_pe_audio",
        refuses={
            "pe_audio_encoder": "it is half of a PE-Audio model; give the folder of the whole model",
            "pe_video": "it sees and does not hear; give the folder of a PE-Audio model",
        },
    ),
    Row(
        name="musicnn",
        kind="tagger",
        model_types=("musicnn",),
        module="tonescope.models.judges.load_musicnn",
    ),
]


def model_types(kind: str) -> tuple[str, ...]:
    """Every model type that can be opened as a ``kind``."""
    return tuple(model_type for row in REGISTRY if row.kind == kind for model_type in row.model_types)


def row(model_type: str, kind: str, name: str) -> Row:
    """The row that opens a model type as a ``kind``.

    Raises :class:`TonescopeError` where none does; ``name`` is what the user called the model.
    """
    rows = [row for row in REGISTRY if row.kind == kind]
    for candidate in rows:
        if model_type in candidate.model_types:
            return candidate
    for candidate in rows:
        if why := candidate.refuses.get(model_type):
            raise TonescopeError(f"{name} is a “{model_type}” model and cannot be used as the {kind}: {why}.")
    *others, last = (f"“{model_type}”" for model_type in model_types(kind))
    known = f"{', '.join(others)} or {last}" if others else last
    raise TonescopeError(
        f"{name} is a “{model_type}” model and cannot be used as the {kind}, which has to be a {known} model."
    )
