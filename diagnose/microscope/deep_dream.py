"""DeepDream: a sound in which whatever goes on at one location goes on more (Mordvintsev, Olah, Tyka 2015).

Octaves are of time: the sound is compressed, changed, and the change is stretched out again, so that it works at many
time scales. Strength bounds the change: from a hardly altered clip to what has little of it left. Without a clip, the
model dreams from a neutral prompt, or from noise.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from pydantic import BaseModel
from torch import Tensor

from tonescope.diagnose.judging.reference_clips import Clip
from tonescope.diagnose.microscope.ascent import Finished, ascend
from tonescope.diagnose.microscope.draft_canvas import DraftCanvas
from tonescope.diagnose.microscope.microscope import NEUTRAL, Heard, Microscope
from tonescope.diagnose.microscope.objectives import Objective, energy
from tonescope.diagnose.microscope.sight import Sight
from tonescope.diagnose.microscope.sound_canvas import SoundCanvas
from tonescope.diagnose.store.artifacts import Artifact, Made
from tonescope.models.generator import Takes
from tonescope.models.relaxation import Chance
from tonescope.models.units import Location

VERSION = 3
Start = Literal["clip", "neutral", "noise"]
FAITHFUL_DB, SURREAL_DB = -24.0, 6.0  # level of the change beside that of the sound, at strength 0 and 1
FIRMNESS = 0.2  # of a take that is dreamt of, where it is discrete
BISECTIONS = 8
SCALE = 10.0  # what as much energy as real takes have is worth beside naturalness


@dataclass(frozen=True)
class DreamWish:
    """How to dream.

    Attributes:
        start: the clip, a take of a neutral prompt, or noise.
        strength: from 0, faithful, to 1, surreal.
        octaves: how many time scales; ``ratio``, between one and the next.
        steps: at each.
        seconds: length.
        seed: of what there is to draw.
        naturalness: what a nat below the log-probability of real takes costs, where the location takes part in playing;
            as much energy as real takes have is worth :data:`SCALE`.
    """

    start: Start = "neutral"
    strength: float = 0.5
    octaves: int = 3
    ratio: float = 1.5
    steps: int = 40
    seconds: float = 4.0
    seed: int = 1
    naturalness: float = 3.0

    @property
    def about(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dict(vars(self))


class Dreamt(BaseModel):
    """What was found: the sound before and after, and how much goes on at the location in each, where real takes have
    1. ``changed_db`` is the level of the change beside that of the sound."""

    location: str
    before: Heard
    after: Heard
    energy_before: float
    energy_after: float
    changed_db: float
    octaves: list[float]


def dream(scope: Microscope, location: Location, wish: DreamWish, clip: Clip | None = None) -> Made:
    """Render a dream; its ``result`` is a :class:`Dreamt`, and its takes are the sound before and after.

    Raises:
        TonescopeError: the wish cannot be met here.
    """
    sight = scope.sight(location)
    if clip is not None:
        wish = replace(wish, start="clip", seconds=min(wish.seconds, len(clip.waveform) / clip.rate))
    scope.check_seconds(wish.seconds)
    digest = clip_digest(clip)
    recipe = scope.recipe("dream", VERSION, {"location": str(location), "clip": digest, **wish.about})
    return scope.store.made(recipe, lambda: replace(_render(scope, sight, wish, clip), recipe=recipe))


def clip_digest(clip: Clip | None) -> str | None:
    """What tells clips apart: their samples, not their names."""
    return hashlib.sha256(clip.waveform.numpy().tobytes()).hexdigest()[:24] if clip else None


def _render(scope: Microscope, sight: Sight, wish: DreamWish, clip: Clip | None) -> Artifact:
    begun = time.perf_counter()
    before = start_of(scope, sight, wish.start, wish.seconds, wish.seed, clip)
    location, known = sight.locations[0], scope.statistics(sight.locations[0])
    usual = float((known.square - known.mean.square()).mean().clamp_min(1e-12))
    dreamer = _Dreamer(scope, sight, energy(location, known.mean) * (SCALE / usual), wish)
    curve, scales = list[Tensor](), _scales(scope, wish)
    detail, after = torch.zeros(1, 1), Finished(before, {})
    for at, scale in enumerate(scales):
        base = _compressed(sight, before, scale)
        advance = scope.within(at / len(scales), (at + 1) / len(scales)).advance
        told = partial(advance, f"octave {at + 1} of {len(scales)}")
        detail = resized(detail, base.waveform.shape[1]) if at else torch.zeros_like(base.waveform)
        after, values = dreamer.octave(base, detail, told)
        detail = after.takes.waveform - base.waveform
        curve.append(values)
    takes = after.takes
    both = [scope.heard(one)[0] for one in (before, takes)]
    amounts = [float(energy(location, known.mean)(sight.of_takes(one))) / usual for one in (before, takes)]
    change = (takes.waveform - before.waveform).square().mean()
    level = 10 * torch.log10(change.clamp_min(1e-12) / before.waveform.square().mean().clamp_min(1e-12))
    result = Dreamt(
        location=str(location),
        before=both[0],
        after=both[1],
        energy_before=round(amounts[0], 4),
        energy_after=round(amounts[1], 4),
        changed_db=round(float(level), 2),
        octaves=scales,
    )
    tensors = {"before": before.waveform, "values": torch.cat(curve)}
    found = Artifact.of_takes(scope.recipe("dream", VERSION, {}), takes, tensors)
    return replace(found, result=result.model_dump(mode="json"), seconds=round(time.perf_counter() - begun, 2))


def start_of(scope: Microscope, sight: Sight, start: Start, seconds: float, seed: int, clip: Clip | None) -> Takes:
    """The sound that is dreamt of: one take, with a state where the location takes part in playing."""
    generator, samples = scope.generator, round(seconds * scope.rate)
    if start == "neutral":
        return generator.generate([NEUTRAL], [seed], seconds, scope.examples.context.sampling)
    if start == "clip":
        assert clip is not None
        waveform = clip.middle(seconds, scope.rate)[None]
    else:
        with torch.no_grad():
            waveform = SoundCanvas(sight, scope.usual_sound, [seed], samples).sound().cpu()
    if sight.hears:
        return Takes((NEUTRAL,), (seed,), {}, waveform[:, :samples])
    return sight.relaxation.encoded(waveform[:, :samples].to(generator.device), NEUTRAL, [seed])


def _scales(scope: Microscope, wish: DreamWish) -> list[float]:
    """How much time is compressed at each octave, most first; none so much that nothing is left to play."""
    found = [wish.ratio**octave for octave in range(wish.octaves)]
    least = 2 * scope.generator.shortest_seconds
    return [round(scale, 4) for scale in reversed(found) if scale == 1 or wish.seconds / scale >= least]


def _compressed(sight: Sight, before: Takes, scale: float) -> Takes:
    """The sound with its time compressed, as a take that the location can be dreamt in."""
    if scale == 1:
        return before
    sound = resized(before.waveform, round(before.waveform.shape[1] / scale))
    if sight.hears:
        return replace(before, waveform=sound)
    return sight.relaxation.encoded(sound.to(sight.generator.device), NEUTRAL, before.seeds)


@dataclass(frozen=True)
class _Dreamer:
    """What is dreamt of at every time scale: where, what is to rise, and how."""

    scope: Microscope
    sight: Sight
    objective: Objective
    wish: DreamWish

    def octave(self, base: Takes, detail: Tensor, advance: Callable[[float], None]) -> tuple[Finished, Tensor]:
        """A sound and its detail (1, samples), changed at one time scale, and the curve."""
        return (self._heard if self.sight.hears else self._played)(base, detail, advance)

    def _heard(self, base: Takes, detail: Tensor, advance: Callable[[float], None]) -> tuple[Finished, Tensor]:
        sound = base.waveform + detail
        canvas = SoundCanvas(self.sight, self.scope.usual_sound, base.seeds, sound.shape[1], sound)
        with torch.no_grad():
            unchanged = canvas.sound().float().cpu()
        ascent = ascend(canvas, [self.objective], self.wish.steps, advance=advance)
        detail = detail + ascent.finished.takes.waveform - unchanged
        level = _level(detail) / _level(base.waveform)
        waveform = (base.waveform + detail * min(1.0, self._loudest / max(level, 1e-9))).clamp(-1, 1)
        return Finished(replace(base, waveform=waveform), {}), ascent.values

    def _played(self, base: Takes, detail: Tensor, advance: Callable[[float], None]) -> tuple[Finished, Tensor]:
        """A take is changed towards what its detail suggests and the objective asks for."""
        generator, relaxation = self.scope.generator, self.sight.relaxation
        plain = parameters = relaxation.parameters(base, FIRMNESS)
        if bool(detail.any()):
            sound = (base.waveform + detail).to(generator.device)
            suggested = relaxation.parameters(relaxation.encoded(sound, NEUTRAL, base.seeds), FIRMNESS)
            parameters = (plain + suggested[:, :, : plain.shape[2]]) / 2
        prior = replace(self.scope.naturalness(self.wish.naturalness), chance=0.0)
        drafts = DraftCanvas(self.sight, generator.read_text([NEUTRAL]), NEUTRAL, base.seeds, parameters, prior)
        ascent = ascend(drafts, [self.objective], self.wish.steps, advance=advance)
        return self._bounded(base, plain, drafts.parameters.detach()), ascent.values

    def _bounded(self, base: Takes, start: Tensor, end: Tensor) -> Finished:
        """As far from the parameters of a take to those of its dream as the strength allows, found by bisection: what
        is discrete cannot be mixed."""
        relaxation, allowed = self.sight.relaxation, self._loudest * _level(base.waveform)
        low, high, best, share = 0.0, 1.0, base, 1.0
        for _ in range(BISECTIONS):
            draft = relaxation.draft(start + share * (end - start), Chance(tuple(base.seeds)))
            changed = relaxation.finish(draft.state, base.prompts[0], base.seeds)
            if _level(changed.waveform - base.waveform) <= allowed:
                low, best = share, changed
            else:
                high = share
            share = (low + high) / 2
            if low == 1.0:
                break
        return Finished(best, self.sight.of_takes(best))

    @property
    def _loudest(self) -> float:
        """How loud the change may be beside the sound, as a factor."""
        return 10 ** ((FAITHFUL_DB + self.wish.strength * (SURREAL_DB - FAITHFUL_DB)) / 20)


def _level(waveform: Tensor) -> float:
    return max(float(waveform.square().mean().sqrt()), 1e-6)


def resized(waveform: Tensor, samples: int) -> Tensor:
    """(rows, samples) stretched or compressed to another length, pitch and all: its spectrum is cut or filled up."""
    if waveform.shape[1] == samples:
        return waveform
    spectrum = torch.fft.rfft(waveform)[:, : samples // 2 + 1]
    return torch.fft.irfft(spectrum, n=samples) * (samples / waveform.shape[1])
