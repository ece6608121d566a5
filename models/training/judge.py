"""Trains the embedded judge: a CLAP model on true captions of clean clips and of codec reconstructions.

Soft CLIP loss (Radford et al. 2021; clips of one genre are not each other's full negatives) plus a cross-entropy over the genre
names in changing wordings, so that the judge is asked in training as it will be asked in use.

    python -m tonescope.models.training.judge --folder WORK --minutes 20
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

from ..mel import LogMel
from . import clips, record, text_encoder
from .augmentation import shaken
from .captions import caption
from .codec import reconstructions
from .renderer import SAMPLE_RATE
from .tables import genres

log = logging.getLogger(__name__)

AUDIO = dict(
    spec_size=128, num_mel_bins=64, patch_size=4, patch_stride=[4, 4], patch_embeds_hidden_size=32, hidden_size=256, depths=[2, 2, 2, 2],
    num_attention_heads=[2, 4, 8, 8], window_size=4, mlp_ratio=2.0, enable_fusion=False, projection_dim=192,
)  # fmt: skip
# CLAP reads the first token, into which MiniLM gathers the sentence in its last layers only: they cannot be left out.
TEXT_LAYERS, TEXT_PIECES = (0, 4, 5), 12_000
RECONSTRUCTED = 4_000
CLIPS = 9_500
BATCH = 48
RATE, TEXT_RATE = 1e-3, 5e-5
WARM_UP = 100
RECONSTRUCTED_SHARE = 0.6
SAME_GENRE = 0.15
KINDS = {
    "named": 0.46,
    "oblique": 0.46,
    "neutral": 0.08,
}  # of captions; neutral ones teach it to be unsure of what says nothing
WORDINGS = (
    "This audio is a {} song.",
    "{}",
    "{} music",
    "a {} track",
    "the genre is {}",
    "{} instrumental",
    "an excerpt of {}",
    "a recording of {}",
    "this is {}",
)
SAVE_EVERY = 120.0
LONGEST_STEP = 10.0  # seconds; what is longer was a machine that slept


def extractor() -> ClapFeatureExtractor:
    """The front end's settings: 4 s at 16 kHz, 64 bands."""
    return ClapFeatureExtractor(
        feature_size=64, sampling_rate=SAMPLE_RATE, hop_length=256, max_length_s=4, fft_window_size=1024, frequency_min=0, frequency_max=8000,
        truncation="rand_trunc", padding="repeatpad",
    )  # fmt: skip


def build(folder: Path) -> ClapModel:
    """An untrained audio tower beside a text tower that starts as three layers of MiniLM."""
    text, _ = text_encoder.load(folder / "text-encoder-judge")
    given = text.config
    towers = dict(
        vocab_size=given.vocab_size, hidden_size=given.hidden_size, num_hidden_layers=given.num_hidden_layers, num_attention_heads=given.num_attention_heads,
        intermediate_size=given.intermediate_size, max_position_embeddings=given.max_position_embeddings + 1, type_vocab_size=1, layer_norm_eps=given.layer_norm_eps,
        pad_token_id=0, projection_dim=AUDIO["projection_dim"], hidden_act="gelu",
    )  # fmt: skip
    model = ClapModel(ClapConfig(text_config=towers, audio_config=AUDIO, projection_dim=AUDIO["projection_dim"]))
    weights = text.state_dict()
    positions = weights["embeddings.position_embeddings.weight"]
    weights["embeddings.position_embeddings.weight"] = torch.cat(
        [torch.zeros_like(positions[:1]), positions]
    )  # positions count from pad + 1
    weights["embeddings.token_type_embeddings.weight"] = weights["embeddings.token_type_embeddings.weight"][:1]
    own = model.text_model.state_dict()
    model.text_model.load_state_dict({name: weights.get(name, own[name]) for name in own})
    return model


