"""What the laion-clap package makes of random checkpoints, for the tests of loading them to compare with.

Runs by itself in an environment of its own (``make laion``): the package pins numpy below 2, and asks a model hub for a
text encoder and for tokenizers when it is imported. Here it is given random ones in their place, so that nothing is
downloaded.

    python tests/models/judges/laion_oracle.py FOLDER

writes a folder for each model of :data:`MODELS`: ``model.pt`` as training saves it, a tokenizer, and ``expected.npz``
with audio (samples,) at 48 kHz, texts, and the embeddings (takes, width) and (texts, width) of both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

# Name of the audio tower, and whether crops of long audio are fused.
MODELS = {"tiny": ("HTSAT-tiny", False), "tiny-fusion": ("HTSAT-tiny", True), "base": ("HTSAT-base", False)}
WORDS = (
    "This",
    "audio",
    "is",
    "a",
    "song",
    "jazz",
    "house",
    "techno",
    "with",
    "accordion",
    "slow",
    "piano",
    "drums",
    "music",
)
TEXTS = ["This audio is a house song", "slow jazz with piano", "techno", "drums drums accordion " * 30]
SECONDS = (3.0, 10.0)  # shorter than the model's window, and as long
RATE = 48_000


def tokenizer() -> Any:
    """A word-level tokenizer with RoBERTa's special tokens: ``<s>`` 0, ``<pad>`` 1, ``</s>`` 2."""
    words = {word: number for number, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *WORDS])}
    inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>", model_input_names=["input_ids", "attention_mask"]
    )


def text_tower() -> Any:
    """A random RoBERTa of two layers, as wide as roberta-base, and with its settings."""
    return transformers.RobertaModel(
        transformers.RobertaConfig(
            vocab_size=4 + len(WORDS),
            num_hidden_layers=2,
            max_position_embeddings=514,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
            pad_token_id=1,
        )
    )


def keep_offline() -> None:
    """What the package would ask a hub for is made here."""

    def instead(make: Callable[[], Any]) -> Any:
        return classmethod(lambda _, *__, **___: make())

    transformers.RobertaModel.from_pretrained = instead(text_tower)
    for name in ("RobertaTokenizer", "BertTokenizer", "BartTokenizer"):
        getattr(transformers, name).from_pretrained = instead(tokenizer)


def shake(model: torch.nn.Module) -> None:
    """Random numbers where a fresh model has ones and zeros, so that no weight can be forgotten unnoticed."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "logmel_extractor" in name or "spectrogram_extractor" in name:
                continue  # filters of the front end, which are fixed
            if weight.ndim < 2:
                weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.1)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer += torch.randn(buffer.shape, generator=generator)
            if name.endswith("running_var"):
                buffer *= 1 + torch.rand(buffer.shape, generator=generator)


def audio() -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Takes (samples,) of noise and tones."""
    random = np.random.default_rng(0)
    takes = []
    for seconds in SECONDS:
        time = np.arange(int(seconds * RATE)) / RATE
        tones = sum(np.sin(2 * np.pi * pitch * time) for pitch in (110, 440, 3_000)) * np.exp(-2 * (time % 0.5))
        takes.append((0.05 * tones + 0.02 * random.standard_normal(len(time))).astype(np.float32))
    return takes


def write(folder: Path, tower: str, fusion: bool) -> None:
    """Write a random checkpoint, its tokenizer, and what the package hears and reads with it."""
    import laion_clap

    torch.manual_seed(0)
    module = laion_clap.CLAP_Module(enable_fusion=fusion, device="cpu", amodel=tower)
    shake(module.model)
    module.eval()
    folder.mkdir(parents=True, exist_ok=True)
    state = {f"module.{name}": weight for name, weight in module.model.state_dict().items()}
    torch.save({"epoch": 15, "name": tower, "acc": np.float64(0.9), "state_dict": state}, folder / "model.pt")
    tokenizer().save_pretrained(folder)
    takes = audio()
    with torch.no_grad():
        heard = [module.get_audio_embedding_from_data([torch.from_numpy(take)], use_tensor=True) for take in takes]
        read = module.get_text_embedding(TEXTS, use_tensor=True)
    found: dict[str, Any] = {"texts": np.array(TEXTS), "read": read.numpy(), "heard": torch.cat(heard).numpy()}
    found |= {f"take{number}": take for number, take in enumerate(takes)}
    np.savez(folder / "expected.npz", **found)


def main() -> None:
    keep_offline()
    for name, (tower, fusion) in MODELS.items():
        write(Path(sys.argv[1]) / name, tower, fusion)


if __name__ == "__main__":
    main()
