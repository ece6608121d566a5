"""From a folder to a CLAP that judges: what its parts have to say alike, and then the model."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import ClapFeatureExtractor

from tonescope.models import metadata
from tonescope.models.checkpoints import folders
from tonescope.models.checkpoints.checks import Bound, Checkpoint, Fact
from tonescope.models.checkpoints.folders import attempt
from tonescope.models.judges.clap import LONGEST_TEXT, Clap
from tonescope.models.judges.labelling import check_labels, settings

FRONT_END_FILE = "preprocessor_config.json"
_TEXT, _AUDIO = "text_model", "audio_model.audio_encoder"
FACTS = (
    Fact("text_config.num_hidden_layers", f"{_TEXT}.encoder.layer"),
    Fact("text_config.vocab_size", f"{_TEXT}.embeddings.word_embeddings.weight", 0),
    Fact("text_config.hidden_size", f"{_TEXT}.embeddings.word_embeddings.weight", 1),
    Fact("text_config.max_position_embeddings", f"{_TEXT}.embeddings.position_embeddings.weight", 0),
    Fact("text_config.intermediate_size", f"{_TEXT}.encoder.layer.0.intermediate.dense.weight", 0),
    Fact("projection_dim", "text_projection.linear1.weight", 0),
    Fact("audio_config.patch_embeds_hidden_size", f"{_AUDIO}.patch_embed.proj.weight", 0),
    Fact("audio_config.num_mel_bins", f"{_AUDIO}.batch_norm.weight", 0),
)
BOUNDS = (
    Bound("text_config.num_attention_heads", 1, 4_096),
    Bound("audio_config.spec_size", 1, 16_384),
    Bound("audio_config.patch_size", 1, 1_024),
    Bound("audio_config.window_size", 1, 256),
)
# Of the front end: what it may be set to, in hertz, samples, bands and seconds.
FRONT_END: dict[str, tuple[float, float]] = {
    "sampling_rate": (100, 1_000_000),
    "hop_length": (1, 1_000_000),
    "fft_window_size": (16, 2**17),
    "feature_size": (1, 4_096),
    "max_length_s": (0.01, 600),
    "nb_max_samples": (1, 100_000_000),
    "frequency_min": (0, 500_000),
    "frequency_max": (1, 500_000),
}
WHOLE = ("sampling_rate", "hop_length", "fft_window_size", "feature_size", "nb_max_samples")


def load(folder: Path, name: str, labels: Sequence[str], device: str) -> Clap:
    """Load a CLAP, in single precision, that chooses between its own labels, or ``labels`` where it brings none.

    Raises :class:`~tonescope.models.errors.TonescopeError` for a folder whose parts do not belong together, before
    anything large is read or built.
    """
    found = Checkpoint.open(folder, name)
    given = settings(metadata.read(folder), name, labels)
    _check(found)
    found.check_memory(torch.float32, device)
    tokenizer = found.tokenizer(found.number("text_config.vocab_size"))
    extractor = _front_end(found)
    model = found.load("ClapModel", torch.float32)
    made: Clap = attempt(name, lambda: Clap(model.to(device), tokenizer, extractor, name, **given))
    check_labels(made, found.number("projection_dim"))
    return made


def _check(found: Checkpoint) -> None:
    found.check_facts(FACTS)
    found.check_bounds(BOUNDS)
    stride = found.config.audio_config.patch_stride
    steps = stride if isinstance(stride, list | tuple) else [stride]
    if not all(isinstance(step, int) and 1 <= step <= found.config.audio_config.patch_size for step in steps):
        raise found.refuse(
            "audio_config.patch_stride in its config.json has to be 1 to audio_config.patch_size",
            "restore the model's own config.json",
        )
    depths = found.config.audio_config.depths
    if not isinstance(depths, list | tuple) or not all(isinstance(depth, int) and depth > 0 for depth in depths):
        raise found.refuse("audio_config.depths in its config.json is no list of numbers of layers")
    for stage, depth in enumerate(depths if found.header is not None else ()):
        held = found.header.count(f"{_AUDIO}.layers.{stage}.blocks") if found.header else 0
        if held and held != depth:
            raise found.refuse(
                "its config.json and its weights do not belong together: "
                f"audio_config.depths has {depth} at place {stage} and the weights have {held}",
                "restore the model's own config.json",
            )
    if found.config.text_config.pad_token_id is not None:
        pad = Bound("text_config.pad_token_id", 0, found.number("text_config.vocab_size") - 1)
        found.check_bounds([pad])
        # Positions are counted from behind the padding token.
        needed = LONGEST_TEXT + found.config.text_config.pad_token_id + 1
        if found.config.text_config.max_position_embeddings < needed:
            raise found.refuse(
                f"its text tower has {found.config.text_config.max_position_embeddings} positions "
                f"(text_config.max_position_embeddings) and texts of {LONGEST_TEXT} tokens need {needed}",
                "give a judge that reads longer texts",
            )


def _front_end(found: Checkpoint) -> ClapFeatureExtractor:
    """The feature extractor of the folder.

    Raises :class:`~tonescope.models.errors.TonescopeError` where its settings make no sense, or fit another model.
    """
    path = found.folder / FRONT_END_FILE
    if not path.is_file():
        raise found.refuse(
            f"it has no {FRONT_END_FILE}, so it is unknown how it hears",
            "save the feature extractor into the same folder",
        )
    stated = folders.read_object(path, found.name)
    for field, (least, most) in FRONT_END.items():
        if field in stated:
            _check_setting(found, field, stated[field], least, most)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of filters that hear nothing: told below, in full
        extractor = attempt(found.name, lambda: ClapFeatureExtractor.from_pretrained(found.folder))
    audio, restore = found.config.audio_config, f"restore the judge's own {FRONT_END_FILE}"
    if extractor.feature_size != audio.num_mel_bins:
        raise found.refuse(
            f"feature_size in its {FRONT_END_FILE} is {extractor.feature_size} and the model hears "
            f"{audio.num_mel_bins} bands "
            "(audio_config.num_mel_bins)",
            restore,
        )
    if not extractor.frequency_min < extractor.frequency_max <= extractor.sampling_rate / 2:
        raise found.refuse(
            f"its {FRONT_END_FILE} listens from frequency_min {extractor.frequency_min} to frequency_max "
            f"{extractor.frequency_max} Hz, which has to be upwards and at most half of sampling_rate",
            restore,
        )
    frames = extractor.nb_max_samples // extractor.hop_length + 1
    most = audio.spec_size * (audio.spec_size // audio.num_mel_bins)
    if extractor.nb_max_samples <= extractor.fft_window_size // 2 or frames > most:
        raise found.refuse(
            f"its {FRONT_END_FILE} cuts clips of {extractor.nb_max_samples} samples into {frames} frames "
            f"(hop_length {extractor.hop_length}, fft_window_size {extractor.fft_window_size}) and the model "
            f"takes 1 to {most}",
            restore,
        )
    return extractor


def _check_setting(found: Checkpoint, field: str, value: Any, least: float, most: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = number and (field not in WHOLE or isinstance(value, int))
    if not whole or not math.isfinite(value) or not least <= value <= most:
        told = str(value) if isinstance(value, float) or (number and abs(value) < 10**18) else type(value).__name__
        raise found.refuse(
            f"{field} in its {FRONT_END_FILE} is {told}, and has to be a {'whole ' if field in WHOLE else ''}number "
            f"from {least:,g} to {most:,g}",
            f"restore the judge's own {FRONT_END_FILE}",
        )
