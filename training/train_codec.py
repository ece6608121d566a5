"""Trains the codec: an ``EncodecModel`` at 16 kHz and 50 frames a second.

The class has no training path of its own. The quantiser's (k-means start, straight-through gradient, moving averages,
restarts of dead codes; Zeghidour et al. 2021, Défossez et al. 2022) is written here and stored in the class's buffers.

Training starts from a lapped transform (:mod:`training.lapped`), not from noise. Its losses are distances of spectra
and of features of small classifiers (:mod:`training.losses`). The first stage learns codebooks of which any number of
the first few can be decoded (quantiser dropout, Zeghidour et al. 2021); those that a generator shall play are kept. The
others train the decoder alone, with discriminators (:mod:`training.discriminators`): codes stay what they were, so that
a generator can be trained on them meanwhile. The last stage has hardened classifiers. Half of the clips are dry mixes,
half are recorded, with tone and hiss.

    python -m training.train_codec --folder WORK
"""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import EncodecConfig, EncodecModel

from training import clips, lapped, record
from training.classifier import prepare_loss_classifiers
from training.course import Course, half_is_quicker
from training.discriminators import Balance, Discriminators
from training.losses import PerceptualLoss, SpectralLoss
from training.renderer import SAMPLE_RATE
from training.roundtrip import round_trip, si_sdr

log = logging.getLogger(__name__)

CONFIG: dict[str, Any] = dict(
    sampling_rate=SAMPLE_RATE,
    audio_channels=1,
    normalize=False,
    upsampling_ratios=list(reversed(lapped.STRIDES)),
    num_filters=24,
    hidden_size=192,
    codebook_dim=192,
    codebook_size=1024,
    use_causal_conv=False,
    norm_type="weight_norm",
    num_lstm_layers=1,
    pad_mode="constant",
    num_residual_layers=1,
    use_conv_shortcut=False,
)
KEPT_BANDS = 160
TRAINING_CLIPS = 9500  # of either kind
CROP = SAMPLE_RATE  # samples of an example: one second
BATCH = 8
WARM_UP = 200
CONTINUOUS_SHARE = 0.03  # of the first stage, without the quantiser
DECAY = 0.99  # of the codebooks' moving averages
COMMITMENT = 0.25
DISCRIMINATOR_RATE = 3e-4
# Convolutions with such strides are wrong in bfloat16 on processors with AMX (oneDNN as of torch 2.14).
MISCALCULATED_STRIDE = 20
GRADIENT_SCALE = 0.15  # of the balanced gradient, so that it weighs against the commitment as in the first stage


@dataclass(frozen=True)
class Stage:
    """One stage of the schedule.

    Attributes:
        minutes: how long it takes.
        rate: learning rate at its start.
        depths: numbers of codebooks, of which each clip is decoded from one; the largest is how many there are.
        weights: of the losses. With discriminators they are shares of the gradient at the waveform, else factors.
        decoder_only: encoder and codebooks stay as they are.
        hardened: the perceptual loss is that of the hardened classifiers.
    """

    minutes: float
    rate: float
    depths: tuple[int, ...]
    weights: dict[str, float]
    decoder_only: bool = False
    hardened: bool = False

    @property
    def n_codebooks(self) -> int:
        """How many codebooks the codec has."""
        return max(self.depths)

    @property
    def discriminators(self) -> bool:
        """Whether discriminators are trained and used."""
        return "adversarial" in self.weights


N_CODEBOOKS = 4  # that are kept: what a generator plays
STAGES = (
    Stage(25, 4e-4, (4, 5, 6, 8), dict(spectral=2.0, waveform=1.0, perceptual=1.0)),
    Stage(
        32,
        4e-4,
        (N_CODEBOOKS,),
        dict(spectral=2.0, waveform=0.7, perceptual=3.5, adversarial=0.8, feature_matching=1.2),
        decoder_only=True,
    ),
    Stage(
        14,
        3e-4,
        (N_CODEBOOKS,),
        dict(spectral=1.5, waveform=0.5, perceptual=5.0, adversarial=0.8, feature_matching=1.2),
        decoder_only=True,
        hardened=True,
    ),
)


