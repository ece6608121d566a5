"""Trains the embedded judge: a CLAP model on true captions of clean clips and of codec reconstructions.

The loss is CLIP's (Radford et al. 2021) with soft targets, since clips of one genre are not each other's full
negatives, plus a cross-entropy over the genre names in changing wordings, so that training asks the judge as its users
will.

A transformer of this size learns slowly from so few clips. So its audio tower first learns, without text, to predict
the features of a convolutional classifier of the same clips (distillation, Hinton et al. 2015, arXiv:1503.02531).

    python -m training.train_judge --folder WORK
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

from tonescope.models.judges.mel import LogMel
from training import clips, record, text_encoder
from training.augmentation import shaken
from training.captions import caption
from training.classifier import Classifier, loss_of, prepare_tutor, truth
from training.course import Course, half_is_quicker
from training.renderer import SAMPLE_RATE
from training.roundtrip import reconstructions
from training.tables import genres

log = logging.getLogger(__name__)

AUDIO: dict[str, Any] = dict(
    spec_size=128,
    num_mel_bins=64,
    patch_size=4,
    patch_stride=[4, 4],
    patch_embeds_hidden_size=32,
    hidden_size=256,
    depths=[2, 2, 2, 2],
    num_attention_heads=[2, 4, 8, 8],
    window_size=4,
    mlp_ratio=2.0,
    enable_fusion=False,
    projection_dim=192,
)
# CLAP reads the first token, into which MiniLM gathers the sentence in its last layers only: they cannot be left out.
TEXT_LAYERS, TEXT_PIECES = (0, 4, 5), 8_000
RECONSTRUCTED = 4_000
CLIPS = 9_500
BATCH = 48
RATE, TEXT_RATE = 1e-3, 5e-5
WARM_UP = 100
RECONSTRUCTED_SHARE = 0.6  # of the clips of a batch
SAME_GENRE = 0.15  # share of the soft target that goes to clips of the same genre
# Shares of the kinds of captions; from neutral ones the judge learns to be unsure of prompts that say nothing.
KINDS = {"named": 0.46, "oblique": 0.46, "neutral": 0.08}
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
NAMED_WEIGHT = 1.0  # of the genre names, beside the captions
TUTORED_SHARE = 0.4  # of the time, without words
TUTOR_WEIGHT = 0.5  # afterwards


def extractor() -> ClapFeatureExtractor:
    """The front end's settings: 4 s at 16 kHz, 64 bands."""
    return ClapFeatureExtractor(
        feature_size=64,
        sampling_rate=SAMPLE_RATE,
        hop_length=256,
        max_length_s=4,
        fft_window_size=1024,
        frequency_min=0,
        frequency_max=8000,
        truncation="rand_trunc",
        padding="repeatpad",
    )


def build(folder: Path) -> ClapModel:
    """An untrained audio tower beside a text tower that starts as three layers of MiniLM."""
    text, _ = text_encoder.load(folder / "text-encoder-judge")
    given = text.config
    tower = dict(
        vocab_size=given.vocab_size,
        hidden_size=given.hidden_size,
        num_hidden_layers=given.num_hidden_layers,
        num_attention_heads=given.num_attention_heads,
        intermediate_size=given.intermediate_size,
        max_position_embeddings=given.max_position_embeddings + 1,
        type_vocab_size=1,
        layer_norm_eps=given.layer_norm_eps,
        pad_token_id=0,
        projection_dim=AUDIO["projection_dim"],
        hidden_act="gelu",
    )
    model = ClapModel(ClapConfig(text_config=tower, audio_config=AUDIO, projection_dim=AUDIO["projection_dim"]))
    weights = text.state_dict()
    positions = weights["embeddings.position_embeddings.weight"]
    # CLAP's text tower counts positions from the padding token on.
    weights["embeddings.position_embeddings.weight"] = torch.cat([torch.zeros_like(positions[:1]), positions])
    weights["embeddings.token_type_embeddings.weight"] = weights["embeddings.token_type_embeddings.weight"][:1]
    own = model.text_model.state_dict()
    model.text_model.load_state_dict({name: weights.get(name, own[name]) for name in own})
    return model


