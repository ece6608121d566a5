"""Models of full size with random weights, which cost what the trained ones cost; ``full_size.toml`` has the sizes."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import (
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    MusicgenConfig,
    MusicgenForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from tonescope.diagnose.causes.screening import screened_sites
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Generator
from tonescope.models.judges.clap import Clap
from tonescope.models.units import Location

SIZES = tomllib.loads(Path(__file__).with_name("full_size.toml").read_text(encoding="utf-8"))
WEIGHTS = 586_884_674  # of musicgen-small
PROMPT = "w1 w2 w3 w4 w5 w6 w7 w8"
LABELS = ("w1", "w2", "w3")


def tokenizer(words: int = 64) -> PreTrainedTokenizerFast:
    """A tokenizer of numbered words; random weights know no better ones."""
    vocabulary = {"[PAD]": 0, "[UNK]": 1} | {f"w{index}": index + 2 for index in range(words)}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]", model_input_names=["input_ids", "attention_mask"]
    )


def full_size_generator(seed: int = 0) -> MusicGen:
    """musicgen-small as it is configured (T5-base, EnCodec at 32 kHz, 24 layers of 1024), with random weights."""
    torch.manual_seed(seed)
    model = MusicgenForConditionalGeneration(MusicgenConfig(**SIZES["generator"])).eval()
    if (count := parameters(model)) != WEIGHTS:
        raise RuntimeError(f"musicgen-small has {WEIGHTS} weights and this model {count}")
    with torch.no_grad():
        for layer in model.audio_encoder.quantizer.layers:
            layer.codebook.embed.normal_(0, 0.5)
    return MusicGen(model, tokenizer(), "random musicgen-small")


def full_size_judge(labels: Sequence[str] = LABELS, seed: int = 1) -> Clap:
    """CLAP in the size of the default judge of Hub generators, with random weights."""
    torch.manual_seed(seed)
    model = ClapModel(ClapConfig(**SIZES["judge"], projection_dim=512))
    extractor = ClapFeatureExtractor(**SIZES["judge_extractor"])
    return Clap(model, tokenizer(), extractor, "random larger_clap_music", labels)


def zero_means(generator: Generator, guidance: float = 3.0) -> MeanActivations:
    """Means of zero: measuring them is done once for a model and is not part of a diagnosis."""

    def zeros(location: Location) -> Tensor:
        branches = len(generator.branches(location, guidance))
        return torch.zeros(branches, generator.steps(location), generator.features(location))

    places = generator.locations(*screened_sites(generator))
    return MeanActivations({location: zeros(location) for location in places}, {"guidance": guidance})


def parameters(model: torch.nn.Module) -> int:
    """Number of weights."""
    return sum(weight.numel() for weight in model.parameters())
