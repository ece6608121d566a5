"""What a visualization begins with: noise, or the part of a real take in which there is most of it, as a canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tonescope.diagnose.microscope.ascent import Canvas
from tonescope.diagnose.microscope.draft_canvas import DraftCanvas
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.microscope.objectives import MOMENT, Side, position
from tonescope.diagnose.microscope.prompt_canvas import PromptCanvas
from tonescope.diagnose.microscope.sight import Sight, hears
from tonescope.diagnose.microscope.sound_canvas import SoundCanvas
from tonescope.models.generator import Generator
from tonescope.models.units import Location

if TYPE_CHECKING:
    from tonescope.diagnose.microscope.feature_visualization import Wish

FIRMNESS, CHANCE = 0.2, 0.2  # of an example that is begun with, and how much noise there is then


def canvas_of(
    scope: Microscope,
    sight: Sight,
    wish: Wish,
    seeds: Sequence[int],
    places: Sequence[Location],
    begins: Sequence[tuple[int, float]],
) -> Canvas:
    """A canvas of so many rows, each for a place, and with the take (and how far into it) that it begins with."""
    generator, real, relaxes = scope.generator, scope.real_takes, wish.start == "example"
    if wish.by == "sound":
        samples = round(wish.seconds * scope.rate)
        cuts = [_cut(real.waveform.shape[1], samples, at) for _, at in begins]
        start = torch.stack([real.waveform[take, cut] for (take, _), cut in zip(begins, cuts, strict=True)])
        return SoundCanvas(sight, scope.usual_sound, seeds, samples, start if relaxes else None)
    text = generator.read_text([wish.prompt])
    if wish.by == "prompt":
        return PromptCanvas(sight, text, wish.prompt, seeds, wish.seconds, scope.examples.context.sampling)
    relaxation, frames, prior = sight.relaxation, generator.frames(wish.seconds), scope.naturalness(wish.naturalness)
    # Downwards, the least of a neuron is near its threshold, and not where it is farthest off.
    owners = [
        place if side == "positive" else None for place, side in zip(places, sides_of(wish, len(places)), strict=True)
    ]
    # One position depends on what is before it; how unlike samples are is asked of all of them.
    alone = wish.kind == "neuron" and (wish.samples == 1 or not wish.diversity)
    moment = MOMENT if alone and sight.locations[0].network == "decoder" else None
    if not relaxes:
        return DraftCanvas(sight, text, wish.prompt, seeds, relaxation.random(seeds, frames), prior, owners, moment)
    whole = generator.frames_of(real)
    rows = [
        relaxation.parameters(real.pick([take]), FIRMNESS, frames=_frames(generator, place, whole, frames, at))
        for place, (take, at) in zip(places, begins, strict=True)
    ]
    return DraftCanvas(sight, text, wish.prompt, seeds, torch.cat(rows), replace(prior, chance=CHANCE), owners, moment)


def sides_of(wish: Wish, rows: int) -> list[Side]:
    """The side of each row."""
    of_unit = [side for side in wish.sides for _ in range(wish.samples)]
    return of_unit * (rows // len(of_unit))


def _frames(generator: Generator, place: Location, whole: int, frames: int, at: float) -> slice:
    """So many frames of a take, of which a position, so far into the take, is where the neuron objective looks."""
    if hears(place):
        return _cut(whole, frames, at)
    along, part = (generator.along(place, length, 0) for length in (whole, frames))
    first = round(at * along) - position(part, MOMENT)
    if place.site.along == "samples":
        first = round(first * frames / part)
    first = max(0, min(whole - frames, first))
    return slice(first, first + frames)


def _cut(whole: int, length: int, at: float) -> slice:
    """So much of a whole, with a point of it, so far into the whole, in the middle where there is room."""
    first = max(0, min(whole - length, round(at * whole) - length // 2))
    return slice(first, first + length)
