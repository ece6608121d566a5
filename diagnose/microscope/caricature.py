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
from tonescope.diagnose.microscope.deep_dream import clip_digest, start_of
from tonescope.diagnose.microscope.draft_canvas import DraftCanvas
from tonescope.diagnose.microscope.microscope import NEUTRAL, Heard, Microscope
from tonescope.diagnose.microscope.objectives import centred, likeness, resemblance
from tonescope.diagnose.microscope.sight import Sight
from tonescope.diagnose.microscope.sound_canvas import SoundCanvas
from tonescope.diagnose.store.artifacts import Artifact, Made
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location

VERSION = 3
SCALE = 10.0  # what a copy of the clip's activations is worth beside naturalness
FIRMNESS, CHANCE = 0.2, 0.2  # of a real take that is begun with, and how much noise there is then


@dataclass(frozen=True)
class CaricatureWish:
    """How to exaggerate.

    Attributes:
        power: of the cosine: 0 asks for strength alone, more for the same direction.
        within: seconds in which it does not matter when something is done; of a judge, whose positions are not in the
            order of time, it is ignored.
        samples: with seeds of their own.
        steps: of the ascent.
        seconds: length.
        seed: of the first sample.
        naturalness: what a nat below the log-probability of real takes costs, where the location takes part in playing.
    """

    power: float = 2.0
    within: float = 0.25
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


def caricature(scope: Microscope, location: Location, clip: Clip, wish: CaricatureWish) -> Made:
    """Render a caricature; its ``result`` is a :class:`Caricature`.

    Raises:
        TonescopeError: the wish cannot be met here, or the clip does nothing at the location.
    """
    sight = scope.sight(location)
    wish = replace(wish, seconds=min(wish.seconds, len(clip.waveform) / clip.rate))
    scope.check_seconds(wish.seconds)
    about = {"location": str(location), "clip": clip_digest(clip), **wish.about}
    recipe = scope.recipe("caricature", VERSION, about)
    return scope.store.made(recipe, lambda: replace(_render(scope, sight, clip, wish), recipe=recipe))


def _render(scope: Microscope, sight: Sight, clip: Clip, wish: CaricatureWish) -> Artifact:
    begun, location = time.perf_counter(), sight.locations[0]
    seeds = [wish.seed + sample for sample in range(wish.samples)]
    known, original = scope.statistics(location), start_of(scope, sight, "clip", wish.seconds, wish.seed, clip)
    target = sight.of_takes(original)[location][0]
    size = float((target - known.mean).square().mean())
    if size < 1e-12:
        raise TonescopeError(
            f"the clip does nothing at {location} beyond what is usual, so there is nothing to exaggerate; "
            "choose another clip or location."
        )
    stretch = _stretch(scope, location, len(target), wish)
    same = centred(target[None], target, known.mean, stretch)[1]
    objective = resemblance(location, target, known.mean, power=wish.power, stretch=stretch)
    objective = objective * (SCALE / float(same.square().mean()))
    others = _others(scope, sight, target, stretch)
    ascent = ascend(
        _canvas(scope, sight, wish, seeds, others),
        [objective],
        wish.steps,
        advance=partial(scope.advance, "change the sound"),
    )
    finished = ascent.finished
    here = finished.seen[location]
    alike = likeness(here, target, known.mean, stretch=stretch).tolist()
    here, there = centred(here, target, known.mean, stretch)
    far = ((here * there).mean((1, 2)) / there.square().mean((1, 2))).tolist()
    samples = [
        Caricatured(**heard.model_dump(), likeness=round(likes, 4), exaggeration=round(how_far, 4))
        for heard, likes, how_far in zip(scope.heard(finished.takes), alike, far, strict=True)
    ]
    result = Caricature(
        location=str(location),
        clip=scope.heard(original)[0],
        samples=samples,
        others=others,
    )
    tensors = {"clip": original.waveform, "values": ascent.values, "penalties": ascent.penalties}
    found = Artifact.of_takes(scope.recipe("caricature", VERSION, {}), finished.takes, tensors)
    return replace(found, result=result.model_dump(mode="json"), seconds=round(time.perf_counter() - begun, 2))


def _canvas(scope: Microscope, sight: Sight, wish: CaricatureWish, seeds: list[int], others: list[float]) -> Canvas:
    """Noise, where the location hears; else the real takes that are most like the clip there: what is off in a take of
    noise passes no gradient on."""
    if sight.hears:
        return SoundCanvas(sight, scope.usual_sound, seeds, round(wish.seconds * scope.rate))
    generator, relaxation, real = scope.generator, sight.relaxation, scope.real_takes
    frames, prior = generator.frames(wish.seconds), scope.naturalness(wish.naturalness)
    text = generator.read_text([NEUTRAL])
    if frames > generator.frames_of(real):
        return DraftCanvas(sight, text, NEUTRAL, seeds, relaxation.random(seeds, frames), prior)
    ranked = sorted(range(len(others)), key=lambda take: -others[take])
    rows = [
        relaxation.parameters(real.pick([ranked[at % len(ranked)]]), FIRMNESS, frames=slice(0, frames))
        for at in range(len(seeds))
    ]
    return DraftCanvas(sight, text, NEUTRAL, seeds, torch.cat(rows), replace(prior, chance=CHANCE))


def _stretch(scope: Microscope, location: Location, along: int, wish: CaricatureWish) -> int:
    """Positions that are averaged before they are compared."""
    return 1 if location.network == "judge" else max(1, round(along * wish.within / wish.seconds))


@torch.no_grad()
def _others(scope: Microscope, sight: Sight, target: torch.Tensor, stretch: int) -> list[float]:
    """How alike real takes are to the clip at the location, without anybody's doing."""
    location = sight.locations[0]
    here = sight.of_takes(scope.real_takes)[location]
    known = scope.statistics(location)
    return [round(value, 4) for value in likeness(here[:, : len(target)], target, known.mean, stretch=stretch).tolist()]
