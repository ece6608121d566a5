"""Time occlusion: what is heard when, and what each stretch of the takes does to the verdict, estimated by gradients
and measured by silencing it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tonescope.diagnose.attribution.gradients import Attribution
from tonescope.diagnose.context import Context
from tonescope.diagnose.schema import Contrast, SecondDriver
from tonescope.diagnose.stats import effect
from tonescope.models.generator import Takes
from tonescope.models.judges import listening
from tonescope.models.judges.judge import Judge

SECTION_SECONDS = 1.0
SHORTEST_SECONDS = 0.25  # what is left at the end of a take, if shorter, belongs to the section before
FADE_SECONDS = 0.01


@dataclass(frozen=True)
class Timeline:
    """What a judge hears in windows of the takes.

    Attributes:
        starts: start of each window in seconds.
        window: length of a window in seconds.
        posterior: probabilities (windows, takes, labels).
    """

    starts: list[float]
    window: float
    posterior: Tensor

    @property
    def centres(self) -> list[float]:
        """The middle of each window in seconds."""
        return [start + self.window / 2 for start in self.starts]

    @classmethod
    def listen(cls, judge: Judge, takes: Takes, rate: int, seconds: float) -> Timeline:
        """Windows as short as the judge can make sense of, each half over the next."""
        window = min(max(SECTION_SECONDS, judge.window_seconds / 4), seconds)
        starts, posterior = listening.timeline(
            judge, takes.waveform, rate, window_seconds=window, hop_seconds=window / 2
        )
        return cls(starts, window, posterior)


def sections(seconds: float) -> list[tuple[float, float]]:
    """Start and end in seconds of the stretches, :data:`SECTION_SECONDS` each, that make up a take of this length."""
    starts = torch.arange(0, seconds, SECTION_SECONDS, dtype=torch.float64).tolist()
    if len(starts) > 1 and seconds - starts[-1] < SHORTEST_SECONDS:
        starts.pop()
    return list(zip(starts, [*starts[1:], seconds], strict=True))


def silenced(waveform: Tensor, rate: int, start: float, end: float) -> Tensor:
    """(takes, samples) with a stretch faded out and in again; at the ends of the take there is nothing to fade to."""
    at, length = torch.arange(waveform.shape[-1], device=waveform.device) / rate, waveform.shape[-1] / rate
    before = (at - start) / FADE_SECONDS if start > 0 else torch.ones_like(at)
    after = (end - at) / FADE_SECONDS if end < length else torch.ones_like(at)
    return waveform * (1 - torch.minimum(before, after).clamp(0, 1))


def by_second(
    context: Context, contrast: Contrast, found: Attribution, timeline: Timeline, fresh: Takes
) -> list[SecondDriver]:
    """Every stretch: what is heard in the windows around its middle, and what the margin loses when it falls silent in
    ``fresh`` takes."""
    judge, rate, frame_rate = context.listener, context.rate, context.generator.frame_rate

    def margins(waveform: Tensor) -> Tensor:
        logits = listening.listen(judge, waveform, rate)
        return listening.contrast(judge.labels, logits, contrast.target, contrast.foil)

    def around(start: float, end: float) -> list[int]:
        """The windows that a stretch is heard in."""
        near = [index for index, at in enumerate(timeline.centres) if start <= at < end]
        middle = (start + end) / 2
        return near or [min(range(len(timeline.starts)), key=lambda index: abs(timeline.centres[index] - middle))]

    rows, untouched = [], margins(fresh.waveform)
    for start, end in sections(fresh.waveform.shape[-1] / rate):
        heard = timeline.posterior[around(start, end)].mean((0, 1))
        target = float(heard[judge.labels.index(contrast.target)])
        foil = float(heard[judge.labels.index(contrast.foil)]) if contrast.foil else 1 - target
        acting = found.frames[:, round(start * frame_rate) : round(end * frame_rate)].sum(1)
        without = margins(silenced(fresh.waveform, rate, start, end))
        rows.append(
            SecondDriver(
                start=start,
                end=end,
                target_probability=target,
                foil_probability=foil,
                estimated=effect(acting.tolist()),
                verified=effect((without - untouched).tolist()),
            )
        )
    return rows
