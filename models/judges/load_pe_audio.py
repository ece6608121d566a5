"""From a folder to a PE-Audio model that judges, and every refusal on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from torch import Tensor

from tonescope.models import metadata
from tonescope.models.checkpoints import folders, size
from tonescope.models.checkpoints.checks import Bound, Checkpoint, Fact
from tonescope.models.checkpoints.folders import attempt
from tonescope.models.checkpoints.headers import Header
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.labelling import check_labels, settings
from tonescope.models.judges.pe_audio import PeAudio
from tonescope.models.judges.resampling import HIGHEST_RATE, LOWEST_RATE

FRONT_END_FILES = ("preprocessor_config.json", "processor_config.json")
# PE-AV: hears together with pictures. Its audio half is a PE-Audio model, whose text tower all of its parts share.
WHOLE, HALF, SHARED = "pe_audio_video", "audio_model.", "text_model."
FRAMES = "PeAudioFrameLevelModel"  # has the same weights, and no use for the one that embeds a clip
FACTS = (
    Fact("text_config.num_hidden_layers", "text_model.layers"),
    Fact("text_config.vocab_size", "text_model.embeddings.tok_embeddings.weight", 0),
    Fact("text_config.hidden_size", "text_audio_head.proj.weight", 0),
    Fact("audio_config.hidden_size", "audio_head.proj.weight", 1),
    Fact("audio_config.num_hidden_layers", "audio_encoder.layers"),
    Fact("audio_config.intermediate_size", "audio_encoder.layers.0.mlp.up_proj.weight", 0),
    Fact("audio_config.dac_config.hidden_size", "audio_encoder.embedder.bottleneck.weight", 1),
    Fact("audio_config.dac_config.encoder_hidden_size", "audio_encoder.embedder.dac_encoder.conv1.weight", 0),
)
BOUNDS = (
    Bound("text_config.num_attention_heads", 1, 4_096),
    Bound("audio_config.num_attention_heads", 1, 4_096),
    Bound("audio_config.num_key_value_heads", 1, 4_096),
    Bound("audio_config.head_dim", 1, 65_536),
)


def load(folder: Path, name: str, labels: Sequence[str], device: str) -> PeAudio:
    """Load a PE-Audio model, or the audio half of a PE-AV model, that chooses between its own labels, or ``labels``.

    Raises :class:`TonescopeError` for a folder whose parts do not belong together, before
    anything large is read or built.
    """
    if getattr(transformers, "PeAudioModel", None) is None:
        raise TonescopeError(
            f"{name} could not be loaded: transformers {transformers.__version__} has no PE-Audio model; install a "
            "version that has it."
        )
    found = Checkpoint.open(folder, name)
    whole = found.config.model_type == WHOLE
    given = settings(metadata.read(folder), name, labels)
    if FRAMES in (found.config.architectures or ()):
        raise found.refuse(
            "it was trained to say when something sounds (PE-A-Frame), frame by frame, and hears no clip as a whole",
            "give a model of whole clips",
        )
    if whole:
        found = _audio_half(found)
    found.check_facts(FACTS)
    found.check_bounds(BOUNDS)
    found.check_memory(torch.float32, device)
    tokenizer = found.tokenizer(found.number("text_config.vocab_size"))
    rate, hop = _front_end(found)
    model = _load_half(found) if whole else found.load("PeAudioModel", torch.float32)
    made: PeAudio = attempt(name, lambda: PeAudio(model.to(device), tokenizer, rate, hop, name, **given))
    check_labels(made, found.number("text_config.hidden_size"))
    return made


def _ours(name: str) -> str | None:
    """What a weight of PE-AV is called in its audio half; ``None`` for one of another part."""
    return name.removeprefix(HALF) if name.startswith((HALF, SHARED)) else None


def _audio_half(found: Checkpoint) -> Checkpoint:
    """What hears and reads in a PE-AV model, as a model of its own: the pictures are left out."""
    header = found.header or Header({}, {})
    shapes = {ours: shape for name, shape in header.shapes.items() if (ours := _ours(name))}
    types = {ours: kind for name, kind in header.types.items() if (ours := _ours(name))}
    return replace(found, config=attempt(found.name, lambda: found.config.audio_config), header=Header(shapes, types))


def _load_half(found: Checkpoint) -> Any:
    """The audio half of a PE-AV model. Raises :class:`TonescopeError` where a weight of it is missing or too many."""
    held = found.header.shapes if found.header else {}
    refusal = str(found.refuse("its config.json describes another model than its weights are"))
    elements = found.header.elements if found.header else 0
    with size.at_most(len(held), elements, refusal):
        model = attempt(found.name, lambda: transformers.PeAudioModel(found.config)).eval()
    wanted = {key: tuple(weight.shape) for key, weight in model.state_dict().items()}
    if odd := sorted(key for key in wanted.keys() | held.keys() if wanted.get(key) != held.get(key)):
        raise found.refuse(
            f"its weights do not fit together ({odd[0][:80]} is missing, too many, or of another shape)",
            "restore the model's own files",
        )
    weights: dict[str, Tensor] = {}
    for path in sorted(found.folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as part:
            names = part.keys()
            weights |= {ours: part.get_tensor(name).float() for name in names if (ours := _ours(name))}
    model.load_state_dict(weights, assign=True)
    return model


def _front_end(found: Checkpoint) -> tuple[int, int]:
    """Sampling rate in Hz, and samples of one frame, as the feature extractor of the folder has them."""
    files = [file for file in FRONT_END_FILES if (found.folder / file).is_file()]
    if not files:
        raise found.refuse(
            f"it has no {FRONT_END_FILES[0]}, so it is unknown how it hears",
            "save the feature extractor into the same folder",
        )
    stated = folders.read_object(found.folder / files[0], found.name)
    stated = stated.get("feature_extractor", stated)
    rate, hop = (_whole_number(found, files[0], stated, field) for field in ("sampling_rate", "hop_length"))
    codec = found.number("audio_config.dac_config.hop_length")
    if hop != codec or rate < LOWEST_RATE:
        raise found.refuse(
            f"its {files[0]} has {rate} samples a second and {hop} a frame (hop_length), and a frame of its codec has "
            f"{codec}",
            f"restore the judge's own {files[0]}",
        )
    return rate, hop


def _whole_number(found: Checkpoint, file: str, stated: Any, field: str) -> int:
    value = stated.get(field) if isinstance(stated, dict) else None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= HIGHEST_RATE:
        raise found.refuse(
            f"{field} in its {file} has to be a whole number from 1 to {HIGHEST_RATE:,}",
            f"restore the judge's own {file}",
        )
    return value
