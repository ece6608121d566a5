"""From a folder to a PE-Audio model that judges, and every refusal on the way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import transformers

from tonescope.models import metadata
from tonescope.models.checkpoints import folders
from tonescope.models.checkpoints.checks import Bound, Checkpoint, Fact
from tonescope.models.checkpoints.folders import attempt
from tonescope.models.judges.labelling import check_labels, settings
from tonescope.models.judges.pe_audio import PeAudio
from tonescope.models.judges.resampling import HIGHEST_RATE, LOWEST_RATE

FRONT_END_FILES = ("preprocessor_config.json", "processor_config.json")
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
    """Load a PE-Audio model, in single precision, that chooses between its own labels, or ``labels``.

    Raises :class:`~tonescope.models.errors.TonescopeError` for a folder whose parts do not belong together, before
    anything large is read or built.
    """
    found = Checkpoint.open(folder, name)
    given = settings(metadata.read(folder), name, labels)
    if not hasattr(transformers, "PeAudioModel"):
        raise found.refuse(
            f"transformers {transformers.__version__} has no PE-Audio model", "install a version that has it"
        )
    if FRAMES in (found.config.architectures or ()):
        raise found.refuse(
            "it was trained to say when something sounds (PE-A-Frame), frame by frame, and hears no clip as a whole",
            "give a model of whole clips",
        )
    found.check_facts(FACTS)
    found.check_bounds(BOUNDS)
    found.check_memory(torch.float32, device)
    tokenizer = found.tokenizer(found.number("text_config.vocab_size"))
    rate, hop = _front_end(found)
    model = found.load("PeAudioModel", torch.float32)
    made: PeAudio = attempt(name, lambda: PeAudio(model.to(device), tokenizer, rate, hop, name, **given))
    check_labels(made, found.number("text_config.hidden_size"))
    return made


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
    rate, hop = (stated.get(key) if isinstance(stated, dict) else None for key in ("sampling_rate", "hop_length"))
    codec = found.number("audio_config.dac_config.hop_length")
    for field, value, least, most in (
        ("sampling_rate", rate, LOWEST_RATE, HIGHEST_RATE),
        ("hop_length", hop, 1, HIGHEST_RATE),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise found.refuse(
                f"{field} in its {files[0]} has to be a whole number from {least:,} to {most:,}",
                f"restore the judge's own {files[0]}",
            )
    if hop != codec:
        raise found.refuse(
            f"hop_length in its {files[0]} is {hop} and a frame of its codec has {codec} samples",
            f"restore the judge's own {files[0]}",
        )
    return int(rate), int(hop)
