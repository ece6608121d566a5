"""What the codec minimises: distances of spectra, and of what classifiers make of two sounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torchaudio
from torch import Tensor, nn

from training.classifier import Classifier
from training.renderer import SAMPLE_RATE


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
    """Distance of what classifiers make of two sounds, layer by layer (Johnson et al. 2016): what must stay recognisable."""

    def __init__(self, examiners: Sequence[Classifier]) -> None:
        super().__init__()
        self.examiners = nn.ModuleList(classifier.eval().requires_grad_(False) for classifier in examiners)

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Mean relative L1 over the classifiers' layers for (rows, samples)."""
        distances = []
        for classifier in cast(list[Classifier], list(self.examiners)):
            with torch.no_grad():
                wanted = classifier.layers(real)
            pairs = zip(classifier.layers(made), wanted, strict=True)
            distances += [(a - b).abs().mean() / b.abs().mean() for a, b in pairs]
        return torch.stack(distances).mean()
