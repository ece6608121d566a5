"""Trains the codec: an ``EncodecModel`` at 16 kHz, 50 frames a second, eight codebooks of 512.

The class has no training path of its own, so the quantiser's (k-means start, straight-through gradient, moving averages and
dead-code restarts; Zeghidour et al. 2021, Défossez et al. 2022) is written here and stored in the class's own buffers.

Training starts from a lapped transform (:mod:`.lapped`), not from noise, and listens with a small classifier of clean clips as well
as with spectra.

    python -m tonescope.models.training.codec --folder WORK --minutes 90
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchaudio
from torch import Tensor, nn
from transformers import EncodecConfig, EncodecModel

from . import clips, lapped, record
from .examiner import Examiner, prepare_listener
from .renderer import SAMPLE_RATE

log = logging.getLogger(__name__)

CONFIG: dict[str, Any] = dict(
    sampling_rate=SAMPLE_RATE, audio_channels=1, normalize=False, upsampling_ratios=list(reversed(lapped.STRIDES)), num_filters=24, hidden_size=192,
    codebook_dim=192, codebook_size=512, target_bandwidths=[3.6], use_causal_conv=False, norm_type="weight_norm", num_lstm_layers=1,
    pad_mode="constant", num_residual_layers=1, use_conv_shortcut=False,
)  # fmt: skip
KEPT_BANDS = 160
TRAINING_CLIPS = 9500
CROP = SAMPLE_RATE
BATCH = 8
RATE = 4e-4
WARM_UP = 200
CONTINUOUS_SHARE = 0.03  # of the time, without the quantiser
DECAY = 0.99
SAVE_EVERY = 120.0


def build() -> EncodecModel:
    """An untrained codec."""
    return EncodecModel(EncodecConfig(**CONFIG))


class Quantiser:
    """Trains the residual codebooks inside ``model.quantizer``."""

    def __init__(self, model: EncodecModel) -> None:
        self.books: list[Any] = [layer.codebook for layer in model.quantizer.layers]

    @torch.no_grad()
    def start(self, latents: Tensor, rounds: int = 12) -> None:
        """k-means on ``latents`` (vectors, width), level by level."""
        residual = latents
        for book in self.books:
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

    def __call__(self, latents: Tensor, levels: int) -> tuple[Tensor, Tensor]:
        """Quantise (batch, width, frames) with the first ``levels`` codebooks and move them.

        Returns the straight-through latents and the commitment loss.
        """
        vectors = latents.transpose(1, 2).reshape(-1, latents.shape[1])
        residual, total, loss = vectors.detach(), torch.zeros_like(vectors), vectors.new_zeros(())
        for level, book in enumerate(self.books[:levels]):
            distance = residual.pow(2).sum(1, keepdim=True) - 2 * residual @ book.embed.T + book.embed.pow(2).sum(1)
            nearest = distance.argmin(1)
            chosen = book.embed[nearest]
            total = total + chosen
            loss = loss + nn.functional.mse_loss(vectors, total.detach()) / (level + 1)
            self._move(book, residual, nearest)
            residual = residual - chosen
        quantised = vectors + (total - vectors).detach()
        return quantised.reshape(latents.shape[0], -1, latents.shape[1]).transpose(1, 2), loss

    @torch.no_grad()
    def _move(self, book: Any, residual: Tensor, nearest: Tensor) -> None:
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


class SpectralLoss(nn.Module):
    """L1 of log-mels plus half the spectral convergence, at four window lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.mels = nn.ModuleList(
            torchaudio.transforms.MelSpectrogram(
                SAMPLE_RATE, n_fft=size, hop_length=hop, n_mels=bands, power=1.0, norm="slaney", mel_scale="slaney"
            )
            for size, hop, bands in ((128, 64, 20), (512, 128, 48), (1024, 256, 80), (2048, 512, 128))
        )

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        total = made.new_zeros(())
        for mel in self.mels:
            a, b = mel(made), mel(real)
            total = total + (a.clamp_min(1e-5).log10() - b.clamp_min(1e-5).log10()).abs().mean()
            total = total + 0.5 * (a - b).norm() / b.norm().clamp_min(1e-3)
        return total / len(self.mels)


class Listener(nn.Module):
    """Distance of what a classifier makes of two sounds, layer by layer (Johnson et al. 2016): what must stay recognisable."""

    def __init__(self, examiner: Examiner) -> None:
        super().__init__()
        self.examiner = examiner.eval().requires_grad_(False)

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Mean relative L1 over the classifier's layers for (rows, samples)."""
        with torch.no_grad():
            wanted = self.examiner.layers(real)
        distances = [
            (a - b).abs().mean() / b.abs().mean() for a, b in zip(self.examiner.layers(made), wanted, strict=True)
        ]
        return torch.stack(distances).mean()


