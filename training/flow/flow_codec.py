"""Trains the codec of the flow generator: SAME (arXiv:2605.17991), an autoencoder made of transformers.

What a denoiser learns easily are latents that say what is heard, and that may be a little wrong. So they are trained
with noise on them, and log-mel, genre and tempo are to be read from them by linear layers that are not kept. The
second stage trains the decoder alone, with discriminators: latents stay what they were, so that a denoiser can be
trained on them meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from tonescope.models.judges import listening
from tonescope.models.loading import EMBEDDED, load_judge
from training.classifier import truth
from training.clips import SAMPLES, uniform
from training.course import Course, half_is_quicker
from training.discriminators import Balance, Discriminators
from training.flow import flow_parts
from training.flow.flow_parts import FlowSizes
from training.losses import SpectralLoss
from training.renderer import SAMPLE_RATE, render
from training.score import Piece
from training.tables import genres

log = logging.getLogger(__name__)

BATCH, CROP_FRAMES, WARM_UP = 8, 12, 100
KEPT_CLIPS, SEED = 600, 3  # clips at hand, of which each step replaces one
RECORDED_EVERY = 4  # of the clips is a recording, the others are dry mixes
MOST_NOISE = 0.3  # on latents, in their standard deviation
BANDS, MEL_FLOOR = 40, 1e-4
HELD_OUT = 38
NORMAL_WEIGHT, MEL_WEIGHT, GENRE_WEIGHT = 0.05, 0.5, 0.05
DISCRIMINATOR_RATE = 3e-4


@dataclass(frozen=True)
class CodecStage:
    """One stage of the schedule.

    Attributes:
        minutes: of computing.
        rate: learning rate at its start.
        weights: of the losses. With discriminators they are shares of the gradient at the waveform, else factors.
    """

    minutes: float
    rate: float
    weights: dict[str, float]

    @property
    def decoder_only(self) -> bool:
        """Whether latents stay what they are."""
        return "adversarial" in self.weights


STAGES = (
    CodecStage(34, 1e-3, dict(spectral=2.0, waveform=0.5)),
    CodecStage(15, 4e-4, dict(spectral=2.0, waveform=0.3, adversarial=0.8, feature_matching=1.2)),
)


class Pool:
    """Clips that are composed and rendered when they are wanted, some at a time."""

    def __init__(self, count: int, first: int) -> None:
        self.next, self.clips, self.pieces = first, list[NDArray[np.float32]](), list[Piece]()
        for _ in range(count):
            self.more()

    def more(self) -> None:
        """Another clip."""
        recipe = uniform("train", 1, first=self.next, dry=self.next % RECORDED_EVERY > 0)[0]
        self.pieces.append(recipe.compose())
        self.clips.append(render(self.pieces[-1], recorded=not recipe.dry).mix)
        self.next += 1

    def renew(self) -> None:
        """A new clip in the place of the oldest."""
        self.more()
        del self.clips[0], self.pieces[0]

    def crops(self, count: int, samples: int, random: np.random.Generator) -> tuple[Tensor, list[Piece]]:
        """Stretches of random clips, (count, samples), with gains of -4 to 2 dB, and what they are from."""
        rows = random.integers(len(self.clips), size=count)
        starts = random.integers(SAMPLES - samples + 1, size=count)
        gains = 10 ** (random.uniform(-4, 2, size=count) / 20)
        parts = [
            self.clips[row][start : start + samples] * gain
            for row, start, gain in zip(rows, starts, gains, strict=True)
        ]
        return torch.from_numpy(np.stack(parts).astype(np.float32)), [self.pieces[row] for row in rows]


class Told(nn.Module):
    """What is to be read from latents by linear layers: the log-mel of every position, and the genre of a stretch."""

    def __init__(self, sizes: FlowSizes) -> None:
        super().__init__()
        self.mel = torchaudio.transforms.MelSpectrogram(
            SAMPLE_RATE, n_fft=1024, hop_length=sizes.patch, n_mels=BANDS, power=1.0, norm="slaney", mel_scale="slaney"
        )
        self.stride = sizes.stride
        self.bands, self.genre = nn.Linear(sizes.latent, sizes.stride * BANDS), nn.Linear(sizes.latent, len(genres()))

    def forward(self, latents: Tensor, real: Tensor, right: Tensor) -> Tensor:
        """How wrong it is, for latents (rows, width, frames) of sound (rows, samples) and genres (rows,)."""
        rows, _, frames = latents.shape
        mel = self.mel(real)[..., : frames * self.stride].clamp_min(MEL_FLOOR).log10()
        wanted = mel.reshape(rows, BANDS, frames, self.stride).permute(0, 2, 3, 1).flatten(2)
        wrong = (self.bands(latents.transpose(1, 2)) - wanted).abs().mean()
        genre = nn.functional.cross_entropy(self.genre(latents.mean(2)), right)
        return MEL_WEIGHT * wrong + GENRE_WEIGHT * genre


def far_from_normal(latents: Tensor) -> Tensor:
    """How far every channel of latents (rows, width, frames) is from mean 0 and variance 1."""
    variance = latents.var((0, 2)).clamp_min(1e-6)
    return (latents.mean((0, 2)).square() + variance.log().square()).mean()


class CodecTraining:
    """One stage in training."""

    def __init__(self, folder: Path, sizes: FlowSizes, number: int, stage: CodecStage) -> None:
        self.stage, self.sizes, self.number, self.folder = stage, sizes, number, folder
        torch.manual_seed(number)
        self.model, self.told, self.spectral = flow_parts.codec(sizes), Told(sizes), SpectralLoss()
        self.discriminators, self.balance = Discriminators(), Balance(self.stage.weights)
        if self.stage.decoder_only:
            self.model.encoder.requires_grad_(False)
            self.model.bottleneck.requires_grad_(False)
        trained = [weight for part in (self.model, self.told) for weight in part.parameters() if weight.requires_grad]
        self.half = False
        self.optimiser = torch.optim.AdamW(
            trained, lr=self.stage.rate, betas=(0.9, 0.98), weight_decay=1e-2, fused=True
        )
        self.their_optimiser = torch.optim.AdamW(
            self.discriminators.parameters(), lr=DISCRIMINATOR_RATE, betas=(0.5, 0.9)
        )
        self.course = Course(
            folder / f"codec-state-{number}.pt",
            self.stage.minutes,
            WARM_UP,
            clock=time.process_time,
            model=self.model,
            told=self.told,
            optimiser=self.optimiser,
            discriminators=self.discriminators,
            their_optimiser=self.their_optimiser,
        )

    def begin(self) -> None:
        """Go on where the training stood, or where the stage before has ended."""
        if self.course.resume():
            log.info("codec, stage %d: at step %d, %.1f min", self.number, self.course.step, self.course.spent / 60)
        elif self.number > 1:
            self.model.load_state_dict(load(self.folder).state_dict())

    def made(self, latents: Tensor) -> Tensor:
        """The sound (rows, samples) of latents with noise on them."""
        level = MOST_NOISE * torch.rand(len(latents), 1, 1)
        noisy = latents + level * torch.randn_like(latents)
        sound: Tensor = self._passed(self.model.decode, noisy).sample[:, 0].float()
        return sound

    def _passed(self, part: Callable[[Tensor], Any], given: Tensor) -> Any:
        """What a part of the model makes of something, in half precision where that is quicker."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half), sdpa_kernel(SDPBackend.MATH):
            return part(given)

    def losses(self, real: Tensor, pieces: list[Piece]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """The losses at the waveform, by name; what else is wrong; and the sound (rows, samples)."""
        with torch.set_grad_enabled(not self.stage.decoder_only):
            latents = self._passed(self.model.encode, real[:, None]).latents.float()
        made = self.made(latents)
        error = (made - real).square().mean(1) / real.square().mean(1).clamp_min(1e-4)
        found = {"spectral": self.spectral(made, real), "waveform": 5 * (made - real).abs().mean() + error.mean()}
        if self.stage.decoder_only:
            found["adversarial"], found["feature_matching"] = self.discriminators(made, real)
            return found, made.new_zeros(()), made
        right = truth(pieces)["genre"]
        return found, self.told(latents, real, right) + NORMAL_WEIGHT * far_from_normal(latents), made

    def lesson(self, real: Tensor, pieces: list[Piece]) -> dict[str, float]:
        """One step on (rows, samples); returns every loss by name."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.stage.rate * self.course.rate
        losses, beside, made = self.losses(real, pieces)
        self.optimiser.zero_grad()
        if self.stage.decoder_only:
            (self.balance.gradient(losses, made) * made).sum().backward()
            self._train_discriminators(made.detach(), real)
        else:
            torch.stack([beside, *(self.stage.weights[name] * loss for name, loss in losses.items())]).sum().backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return {"beside": float(beside.detach())} | {name: float(loss.detach()) for name, loss in losses.items()}

    def _train_discriminators(self, made: Tensor, real: Tensor) -> None:
        loss = self.discriminators.own_loss(made, real)
        self.their_optimiser.zero_grad()
        loss.backward()
        self.their_optimiser.step()

    def run(self, seconds: float, kept: int = KEPT_CLIPS) -> float:
        """Train for at most so many seconds; returns the seconds that were used."""
        self.begin()
        before, random = self.course.spent, np.random.default_rng([SEED, self.number, self.course.step])
        if not self.course.over:
            pool = Pool(kept, self.course.step)
            sample = pool.crops(BATCH, CROP_FRAMES * self.sizes.hop, random)[0]
            self.half = half_is_quicker(self.model, lambda: self.model(sample[:, None]).sample.float().square().mean())
            log.info("codec: training in %s, which is quicker here", "bfloat16" if self.half else "float32")
        while not self.course.over and self.course.spent - before < seconds:
            with self.course.lesson():
                pool.renew()
                losses = self.lesson(*pool.crops(BATCH, CROP_FRAMES * self.sizes.hop, random))
            if self.course.saved():
                shown = " ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
                pace = self.course.spent / max(1, self.course.step)
                at = f"{self.course.spent / 60:.1f} min, step {self.course.step} ({pace:.2f} s)"
                log.info("codec %d: %s: %s", self.number, at, shown)
        self.course.save()
        if self.course.over:
            if self.number == 1:
                normalise(self.model, Pool(64, 900_000).crops(64, SAMPLES, random)[0])
            self.model.save_pretrained(self.folder / "codec")
            log.info("codec %d: %s", self.number, report(self.model))
        return self.course.spent - before


@torch.no_grad()
def normalise(model: Any, sound: Tensor) -> None:
    """Make every channel of the latents of ``sound`` (rows, samples) have mean 0 and variance 1, and let the decoder
    make the same sounds as before."""
    latents = torch.cat([model.encode(part[:, None]).latents for part in sound.split(8)])
    mean, spread = latents.mean((0, 2)), latents.std((0, 2)).clamp_min(1e-4)
    bottleneck, first = model.bottleneck, model.decoder.proj
    bottleneck.scale.div_(spread[None, :, None])
    bottleneck.bias.copy_((bottleneck.bias - mean[None, :, None]) / spread[None, :, None])
    first.bias.add_(first.weight @ mean)
    first.weight.mul_(spread)


def load(folder: Path) -> Any:
    """The codec that a stage has left in ``folder``."""
    from diffusers import AutoencoderSAME

    return AutoencoderSAME.from_pretrained(folder / "codec")


@torch.no_grad()
def report(model: Any) -> dict[str, float]:
    """What the codec loses, on held-out dry clips: shares that the embedded judge hears as what they are, and the
    spectral distance."""
    count = HELD_OUT
    recipes = uniform("validation", count, dry=True)
    real = torch.stack([torch.from_numpy(recipe.render()) for recipe in recipes])
    made = torch.cat([model.decode(model.encode(part[:, None]).latents).sample[:, 0] for part in real.split(8)])
    judge, spectral = load_judge(EMBEDDED), SpectralLoss()
    right = [judge.labels.index(recipe.genre) for recipe in recipes]

    def share(sound: Tensor) -> float:
        heard = listening.posterior(judge, sound, SAMPLE_RATE).argmax(1).tolist()
        return sum(one == other for one, other in zip(heard, right, strict=True)) / count

    return {"clean": share(real), "through the codec": share(made), "distance": float(spectral(made, real))}
