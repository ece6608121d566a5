"""The musicnn tagger in torch: musically motivated convolutions over a log-mel spectrogram.

Pons and Serra 2019, "musicnn: pre-trained convolutional neural networks for music audio tagging", arXiv 1909.06654.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torchaudio
from torch import Tensor, nn
from torch.nn.functional import pad

from tonescope.models.fingerprint import fingerprint
from tonescope.models.judges.resampling import resample
from tonescope.models.judges.tagger import Tag

RATE, FFT, HOP, BANDS = 16_000, 512, 256, 96
FRAMES = 187  # of a window: what the network was trained on, three seconds
GAIN = 10_000  # before the logarithm
TIMBRAL_BANDS = (38, 67)  # 0.4 and 0.7 of the bands
TIMBRAL_FRAMES = 7
TEMPORAL_FRAMES = (128, 64, 32)
EPSILON = 1e-3  # of every batch norm, as TensorFlow has it
WINDOWS_AT_ONCE = 16


@dataclass(frozen=True)
class Sizes:
    """The numbers in which musicnn models differ, all of them seen in the weights."""

    timbral: int = 204
    temporal: int = 51
    middle: int = 64
    hidden: int = 200
    tags: int = 50


class _Block(nn.Module):
    """Convolution, rectifier, batch norm, in this order."""

    def __init__(self, convolution: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.conv, self.norm = convolution, norm

    def forward(self, inner: Tensor) -> Tensor:
        heard: Tensor = self.norm(torch.relu(self.conv(inner)))
        return heard


def _over_spectrum(filters: int, frames: int, bands: int) -> _Block:
    return _Block(nn.Conv2d(1, filters, (frames, bands)), nn.BatchNorm2d(filters, EPSILON))


def _over_time(inputs: int, filters: int) -> _Block:
    return _Block(nn.Conv1d(inputs, filters, 7, padding=3), nn.BatchNorm1d(filters, EPSILON))


class Musicnn(nn.Module):
    """From log-mel (windows, frames, bands) to logits (windows, tags)."""

    def __init__(self, sizes: Sizes = Sizes()) -> None:
        super().__init__()
        front = len(TIMBRAL_BANDS) * sizes.timbral + len(TEMPORAL_FRAMES) * sizes.temporal
        pooled = 2 * (front + 3 * sizes.middle)
        self.input_norm = nn.BatchNorm2d(1, EPSILON)
        self.timbral = nn.ModuleList(_over_spectrum(sizes.timbral, TIMBRAL_FRAMES, bands) for bands in TIMBRAL_BANDS)
        self.temporal = nn.ModuleList(_over_spectrum(sizes.temporal, frames, 1) for frames in TEMPORAL_FRAMES)
        self.middle = nn.ModuleList(_over_time(inputs, sizes.middle) for inputs in (front, sizes.middle, sizes.middle))
        self.pooled_norm = nn.BatchNorm1d(pooled, EPSILON)
        self.hidden = _Block(nn.Linear(pooled, sizes.hidden), nn.BatchNorm1d(sizes.hidden, EPSILON))
        self.output = nn.Linear(sizes.hidden, sizes.tags)

    def forward(self, mel: Tensor) -> Tensor:
        """Logits (windows, tags) of log-mel (windows, frames, bands)."""
        spectrum = self.input_norm(mel[:, None])
        front = self._front(spectrum)
        first = self.middle[0](front)
        second = self.middle[1](first) + first
        third = self.middle[2](second) + second
        features = torch.cat([front, first, second, third], dim=1)
        pooled = torch.stack([features.amax(-1), features.mean(-1)], dim=-1).flatten(1)
        logits: Tensor = self.output(self.hidden(self.pooled_norm(pooled)))
        return logits

    def _front(self, spectrum: Tensor) -> Tensor:
        """Timbre and rhythm (windows, features, frames): each filter's largest answer over the bands."""
        side = TIMBRAL_FRAMES // 2
        heard = [block(pad(spectrum, (0, 0, side, side))) for block in self.timbral]
        for block, frames in zip(self.temporal, TEMPORAL_FRAMES, strict=True):
            # TensorFlow's "same": of an uneven number of zeros the larger half comes after.
            before = (frames - 1) // 2
            heard.append(block(pad(spectrum, (0, 0, before, frames - 1 - before))))
        return torch.cat([answer.amax(-1) for answer in heard], dim=1)