def rate_at(share: float, step: int) -> float:
    """Learning rate after ``share`` of the time: warm-up by steps, then a cosine down to 2 %."""
    return RATE * min(1.0, (step + 1) / WARM_UP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0))))


def si_sdr(made: Tensor, real: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB for each row (Le Roux et al. 2019)."""
    scale = (made * real).sum(-1, keepdim=True) / real.pow(2).sum(-1, keepdim=True).clamp_min(1e-8)
    target = scale * real
    return 10 * torch.log10(target.pow(2).sum(-1) / (made - target).pow(2).sum(-1).clamp_min(1e-8))


@torch.no_grad()
def round_trip(model: EncodecModel, audio: Tensor) -> Tensor:
    """Encode and decode (rows, samples), four rows at a time."""
    made = []
    for rows in audio.split(4):
        codes = model.encode(rows[:, None]).audio_codes
        made.append(model.decode(codes, audio_scales=[None]).audio_values[:, 0, : rows.shape[1]])
    return torch.cat(made)


def train(folder: Path, minutes: float, seed: int = 0) -> EncodecModel:
    """Train for ``minutes`` in all, over as many calls as it takes; state is kept in ``folder`` every two minutes."""
    clips.write(folder / "clips-codec", clips.uniform("train", TRAINING_CLIPS))
    clips.write(folder / "clips-validation", clips.uniform("validation", 190))
    data = clips.Clips.open(folder / "clips-codec")
    held_out = torch.from_numpy(clips.Clips.open(folder / "clips-validation").batch(range(57)))

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    model, spectral, listener = build(), SpectralLoss(), Listener(prepare_listener(folder))
    quantiser = Quantiser(model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    state = folder / "codec-state.pt"
    step, spent, quantising = 0, 0.0, False
    if state.exists():
        kept = torch.load(state, weights_only=True)
        model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
        step, spent, quantising = kept["step"], kept["spent"], kept["quantising"]
        random = np.random.default_rng([seed, step])
        log.info("resuming at step %d, %.1f min", step, spent / 60)

    def crops(count: int) -> Tensor:
        rows, starts = random.integers(len(data.recipes), size=count), random.integers(clips.SAMPLES - CROP, size=count)
        audio = np.stack([data.audio[row, start : start + CROP] for row, start in zip(rows, starts, strict=True)])
        gain = 10 ** (random.uniform(-4, 2, size=(count, 1)) / 20)
        return torch.from_numpy((audio / 32767 * gain).astype(np.float32))

    def save() -> None:
        kept = {
            "model": model.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": step,
            "spent": spent,
            "quantising": quantising,
        }
        torch.save(kept, state.with_suffix(".tmp"))
        state.with_suffix(".tmp").replace(state)

    if step == 0:
        lapped.start(model, crops(64), KEPT_BANDS)
    saved = spent
    while spent < minutes * 60:
        started = time.monotonic()
        share = spent / (minutes * 60)
        if not quantising and share >= CONTINUOUS_SHARE:
            with torch.no_grad():
                latents = torch.cat(
                    [
                        model.encoder(crops(16)[:, None]).transpose(1, 2).reshape(-1, CONFIG["hidden_size"])
                        for _ in range(30)
                    ]
                )
            quantiser.start(latents)
            quantising = True
        for group in optimiser.param_groups:
            group["lr"] = rate_at(share, step)
        real = crops(BATCH)
        latents = model.encoder(real[:, None])
        commitment = latents.new_zeros(())
        if quantising:
            latents, commitment = quantiser(latents, len(quantiser.books))
        made = model.decoder(latents)[:, 0]
        error = (made - real).pow(2).mean(1) / real.pow(2).mean(1).clamp_min(1e-4)
        heard = listener(made, real)
        loss = 2 * spectral(made, real) + 5 * (made - real).abs().mean() + error.mean() + heard + 0.25 * commitment
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        spent += time.monotonic() - started
        if spent - saved >= SAVE_EVERY:
            saved = spent
            save()
            model.eval()
            made = (
                round_trip(model, held_out)
                if quantising
                else model.decoder(model.encoder(held_out[:8, None])).detach()[:, 0]
            )
            real = held_out[: len(made)]
            log.info(
                "%.1f min, step %d, loss %.3f, listener %.3f, held-out SI-SDR %.2f dB, spectral %.4f",
                spent / 60, step, loss.item(), heard.item(), float(si_sdr(made, real).mean()), float(spectral(made, real)),
            )  # fmt: skip
            model.train()
    save()
    model.eval()
    model.save_pretrained(folder / "codec")
    record.write(folder, "codec", seed=seed, minutes=round(spent / 60), steps=step, clips=TRAINING_CLIPS, batch=BATCH)
    return model


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where clips and checkpoints are kept")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(arguments.folder, arguments.minutes, arguments.seed)


if __name__ == "__main__":
    main()
