"""A canvas of sound: a spectrogram with phases, of which the sound is made.

Coefficients are in units of the usual spectrum, so that a step is as large at every frequency (a decorrelated
parameterisation: Olah et al. 2017). The canvas is looked at through small shifts, gains and missing bands, so that what
is found does not hang on any of them; and its level is always the usual one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tonescope.diagnose.microscope.ascent import Finished, Look
from tonescope.diagnose.microscope.sight import Sight
from tonescope.models.generator import Takes

WINDOW_SECONDS = 0.064
OVERLAP = 4
CEILING = 4.0  # of a coefficient: 12 dB above the usual spectrum
FITTING = 0.9  # of the ceiling, that a sound to start from reaches at most
START = 0.3  # standard deviation of coefficients that are noise
RATE = 0.05
SHIFT_SECONDS, GAIN_DB, NOTCH_OCTAVES = 0.03, 6.0, 0.5
NOTCH = 0.25  # what is left in a band that is missing
LOUD_BAND_DB = 8.0  # above the usual spectrum, where a band begins to cost
LOUD_BAND_COST = 0.5  # a decibel


@dataclass(frozen=True)
class UsualSound:
    """What real takes sound like on the whole.

    Attributes:
        spectrum: mean magnitude of every bin (bins,), in a window of :data:`WINDOW_SECONDS`.
        level: root mean square.
        rate: samples a second.
    """

    spectrum: Tensor
    level: float
    rate: int

    @classmethod
    def of(cls, waveform: Tensor, rate: int) -> UsualSound:
        """From the sound of takes (takes, samples)."""
        magnitudes = stft(waveform, rate).abs().mean((0, 2))
        level = float(waveform.square().mean().sqrt())
        return cls(magnitudes.clamp_min(1e-3 * float(magnitudes.max()) + 1e-9), max(level, 1e-4), rate)


def window_of(rate: int) -> int:
    """Samples of a window: a power of two."""
    return int(2 ** max(4, round(float(torch.tensor(WINDOW_SECONDS * rate).log2()))))


def stft(waveform: Tensor, rate: int) -> Tensor:
    """Complex spectrogram (rows, bins, times) of (rows, samples)."""
    size = window_of(rate)
    window = torch.hann_window(size, device=waveform.device)
    return torch.stft(waveform.float(), size, size // OVERLAP, window=window, return_complex=True, pad_mode="constant")


def istft(spectrogram: Tensor, rate: int, samples: int) -> Tensor:
    """Inverse of :func:`stft`: (rows, samples)."""
    size = window_of(rate)
    window = torch.hann_window(size, device=spectrogram.device)
    return torch.istft(spectrogram, size, size // OVERLAP, window=window, length=samples)


class SoundCanvas:
    """Sound as coefficients (rows, 2, bins, times), the real and the imaginary part.

    Args:
        sight: what is looked at: locations that hear.
        usual: what sound usually is.
        seeds: one a row.
        samples: length.
        start: the sound to begin with (rows, samples); noise, if absent.
    """

    def __init__(
        self, sight: Sight, usual: UsualSound, seeds: Sequence[int], samples: int, start: Tensor | None = None
    ) -> None:
        self.sight, self.usual, self.seeds, self.samples = sight, usual, tuple(seeds), samples
        self.device = sight.generator.device
        self._scale = usual.spectrum.to(self.device)[None, :, None]
        self.rate = RATE
        self.level = torch.full((len(self.seeds), 1), usual.level, device=self.device)
        if start is None:
            size = window_of(usual.rate)
            shape = (2, size // 2 + 1, samples // (size // OVERLAP) + 1)
            first = torch.stack([torch.randn(shape, generator=self._random(seed, 0)) for seed in self.seeds]) * START
        else:
            self.level = start.to(self.device).square().mean(-1, keepdim=True).sqrt().clamp_min(1e-4)
            found = stft(start.to(self.device), usual.rate)
            # A sound that is louder in a band than sound usually is has its own measure there, so that it fits.
            least = found.abs().amax(2, keepdim=True) / (FITTING * CEILING)
            self._scale = torch.maximum(self._scale * self.level[:, :, None] / usual.level, least)
            found = found / self._scale
            wide = found / (1 - (found.abs() / CEILING).square()).sqrt()  # the inverse of :meth:`spectrogram`
            first = torch.stack([wide.real, wide.imag], 1)
        self.parameters = first.to(self.device).requires_grad_()

    def _random(self, seed: int, step: int) -> torch.Generator:
        return torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)

    def spectrogram(self) -> Tensor:
        """Coefficients (rows, bins, times), none above :data:`CEILING`, in units of the usual spectrum."""
        plain = torch.complex(self.parameters[:, 0], self.parameters[:, 1])
        return plain / (1 + (plain.abs() / CEILING).square()).sqrt()

    def sound(self, coefficients: Tensor | None = None) -> Tensor:
        """The sound (rows, samples), at its level."""
        coefficients = self.spectrogram() if coefficients is None else coefficients
        wave = istft(coefficients * self._scale, self.usual.rate, self.samples)
        return wave * (self.level / wave.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-6))

    def look(self, step: int, steps: int) -> Look:
        """Look at it shifted in time, louder or softer, and with a band missing, each row otherwise."""
        plain = self.spectrogram()
        heard = self.sound(plain * self._notches(step)[:, :, None])
        rows = []
        for row, seed in enumerate(self.seeds):
            random = self._random(seed, 2 * step + 2)
            shift, gain = ((2 * torch.rand(2, generator=random)) - 1).tolist()
            moved = torch.roll(heard[row], round(shift * SHIFT_SECONDS * self.usual.rate))
            rows.append(moved * 10 ** (gain * GAIN_DB / 20))
        return Look(self.sight.of_sound(torch.stack(rows)), self._cost(plain), False)

    def _notches(self, step: int) -> Tensor:
        """How much of each bin is left (rows, bins): a band of each row is nearly missing."""
        bins = self._scale.shape[1]
        found = torch.ones(len(self.seeds), bins)
        octaves = float(torch.tensor(float(bins)).log2())
        for row, seed in enumerate(self.seeds):
            low = float(torch.rand(1, generator=self._random(seed, 2 * step + 1))) * octaves
            found[row, int(2**low) : int(2 ** (low + NOTCH_OCTAVES)) + 1] = NOTCH
        return found.to(self.device)

    def _cost(self, coefficients: Tensor) -> Tensor:
        """What bands cost that are far above the usual spectrum on the whole (rows,)."""
        power = coefficients.abs().square().mean(2)
        above = 10 * torch.log10((power / power.mean(1, keepdim=True).clamp_min(1e-9)).clamp_min(1e-6))
        return LOUD_BAND_COST * (above - LOUD_BAND_DB).clamp_min(0).mean(1)

    def keep(self, rows: Tensor) -> None:
        """Nothing: what was seen through chance is not what is there, and the last is the best."""

    @torch.no_grad()
    def finish(self) -> Finished:
        """The sound as it is now; takes without a state, which nothing replays."""
        sound = self.sound().float().cpu().clamp(-1, 1)
        takes = Takes(("",) * len(sound), self.seeds, {}, sound)
        return Finished(takes, self.sight.of_takes(takes))
