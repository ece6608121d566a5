"""Shrunk random models of every family, for tests that need the class and not the music."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    GenerationConfig,
    MusicgenConfig,
    MusicgenForConditionalGeneration,
    MusicgenMelodyConfig,
    MusicgenMelodyForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.taxonomy import from_rows
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.judges.clap import Clap

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "jazz",
    "fusion",
    "smooth",
    "house",
    "techno",
    "lo",
    "fi",
    "beats",
    "with",
    "accordion",
    "a",
    "song",
    "music",
    "fast",
    "slow",
    "piano",
    "drums",
]


def tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer of a dozen words."""
    inner = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]", model_input_names=["input_ids", "attention_mask"]
    )


def musicgen(channels: int = 1, text: str = "t5", seed: int = 0, melody: bool = False) -> PreTrainedModel:
    """A random MusicGen (or MusicGen Melody) of a few thousand weights: ``text`` is ``t5`` or ``bert``."""
    torch.manual_seed(seed)
    t5 = dict(
        model_type="t5",
        d_model=24,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=3,
        vocab_size=len(WORDS),
        is_encoder_decoder=False,
        use_cache=False,
    )
    bert = dict(
        model_type="bert",
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=3,
        vocab_size=len(WORDS),
        max_position_embeddings=64,
    )
    codec = dict(
        model_type="encodec",
        sampling_rate=1600,
        upsampling_ratios=[2, 4, 4],
        num_filters=4,
        hidden_size=12,
        codebook_dim=12,
        codebook_size=16,
        target_bandwidths=[0.8],
        use_causal_conv=False,
        num_lstm_layers=1,
        normalize=False,
        audio_channels=1,
        pad_mode="constant",
    )
    decoder = dict(
        vocab_size=16,
        num_hidden_layers=3,
        ffn_dim=40,
        num_attention_heads=4,
        hidden_size=32,
        num_codebooks=4 * channels,
        audio_channels=channels,
        pad_token_id=16,
        bos_token_id=16,
        max_position_embeddings=256,
    )
    parts = dict(text_encoder=t5 if text == "t5" else bert, audio_encoder=codec, decoder=decoder)
    if melody:
        model = MusicgenMelodyForConditionalGeneration(MusicgenMelodyConfig(**parts, num_chroma=4, chroma_length=5))
    else:
        model = MusicgenForConditionalGeneration(MusicgenConfig(**parts))
    model.eval()
    model.generation_config = GenerationConfig(
        bos_token_id=16, decoder_start_token_id=16, pad_token_id=16, do_sample=True, guidance_scale=3.0, max_length=64
    )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lm_heads" in name or "embed_tokens" in name:
                weight.normal_(0, 1.0)
        for layer in model.audio_encoder.quantizer.layers:
            layer.codebook.embed.normal_(0, 1.0)
    return model


FAMILIES = {
    "mono": dict(channels=1, text="t5"),
    "stereo": dict(channels=2, text="t5"),
    "bert": dict(channels=1, text="bert"),
    "melody": dict(channels=1, text="t5", melody=True),
    "stereo-melody": dict(channels=2, text="t5", melody=True),
}


def generator(family: str = "mono", seed: int = 0) -> MusicGen:
    """One of :data:`FAMILIES` under the microscope."""
    return MusicGen(musicgen(**FAMILIES[family], seed=seed), tokenizer(), f"tiny {family}")  # type: ignore[arg-type]


ROWS: list[dict[str, Any]] = [
    {"label": "jazz fusion", "family": "jazz", "aliases": ["fusion"]},
    {"label": "smooth jazz", "family": "jazz", "aliases": []},
    {"label": "house", "family": "electronic", "aliases": ["house music"]},
    {"label": "lo-fi hip hop", "family": "hip hop", "aliases": ["lo-fi beats"]},
]


def extractor() -> ClapFeatureExtractor:
    """A front end that hears half a second at 1.6 kHz."""
    return ClapFeatureExtractor(
        feature_size=16,
        sampling_rate=1600,
        hop_length=32,
        max_length_s=1,
        fft_window_size=128,
        frequency_min=0,
        frequency_max=800,
        truncation="rand_trunc",
        padding="repeatpad",
    )


def clap(seed: int = 1) -> ClapModel:
    """A random CLAP of a few thousand weights."""
    torch.manual_seed(seed)
    text = dict(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=80,
        pad_token_id=0,
        projection_dim=12,
    )
    audio = dict(
        spec_size=32,
        num_mel_bins=16,
        patch_size=4,
        patch_stride=[4, 4],
        patch_embeds_hidden_size=8,
        hidden_size=16,
        depths=[1, 1],
        num_attention_heads=[2, 2],
        window_size=2,
        mlp_ratio=2.0,
        enable_fusion=False,
        projection_dim=12,
    )
    return ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=12)).eval()


def judge() -> Clap:
    """A random judge of four genres."""
    return Clap(clap(), tokenizer(), extractor(), "tiny judge", [row["label"] for row in ROWS])


def session() -> Session:
    """A session on random models."""
    return Session(generator(), judge(), from_rows(ROWS))


def save(folder: Path) -> tuple[Path, Path]:
    """Write the random generator and judge as folders that the command line can load."""
    musicgen().save_pretrained(folder / "generator")
    tokenizer().save_pretrained(folder / "generator")
    clap().save_pretrained(folder / "judge")
    tokenizer().save_pretrained(folder / "judge")
    extractor().save_pretrained(folder / "judge")
    side = {"labels": ROWS, "templates": ["{}"], "temperature": 1.0, "bias": []}
    (folder / "judge" / "tonescope.json").write_text(json.dumps(side))
    return folder / "generator", folder / "judge"