def train(folder: Path, minutes: float, seed: int = 0) -> ClapModel:
    """Train for ``minutes`` in all, over as many calls as it takes."""
    text_encoder.build(folder / "text-encoder-judge", TEXT_LAYERS, TEXT_PIECES)
    _, tokenizer = text_encoder.load(folder / "text-encoder-judge")
    clips.write(folder / "clips-codec", clips.uniform("train", CLIPS))
    clips.write(folder / "clips-validation", clips.uniform("validation", 190))
    data, held_out = clips.Clips.open(folder / "clips-codec"), clips.Clips.open(folder / "clips-validation")
    reconstructed = reconstructions(folder, "clips-codec", RECONSTRUCTED)
    names = list(genres())

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    model, mel = build(folder), LogMel(extractor())
    text_weights = [weight for name, weight in model.named_parameters() if name.startswith("text_model")]
    other_weights = [weight for name, weight in model.named_parameters() if not name.startswith("text_model")]
    optimiser = torch.optim.AdamW(
        [{"params": other_weights, "scale": RATE}, {"params": text_weights, "scale": TEXT_RATE}],
        lr=RATE,
        weight_decay=0.02,
    )
    state, step, spent = folder / "judge-state.pt", 0, 0.0
    if state.exists():
        kept = torch.load(state, weights_only=True)
        model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
        step, spent = kept["step"], kept["spent"]
        random = np.random.default_rng([seed, step])

    def save() -> None:
        torch.save(
            {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "spent": spent},
            state.with_suffix(".tmp"),
        )
        state.with_suffix(".tmp").replace(state)

    def text(captions: list[str]) -> Tensor:
        batch = tokenizer(captions, padding=True, truncation=True, max_length=48, return_tensors="pt")
        return nn.functional.normalize(model.get_text_features(**batch).pooler_output, dim=-1)

    def audio(waveform: Tensor) -> Tensor:
        return nn.functional.normalize(model.get_audio_features(input_features=mel(waveform)).pooler_output, dim=-1)

    saved = spent
    model.train()
    while spent < minutes * 60:
        started = time.monotonic()
        share = spent / (minutes * 60)
        for group in optimiser.param_groups:
            group["lr"] = (
                group["scale"] * min(1.0, (step + 1) / WARM_UP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
            )
        rough = random.random(BATCH) < RECONSTRUCTED_SHARE
        rows = np.where(
            rough, random.integers(len(reconstructed), size=BATCH), random.integers(len(data.recipes), size=BATCH)
        )
        sound = (
            np.stack(
                [(reconstructed if bad else data.audio)[row] for row, bad in zip(rows, rough, strict=True)]
            ).astype(np.float32)
            / 32767
        )
        pieces = [data.recipes[row].compose() for row in rows]
        kinds = random.choice(list(KINDS), p=list(KINDS.values()), size=BATCH)
        captions = [caption(piece, kind, random) for piece, kind in zip(pieces, kinds.tolist(), strict=True)]
        labels = torch.tensor([names.index(piece.genre) for piece in pieces])
        wording = WORDINGS[random.integers(len(WORDINGS))]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            heard = audio(shaken(torch.from_numpy(sound), random)).float()
            said, named = text(captions).float(), text([wording.format(name) for name in names]).float()
        same = (labels[:, None] == labels).float()
        target = (1 - SAME_GENRE) * torch.eye(BATCH) + SAME_GENRE * same / same.sum(1, keepdim=True)
        logits = model.logit_scale_a.exp().clamp(max=100) * heard @ said.T
        loss = 0.5 * (nn.functional.cross_entropy(logits, target) + nn.functional.cross_entropy(logits.T, target))
        loss = loss + 0.5 * nn.functional.cross_entropy(
            model.logit_scale_a.exp().clamp(max=100) * heard @ named.T, labels, label_smoothing=0.05
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        spent += min(time.monotonic() - started, LONGEST_STEP)
        if spent - saved >= SAVE_EVERY:
            saved = spent
            save()
            model.eval()
            with torch.no_grad():
                clean = torch.cat(
                    [audio(torch.from_numpy(held_out.batch(range(start, start + 38)))) for start in range(0, 190, 38)]
                )
                named = text([WORDINGS[0].format(name) for name in names])
            truth = torch.tensor([names.index(recipe.genre) for recipe in held_out.recipes])
            accuracy = float(((clean @ named.T).argmax(1) == truth).float().mean())
            log.info(
                "%.1f min, step %d, loss %.3f, held-out clean accuracy %.3f", spent / 60, step, loss.item(), accuracy
            )
            model.train()
    save()
    model.eval()
    model.save_pretrained(folder / "judge")
    record.write(folder, "judge", seed=seed, minutes=round(spent / 60), steps=step, clips=CLIPS, batch=BATCH)
    tokenizer.save_pretrained(folder / "judge")
    extractor().save_pretrained(folder / "judge")
    return model


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where clips and checkpoints are kept")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(arguments.folder, arguments.minutes, arguments.seed)


if __name__ == "__main__":
    main()
