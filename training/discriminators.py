"""Critics: small discriminators of log-spectrograms, which teach the codec's decoder to sound like music rather than like its average.

A codec of few bits cannot know every detail; trained on distances alone it plays the mean of what it might be, and fills the gaps
between notes with noise. The critics (patches of log-magnitudes at two resolutions, hinge loss and feature matching; after Zeghidour
et al. 2021 and Défossez et al. 2022) see that.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

RESOLUTIONS = ((2048, 512), (512, 128))  # window and hop in samples
WIDTH = 12


class Discriminator(nn.Module):
    """Judges patches of one log-spectrogram."""

    def __init__(self, window: int, hop: int, width: int = WIDTH) -> None:
        super().__init__()
        self.size, self.hop = window, hop
        sizes = (1, width, width, 2 * width, 2 * width)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(sizes[i], sizes[i + 1], (7, 3), stride=(2, 1), padding=(3, 1)))
            for i in range(len(sizes) - 1)
        )
        self.verdict = weight_norm(nn.Conv2d(sizes[-1], 1, 3, padding=1))

    def forward(self, audio: Tensor) -> list[Tensor]:
        """What every layer makes of (rows, samples), the verdict last (positive: real)."""
        window = torch.hann_window(self.size, device=audio.device)
        spectrum = torch.stft(audio, self.size, self.hop, window=window, return_complex=True)
        hidden = (spectrum.abs() / self.size**0.5).clamp_min(1e-4).log10()[:, None] + 2
        found = []
        for layer in self.layers:
            hidden = nn.functional.leaky_relu(layer(hidden), 0.2)
            found.append(hidden)
        return [*found, self.verdict(hidden)]


class Critics(nn.Module):
    """One critic a resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.ModuleList(Discriminator(window, hop) for window, hop in RESOLUTIONS)

    def own_loss(self, made: Tensor, real: Tensor) -> Tensor:
        """What the critics minimise: a hinge on both sides."""
        total = made.new_zeros(())
        for discriminator in self.members:
            total = (
                total
                + (1 - discriminator(real)[-1]).relu().mean()
                + (1 + discriminator(made.detach())[-1]).relu().mean()
            )
        return total / len(self.members)

    def forward(self, made: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """What the codec minimises: the critics' displeasure, and the distance between the layers' answers."""
        displeasure, distance = made.new_zeros(()), made.new_zeros(())
        for discriminator in self.members:
            *answers, verdict = discriminator(made)
            with torch.no_grad():
                *wanted, _ = discriminator(real)
            displeasure = displeasure - verdict.mean()
            distance = (
                distance
                + torch.stack(
                    [(a - b).abs().mean() / b.abs().mean() for a, b in zip(answers, wanted, strict=True)]
                ).mean()
            )
        return displeasure / len(self.members), distance / len(self.members)


class Balance:
    """Gives every loss a fixed share of the gradient at the sound, whatever its scale (Défossez et al. 2022, §3.4)."""

    def __init__(self, shares: dict[str, float], decay: float = 0.99) -> None:
        total = sum(shares.values())
        self.shares = {name: share / total for name, share in shares.items()}
        self.decay, self.norms = decay, dict[str, float]()

    def gradient(self, losses: dict[str, Tensor], made: Tensor) -> Tensor:
        """The gradient at ``made`` (rows, samples); losses must all be in the table of shares."""
        whole = torch.zeros_like(made)
        for name, loss in losses.items():
            (gradient,) = torch.autograd.grad(loss, made, retain_graph=True)
            norm = float(gradient.norm(dim=-1).mean())
            self.norms[name] = self.decay * self.norms.get(name, norm) + (1 - self.decay) * norm
            whole += gradient * (self.shares[name] / max(self.norms[name], 1e-12))
        return whole
