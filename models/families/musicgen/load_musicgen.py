"""From a folder to a MusicGen: what its configuration, weights and tokenizer have to say alike, and then the model."""

from __future__ import annotations

from pathlib import Path

import torch

from tonescope.models import metadata
from tonescope.models.adapters import add_adapter
from tonescope.models.checkpoints.checks import Bound, Checkpoint, Fact
from tonescope.models.checkpoints.folders import attempt
from tonescope.models.families.musicgen.classes import CLASSES
from tonescope.models.families.musicgen.musicgen import MusicGen

_LAYERS = "decoder.model.decoder.layers"
_QUANTIZER = "audio_encoder.quantizer.layers"
FACTS = (
    Fact("decoder.num_codebooks", "decoder.lm_heads"),
    Fact("decoder.num_codebooks", "decoder.model.decoder.embed_tokens"),
    Fact("decoder.num_hidden_layers", _LAYERS),
    Fact("decoder.vocab_size", "decoder.lm_heads.0.weight", 0),
    Fact("decoder.hidden_size", "decoder.lm_heads.0.weight", 1),
    Fact("decoder.ffn_dim", f"{_LAYERS}.0.fc1.weight", 0),
    Fact("audio_encoder.num_quantizers", _QUANTIZER, stated="audio_encoder.target_bandwidths"),
    Fact("audio_encoder.codebook_size", f"{_QUANTIZER}.0.codebook.embed", 0),
    Fact("audio_encoder.codebook_dim", f"{_QUANTIZER}.0.codebook.embed", 1),
)
MELODY_FACTS = (Fact("num_chroma", "audio_enc_to_dec_proj.weight", 1),)
TEXT_FACTS = {
    "t5": (
        Fact("text_encoder.num_layers", "text_encoder.encoder.block"),
        Fact("text_encoder.vocab_size", "text_encoder.shared.weight", 0),
        Fact("text_encoder.d_model", "text_encoder.shared.weight", 1),
        Fact("text_encoder.d_model", "text_encoder.encoder.final_layer_norm.weight", 0),
        Fact("text_encoder.d_ff", "text_encoder.encoder.block.0.layer.1.DenseReluDense.wo.weight", 1),
        Fact(
            "text_encoder.num_heads",
            "text_encoder.encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            1,
        ),
    ),
    "bert": (
        Fact("text_encoder.num_hidden_layers", "text_encoder.encoder.layer"),
        Fact("text_encoder.vocab_size", "text_encoder.embeddings.word_embeddings.weight", 0),
        Fact("text_encoder.hidden_size", "text_encoder.embeddings.word_embeddings.weight", 1),
        Fact("text_encoder.max_position_embeddings", "text_encoder.embeddings.position_embeddings.weight", 0),
        Fact("text_encoder.intermediate_size", "text_encoder.encoder.layer.0.intermediate.dense.weight", 0),
    ),
}
# What no tensor states. A stereo model has two sides of one mono codec.
BOUNDS = (
    Bound("decoder.audio_channels", 1, 2),
    Bound("decoder.num_attention_heads", 1, 4_096),
    Bound("decoder.max_position_embeddings", 1, 1_000_000),
    Bound("audio_encoder.audio_channels", 1, 1),
    Bound("audio_encoder.sampling_rate", 100, 1_000_000),
)
TEXT_BOUNDS = {
    "t5": (Bound("text_encoder.relative_attention_max_distance", 1, 1_000_000),),
    "bert": (Bound("text_encoder.num_attention_heads", 1, 4_096),),
}
SHARES = ("decoder.dropout", "decoder.activation_dropout", "decoder.attention_dropout", "decoder.layerdrop")
PADDING = ("reflect", "constant", "replicate", "circular")
MELODY_BOUNDS = (Bound("chroma_length", 1, 100_000),)


def load(folder: Path, name: str, device: str, dtype: torch.dtype, adapter: str | None) -> MusicGen:
    """Load a MusicGen or MusicGen Melody, with an adapter on top if one is named.

    Raises :class:`~tonescope.models.errors.TonescopeError` for a folder whose parts do not belong together, before
    anything large is read or built.
    """
    found, about = Checkpoint.open(folder, name), metadata.read(folder)
    _check(found)
    found.check_memory(dtype, device, whole="audio_encoder.")
    tokenizer = found.tokenizer(found.number("text_encoder.vocab_size"))
    row = next(row for row in CLASSES if row.model_type == found.config.model_type)
    model = found.load(row.model_class, dtype)
    if adapter is not None:
        model, name = add_adapter(model, adapter), f"{name} + {adapter}"
    made: MusicGen = attempt(
        name,
        lambda: MusicGen(model.to(device), tokenizer, name, about.longest_seconds, folder if adapter is None else None),
    )
    return made


def _check(found: Checkpoint) -> None:
    config = found.config
    melody = config.model_type == "musicgen_melody"
    if (codec := config.audio_encoder.model_type) != "encodec":
        raise found.refuse(f"its codec is a “{codec}” and MusicGen plays through EnCodec", "give a model that does")
    if config.audio_encoder.chunk_length_s is not None:
        raise found.refuse(
            "its codec works in chunks (audio_encoder.chunk_length_s), and a take is decoded whole",
            "restore the model's own config.json",
        )
    found.check_facts([*FACTS, *(MELODY_FACTS if melody else ()), *TEXT_FACTS.get(config.text_encoder.model_type, ())])
    text = TEXT_BOUNDS.get(config.text_encoder.model_type, ())
    found.check_bounds([*BOUNDS, *(MELODY_BOUNDS if melody else ()), *text])
    found.check_shares(SHARES)
    if config.audio_encoder.pad_mode not in PADDING:
        raise found.refuse(
            f"audio_encoder.pad_mode in its config.json is none of {', '.join(PADDING)}",
            "restore the model's own config.json",
        )
    books, channels = config.decoder.num_codebooks, config.decoder.audio_channels
    a_side = config.audio_encoder.num_quantizers
    if books % channels or books // channels > a_side or (channels > 1 and books // channels != a_side):
        raise found.refuse(
            f"decoder.audio_channels in its config.json is {channels} and its {books} codebooks are not those "
            f"of {channels} "
            f"{'sides' if channels > 1 else 'side'} of a codec with {a_side}",
            "restore the model's own config.json",
        )
    if config.decoder.vocab_size > config.audio_encoder.codebook_size:
        raise found.refuse(
            f"its decoder plays codes up to {config.decoder.vocab_size - 1} (decoder.vocab_size) and its codec knows "
            f"{config.audio_encoder.codebook_size} (audio_encoder.codebook_size)",
            "give a codec and a decoder that were trained together",
        )
    # The start token, which fills the places that the delay leaves free, comes after the last code and is none.
    if (pad := found.number("decoder.pad_token_id")) != config.decoder.vocab_size:
        raise found.refuse(
            f"decoder.pad_token_id in its config.json is {pad}, and has to be {config.decoder.vocab_size} "
            "(decoder.vocab_size)",
            "restore the model's own config.json",
        )
    if config.text_encoder.pad_token_id is not None:
        found.check_bounds([Bound("text_encoder.pad_token_id", 0, found.number("text_encoder.vocab_size") - 1)])
