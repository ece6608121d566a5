"""Caricature: a new sound that does at one location what a given clip does there, only more of it.

Activations are measured from what is usual. Those of the new sound are to point the same way as those of the clip and
as far as possible (dot product × cosine^power: Lucid's caricatures); whatever the location does not care about is free.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from pydantic import BaseModel

from tonescope.diagnose.judging.reference_clips import Clip
from tonescope.diagnose.microscope.ascent import Canvas, ascend
from tonescope.diagnose.microscope.bench import NEUTRAL, Bench, Heard
from tonescope.diagnose.microscope.deep_dream import clip_digest, start_of
from tonescope.diagnose.microscope.draft_canvas import DraftCanvas
from tonescope.diagnose.microscope.objectives import likeness, resemblance, stretched
from tonescope.diagnose.microscope.sight import Sight
from tonescope.diagnose.microscope.sound_canvas import SoundCanvas
from tonescope.diagnose.store.artifacts import Artifact, Made
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes
from tonescope.models.units import Location

VERSION = 1
SCALE = 10.0  # what a copy of the clip's activations is worth beside naturalness
COMPARED = 12  # real takes that the likeness is held against


@dataclass(frozen=True)
class CaricatureWish:
    """How to exaggerate.

    Attributes:
        power: of the cosine: 0 asks for strength alone, more for the same direction.
        samples: with seeds of their own.
        steps: of the ascent.
        seconds: length.
        seed: of the first sample.
        naturalness: what a nat below the log-probability of real takes costs, where the location takes part in playing.
    """

    power: float = 2.0
    samples: int = 1
    steps: int = 160
    seconds: float = 4.0
    seed: int = 1
    naturalness: float = 3.0

    @property
    def about(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dict(vars(self))


class Caricatured(Heard):
    """One sample. ``likeness`` is the cosine of its activations with the clip's, mean over positions;
    ``exaggeration`` is how far they go the clip's way, where the clip itself has 1."""

    likeness: float
    exaggeration: float


class Caricature(BaseModel):
    """What was found; ``others`` are the likenesses of real takes, which have nothing to do with the clip."""

    location: str
    clip: Heard
    samples: list[Caricatured]
    others: list[float]


def caricature(bench: Bench, location: Location, clip: Clip, wish: CaricatureWish) -> Made:
    """Render a caricature; its ``result`` is a :class:`Caricature`.

    Raises:
        TonescopeError: the wish cannot be met here, or the clip does nothing at the location.
    """
    sight = bench.sight(location)
    wish = replace(wish, seconds=min(wish.seconds, len(clip.waveform) / clip.rate))
    bench.check_seconds(wish.seconds)
    about = {"location": str(location), "clip": clip_digest(clip), **wish.about}
    recipe = bench.recipe("caricature", VERSION, about)
    return bench.store.made(recipe, lambda: replace(_render(bench, sight, clip, wish), recipe=recipe))


def _render(bench: Bench, sight: Sight, clip: Clip, wish: CaricatureWish) -> Artifact:
    begun, location = time.perf_counter(), sight.locations[0]
    seeds = [wish.seed + sample for sample in range(wish.samples)]
    known, original = bench.statistics(location), _original(bench, sight, clip, wish)
    target = sight.of_takes(original)[location][0]
    size = float((target - known.mean).square().mean())
    if size < 1e-12:
        raise TonescopeError(
            f"the clip does nothing at {location} beyond what is usual, so there is nothing to exaggerate; "
            "choose another clip or location."
        )
    objective = resemblance(location, target, known.mean, wish.power) * (SCALE / size)
    ascent = ascend(
        _canvas(bench, sight, wish, seeds), [objective], wish.steps, advance=partial(bench.advance, "change the sound")
    )
    finished = ascent.finished
    here = finished.seen[location]
    alike = likeness(here, target, known.mean).tolist()
    there = stretched(target, here.shape[1]) - known.mean
    far = (((here - known.mean) * there).mean((1, 2)) / there.square().mean()).tolist()
    samples = [
        Caricatured(**heard.model_dump(), likeness=round(likes, 4), exaggeration=round(how_far, 4))
        for heard, likes, how_far in zip(bench.heard(finished.takes), alike, far, strict=True)
    ]
    result = Caricature(
        location=str(location),
        clip=bench.heard(original)[0],
        samples=samples,
        others=_others(bench, sight, target, wish),
    )
    tensors = {"clip": original.waveform, "values": ascent.values}
    found = Artifact.of_takes(bench.recipe("caricature", VERSION, {}), finished.takes, tensors)
    return replace(found, result=result.model_dump(mode="json"), seconds=round(time.perf_counter() - begun, 2))


def _original(bench: Bench, sight: Sight, clip: Clip, wish: CaricatureWish) -> Takes:
    """The clip as one take, with a state where the location takes part in playing."""
    takes = start_of(bench, sight, "clip", wish.seconds, wish.seed, clip)
    if sight.hears:
        return takes
    return sight.relaxation.encoded(takes.waveform.to(bench.generator.device), NEUTRAL, takes.seeds)


def _canvas(bench: Bench, sight: Sight, wish: CaricatureWish, seeds: list[int]) -> Canvas:
    if sight.hears:
        return SoundCanvas(sight, bench.usual_sound, seeds, round(wish.seconds * bench.rate))
    generator = bench.generator
    parameters = sight.relaxation.random(seeds, generator.frames(wish.seconds))
    prior = bench.naturalness(sight, wish.naturalness)
    return DraftCanvas(sight, generator.read_text([NEUTRAL]), NEUTRAL, seeds, parameters, prior)


@torch.no_grad()
def _others(bench: Bench, sight: Sight, target: torch.Tensor, wish: CaricatureWish) -> list[float]:
    """How alike real takes are to the clip at the location, without anybody's doing."""
    takes = bench.real_takes
    chosen = takes.pick(range(0, len(takes), max(1, len(takes) // COMPARED)))
    location = sight.locations[0]
    here = sight.of_takes(chosen)[location]
    known = bench.statistics(location)
    return [round(value, 4) for value in likeness(here[:, : len(target)], target, known.mean).tolist()]