class Tutor(nn.Module):
    """Loss of predicting a classifier's features from the audio tower's hidden state."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier.eval().requires_grad_(False)
        self.repeat = nn.Linear(AUDIO["hidden_size"], classifier.features)

    def forward(self, hidden: Tensor, sound: Tensor, right: dict[str, Tensor]) -> Tensor:
        """Relative squared error of the predicted features, plus the loss of the classifier's heads on them.

        Args:
            hidden: the audio tower's hidden state, (rows, width).
            sound: (rows, samples).
            right: the targets of :func:`training.classifier.truth`.
        """
        with torch.no_grad():
            wanted = self.classifier.pooled(sound).float()
        said = self.repeat(hidden).float()
        return (said - wanted).square().mean() / wanted.var(0).mean() + loss_of(self.classifier.logits(said), right)


class Training:
    """The judge in training, its clips, its tutor and its schedule."""

    def __init__(self, folder: Path, minutes: float, seed: int) -> None:
        text_encoder.build(folder / "text-encoder-judge", TEXT_LAYERS, TEXT_PIECES)
        _, self.tokenizer = text_encoder.load(folder / "text-encoder-judge")
        clips.write(folder / "clips-codec", clips.uniform("train", CLIPS))
        clips.write(folder / "clips-validation", clips.uniform("validation", 190))
        self.data = clips.Clips.open(folder / "clips-codec")
        self.held_out = clips.Clips.open(folder / "clips-validation")
        self.reconstructed = reconstructions(folder, "clips-codec", RECONSTRUCTED)
        self.pieces, self.names = [recipe.compose() for recipe in self.data.recipes], list(genres())
        torch.manual_seed(seed)
        self.model, self.mel = build(folder), LogMel(extractor())
        self.tutor = Tutor(prepare_tutor(folder, "clips-codec", self.reconstructed))
        self.right = truth(self.pieces)
        text = [weight for name, weight in self.model.named_parameters() if name.startswith("text_model")]
        other = [weight for name, weight in self.model.named_parameters() if not name.startswith("text_model")]
        other += list(self.tutor.repeat.parameters())
        self.optimiser = torch.optim.AdamW([{"params": other}, {"params": text}], lr=RATE, weight_decay=0.02)
        path = folder / "judge-state.pt"
        self.course = Course(path, minutes, WARM_UP, model=self.model, tutor=self.tutor, optimiser=self.optimiser)
        self.course.resume()
        self.random = np.random.default_rng([seed, self.course.step])

    def text(self, captions: list[str]) -> Tensor:
        """Unit-length embeddings (captions, width) of captions."""
        batch = self.tokenizer(captions, padding=True, truncation=True, max_length=48, return_tensors="pt")
        return nn.functional.normalize(self.model.get_text_features(**batch).pooler_output, dim=-1)

    def hear(self, waveform: Tensor) -> Tensor:
        """The audio tower's hidden state (rows, width) for (rows, samples) at 16 kHz."""
        hidden: Tensor = self.model.audio_model(input_features=self.mel(waveform)).pooler_output
        return hidden

    def audio(self, hidden: Tensor) -> Tensor:
        """Unit-length embeddings (rows, width) of hidden states."""
        return nn.functional.normalize(self.model.audio_projection(hidden), dim=-1)

    def draw(self) -> tuple[Tensor, list[str], dict[str, Tensor]]:
        """A batch: (rows, samples), a caption a row, and the targets of :func:`training.classifier.truth`."""
        rough = self.random.random(BATCH) < RECONSTRUCTED_SHARE
        rows = self.random.integers(np.where(rough, len(self.reconstructed), len(self.data.recipes)))
        sources = [self.reconstructed if bad else self.data.audio for bad in rough]
        sound = np.stack([source[row] for source, row in zip(sources, rows, strict=True)]).astype(np.float32) / 32767
        kinds = self.random.choice(list(KINDS), p=list(KINDS.values()), size=BATCH)
        captions = [
            caption(self.pieces[row], kind, self.random) for row, kind in zip(rows, kinds.tolist(), strict=True)
        ]
        right = {name: answers[torch.from_numpy(rows)] for name, answers in self.right.items()}
        return shaken(torch.from_numpy(sound), self.random), captions, right

    def loss(self, sound: Tensor, captions: list[str], right: dict[str, Tensor], words: bool = True) -> Tensor:
        """The loss of a batch: the tutor's; with ``words`` also that of captions and of genre names."""
        hidden = self.hear(sound)
        tutored = self.tutor(hidden, sound, right)
        if not words:
            return tutored
        labels = right["genre"]
        wording = WORDINGS[self.random.integers(len(WORDINGS))]
        heard, scale = self.audio(hidden), self.model.logit_scale_a.exp().clamp(max=100)
        said, named = self.text(captions), self.text([wording.format(name) for name in self.names])
        same = (labels[:, None] == labels).float()
        target = (1 - SAME_GENRE) * torch.eye(len(labels)) + SAME_GENRE * same / same.sum(1, keepdim=True)
        logits = scale * (heard @ said.T).float()
        both = nn.functional.cross_entropy(logits, target) + nn.functional.cross_entropy(logits.T, target)
        genre = nn.functional.cross_entropy(scale * (heard @ named.T).float(), labels, label_smoothing=0.05)
        return 0.5 * both + NAMED_WEIGHT * genre + TUTOR_WEIGHT * tutored

    def lesson(self, half: bool) -> float:
        """One step; returns its loss."""
        for group, rate in zip(self.optimiser.param_groups, (RATE, TEXT_RATE), strict=True):
            group["lr"] = rate * self.course.rate
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            loss = self.loss(*self.draw(), words=self.course.share >= TUTORED_SHARE)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return loss.item()

    @torch.no_grad()
    def accuracy(self) -> float:
        """Accuracy of the genre on held-out clean clips."""
        self.model.eval()
        rows = range(0, len(self.held_out.recipes), 38)
        heard = torch.cat(
            [self.audio(self.hear(torch.from_numpy(self.held_out.batch(range(row, row + 38))))) for row in rows]
        )
        named = self.text([WORDINGS[0].format(name) for name in self.names])
        truth = torch.tensor([self.names.index(recipe.genre) for recipe in self.held_out.recipes])
        self.model.train()
        return float(((heard @ named.T).argmax(1) == truth).float().mean())


def train(folder: Path, minutes: float, seed: int = 0) -> ClapModel:
    """Train for ``minutes`` in all and save the judge in ``folder``; a stopped training is resumed."""
    training = Training(folder, minutes, seed)
    model, course = training.model.train(), training.course
    batch = training.draw()
    half = half_is_quicker(model, lambda: training.loss(*batch))
    log.info("training in %s, which is quicker here", "bfloat16" if half else "float32")
    while not course.over:
        with course.lesson():
            loss = training.lesson(half)
        if course.saved():
            log.info("%.1f min, step %d, loss %.3f", course.spent / 60, course.step, loss)
            log.info("held-out clean accuracy %.3f", training.accuracy())
    model.eval().save_pretrained(folder / "judge")
    record.write(folder, "judge", seed=seed, minutes=round(minutes), steps=course.step, clips=CLIPS, batch=BATCH)
    training.tokenizer.save_pretrained(folder / "judge")
    extractor().save_pretrained(folder / "judge")
    return model


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where clips and checkpoints are kept")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(arguments.folder, arguments.minutes, arguments.seed)


if __name__ == "__main__":
    main()
