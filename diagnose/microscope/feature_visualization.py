"""Feature visualization: sound that drives one unit as far as it goes, up or down (Olah et al. 2017).

The channel objective asks for the mean over all positions, the neuron objective for one position. What is reached is
told as a percentile of what the unit does in real takes. Units that do nothing there are called dead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, get_args

import torch
from pydantic import BaseModel
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d

from tonescope.diagnose.microscope.aims import Aim, ComposedAim, Term, UnitAim, terms_of
from tonescope.diagnose.microscope.ascent import Ascent, Finished, ascend, of_rows
from tonescope.diagnose.microscope.begun_canvas import canvas_of, sides_of
from tonescope.diagnose.microscope.microscope import NEUTRAL, Heard, Microscope
from tonescope.diagnose.microscope.objectives import (
    SIGNS,
    Kind,
    Objective,
    Side,
    diversity,
    unit_values,
)
from tonescope.diagnose.microscope.real_examples import UnitStatistics
from tonescope.diagnose.microscope.sight import Sight
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.store.artifacts import Artifact, Made, Recipe
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes
from tonescope.models.units import Unit

VERSION = 6  # since 6, means are compared with those of parts as long, and no sample is below its start
By = Literal["auto", "sound", "state", "prompt"]
"""What is free: the sound, for what hears; what a generator plays with, step by step; what it reads."""

Start = Literal["auto", "example", "noise"]
"""Where an ascent begins: at the real example that has most of it, or at noise. A neuron that is off passes no gradient
on, and noise seldom turns it on."""

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
        composed: units joined by + and -, whose means are driven together (:func:`.aims.terms_of`); the unit alone, if
            empty.
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
    composed: str = ""

    @property
    def about(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


class Rendering(Heard):
    """One sample.

    ``value`` is what the unit does in it. ``percentile`` is how much of the real examples is less extreme, in percent;
    100 means that it goes beyond every one of them (``beyond``). ``is_start`` says that the ascent ended below the real
    example that it began with, which is given instead.
    """

    side: Side
    value: float
    percentile: float
    beyond: bool
    is_start: bool = False


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
    terms = _terms(scope, units, wish)
    places = dict.fromkeys(unit.location for unit in (*units, *(term.unit for term in terms)))
    sight = scope.sight(*places)
    wish = replace(wish, by=_by(sight, wish.by))
    wish = replace(wish, start=_start(scope, wish))
    for unit in units if not terms else ():
        _check_sides(unit, wish)
    known = {location: scope.statistics(location, wish.seconds) for location in sight.locations}
    for unit in [term.unit for term in terms] or units:
        _check_alive(unit, known[unit.location])
    widths = {location: sight.places.head_width(location) for location in sight.locations}
    aims: dict[Unit, Aim] = {
        unit: ComposedAim(unit, terms, known, widths)
        if terms
        else UnitAim(unit, wish.kind, known[unit.location], widths[unit.location])
        for unit in units
    }
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
        artifacts = _render(scope, sight, [aims[unit] for unit, _ in part], wish, partial(advance, "change the sound"))
        for (unit, recipe), made in zip(part, artifacts, strict=True):
            artifact = replace(made, recipe=recipe)
            scope.store.keep(artifact)
            found[unit] = Made(artifact, note=found[unit].note)
    return [found[unit] for unit in units]


def _terms(scope: Microscope, units: Sequence[Unit], wish: Wish) -> tuple[Term, ...]:
    """What is composed, if anything is. Raises :class:`TonescopeError` for units that there are not, and for an
    objective that is asked of one moment, or has nothing to do with the unit that it is told of."""
    if not wish.composed:
        return ()
    terms = terms_of(wish.composed)
    named = [scope.unit(str(term.unit)) for term in terms]
    if strange := next((unit for unit in units if unit not in named), None):
        raise TonescopeError(
            f"the objective {wish.composed[:80]} has no {strange}, which it is to be told of; put it in, or name a "
            "unit that is in it."
        )
    if wish.kind != "channel":
        raise TonescopeError("units are composed by their means over the sound; leave the moment out.")
    return terms


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
    every: Sight,
    aims: Sequence[Aim],
    wish: Wish,
    advance: Callable[[float], None],
) -> list[Artifact]:
    """One batch."""
    begun = time.perf_counter()
    sight = every if wish.composed else scope.sight(*dict.fromkeys(aim.unit.location for aim in aims))
    asked = [(aim, side) for aim in aims for side in wish.sides]
    objectives = [_objective(aim, side, wish) for aim, side in asked]
    seeds = [wish.seed + sample for sample in range(wish.samples)] * len(asked)
    places = [aim.unit.location for aim, _ in asked for _ in range(wish.samples)]
    begins = [aim.example(side, sample) for aim, side in asked for sample in range(wish.samples)]
    canvas = canvas_of(scope, sight, wish, seeds, places, begins)
    started = canvas.finish() if wish.start == "example" and wish.by != "prompt" else None
    ascent = ascend(canvas, objectives, wish.steps, advance=advance)
    starts = [False] * len(seeds)
    if started is not None:
        ascent, starts = _no_less(ascent, started, [aim.plain * SIGNS[side] for aim, side in asked])
    spent = (time.perf_counter() - begun) / len(aims)
    each = len(wish.sides) * wish.samples
    return [
        replace(_artifact(scope, aim, wish, ascent, starts, at * each), seconds=round(spent, 2))
        for at, aim in enumerate(aims)
    ]


def _objective(aim: Aim, side: Side, wish: Wish) -> Objective:
    """In standard deviations of what it is in real takes, so that priors weigh alike for all units."""
    usual, spread = aim.scale
    wanted = (aim.plain - usual) * (SIGNS[side] / spread)
    if wish.samples > 1 and wish.diversity:
        wanted = wanted + wish.diversity * diversity(aim.unit.location)
    return wanted


def _no_less(ascent: Ascent, started: Finished, objectives: Sequence[Objective]) -> tuple[Ascent, list[bool]]:
    """The ascent with those rows as they began that it brought below that, and which these are."""
    before, after = (of_rows(objectives, one.seen) for one in (started, ascent.finished))
    worse = (after < before).cpu()
    if not bool(worse.any()):
        return ascent, worse.tolist()

    def chosen(end: Tensor, start: Tensor) -> Tensor:
        rows = worse.view(-1, *[1] * (end.ndim - 1)).to(end.device)
        return torch.where(rows, start.to(end), end)

    takes, begun = ascent.finished.takes, started.takes
    state = {name: chosen(tensor, begun.state[name]) for name, tensor in takes.state.items()}
    kept = replace(takes, state=state, waveform=chosen(takes.waveform, begun.waveform))
    seen = {place: chosen(tensor, started.seen[place]) for place, tensor in ascent.finished.seen.items()}
    return replace(ascent, finished=replace(ascent.finished, takes=kept, seen=seen)), worse.tolist()


def _artifact(
    scope: Microscope,
    aim: Aim,
    wish: Wish,
    ascent: Ascent,
    starts: Sequence[bool],
    first: int,
) -> Artifact:
    """What one unit's rows came to; ``starts`` says of all rows whether they are as they began."""
    count = len(wish.sides) * wish.samples
    rows = range(first, first + count)
    takes, unit = ascent.finished.takes.pick(rows), aim.unit
    width = scope.sight(unit.location).width(unit)
    seen = {place: tensor[first : first + count] for place, tensor in ascent.finished.seen.items()}
    values = aim.plain(seen).tolist()
    sides = sides_of(wish, count)
    renderings = [
        _rendering(heard, side, value, aim, is_start)
        for heard, side, value, is_start in zip(
            scope.heard(takes), sides, values, starts[first : first + count], strict=True
        )
    ]
    result = Visualized(unit=str(unit), by=wish.by, renderings=renderings, real=_real(aim))
    tensors = {name: tensor[first : first + count] for name, tensor in ascent.finished.tensors.items()}
    tensors |= {"values": ascent.values[:, first : first + count].clone()}
    if unit.location.network != "judge":  # whose positions are not in the order of time
        what = unit_values(seen[unit.location], width)[..., unit.index]
        tensors["activity"] = adaptive_avg_pool1d(what[:, None], min(CURVE_POINTS, what.shape[1]))[:, 0]
    tensors |= {"penalties": ascent.penalties[:, first : first + count].clone()}
    recipe = Recipe("visualize", VERSION, {}, {})
    return replace(Artifact.of_takes(recipe, takes, tensors), result=result.model_dump(mode="json"))


def _rendering(heard: Heard, side: Side, value: float, aim: Aim, is_start: bool) -> Rendering:
    (least, most), percentile = aim.range, aim.percentile(value)
    beyond = value > most if side == "positive" else value < least
    shown = percentile if side == "positive" else 100 - percentile
    return Rendering(
        **heard.model_dump(),
        side=side,
        value=value,
        percentile=round(shown, 2),
        beyond=beyond,
        is_start=is_start,
    )


def _real(aim: Aim) -> RealRange:
    least, most = aim.range
    return RealRange(least=least, median=aim.scale[0], most=most, numbers=aim.numbers, takes=aim.takes)


def takes_of(artifact: Artifact, wish: Wish) -> dict[Side, Takes]:
    """The takes of an artifact by side."""
    seeds = [wish.seed + sample for sample in range(wish.samples)] * len(wish.sides)
    takes = artifact.takes([wish.prompt] * len(seeds), seeds)
    each = wish.samples
    return {side: takes.rows(at * each, (at + 1) * each) for at, side in enumerate(wish.sides)}
