"""CLAP's log-mel spectrogram in torch: differentiable, on any device, and equal to the library's numpy extractor."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor
from transformers import ClapFeatureExtractor

from tonescope.models.judges.resampling import resample

_FLOOR = 1e-10


class LogMel:
    """The front end of a CLAP model.

    Args:
        extractor: the model's own feature extractor, whose settings and filters are used.
    """

    def __init__(self, extractor: ClapFeatureExtractor) -> None:
        self.rate = int(extractor.sampling_rate)
        self.window_samples = int(extractor.nb_max_samples)
        self._size, self._hop = int(extractor.fft_window_size), int(extractor.hop_length)
        filters = extractor.mel_filters if extractor.truncation == "fusion" else extractor.mel_filters_slaney
        self._filters = torch.from_numpy(filters).float()
        self._windows: dict[torch.device, tuple[Tensor, Tensor]] = {}

    @cached_property
    def window_seconds(self) -> float:
        """Length of the clip that the model listens to at once."""
        return self.window_samples / self.rate

    def resample(self, waveform: Tensor, rate: int) -> Tensor:
        """Bring (..., samples) at ``rate`` Hz to the model's rate."""
        return resample(waveform, rate, self.rate)

    def fit(self, waveform: Tensor) -> Tensor:
        """Make (rows, samples) exactly one window long.

        Short audio is repeated whole, then padded, as the extractor does.
        """
        length = waveform.shape[-1]
        if length > self.window_samples:
            raise ValueError("cut the audio into windows first")
        waveform = waveform.repeat(1, max(1, self.window_samples // length))
        return torch.nn.functional.pad(waveform, (0, self.window_samples - waveform.shape[-1]))

    def __call__(self, waveform: Tensor) -> Tensor:
        """Log-mel in dB of (rows, one window of samples): (rows, 1, frames, bands)."""
        device = waveform.device
        if device not in self._windows:
            self._windows[device] = (torch.hann_window(self._size, device=device), self._filters.to(device))
        window, filters = self._windows[device]
        spectrum = torch.stft(
            waveform, self._size, self._hop, window=window, center=True, pad_mode="reflect", return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        return 10 * torch.log10((power.transpose(1, 2) @ filters).clamp_min(_FLOOR))[:, None]
