"""Discriminators of log-spectrograms, for the adversarial training of the codec's decoder.

A codec of few bits cannot know every detail. Trained on distances alone, it plays the mean of what it might be and
fills the gaps between notes with noise. Discriminators of patches of log-magnitudes at two resolutions, with hinge loss
and feature matching, penalise that (Zeghidour et al. 2021, arXiv:2107.03312; Défossez et al. 2022, arXiv:2210.13438).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

RESOLUTIONS = ((2048, 512), (512, 128))  # window and hop in samples
WIDTH = 12


class Discriminator(nn.Module):
    """Tells real from decoded patches of one log-spectrogram; ``window`` and ``hop`` in samples."""

    def __init__(self, window: int, hop: int, width: int = WIDTH) -> None:
        super().__init__()
        self.size, self.hop = window, hop
        sizes = (1, width, width, 2 * width, 2 * width)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(sizes[i], sizes[i + 1], (7, 3), stride=(2, 1), padding=(3, 1)))
            for i in range(len(sizes) - 1)
        )
        self.logits = weight_norm(nn.Conv2d(sizes[-1], 1, 3, padding=1))

    def forward(self, audio: Tensor) -> list[Tensor]:
        """Every layer's output (rows, channels, bins, frames) for (rows, samples), the logits last (positive: real)."""
        window = torch.hann_window(self.size, device=audio.device)
        spectrum = torch.stft(audio, self.size, self.hop, window=window, return_complex=True)
        hidden = (spectrum.abs() / self.size**0.5).clamp_min(1e-4).log10()[:, None] + 2
        found = []
        for layer in self.layers:
            hidden = nn.functional.leaky_relu(layer(hidden), 0.2)
            found.append(hidden)
        return [*found, self.logits(hidden)]


class Discriminators(nn.Module):
    """One discriminator a resolution; losses are means over them."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.ModuleList(Discriminator(window, hop) for window, hop in RESOLUTIONS)

    def own_loss(self, made: Tensor, real: Tensor) -> Tensor:
        """What the discriminators minimise: the hinge loss for real and decoded (rows, samples)."""
        total = made.new_zeros(())
        for discriminator in self.members:
            total = total + (1 - discriminator(real)[-1]).relu().mean()
            total = total + (1 + discriminator(made.detach())[-1]).relu().mean()
        return total / len(self.members)

    def forward(self, made: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """What the codec minimises: the adversarial loss and the feature matching loss of (rows, samples)."""
        adversarial, feature_matching = made.new_zeros(()), made.new_zeros(())
        for discriminator in self.members:
            *features, logits = discriminator(made)
            with torch.no_grad():
                *wanted, _ = discriminator(real)
            adversarial = adversarial - logits.mean()
            distances = [(a - b).abs().mean() / b.abs().mean() for a, b in zip(features, wanted, strict=True)]
            feature_matching = feature_matching + torch.stack(distances).mean()
        return adversarial / len(self.members), feature_matching / len(self.members)


class Balance:
    """Gives each loss a fixed share of the gradient at the waveform, at any scale (Défossez et al. 2022, §3.4)."""

    def __init__(self, shares: dict[str, float], decay: float = 0.99) -> None:
        total = sum(shares.values())
        self.shares = {name: share / total for name, share in shares.items()}
        self.decay, self.norms = decay, dict[str, float]()

    def gradient(self, losses: dict[str, Tensor], made: Tensor) -> Tensor:
        """The balanced gradient at ``made`` (rows, samples). Raises ``KeyError`` for a loss that has no share."""
        whole = torch.zeros_like(made)
        for name, loss in losses.items():
            (gradient,) = torch.autograd.grad(loss, made, retain_graph=True)
            norm = float(gradient.norm(dim=-1).mean())
            self.norms[name] = self.decay * self.norms.get(name, norm) + (1 - self.decay) * norm
            whole += gradient * (self.shares[name] / max(self.norms[name], 1e-12))
        return whole
