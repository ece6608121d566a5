"""What can be asked of a take, as a number that gradients pass through.

A metric takes a :class:`Playback`, the replay of finished takes, and gives one number a take. There are two kinds:
what the judge hears (:func:`margin`), and how likely a take is under one prompt rather than another
(:func:`log_probability`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tonescope.models.generator import Generator, Replay
from tonescope.models.judges import listening
from tonescope.models.judges.judge import Judge

HALF_BOOST = 1024.0


@dataclass(frozen=True)
class Playback:
    """A replay that can be listened to.

    Attributes:
        generator: what replayed.
        replay: finished takes of one prompt, and what the network predicts at each of their parts.
        anchor: what the clean replay expects, where this one is edited; absent, only the gradient differs from the
            takes.
        latents: filled in when a metric listens: what the codec was given, by version and side (takes, frames, width).
        by_frame: filled in by a metric that is a sum over frames: its parts (takes, frames).
    """

    generator: Generator
    replay: Replay
    anchor: tuple[Tensor, ...] | None = None
    latents: list[Tensor] = field(default_factory=list)
    by_frame: list[Tensor] = field(default_factory=list)

    def version(self, number: int = 0) -> tuple[Tensor, ...]:
        """What the codec is given: the take itself, or a neighbour of it that could as well have been drawn."""
        sides = self.generator.latents(self.replay, self.anchor, version=number)
        self.latents.extend(sides)
        return sides


def boost_of(dtype: torch.dtype) -> float:
    """What a loss is multiplied by before its gradient is taken, and the gradient divided by: half-precision ones of
    a long pass vanish."""
    return HALF_BOOST if dtype == torch.float16 else 1.0


Metric = Callable[[Playback], Tensor]
"""One number a take (takes,), differentiable in everything that is played."""


def margin(judge: Judge, target: str, foil: str | None = None, *, smoothgrad_samples: int = 1) -> Metric:
    """The judge's log-odds of one label over another, or over all others together, for what was heard.

    With more samples than one the number is the same and its gradient is the mean over so many versions of the take:
    the gradient at one waveform is mostly noise, much of which is gone in that of its neighbours (SmoothGrad: Smilkov
    et al. 2017, arXiv 1706.03825). They take no more memory than one: the way from each sound back to the codec's
    input is gone before the next.
    """

    def metric(playback: Playback) -> Tensor:
        generator = playback.generator

        def number(sides: Sequence[Tensor]) -> Tensor:
            return listening.margin(judge, generator.decode(sides), int(generator.sample_rate), target, foil)

        if smoothgrad_samples == 1 or not torch.is_grad_enabled():
            return number(playback.version())
        boost = boost_of(generator.dtype)
        heard, pulls = [], []
        for sample in range(smoothgrad_samples):
            sides = playback.version(sample)
            apart = [side.detach().requires_grad_() for side in sides]
            value = number(apart)
            gradients = torch.autograd.grad(value.sum() * boost, apart)
            parts = [(side.float() * part.float()).sum((1, 2)) for side, part in zip(sides, gradients, strict=True)]
            pulls += parts
            heard.append(value.detach())
            del value
        pull = torch.stack(pulls).sum(0) / (smoothgrad_samples * boost)
        return heard[0] + (pull - pull.detach()).to(heard[0].dtype)

    return metric


def log_probability(against: str) -> Metric:
    """Mean log-probability of the takes under their own prompt minus that under the prompt ``against``, in nats a
    part."""

    def metric(playback: Playback) -> Tensor:
        generator, replay = playback.generator, playback.replay
        text = generator.read_text([against] * len(replay.takes))
        other = generator.replay(replay.takes, text, replay.sampling)
        own, others = generator.log_likelihood(replay), generator.log_likelihood(other)
        by_frame = (own - others) / own.shape[1]
        playback.by_frame[:] = [by_frame]
        return by_frame.sum(1)

    return metric
