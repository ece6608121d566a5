"""From the rate of a recording to the rate that a listener hears at."""

from __future__ import annotations

import torchaudio
from torch import Tensor

from tonescope.models.errors import TonescopeError

LOWEST_RATE, HIGHEST_RATE = 100, 1_000_000  # Hz


def resample(waveform: Tensor, rate: int, wanted: int) -> Tensor:
    """Bring (..., samples) at ``rate`` Hz to ``wanted`` Hz; differentiable.

    Raises :class:`TonescopeError` for a rate that no recording has, and where there is no sample.
    """
    if isinstance(rate, bool) or not isinstance(rate, int) or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise TonescopeError(
            f"audio was given with the sampling rate {str(rate)[:40]}, and nothing can be heard at that rate; give the "
            f"rate of the file, a whole number of Hz from {LOWEST_RATE} to {HIGHEST_RATE:,}."
        )
    if not waveform.shape[-1]:
        raise TonescopeError("there is nothing to hear: the audio has no samples; give a file that holds sound.")
    return waveform if rate == wanted else torchaudio.functional.resample(waveform, rate, wanted)
