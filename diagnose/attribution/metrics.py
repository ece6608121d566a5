"""What can be asked of a take, as a number that gradients pass through.

A metric takes a :class:`Playback`, the replay of finished takes, and gives one number a take. There are two kinds:
what the judge hears (:func:`margin`), and how likely a take is under one prompt rather than another
(:func:`log_probability`), or at all (:func:`own_log_probability`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tonescope.models.generator import Generator, Replay, read_takes
from tonescope.models.judges import listening
from tonescope.models.judges.judge import Judge

_HALF_PRECISION_LOSS_SCALE = 1024.0


@dataclass(frozen=True)
class Playback:
    """A replay that can be listened to.

    Attributes:
        generator: what replayed.
        replay: finished takes of one prompt, and what the network predicts at each of their parts.
        anchor: the latents that the clean replay expects, (takes, frames, width), one a run of the codec, where this
            replay is edited; without it, the latents have the value of the takes, and of the replay only the gradient.
        latents: filled in when a metric listens: what the codec was given, one (takes, frames, width) for each version
            and run of the codec; their gradients are read after the backward pass.
        by_frame: filled in by a metric that is a sum over frames: its summands, one tensor (takes, frames).
    """

    generator: Generator
    replay: Replay
    anchor: tuple[Tensor, ...] | None = None
    latents: list[Tensor] = field(default_factory=list)
    by_frame: list[Tensor] = field(default_factory=list)

    def version(self, number: int = 0) -> tuple[Tensor, ...]:
        """Latents for the codec, (takes, frames, width), one a run of it: for 0 those of the takes, above 0 those of a
        neighbour of them that could as well have been drawn (:meth:`tonescope.models.generator.Generator.latents`)."""
        sides = self.generator.latents(self.replay, self.anchor, version=number)
        self.latents.extend(sides)
        return sides


def loss_scale(dtype: torch.dtype) -> float:
    """The factor that a loss is multiplied by before the backward pass, and its gradients are divided by: in float16,
    small gradients would underflow to 0 (Micikevicius et al. 2018, arXiv 1710.03740)."""
    return _HALF_PRECISION_LOSS_SCALE if dtype == torch.float16 else 1.0


Metric = Callable[[Playback], Tensor]
"""One number a take (takes,), differentiable in everything that is played."""


def margin(judge: Judge, target: str, foil: str | None = None, *, smoothgrad_samples: int = 1) -> Metric:
    """The judge's log-odds of ``target`` over ``foil``, or without a foil over all other labels together, in nats.

    Args:
        smoothgrad_samples: versions of the take that the gradient is averaged over; the value is always that of the
            take itself. The gradient at one waveform is mostly noise, which the mean over neighbours reduces
            (SmoothGrad: Smilkov et al. 2017, arXiv 1706.03825). Memory is that of one version: each graph from sound
            to latents is freed before the next is built.
    """

    def metric(playback: Playback) -> Tensor:
        generator = playback.generator

        def margins(sides: Sequence[Tensor]) -> Tensor:
            return listening.margin(judge, generator.decode(sides), int(generator.sample_rate), target, foil)

        if smoothgrad_samples == 1 or not torch.is_grad_enabled():
            return margins(playback.version())
        scale = loss_scale(generator.dtype)
        values, surrogates = [], []
        for sample in range(smoothgrad_samples):
            sides = playback.version(sample)
            leaves = [side.detach().requires_grad_() for side in sides]
            value = margins(leaves)
            gradients = torch.autograd.grad(value.sum() * scale, leaves)
            # latents x constant gradient: the backward pass through this sum is that through the margin.
            surrogates += [
                (side.float() * gradient.float()).sum((1, 2)) for side, gradient in zip(sides, gradients, strict=True)
            ]
            values.append(value.detach())
            del value  # and with it the graph from sound to latents
        surrogate = torch.stack(surrogates).sum(0) / (smoothgrad_samples * scale)
        # The value of the take itself, with the gradient of the surrogate.
        return values[0] + (surrogate - surrogate.detach()).to(values[0].dtype)

    return metric


def log_probability(against: str) -> Metric:
    """Log-probability of the takes under their own prompt minus that under the prompt ``against``, mean over frames,
    in nats. It needs neither codec nor judge. :attr:`Playback.by_frame` gets each frame's share of the mean."""

    def metric(playback: Playback) -> Tensor:
        generator, replay = playback.generator, playback.replay
        text = read_takes(generator, replay.takes.with_prompt(against))
        other = generator.replay(replay.takes, text, replay.sampling)
        own, others = generator.log_likelihood(replay), generator.log_likelihood(other)
        by_frame = (own - others) / own.shape[1]
        playback.by_frame[:] = [by_frame]
        return by_frame.sum(1)

    return metric


def own_log_probability(frames: int | None = None) -> Metric:
    """Log-probability of the takes under their own prompt, mean over the first so many frames (all, if absent), in
    nats. It needs neither codec nor judge, and one replay."""

    def metric(playback: Playback) -> Tensor:
        own = playback.generator.log_likelihood(playback.replay)[:, :frames]
        by_frame = own / own.shape[1]
        playback.by_frame[:] = [by_frame]
        return by_frame.sum(1)

    return metric
