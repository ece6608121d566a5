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
from tonescope.diagnose.microscope.bench import NEUTRAL, Bench, Heard
from tonescope.diagnose.microscope.draft_canvas import DraftCanvas, Naturalness
from tonescope.diagnose.microscope.objectives import Objective, energy
from tonescope.diagnose.microscope.sight import Sight
from tonescope.diagnose.microscope.sound_canvas import SoundCanvas
from tonescope.diagnose.store.artifacts import Artifact, Made
from tonescope.models.generator import Takes
from tonescope.models.units import Location

VERSION = 1
Start = Literal["clip", "neutral", "noise"]
FAITHFUL_DB, SURREAL_DB = -24.0, 6.0  # level of the change beside that of the sound, at strength 0 and 1
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
    """

    start: Start = "neutral"
    strength: float = 0.5
    octaves: int = 3
    ratio: float = 1.5
    steps: int = 40
    seconds: float = 4.0
    seed: int = 1

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


def dream(bench: Bench, location: Location, wish: DreamWish, clip: Clip | None = None) -> Made:
    """Render a dream; its ``result`` is a :class:`Dreamt`, and its takes are the sound before and after.

    Raises:
        TonescopeError: the wish cannot be met here.
    """
    sight = bench.sight(location)
    if clip is not None:
        wish = replace(wish, start="clip", seconds=min(wish.seconds, len(clip.waveform) / clip.rate))
    bench.check_seconds(wish.seconds)
    digest = clip_digest(clip)
    recipe = bench.recipe("dream", VERSION, {"location": str(location), "clip": digest, **wish.about})
    return bench.store.made(recipe, lambda: replace(_render(bench, sight, wish, clip), recipe=recipe))


def clip_digest(clip: Clip | None) -> str | None:
    """What tells clips apart: their samples, not their names."""
    return hashlib.sha256(clip.waveform.numpy().tobytes()).hexdigest()[:24] if clip else None


def _render(bench: Bench, sight: Sight, wish: DreamWish, clip: Clip | None) -> Artifact:
    begun = time.perf_counter()
    before = start_of(bench, sight, wish.start, wish.seconds, wish.seed, clip)
    location, known = sight.locations[0], bench.statistics(sight.locations[0])
    usual = float((known.square - known.mean.square()).mean().clamp_min(1e-12))
    objective = energy(location, known.mean) * (SCALE / usual)
    curve, scales = list[Tensor](), _scales(bench, wish)
    detail, after = torch.zeros(1, 1), Finished(before, {})
    for at, scale in enumerate(scales):
        base = resized(before.waveform, round(before.waveform.shape[1] / scale))
        sound = base + resized(detail, base.shape[1]) if detail.shape[1] > 1 else base
        advance = bench.within(at / len(scales), (at + 1) / len(scales)).advance
        after, values, unchanged = _octave(
            bench, sight, objective, wish, sound, partial(advance, f"octave {at + 1} of {len(scales)}")
        )
        curve.append(values)
        moved = after.takes.waveform - unchanged
        size = min(moved.shape[1], base.shape[1])
        detail = sound[:, :size] - base[:, :size] + moved[:, :size]
        detail = detail * _allowed(wish, base, detail)
    takes = after.takes
    if sight.hears:  # the bound on the change holds for the finished sound as well
        takes = replace(takes, waveform=(before.waveform + resized(detail, before.waveform.shape[1])).clamp(-1, 1))
    both = [bench.heard(one)[0] for one in (before, takes)]
    amounts = [float(energy(location, known.mean)(sight.of_takes(one))) / usual for one in (before, takes)]
    size = min(takes.waveform.shape[1], before.waveform.shape[1])
    change = (takes.waveform[:, :size] - before.waveform[:, :size]).square().mean()
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
    found = Artifact.of_takes(bench.recipe("dream", VERSION, {}), takes, tensors)
    return replace(found, result=result.model_dump(mode="json"), seconds=round(time.perf_counter() - begun, 2))


def start_of(bench: Bench, sight: Sight, start: Start, seconds: float, seed: int, clip: Clip | None) -> Takes:
    """The sound that is dreamt of: one take, with a state where the location takes part in playing."""
    generator, samples = bench.generator, round(seconds * bench.rate)
    if start == "neutral":
        return generator.generate([NEUTRAL], [seed], seconds, bench.examples.context.sampling)
    if start == "clip":
        assert clip is not None
        waveform = clip.middle(seconds, bench.rate)[None]
    else:
        with torch.no_grad():
            waveform = SoundCanvas(sight, bench.usual_sound, [seed], samples).sound().cpu()
    return Takes((NEUTRAL,), (seed,), {}, waveform[:, :samples])


def _scales(bench: Bench, wish: DreamWish) -> list[float]:
    """How much time is compressed at each octave, most first; none so much that nothing is left to play."""
    found = [wish.ratio**octave for octave in range(wish.octaves)]
    least = 2 * bench.generator.shortest_seconds
    return [round(scale, 4) for scale in reversed(found) if scale == 1 or wish.seconds / scale >= least]


def _octave(
    bench: Bench, sight: Sight, objective: Objective, wish: DreamWish, sound: Tensor, advance: Callable[[float], None]
) -> tuple[Finished, Tensor, Tensor]:
    """A sound changed at one time scale, the curve, and the sound as it is without the change: through the codec, where
    the location takes part in playing."""
    generator, seeds = bench.generator, [wish.seed]
    if sight.hears:
        canvas = SoundCanvas(sight, bench.usual_sound, seeds, sound.shape[1], sound)
        with torch.no_grad():
            unchanged = canvas.sound().float().cpu()
        ascent = ascend(canvas, [objective], wish.steps, advance=advance)
        return ascent.finished, ascent.values, unchanged
    takes = sight.relaxation.encoded(sound.to(generator.device), NEUTRAL, seeds)
    parameters = sight.relaxation.parameters(takes, 1 - wish.strength)
    prior = bench.naturalness(sight)
    prior = Naturalness(prior.typical, prior.weight * (1 - wish.strength), chance=0.0)
    drafts = DraftCanvas(sight, generator.read_text([NEUTRAL]), NEUTRAL, seeds, parameters, prior)
    ascent = ascend(drafts, [objective], wish.steps, advance=advance)
    return ascent.finished, ascent.values, takes.waveform


def _allowed(wish: DreamWish, base: Tensor, detail: Tensor) -> float:
    """What of the change is let through, so that it stays below the level that the strength allows."""
    loudest = 10 ** ((FAITHFUL_DB + wish.strength * (SURREAL_DB - FAITHFUL_DB)) / 20)
    level = float(detail.square().mean().sqrt()) / max(float(base.square().mean().sqrt()), 1e-6)
    return min(1.0, loudest / max(level, 1e-9))


def resized(waveform: Tensor, samples: int) -> Tensor:
    """(rows, samples) stretched or compressed to another length, pitch and all: its spectrum is cut or filled up."""
    if waveform.shape[1] == samples:
        return waveform
    spectrum = torch.fft.rfft(waveform)[:, : samples // 2 + 1]
    return torch.fft.irfft(spectrum, n=samples) * (samples / waveform.shape[1])