class MusicnnTagger:
    """A musicnn model with its tags: a :class:`tonescope.models.judges.tagger.Tagger`.

    The front end is the authors', but for one thing: they round the mel spectrogram to half precision before the
    logarithm. Here it stays in single precision, which moves no probability by as much as 0.001.

    Args:
        model: the network.
        tags: what its outputs mean, in order.
        name: what the user called it.
        domain: the sounds it knows.
        about: its data set, as the end of its description.
    """

    rate = RATE

    def __init__(self, model: Musicnn, tags: Sequence[Tag], name: str, *, domain: str = "", about: str = "") -> None:
        self.model, self.tags, self.name, self.domain = model.eval(), tuple(tags), name, domain
        self._about = about
        model.requires_grad_(False)
        self._filters = torchaudio.functional.melscale_fbanks(
            FFT // 2 + 1, 0.0, RATE / 2, BANDS, RATE, norm="slaney", mel_scale="slaney"
        )

    @property
    def description(self) -> str:
        """The kind of model, and how many tags it has."""
        return f"musicnn with {len(self.tags)} tags" + (f" of {self._about}" if self._about else "")

    @property
    def window_seconds(self) -> float:
        """Length of the audio that the network hears at once."""
        return FRAMES * HOP / RATE

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.model.output.weight.device

    def fingerprint(self) -> str:
        """Tells apart models that share a name, by a stretch of every weight."""
        return fingerprint(self.model)

    def starts(self, seconds: float) -> list[float]:
        """When the windows of audio of this length begin, in seconds."""
        return [frame * HOP / RATE for frame in _first_frames(_frames_of(math.ceil(seconds * RATE)))]

    def probabilities(self, waveform: Tensor, rate: int) -> Tensor:
        """How probable each tag is (..., windows, tags) in (..., samples) at ``rate`` Hz; differentiable.

        Windows follow one another; the last one ends with the audio. Audio shorter than a window is repeated until it
        fills one, as in training.
        """
        audio = resample(waveform.to(self.device, torch.float32), rate, RATE)
        mel = self.log_mel(audio.reshape(-1, audio.shape[-1]))
        windows = torch.stack([mel[:, first : first + FRAMES] for first in _first_frames(mel.shape[1])], dim=1)
        logits = torch.cat([self.model(part) for part in windows.flatten(0, 1).split(WINDOWS_AT_ONCE)])
        return logits.sigmoid().reshape(*audio.shape[:-1], windows.shape[1], len(self.tags))

    def log_mel(self, waveform: Tensor) -> Tensor:
        """Log-mel (rows, frames, bands) of (rows, samples) at 16 kHz, of one window at least."""
        least = (FRAMES - 1) * HOP
        if waveform.shape[-1] < least:
            waveform = waveform.repeat(1, -(-least // waveform.shape[-1]))[:, :least]
        window = torch.hann_window(FFT, device=waveform.device)
        spectrum = torch.stft(waveform, FFT, HOP, window=window, center=True, pad_mode="reflect", return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        mel = power.transpose(1, 2) @ self._filters.to(waveform.device)
        return torch.log10(GAIN * mel + 1)


def _frames_of(samples: int) -> int:
    return max(samples // HOP + 1, FRAMES)


def _first_frames(frames: int) -> list[int]:
    """Where windows begin."""
    last = frames - FRAMES
    return sorted({*range(0, last + 1, FRAMES), last})
