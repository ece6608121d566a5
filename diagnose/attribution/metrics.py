"""What can be asked of a take, as a number that gradients pass through.

A metric takes a :class:`Playback`, the replay of finished takes, and gives one number a take. There are two kinds: what the judge
hears (:func:`margin`), and how likely the codes are under one prompt rather than another (:func:`log_probability`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tonescope.models.families.musicgen.musicgen import Generator, Sampling, Text
from tonescope.models.judges.clap import Judge

COLDEST = 0.25  # of the temperatures that gradients are taken at: towards greedy sampling they vanish
HALF_BOOST = 1024.0
DRAWN_ANEW = 0.25  # share of the codes that is, wherever a take is listened to once more


@dataclass(frozen=True)
class Playback:
    """Finished takes of one prompt, ready to be replayed.

    Attributes:
        codes: (takes, codebooks, frames), on the model's device.
        text: the prompt, one row a take.
        anchor: the expected codec latents of the clean replay, where an edited one is compared with it: per side
            (takes, frames, width). Absent, this replay is its own anchor, and only its gradient differs from the hard codes.
        latents: filled in when a metric listens: what the codec was given, per listen and side (takes, frames, width).
        likely: filled in when a metric listens: how likely each code was (takes, codebooks, frames, vocabulary).
        by_frame: filled in by a metric that is a sum over frames: its parts (takes, frames).
    """

    generator: Generator
    codes: Tensor
    text: Text
    sampling: Sampling = field(default_factory=Sampling)
    anchor: tuple[Tensor, ...] | None = None
    latents: list[Tensor] = field(default_factory=list)
    likely: list[Tensor] = field(default_factory=list)
    by_frame: list[Tensor] = field(default_factory=list)

    def logits(self, text: Text | None = None) -> Tensor:
        """Guided logits at the sampling's temperature (:data:`COLDEST` at least), under a prompt, by default the take's own:
        (takes, codebooks, frames, vocabulary).

        Top-k is left out: an edit moves codes across its threshold in jumps, which no gradient can predict.
        """
        guidance = self.sampling.guidance
        logits = self.generator.guided(self.generator.replay(self.codes, text or self.text, guidance), guidance)
        return (logits.float() if logits.dtype.itemsize < 4 else logits) / max(self.sampling.temperature, COLDEST)

    def expected(self) -> tuple[Tensor, ...]:
        """Expected codec latents, per side of the stereo image (takes, frames, width)."""
        weights, sides = self.logits().softmax(-1), self.generator.channels
        self.likely[:] = [weights]
        return tuple(self.generator.vectors(weights[:, side::sides]) for side in range(sides))

    def versions(self, count: int = 1) -> Iterator[tuple[Tensor, ...]]:
        """What the codec is given, per side (takes, frames, width): the codes that were heard, with the gradient of what the logits expect
        (straight-through); then, up to ``count``, versions in which :data:`DRAWN_ANEW` of the codes are others that were as likely there."""
        soft = self.expected()
        anchor = self.anchor or tuple(side.detach() for side in soft)
        self.latents.clear()
        for number in range(count):
            codes = self._drawn_anew(number) if number else self.codes
            sides = tuple(
                self.generator.hard_vectors(codes[:, side :: len(soft)]) + soft[side] - anchor[side]
                for side in range(len(soft))
            )
            self.latents.extend(sides)
            yield sides

    def sound(self, sides: Sequence[Tensor]) -> Tensor:
        """The waveform of what the codec is given: (takes, samples)."""
        return torch.stack([self.generator.sound(part, side) for side, part in enumerate(sides)]).mean(0)

    @torch.no_grad()
    def _drawn_anew(self, number: int) -> Tensor:
        """The codes with some drawn again from what the model held likely after the same past; on noise that all takes share, so that a
        take's version does not depend on the others in its batch."""
        likely = self.likely[0][:1]
        random = torch.Generator().manual_seed(number)
        uniform = torch.rand(likely.shape, generator=random, dtype=torch.float64).clamp_min(1e-12)
        again = torch.rand(likely.shape[:-1], generator=random) < DRAWN_ANEW
        gumbel = -(-uniform.log()).log().to(likely.device, torch.float32)
        drawn = (self.likely[0].float().clamp_min(1e-30).log() + gumbel).argmax(-1)
        return torch.where(again.to(likely.device), drawn, self.codes)


def boost_of(dtype: torch.dtype) -> float:
    """What a loss is multiplied by before its gradient is taken, and the gradient divided by: half-precision ones of a long pass vanish."""
    return HALF_BOOST if dtype == torch.float16 else 1.0


Metric = Callable[[Playback], Tensor]
"""One number a take (takes,), differentiable in everything that is played."""


def margin(judge: Judge, label: str, foil: str | None, smoothgrad_samples: int = 1) -> Metric:
    """The judge's log-odds of one label over another, or over all others together, for what was heard.

    With more ``smoothgrad_samples`` than one the number is the same and its gradient is the mean over so many versions of the take (see
    :meth:`Playback.versions`): the gradient at one waveform is mostly noise, much of which is gone in that of its neighbours (Smilkov et al.
    2017, arXiv 1706.03825). They take no more memory than one: the way from each sound back to the codec's input is gone before the next.
    """

    def metric(playback: Playback) -> Tensor:
        def number(sides: Sequence[Tensor]) -> Tensor:
            return judge.margin(playback.sound(sides), playback.generator.sample_rate, label, foil)

        versions = playback.versions(smoothgrad_samples)
        if smoothgrad_samples == 1 or not torch.is_grad_enabled():
            return number(next(versions))
        boost = boost_of(playback.generator.model.dtype)
        heard, pulls = [], []
        for sides in versions:
            apart = [side.detach().requires_grad_() for side in sides]
            value = number(apart)
            gradient_options = torch.autograd.grad(value.sum() * boost, apart)
            pulls += [
                (side.float() * gradient.float()).sum((1, 2))
                for side, gradient in zip(sides, gradient_options, strict=True)
            ]
            heard.append(value.detach())
            del value
        pull = torch.stack(pulls).sum(0) / (smoothgrad_samples * boost)
        return heard[0] + (pull - pull.detach()).to(heard[0].dtype)

    return metric


def log_probability(foil: str) -> Metric:
    """Mean log-probability of the codes under the take's own prompt minus that under the prompt ``foil``, in nats a code."""

    def metric(playback: Playback) -> Tensor:
        other = playback.generator.read_text([foil] * len(playback.codes))

        def likelihood(text: Text | None) -> Tensor:
            return playback.logits(text).log_softmax(-1).gather(-1, playback.codes[..., None]).mean((1, 3))

        by_frame = (likelihood(None) - likelihood(other)) / playback.codes.shape[2]
        playback.by_frame[:] = [by_frame]
        return by_frame.sum(1)

    return metric
