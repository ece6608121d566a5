"""What every benchmark shares: models of full size with random weights, and how results are shown and kept."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    EncodecConfig,
    MusicgenConfig,
    MusicgenForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
)

from tonescope.models.generator import Generator
from tonescope.models.judges.clap import Clap
from tonescope.models.judges.judge import Judge
from tonescope.models.loading import fingerprint

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "transformers", "torchaudio", "numpy")


def fingerprints(models: Sequence[PreTrainedModel | Judge]) -> list[str]:
    """What tells the generators' models and the judges apart from others of their name."""
    return [fingerprint(model) if isinstance(model, PreTrainedModel) else model.fingerprint() for model in models]


def keep(
    name: str, rows: Sequence[dict[str, Any]], about: dict[str, Any], packages: Sequence[str] = (), models: Sequence[PreTrainedModel | Judge] = ()
) -> None:  # fmt: skip
    """Print ``rows`` as a table and write them, with date, machine, versions and what tells the models apart, to
    ``results/<name>.json``. What ``about`` lists is a table of its own."""
    console = Console(width=140)
    listed = {key: value for key, value in about.items() if isinstance(value, list)}
    for title, some in ({name: rows} | listed).items():
        console.print(_table(title, some))
    console.print({key: _shown(value) for key, value in about.items() if key not in listed})
    memory = round(psutil.virtual_memory().total / 2**30)
    machine = f"{processor()}, {torch.get_num_threads()} threads, {memory} GiB, Python {platform.python_version()}{allocation()}"
    versions = {package: version(package) for package in (*PACKAGES, *packages)}
    whole = {
        "name": name,
        "date": date.today().isoformat(),
        "machine": machine,
        "versions": versions,
        "models": fingerprints(models),
        **about,
        "rows": list(rows),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def allocation() -> str:
    """How the C library was told to hand out memory, where it was: it shifts what large tensors cost."""
    told = sorted(name for name in os.environ if name.startswith("MALLOC_"))
    return "".join(f", {name}={os.environ[name]}" for name in told)


def processor() -> str:
    """What the machine computes with."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    """Everything in ``rows`` but long lists."""
    columns = dict.fromkeys(key for row in rows for key, value in row.items() if not isinstance(value, list))
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(_shown(row.get(column)) for column in columns))
    return table


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value if value is not None else "")


def tokenizer(words: int = 64) -> PreTrainedTokenizerFast:
    """A tokenizer of numbered words; random weights know no better ones."""
    vocabulary = {"[PAD]": 0, "[UNK]": 1} | {f"w{index}": index + 2 for index in range(words)}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]", model_input_names=["input_ids", "attention_mask"]
    )


SMALL = 586_884_674  # weights of musicgen-small
PROMPT = "w1 w2 w3 w4 w5 w6 w7 w8"


def full_size_generator(seed: int = 0) -> Generator:
    """musicgen-small as it is configured (T5-base, EnCodec at 32 kHz, 24 layers of 1024), with random weights."""
    torch.manual_seed(seed)
    text = T5Config(
        d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12, vocab_size=32128, is_encoder_decoder=False, use_cache=False
    )  # fmt: skip
    codec = EncodecConfig(
        sampling_rate=32000, audio_channels=1, normalize=False, upsampling_ratios=[8, 5, 4, 4], num_filters=64, hidden_size=128, codebook_dim=128,
        codebook_size=2048, target_bandwidths=[2.2], use_causal_conv=False, use_conv_shortcut=False, num_lstm_layers=2, chunk_length_s=None,
    )  # fmt: skip
    decoder = dict(
        vocab_size=2048, num_hidden_layers=24, ffn_dim=4096, num_attention_heads=16, hidden_size=1024, num_codebooks=4, audio_channels=1,
        pad_token_id=2048, bos_token_id=2048, max_position_embeddings=2048,
    )  # fmt: skip
    config = MusicgenConfig(text_encoder=text.to_dict(), audio_encoder=codec.to_dict(), decoder=decoder)
    model = MusicgenForConditionalGeneration(config).eval()
    if (count := parameters(model)) != SMALL:
        raise RuntimeError(f"musicgen-small has {SMALL} weights and this model {count}")
    with torch.no_grad():
        for layer in model.audio_encoder.quantizer.layers:
            layer.codebook.embed.normal_(0, 0.5)
    return Generator(model, tokenizer(), "random musicgen-small")


def full_size_judge(labels: Sequence[str] = ("w1", "w2", "w3"), seed: int = 1) -> Clap:
    """CLAP in the size of the default judge of Hub generators, with random weights."""
    torch.manual_seed(seed)
    text = dict(
        vocab_size=1000,
        hidden_size=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=3072,
        pad_token_id=0,
    )
    audio = dict(
        spec_size=256, num_mel_bins=64, patch_size=4, patch_stride=[4, 4], patch_embeds_hidden_size=128, hidden_size=1024, depths=[2, 2, 12, 2],
        num_attention_heads=[4, 8, 16, 32], window_size=8, mlp_ratio=4.0, enable_fusion=False, projection_dim=512,
    )  # fmt: skip
    extractor = ClapFeatureExtractor(
        feature_size=64, sampling_rate=48000, hop_length=480, max_length_s=10, fft_window_size=1024, frequency_min=50, frequency_max=14000,
        truncation="rand_trunc", padding="repeatpad",
    )  # fmt: skip
    model = ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=512))
    return Clap(model, tokenizer(), extractor, "random larger_clap_music", labels)


def parameters(model: torch.nn.Module) -> int:
    """Number of weights."""
    return sum(weight.numel() for weight in model.parameters())
