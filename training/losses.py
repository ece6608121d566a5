"""Losses of the codec: distances of spectra, and of the features of classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torchaudio
from torch import Tensor, nn

from training.classifier import Classifier
from training.renderer import SAMPLE_RATE


class SpectralLoss(nn.Module):
    """L1 of log10-mels plus half the spectral convergence (Arık et al. 2018), mean over four window lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.mels = nn.ModuleList(
            torchaudio.transforms.MelSpectrogram(
                SAMPLE_RATE, n_fft=size, hop_length=hop, n_mels=bands, power=1.0, norm="slaney", mel_scale="slaney"
            )
            for size, hop, bands in ((128, 64, 20), (512, 128, 48), (1024, 256, 80), (2048, 512, 128))
        )

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """The distance of two (rows, samples)."""
        total = made.new_zeros(())
        for mel in self.mels:
            a, b = mel(made), mel(real)
            total = total + (a.clamp_min(1e-5).log10() - b.clamp_min(1e-5).log10()).abs().mean()
            total = total + 0.5 * (a - b).norm() / b.norm().clamp_min(1e-3)
        return total / len(self.mels)


class PerceptualLoss(nn.Module):
    """Distance of the features of classifiers, layer by layer (Johnson et al. 2016, arXiv:1603.08155)."""

    def __init__(self, classifiers: Sequence[Classifier]) -> None:
        super().__init__()
        self.classifiers = nn.ModuleList(classifier.eval().requires_grad_(False) for classifier in classifiers)

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Mean over layers of the relative L1 distance for two (rows, samples)."""
        distances = []
        for classifier in cast(list[Classifier], list(self.classifiers)):
            with torch.no_grad():
                wanted = classifier.layers(real)
            pairs = zip(classifier.layers(made), wanted, strict=True)
            distances += [(a - b).abs().mean() / b.abs().mean() for a, b in pairs]
        return torch.stack(distances).mean()
