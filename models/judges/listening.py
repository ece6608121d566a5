"""What follows from a judge's logits, for any judge: log-odds, probabilities, and probabilities over time.

Waveforms are mono, (takes, samples), at ``rate`` Hz.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tonescope.models.errors import TonescopeError
from tonescope.models.judges.judge import Judge

TAKES_AT_ONCE = 8
LOUDEST = 10.0  # amplitude, where full scale is 1; louder samples are in other units, and squared they may overflow


def contrast(labels: Sequence[str], logits: Tensor, target: str, foil: str | None = None) -> Tensor:
    """Log-odds (takes,), in logits (takes, labels), of one label over another, or over all others together."""
    index = labels.index(target)
    others = [labels.index(foil)] if foil else [*range(index), *range(index + 1, len(labels))]
    return logits[:, index] - logits[:, others].logsumexp(1)


def margin(judge: Judge, waveform: Tensor, rate: int, target: str, foil: str | None = None) -> Tensor:
    """The :func:`contrast` in what is heard (takes,); differentiable."""
    return contrast(judge.labels, judge.logits(waveform, rate), target, foil)


@torch.no_grad()
def listen(judge: Judge, waveform: Tensor, rate: int) -> Tensor:
    """Calibrated logits (takes, labels) without gradients, a few takes at a time, on the CPU.

    Raises:
        TonescopeError: the logits are not numbers. The message says whether that is due to takes, or to the judge.
    """
    logits = torch.cat([judge.logits(part, rate).cpu() for part in waveform.split(TAKES_AT_ONCE)])
    if not torch.isfinite(logits).all():
        raise TonescopeError(_why_not_numbers(judge, waveform))
    return logits


def posterior(judge: Judge, waveform: Tensor, rate: int) -> Tensor:
    """Probabilities (takes, labels), on the CPU; see :func:`listen`."""
    return torch.softmax(listen(judge, waveform, rate), dim=-1)


def timeline(
    judge: Judge, waveform: Tensor, rate: int, *, window_seconds: float, hop_seconds: float
) -> tuple[list[float], Tensor]:
    """Probabilities over time: start times in seconds, and (times, takes, labels).

    The last window ends with the take.
    """
    size, hop = int(window_seconds * rate), int(hop_seconds * rate)
    last = max(0, waveform.shape[-1] - size)
    starts = sorted({*range(0, last + 1, hop), last})
    rows = torch.stack([posterior(judge, waveform[:, start : start + size], rate) for start in starts])
    return [start / rate for start in starts], rows


def finite_takes(waveform: Tensor) -> Tensor:
    """Which takes hold numbers throughout (takes,). In half precision, single takes can overflow to NaN."""
    return torch.isfinite(waveform).all(-1)


def _why_not_numbers(judge: Judge, waveform: Tensor) -> str:
    broken = ~finite_takes(waveform)
    if broken.any():
        return (
            f"{int(broken.sum())} of {len(waveform)} takes hold samples that are not numbers, so nothing can be heard "
            "in them; leave them out, or play in single precision (float32)."
        )
    if float(waveform.abs().max()) > LOUDEST:
        return (
            f"samples reach {float(waveform.abs().max()):.3g}, where 1 is full scale, so nothing can be heard in them; "
            "bring the audio to between −1 and 1."
        )
    return (
        f"what {judge.name} hears is not a number, so it is no judge; check its weights, or name another with --judge."
    )
