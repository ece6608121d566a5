"""How laion-clap names the weights of a CLAP, how transformers does, and what configuration they state.

laion-clap's names: its modules ``model.py``, ``htsat.py`` and ``feature_fusion.py``, version 1.1.7.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

Weights = Mapping[str, Tensor]

# In this order.
RENAMED = (
    (r"^text_branch\.", "text_model."),
    (r"^audio_branch\.bn0\.", "audio_branch.batch_norm."),
    (r"^audio_branch\.", "audio_model.audio_encoder."),
    (r"^(audio|text)_projection\.0\.", r"\1_projection.linear1."),
    (r"^(audio|text)_projection\.2\.", r"\1_projection.linear2."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.attn\.", ".attention.self."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
)
# One matrix there, three here.
JOINED, PARTS = ".self.qkv.", (".self.query.", ".self.key.", ".self.value.")
# Of no part in embeddings: filters of the front end, the heads of the audio tower's first training, layers after the
# embeddings, and tensors that are made anew.
UNREAD = re.compile(
    r"^(audio_branch\.(spectrogram_extractor|logmel_extractor|spec_augmenter|tscam_conv|head)\."
    r"|(audio|text)_transform\.)|(relative_position_index|attn_mask|position_ids|token_type_ids)$"
)
MEL_FILTERS = "audio_branch.logmel_extractor.melW"
# Models that laion-clap trains and ClapModel is not: by a weight that only they have.
OTHERS = (
    (r"^audio_branch\.conv_block1\.", "its audio tower is a PANN"),
    (r"^audio_branch\.(mel_conv1d|fusion_model)\.", "it fuses crops of long audio in one dimension"),
    (r"\.fusion_model\.local_att2\.", "it fuses crops of long audio by iterative attention (iaff_2d)"),
    (r"^text_branch\.resblocks\.", "its text tower is a CLIP transformer"),
    (r"^text_branch\.(shared|decoder)\.", "its text tower is BART"),
)
_AUDIO, _TEXT, _STAGE = "audio_branch", "text_branch", "audio_branch.layers.{}"
_FUSION = f"{_AUDIO}.patch_embed.fusion_model"
ROBERTA_HEAD = 64  # width of an attention head in every published RoBERTa
SPECTROGRAM = 256  # side of the image that HTS-AT makes of a spectrogram, in every size


def rename(weights: Weights) -> dict[str, Tensor]:
    """The weights under the names of transformers."""
    found = dict[str, Tensor]()
    for name, weight in weights.items():
        if UNREAD.search(name):
            continue
        for pattern, new in RENAMED:
            name = re.sub(pattern, new, name)
        if JOINED in name:
            found |= {name.replace(JOINED, part): piece for part, piece in zip(PARTS, weight.chunk(3), strict=True)}
        else:
            found[name] = weight
    return found


def another(weights: Weights) -> str | None:
    """What makes these the weights of another model, as a clause; ``None`` where nothing does."""
    for pattern, why in OTHERS:
        if any(re.search(pattern, name) for name in weights):
            return why
    if fuses(weights) and not any(name.startswith(f"{_FUSION}.local_att.") for name in weights):
        return "it fuses crops of long audio without attention (daf_2d)"
    types = weights.get(f"{_TEXT}.embeddings.token_type_embeddings.weight")
    if types is not None and len(types) != 1:
        return "its text tower is BERT"
    channels = weights.get(f"{_AUDIO}.patch_embed.proj.weight")
    if channels is not None and channels.ndim == 4 and channels.shape[1] != 1:
        return "it fuses crops of long audio as channels (channel_map)"
    return None


def fuses(weights: Weights) -> bool:
    """Whether the model was trained to fuse crops of audio that is longer than its window."""
    return f"{_AUDIO}.patch_embed.mel_conv2d.weight" in weights


def configuration(weights: Weights) -> dict[str, Any]:
    """The configuration of ``ClapModel`` that the shapes of its weights state.

    Raises ``KeyError``, ``IndexError`` or ``ArithmeticError`` where they state none.
    """

    def size(name: str, axis: int = 0) -> int:
        return weights[name].shape[axis]

    words, patch = f"{_TEXT}.embeddings.word_embeddings.weight", f"{_AUDIO}.patch_embed.proj.weight"
    first = f"{_STAGE.format(0)}.blocks.0"
    stages = range(_count(weights, _STAGE.format))
    bias = ".blocks.0.attn.relative_position_bias_table"
    text = {
        "vocab_size": size(words),
        "hidden_size": size(words, 1),
        "num_hidden_layers": _count(weights, f"{_TEXT}.encoder.layer.{{}}".format),
        "num_attention_heads": max(1, size(words, 1) // ROBERTA_HEAD),
        "intermediate_size": size(f"{_TEXT}.encoder.layer.0.intermediate.dense.weight"),
        "max_position_embeddings": size(f"{_TEXT}.embeddings.position_embeddings.weight"),
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
    }
    audio = {
        "num_mel_bins": size(f"{_AUDIO}.bn0.weight"),
        "spec_size": SPECTROGRAM,
        "patch_size": size(patch, 2),
        "patch_stride": [size(patch, 2)] * 2,
        "patch_embeds_hidden_size": size(patch),
        "hidden_size": size("audio_projection.0.weight", 1),
        "depths": [_count(weights, f"{_STAGE.format(stage)}.blocks.{{}}".format) for stage in stages],
        "num_attention_heads": [size(_STAGE.format(stage) + bias, 1) for stage in stages],
        "window_size": (math.isqrt(size(_STAGE.format(0) + bias)) + 1) // 2,
        "mlp_ratio": size(f"{first}.mlp.fc1.weight") / size(f"{first}.mlp.fc1.weight", 1),
        "enable_fusion": fuses(weights),
    }
    if fuses(weights):
        audio |= {"fusion_type": "aff_2d", "aff_block_r": size(patch) // size(f"{_FUSION}.local_att.0.weight")}
    return {"text_config": text, "audio_config": audio, "projection_dim": size("text_projection.0.weight")}


def _count(weights: Weights, name: Callable[[int], str]) -> int:
    """How many modules of numbered names there are, from 0 on."""
    number = 0
    while any(key.startswith(f"{name(number)}.") for key in weights):
        number += 1
    return number
