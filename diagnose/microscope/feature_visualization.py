"""Feature visualization: sound that drives one unit as far as it goes, up or down (Olah et al. 2017).

The channel objective asks for the mean over all positions, the neuron objective for one position. What is reached is
told as a percentile of what the unit does in real takes. Units that do nothing there are called dead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, get_args

import torch
from pydantic import BaseModel
from torch.nn.functional import adaptive_avg_pool1d

from tonescope.diagnose.microscope.ascent import Ascent, Canvas, ascend
from tonescope.diagnose.microscope.draft_canvas import DraftCanvas
from tonescope.diagnose.microscope.microscope import NEUTRAL, Heard, Microscope
from tonescope.diagnose.microscope.objectives import (
    MOMENT,
    SIGNS,
    Kind,
    Objective,
    Side,
    diversity,
    of_kind,
    position,
    unit_values,
)
from tonescope.diagnose.microscope.prompt_canvas import PromptCanvas
from tonescope.diagnose.microscope.real_examples import UnitStatistics
from tonescope.diagnose.microscope.sight import Sight, hears
from tonescope.diagnose.microscope.sound_canvas import SoundCanvas
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.store.artifacts import Artifact, Made, Recipe
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Takes
from tonescope.models.units import Location, Unit

VERSION = 6  # since 6, means are compared with those of parts as long
By = Literal["auto", "sound", "state", "prompt"]
"""What is free: the sound, for what hears; what a generator plays with, step by step; what it reads."""

Start = Literal["auto", "example", "noise"]
"""Where an ascent begins: at the real example that has most of it, or at noise. A neuron that is off passes no gradient
on, and noise seldom turns it on."""

FIRMNESS, CHANCE = 0.2, 0.2  # of an example that is begun with, and how much noise there is then
CURVE_POINTS = 120  # that are kept of what a unit does over time
MOST_ROWS = 24  # in a batch
MOST_ROWS_OF_CPU = 8  # whose cache more would not fit into; and a pass ends at the deepest unit of its batch


@dataclass(frozen=True)
class Wish:
    """What is wanted of units.

    Attributes:
        kind: the mean over all positions, or one position.
        sides: up, down, or both.
        samples: of each side, with seeds of their own.
        steps: of the ascent.
        seconds: length.
        seed: of the first sample.
        by: what is changed.
        prompt: what the generator reads meanwhile; with ``by="prompt"``, what it starts from.
        start: where each sample begins; those from examples begin at different ones.
        diversity: what it costs that samples are alike, in standard deviations of the unit.
        naturalness: what a nat below the log-probability of real takes costs, in these; for ``by="state"``.
    """

    kind: Kind = "channel"
    sides: tuple[Side, ...] = ("positive",)
    samples: int = 2
    steps: int = 128
    seconds: float = 2.0
    seed: int = 1
    by: By = "auto"
    prompt: str = NEUTRAL
    start: Start = "auto"
    diversity: float = 1.0
    naturalness: float = 3.0

    @property
    def about(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


class Rendering(Heard):
    """One sample.

    ``value`` is what the unit does in it. ``percentile`` is how much of the real examples is less extreme, in percent;
    100 means that it goes beyond every one of them (``beyond``).
    """

    side: Side
    value: float
    percentile: float
    beyond: bool


class RealRange(BaseModel):
    """What a unit does in real takes: least, median and most of so many ``numbers`` (parts of takes, as long as what is
    made, or positions of takes)."""

    least: float
    median: float
    most: float
    numbers: int
    takes: int


class Visualized(BaseModel):
    """What was found about one unit."""

    unit: str
    by: By
    renderings: list[Rendering]
    real: RealRange


def visualize_units(scope: Microscope, units: Sequence[Unit], wish: Wish) -> list[Made]:
    """Render units, many in a batch; those that were rendered before are not rendered again.

    Args:
        units: all of one network.

    Returns:
        An artifact for each, in the order asked, whose ``result`` is a :class:`Visualized`.

    Raises:
        TonescopeError: a unit is dead or of the text encoder, its negative side was asked for and it is a head, the
            wish cannot be met by this family.
    """
    scope.check_seconds(wish.seconds)
    sight = scope.sight(*{unit.location: None for unit in units})
    wish = replace(wish, by=_by(sight, wish.by))
    wish = replace(wish, start=_start(scope, wish))
    for unit in units:
        _check_sides(unit, wish)
    known = {location: scope.statistics(location, wish.seconds) for location in sight.locations}
    for unit in units:
        _check_alive(unit, known[unit.location])
    recipes = [scope.recipe("visualize", VERSION, {"unit": str(unit), **wish.about}) for unit in units]
    found: dict[Unit, Made] = {}
    wanting: list[tuple[Unit, Recipe]] = []
    for unit, recipe in zip(units, recipes, strict=True):
        kept, note = scope.store.kept(recipe)
        if kept is not None:
            found[unit] = Made(kept, was_there=True)
        elif unit not in found:
            wanting.append((unit, recipe))
            found[unit] = Made(Artifact(recipe), note=note)
    wanting.sort(key=lambda each: each[0])  # a pass ends at the deepest unit of its batch
    together = max(1, _rows(scope, wish) // (len(wish.sides) * wish.samples))
    for start in range(0, len(wanting), together):
        part = wanting[start : start + together]
        advance = scope.within(start / len(wanting), min(1.0, (start + len(part)) / len(wanting))).advance
        artifacts = _render(scope, [unit for unit, _ in part], wish, known, partial(advance, "change the sound"))
        for (unit, recipe), made in zip(part, artifacts, strict=True):
            artifact = replace(made, recipe=recipe)
            scope.store.keep(artifact)
            found[unit] = Made(artifact, note=found[unit].note)
    return [found[unit] for unit in units]


def _by(sight: Sight, by: By) -> By:
    """What is changed. Raises :class:`TonescopeError` where a location does not see it."""
    if by not in get_args(By):
        raise TonescopeError(f"“{by[:20]}” is nothing that can be changed; use {', '.join(get_args(By))}.")
    if by == "auto":
        return "sound" if sight.hears else "state"
    if by == "sound" and not sight.hears:
        raise TonescopeError(
            f"{sight.locations[0]} plays and does not hear, so no sound can be put before it; use state or prompt."
        )
    return by


def _start(scope: Microscope, wish: Wish) -> Start:
    """Where to begin. Raises :class:`TonescopeError` where there is no such beginning."""
    if wish.start not in get_args(Start):
        raise TonescopeError(f"“{wish.start[:20]}” is nothing to begin with; use {', '.join(get_args(Start))}.")
    longer = wish.seconds > scope.examples.context.seconds
    if wish.start == "example" and longer:
        raise TonescopeError(
            f"real examples are {scope.examples.context.seconds:g} seconds long and {wish.seconds:g} were asked for; "
            "ask for less, or begin with noise."
        )
    if wish.start != "auto":
        return wish.start
    # What hears has many positions, of which some are always on.
    return "noise" if wish.by == "sound" or longer else "example"


def _check_alive(unit: Unit, known: UnitStatistics) -> None:
    """Raises :class:`TonescopeError` for a unit that never does anything."""
    if known.dead(unit.index):
        raise TonescopeError(
            f"{unit} is dead: in {known.takes} takes of ordinary prompts it never does anything, so there is nothing "
            "to show; choose another unit."
        )


def _check_sides(unit: Unit, wish: Wish) -> None:
    """Raises :class:`TonescopeError` for a side that a unit does not have."""
    if "negative" in wish.sides and unit.location.site.units == "head":
        raise TonescopeError(
            f"{unit} is a head, whose output has a length and no sign, so it has no negative side; ask for positive."
        )


def _rows(scope: Microscope, wish: Wish) -> int:
    """How many rows fit into memory."""
    each = scope.generator.cost(wish.seconds, 8, 1.0).attribution
    device = scope.generator.device
    most = MOST_ROWS_OF_CPU if device.type == "cpu" else MOST_ROWS
    return memory.budget(device).rows(each, most, f"a visualization of {wish.seconds:g} s")


def _render(
    scope: Microscope,
    units: Sequence[Unit],
    wish: Wish,
    known: Mapping[Location, UnitStatistics],
    advance: Callable[[float], None],
) -> list[Artifact]:
    """One batch."""
    begun = time.perf_counter()
    sight = scope.sight(*{unit.location: None for unit in units})
    asked = [(unit, side) for unit in units for side in wish.sides]
    objectives = [_objective(sight, unit, side, wish, known[unit.location]) for unit, side in asked]
    seeds = [wish.seed + sample for sample in range(wish.samples)] * len(asked)
    places = [unit.location for unit, _ in asked for _ in range(wish.samples)]
    begins = [
        known[unit.location].example(wish.kind, side, unit.index, sample)
        for unit, side in asked
        for sample in range(wish.samples)
    ]
    ascent = ascend(_canvas(scope, sight, wish, seeds, places, begins), objectives, wish.steps, advance=advance)
    spent = (time.perf_counter() - begun) / len(units)
    each = len(wish.sides) * wish.samples
    return [
        replace(_artifact(scope, unit, wish, known[unit.location], ascent, at * each), seconds=round(spent, 2))
        for at, unit in enumerate(units)
    ]


def _objective(sight: Sight, unit: Unit, side: Side, wish: Wish, known: UnitStatistics) -> Objective:
    """In standard deviations of what the unit does in real takes, so that priors weigh alike for all units."""
    usual, spread = known.scale(wish.kind, unit.index)
    plain = of_kind(wish.kind, unit, sight.width(unit))
    wanted = (plain - usual) * (SIGNS[side] / spread)
    if wish.samples > 1 and wish.diversity:
        wanted = wanted + wish.diversity * diversity(unit.location)
    return wanted


def _canvas(
    scope: Microscope,
    sight: Sight,
    wish: Wish,
    seeds: Sequence[int],
    places: Sequence[Location],
    begins: Sequence[tuple[int, float]],
) -> Canvas:
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
        place if side == "positive" else None for place, side in zip(places, _sides(wish, len(places)), strict=True)
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


def _sides(wish: Wish, rows: int) -> list[Side]:
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


def _artifact(scope: Microscope, unit: Unit, wish: Wish, known: UnitStatistics, ascent: Ascent, first: int) -> Artifact:
    """What one unit's rows came to."""
    count = len(wish.sides) * wish.samples
    rows = range(first, first + count)
    takes = ascent.finished.takes.pick(rows)
    width = scope.sight(unit.location).width(unit)
    seen = {unit.location: ascent.finished.seen[unit.location][first : first + count]}
    values = of_kind(wish.kind, unit, width)(seen).tolist()
    sides = _sides(wish, count)
    renderings = [
        _rendering(heard, side, value, known, unit, wish.kind)
        for heard, side, value in zip(scope.heard(takes), sides, values, strict=True)
    ]
    result = Visualized(unit=str(unit), by=wish.by, renderings=renderings, real=_real(known, unit, wish.kind))
    tensors = {name: tensor[first : first + count] for name, tensor in ascent.finished.tensors.items()}
    tensors |= {"values": ascent.values[:, first : first + count].clone()}
    if unit.location.network != "judge":  # whose positions are not in the order of time
        what = unit_values(seen[unit.location], width)[..., unit.index]
        tensors["activity"] = adaptive_avg_pool1d(what[:, None], min(CURVE_POINTS, what.shape[1]))[:, 0]
    tensors |= {"penalties": ascent.penalties[:, first : first + count].clone()}
    recipe = Recipe("visualize", VERSION, {}, {})
    return replace(Artifact.of_takes(recipe, takes, tensors), result=result.model_dump(mode="json"))


def _rendering(heard: Heard, side: Side, value: float, known: UnitStatistics, unit: Unit, kind: Kind) -> Rendering:
    least, most = known.range(kind, unit.index)
    percentile = known.percentile(kind, unit.index, value)
    beyond = value > most if side == "positive" else value < least
    shown = percentile if side == "positive" else 100 - percentile
    return Rendering(**heard.model_dump(), side=side, value=value, percentile=round(shown, 2), beyond=beyond)


def _real(known: UnitStatistics, unit: Unit, kind: Kind) -> RealRange:
    least, most = known.range(kind, unit.index)
    median = known.scale(kind, unit.index)[0]
    return RealRange(least=least, median=median, most=most, numbers=known.sample(kind), takes=known.takes)


def takes_of(artifact: Artifact, wish: Wish) -> dict[Side, Takes]:
    """The takes of an artifact by side."""
    seeds = [wish.seed + sample for sample in range(wish.samples)] * len(wish.sides)
    takes = artifact.takes([wish.prompt] * len(seeds), seeds)
    each = wish.samples
    return {side: takes.rows(at * each, (at + 1) * each) for at, side in enumerate(wish.sides)}
