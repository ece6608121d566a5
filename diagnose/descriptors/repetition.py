"""How much of a recording comes again: its self-similarity, by the time from one hearing to the next (Foote 1999)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray
from torch import Tensor

from tonescope.diagnose.audio_files.decoding import resampled

RATE, HOP = 16_000, 2_000  # Hz, samples: 8 frames a second
FRAME_RATE = RATE / HOP
BANDS, CONTEXT = 40, 8  # mel bands; frames that are compared as one
NEAREST, FARTHEST = 1.0, 60.0  # seconds from one hearing to the next that are looked at
ALIKE = 0.9  # cosine from which on two moments sound alike
STEADY_DB = 1.0  # a recording whose spectrum varies by less is one sound throughout
NEARLY = 0.97  # of the best lag's similarity: the shortest lag that comes so near is the period
_PART = 512  # frames whose spectrum is computed together


@dataclass(frozen=True)
class Repetition:
    """How a recording repeats itself.

    Attributes:
        period: seconds after which it is most like itself; ``None`` where it is too short to tell, or one sound.
        similarity: mean cosine with what was heard a period before, −1 to 1; unrelated moments have 0.
        share: share of the recording, after the first period, that sounds as it did a period before.
        steady: whether it is one sound throughout.
    """

    period: float | None
    similarity: float
    share: float
    steady: bool


def spectral_frames(waveform: Tensor, rate: int) -> NDArray[np.float32]:
    """Log-mel spectrum in dB (frames, bands) of (samples,)."""
    if not len(waveform):
        return np.zeros((0, BANDS), np.float32)
    sound = resampled(waveform, rate, RATE)
    mel = torchaudio.transforms.MelSpectrogram(RATE, n_fft=2 * HOP, hop_length=HOP, n_mels=BANDS, center=False)
    found = []
    for start in range(0, max(1, len(sound) - 2 * HOP + 1), _PART * HOP):
        part = sound[start : start + (_PART + 1) * HOP]
        if len(part) < 2 * HOP:
            break
        found.append(10 * torch.log10(mel(part).clamp_min(1e-7)).T[:_PART])
    return torch.cat(found).numpy() if found else np.zeros((0, BANDS), np.float32)


def repetition_of(waveform: Tensor, rate: int) -> Repetition:
    """How (samples,) repeats itself."""
    frames = spectral_frames(waveform, rate)
    frames = frames - frames.mean(0, keepdims=True) if len(frames) else frames
    variation = float(np.sqrt(np.square(frames).mean())) if len(frames) else 0.0
    farthest = min(int(FARTHEST * FRAME_RATE), (len(frames) - CONTEXT) * 2 // 3)
    nearest = int(NEAREST * FRAME_RATE)
    if farthest <= nearest or not len(frames):
        return Repetition(None, 0.0, 0.0, variation < STEADY_DB and len(frames) > 0)
    if variation < STEADY_DB:
        return Repetition(None, 1.0, 1.0, True)
    moments = np.lib.stride_tricks.sliding_window_view(frames, CONTEXT, 0).reshape(len(frames) - CONTEXT + 1, -1)
    moments = moments / np.maximum(np.linalg.norm(moments, axis=1, keepdims=True), 1e-6)
    lags = range(nearest, farthest + 1)
    alike = [(moments[lag:] * moments[:-lag]).sum(1) for lag in lags]
    means = np.array([float(row.mean()) for row in alike])
    best = int(np.flatnonzero(means >= NEARLY * means.max())[0]) if means.max() > 0 else int(means.argmax())
    while best + 1 < len(means) and means[best + 1] > means[best]:  # on to the top of its peak
        best += 1
    share = float((alike[best] >= ALIKE).mean())
    return Repetition(round(lags[best] / FRAME_RATE, 2), round(float(means[best]), 3), round(share, 3), False)