def build(n_codebooks: int = N_CODEBOOKS) -> EncodecModel:
    """An untrained codec of so many codebooks."""
    kilobits = n_codebooks * math.log2(CONFIG["codebook_size"]) * SAMPLE_RATE / math.prod(lapped.STRIDES) / 1000
    return EncodecModel(EncodecConfig(**CONFIG, target_bandwidths=[kilobits]))


class Quantiser:
    """Trains the residual codebooks inside ``model.quantizer``."""

    def __init__(self, model: EncodecModel) -> None:
        self.codebooks: list[Any] = [layer.codebook for layer in model.quantizer.layers]
        self.started = False

    def state_dict(self) -> dict[str, bool]:
        """State beside the model's own buffers."""
        return {"started": self.started}

    def load_state_dict(self, state: dict[str, bool]) -> None:
        """Restore what :meth:`state_dict` gave."""
        self.started = state["started"]

    @torch.no_grad()
    def start(self, latents: Tensor, rounds: int = 12) -> None:
        """Start each codebook by k-means (``rounds`` iterations) on the residuals of ``latents`` (vectors, width)."""
        residual = latents
        for book in self.codebooks:
            centres = residual[torch.randperm(len(residual))[: len(book.embed)]].clone()
            for _ in range(rounds):
                nearest = torch.cdist(residual, centres).argmin(1)
                counts = torch.bincount(nearest, minlength=len(centres)).float()
                sums = torch.zeros_like(centres).index_add_(0, nearest, residual)
                centres = torch.where(counts[:, None] > 0, sums / counts[:, None].clamp_min(1), centres)
                empty = counts == 0
                centres[empty] = residual[torch.randint(len(residual), (int(empty.sum()),))]
            counts = counts.clamp_min(1.0)
            book.embed.copy_(centres)
            book.cluster_size.copy_(counts)
            book.embed_avg.copy_(centres * counts[:, None])
            residual = residual - centres[torch.cdist(residual, centres).argmin(1)]
        self.started = True

    def __call__(self, latents: Tensor, learn: bool = True, depths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Quantise latents.

        Args:
            latents: (batch, width, frames).
            learn: update the codebooks.
            depths: numbers of codebooks, (batch,); all of them where it is not given.

        Returns:
            The straight-through latents (batch, width, frames), and the commitment loss.
        """
        vectors = latents.transpose(1, 2).reshape(-1, latents.shape[1])
        depth = None if depths is None else depths.repeat_interleave(latents.shape[2])[:, None]
        residual, total, loss = vectors.detach(), torch.zeros_like(vectors), vectors.new_zeros(())
        for level, book in enumerate(self.codebooks):
            distance = residual.pow(2).sum(1, keepdim=True) - 2 * residual @ book.embed.T + book.embed.pow(2).sum(1)
            nearest = distance.argmin(1)
            chosen = book.embed[nearest]
            total = total + (chosen if depth is None else chosen * (level < depth))
            loss = loss + nn.functional.mse_loss(vectors, total.detach()) / (level + 1)
            if learn:
                self._move(book, residual, nearest)
            residual = residual - chosen
        quantised = vectors + (total - vectors).detach()
        return quantised.reshape(latents.shape[0], -1, latents.shape[1]).transpose(1, 2), loss

    @torch.no_grad()
    def _move(self, book: Any, residual: Tensor, nearest: Tensor) -> None:
        """Update a codebook by moving averages of (vectors, width) and their codes (vectors,); restart dead codes."""
        size = len(book.embed)
        counts = torch.bincount(nearest, minlength=size).float()
        book.cluster_size.mul_(DECAY).add_(counts, alpha=1 - DECAY)
        book.embed_avg.mul_(DECAY).add_(torch.zeros_like(book.embed).index_add_(0, nearest, residual), alpha=1 - DECAY)
        book.embed.copy_(book.embed_avg / book.cluster_size.clamp_min(1e-3)[:, None])
        dead = book.cluster_size < 0.02 * book.cluster_size.sum() / size
        if dead.any():
            fresh = residual[torch.randint(len(residual), (int(dead.sum()),))]
            level = float(book.cluster_size.mean())
            book.embed[dead], book.cluster_size[dead], book.embed_avg[dead] = fresh, level, fresh * level


class Training:
    """One stage in training: codec, quantiser, discriminators, optimisers, and the schedule."""

    def __init__(self, stage: Stage, folder: Path, number: int = 1) -> None:
        self.stage = stage
        self.model, self.spectral, self.half = build(stage.n_codebooks), SpectralLoss(), False
        self.quantiser = Quantiser(self.model)
        if stage.decoder_only:
            self.model.encoder.requires_grad_(False)
        trained = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.optimiser = torch.optim.AdamW(trained, lr=stage.rate, betas=(0.9, 0.99), weight_decay=1e-3)
        self.discriminators, self.balance = Discriminators(), Balance(stage.weights)
        self.discriminator_optimiser = torch.optim.AdamW(
            self.discriminators.parameters(), lr=DISCRIMINATOR_RATE, betas=(0.5, 0.9)
        )
        self.course = Course(
            folder / f"codec-state-{number}.pt",
            stage.minutes,
            WARM_UP,
            model=self.model,
            quantiser=self.quantiser,
            optimiser=self.optimiser,
            discriminators=self.discriminators,
            discriminator_optimiser=self.discriminator_optimiser,
        )

    def open(self, folder: Path) -> list[clips.Clips]:
        """The training clips, recorded and dry; what is missing is rendered, and loss classifiers are trained."""
        clips.write(folder / "clips-codec", clips.uniform("train", TRAINING_CLIPS))
        clips.write(folder / "clips-dry", clips.uniform("train", TRAINING_CLIPS, first=TRAINING_CLIPS, dry=True))
        self.perceptual = PerceptualLoss(prepare_loss_classifiers(folder, "clips-codec", self.stage.hardened))
        return [clips.Clips.open(folder / name) for name in ("clips-codec", "clips-dry")]

    @torch.no_grad()
    def begin(self, before: Training | None, audio: Tensor) -> None:
        """Start from the stage before, or as a lapped transform with bands weighted by ``audio`` (rows, samples)."""
        if before is None:
            lapped.start(self.model, audio, KEPT_BANDS)
            return
        self.model.load_state_dict(before.model.state_dict(), strict=False)  # the last codebooks may be left out
        self.quantiser.started = True
        if before.stage.discriminators:
            self.discriminators.load_state_dict(before.discriminators.state_dict())

    def vectors(self, audio: Tensor) -> Tensor:
        """Latents of (rows, samples) before the quantiser: (rows * frames, width)."""
        return self._encode(audio).transpose(1, 2).reshape(-1, CONFIG["hidden_size"])

    def _encode(self, audio: Tensor) -> Tensor:
        return self._through(self.model.encoder.layers, audio[:, None])

    def _decode(self, latents: Tensor) -> Tensor:
        return self._through(self.model.decoder.layers, latents)[:, 0]

    def _through(self, layers: nn.ModuleList, signal: Tensor) -> Tensor:
        for layer in layers:
            convolution: Any = getattr(layer, "conv", None)
            half = self.half and not (convolution and convolution.stride[0] >= MISCALCULATED_STRIDE)
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                signal = layer(signal if half else signal.float())
        return signal.float()

    def lesson(self, real: Tensor) -> dict[str, float]:
        """One step on (rows, samples); returns every loss by name."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.stage.rate * self.course.rate
        learn = not self.stage.decoder_only
        commitment = real.new_zeros(())
        depths = torch.tensor(self.stage.depths)[torch.randint(len(self.stage.depths), (len(real),))]
        with torch.set_grad_enabled(learn):
            latents = self._encode(real)
            if self.quantiser.started:
                latents, commitment = self.quantiser(latents, learn, depths)
        made = self._decode(latents)
        error = (made - real).pow(2).mean(1) / real.pow(2).mean(1).clamp_min(1e-4)
        losses = {"spectral": self.spectral(made, real), "waveform": 5 * (made - real).abs().mean() + error.mean()}
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            losses["perceptual"] = self.perceptual(made, real)
            if self.stage.discriminators:
                losses["adversarial"], losses["feature_matching"] = self.discriminators(made, real)
        self.optimiser.zero_grad()
        if self.stage.discriminators:
            gradient = self.balance.gradient(losses, made)
            (COMMITMENT * commitment + (GRADIENT_SCALE * gradient * made).sum()).backward()
            self._train_discriminators(made.detach(), real)
        else:
            weighted = [self.stage.weights[name] * loss for name, loss in losses.items()]
            torch.stack([COMMITMENT * commitment, *weighted]).sum().backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def run(self, data: Sequence[clips.Clips], random: np.random.Generator, held_out: Tensor) -> None:
        """Train until the stage is over; ``held_out`` (rows, samples) is reported on."""
        sample = crops(data, BATCH, random)
        self.half = half_is_quicker(self.model, lambda: self._decode(self._encode(sample)).square().mean())
        log.info("training in %s, which is quicker here", "bfloat16" if self.half else "float32")
        while not self.course.over:
            with self.course.lesson():
                if not self.quantiser.started and self.course.share >= CONTINUOUS_SHARE:
                    with torch.no_grad():
                        self.quantiser.start(torch.cat([self.vectors(crops(data, 16, random)) for _ in range(30)]))
                losses = self.lesson(crops(data, BATCH, random))
            if self.course.saved():
                self._report(losses, held_out)

    @torch.no_grad()
    def _report(self, losses: dict[str, float], held_out: Tensor) -> None:
        model = self.model.eval()
        if self.quantiser.started:
            made = round_trip(model, held_out)
        else:
            made = model.decoder(model.encoder(held_out[:8, None]))[:, 0]
        real = held_out[: len(made)]
        distance, quality = float(self.spectral(made, real)), float(si_sdr(made, real).mean())
        shown = " ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
        log.info("%.1f min, step %d, %s", self.course.spent / 60, self.course.step, shown)
        log.info("held-out SI-SDR %.2f dB, spectral %.4f", quality, distance)
        model.train()

    def _train_discriminators(self, made: Tensor, real: Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            loss = self.discriminators.own_loss(made, real)
        self.discriminator_optimiser.zero_grad()
        loss.backward()
        self.discriminator_optimiser.step()


def crops(data: Sequence[clips.Clips], count: int, random: np.random.Generator) -> Tensor:
    """``count`` random seconds, drawn from all sets alike, with gains of -4 to 2 dB: (count, samples)."""
    sets = [data[index] for index in random.integers(len(data), size=count)]
    starts = random.integers(clips.SAMPLES - CROP, size=count)
    audio = np.stack(
        [
            part.audio[random.integers(len(part.recipes)), start : start + CROP]
            for part, start in zip(sets, starts, strict=True)
        ]
    )
    gain = 10 ** (random.uniform(-4, 2, size=(count, 1)) / 20)
    return torch.from_numpy((audio / 32767 * gain).astype(np.float32))


def train(folder: Path, seed: int = 0, stages: int = len(STAGES)) -> EncodecModel:
    """Train the first ``stages`` and save the codec in ``folder``; a stopped training is resumed."""
    clips.write(folder / "clips-validation", clips.uniform("validation", 190))
    held_out = torch.from_numpy(clips.Clips.open(folder / "clips-validation").batch(range(57)))
    before, steps = None, []
    for number, stage in enumerate(STAGES[:stages], start=1):
        torch.manual_seed(seed)
        training = Training(stage, folder, number)
        course = training.course
        if known := course.resume():
            log.info("stage %d: at step %d, %.1f min", number, course.step, course.spent / 60)
        if not course.over:
            data, random = training.open(folder), np.random.default_rng([seed, number, course.step])
            if not known:
                training.begin(before, crops(data, 480, random))
            training.run(data, random, held_out)
        before = training
        steps.append(course.step)
    assert before is not None
    model = before.model.eval()
    if stages == 1:  # a generator learns what will be kept
        whole, model = model, build()
        model.load_state_dict(whole.state_dict(), strict=False)
    model.save_pretrained(folder / "codec")
    minutes = [stage.minutes for stage in STAGES[:stages]]
    record.write(folder, "codec", seed=seed, minutes=minutes, steps=steps, clips=2 * TRAINING_CLIPS, batch=BATCH)
    return model


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where clips and checkpoints are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--stages", type=int, default=len(STAGES), help="stop after this many; codes are final after the first"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(arguments.folder, arguments.seed, arguments.stages)


if __name__ == "__main__":
    main()
