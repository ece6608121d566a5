"""Whether units of two models still do the same, on the same codes: linear CKA by location, and units matched by the
correlation of their activity (Kornblith et al. 2019, arXiv 1905.00414; Li et al. 2015, arXiv 1511.07543)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tonescope.diagnose.compare.compare_schema import BookmarkRow, LikenessRow, MovedUnit
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.recording import batches, watch
from tonescope.diagnose.microscope.objectives import unit_values
from tonescope.diagnose.store.bookmarks import Bookmark
from tonescope.models.generator import UNGUIDED, Generator, Takes
from tonescope.models.units import Location, Unit

NETWORKS = ("text", "decoder", "denoiser")  # those that play; the codec is held against the other by its sound
MOST_POSITIONS = 1600  # of a location
AT_ONCE = 128 * 2**20  # bytes of activations that are held of one model
MOST_MOVED = 6
CHANGED = 0.9  # correlation below which a bookmarked unit has changed
FLAT = 1e-6  # of the usual spread at a location, below which a unit is dead


@dataclass(frozen=True)
class Activity:
    """What the units of one location do on some codes: features (positions, features), units (positions, units)."""

    features: Tensor
    units: Tensor


def activity(generator: Generator, takes: Takes, locations: Sequence[Location]) -> dict[Location, Activity]:
    """At some locations, on the same codes; the same positions of each, whatever the model."""
    context = Context(generator, sampling=UNGUIDED)
    each = max(1, MOST_POSITIONS // len(takes))

    def reduce(_: Location, whole: Tensor) -> Tensor:
        flat = whole[:, 0].flatten(1, 2)
        at = torch.linspace(0, flat.shape[1] - 1, min(each, flat.shape[1])).round().long()
        return flat[:, at.to(flat.device)].float().cpu()

    found: dict[Location, list[tuple[int, Tensor]]] = {location: [] for location in locations}
    for rows in batches(generator, takes):
        seen, _ = watch(context, takes.pick(rows), rows, locations, reduce)
        for location, tensor in seen.items():
            found[location] += list(zip(rows, tensor, strict=True))
    made = {}
    for location, parts in found.items():
        features = torch.cat([part for _, part in sorted(parts, key=lambda pair: pair[0])])
        width = generator.head_width(location)
        made[location] = Activity(features, unit_values(features[None], width)[0])
    return made


def cka(first: Tensor, second: Tensor) -> float:
    """Linear CKA of (positions, features) and (positions, features), 0 to 1."""
    one, other = (each.double() - each.double().mean(0) for each in (first, second))
    if len(one) < max(one.shape[1], other.shape[1]):
        kernels = one @ one.T, other @ other.T
        cross, norms = (kernels[0] * kernels[1]).sum(), [kernel.norm() for kernel in kernels]
    else:
        cross, norms = (one.T @ other).square().sum(), [(each.T @ each).norm() for each in (one, other)]
    below = float(norms[0] * norms[1])
    return float(cross) / below if below > 0 else 0.0


def correlations(first: Tensor, second: Tensor) -> Tensor:
    """Of every unit of one (positions, units) with every unit of the other; 0 for those that do nothing."""
    one, other = (_standard(each) for each in (first, second))
    return one.T @ other / len(first)


def by_chance(first: Tensor, second: Tensor) -> Tensor:
    """:func:`correlations` with what the other does out of step: a third of the positions later, so that what each of
    its units does by itself stays as it is."""
    return correlations(first, second.roll(max(1, len(second) // 3), 0))


def _live(values: Tensor) -> Tensor:
    """Which units (units,) do anything."""
    spread = values.std(0, unbiased=False)
    return spread > FLAT * spread.median().clamp_min(1e-12)


def _standard(values: Tensor) -> Tensor:
    centred = values - values.mean(0)
    spread = centred.square().mean(0).sqrt()
    live = _live(values)
    return torch.where(live, centred / spread.clamp_min(1e-12), torch.zeros(()))


def groups_of(generator: Generator, positions: int) -> list[list[Location]]:
    """Locations that are looked at in one pass, so that what is held stays bounded."""
    places = [place for place in generator.locations() if place.network in NETWORKS]
    found: list[list[Location]] = []
    held = AT_ONCE
    for place in places:
        size = 8 * positions * generator.features(place)
        if held + size > AT_ONCE:
            found.append([])
            held = 0
        found[-1].append(place)
        held += size
    return found


def likeness(
    first: Generator, second: Generator, takes: Takes, bookmarks: Sequence[Bookmark] = ()
) -> tuple[list[LikenessRow], list[BookmarkRow]]:
    """Every location of A beside the same of B, or the most alike of its kind where B has another depth; bookmarked
    units beside those."""
    rows, marked = [], list[BookmarkRow]()
    theirs = {str(place) for place in second.locations()}
    same_depth = theirs == {str(place) for place in first.locations()}
    kept = {} if same_depth else _all_of(second, takes)
    for places in groups_of(first, MOST_POSITIONS):
        here = activity(first, takes, places)
        there = activity(second, takes, places) if same_depth else {}
        for place in places:
            other, beside = (place, there[place]) if same_depth else _nearest(place, here[place], kept)
            if beside is None:
                continue
            found = correlations(here[place].units, beside.units)
            same = other == place and found.shape[0] == found.shape[1]
            rows.append(_row(place, other, here[place], beside, found, same))
            alive = _live(here[place].units), _live(beside.units)
            marked += [_bookmark(one, place, other, found, alive, same) for one in bookmarks if _of(one, place, found)]
    return rows, marked


def _all_of(generator: Generator, takes: Takes) -> dict[Location, Activity]:
    """Of a model of another depth, all of it is needed at a time."""
    found: dict[Location, Activity] = {}
    for places in groups_of(generator, MOST_POSITIONS):
        found |= activity(generator, takes, places)
    return found


def _nearest(place: Location, here: Activity, there: dict[Location, Activity]) -> tuple[Location, Activity | None]:
    same = [
        other
        for other in there
        if other.site.key == place.site.key and len(there[other].features) == len(here.features)
    ]
    if not same:
        return place, None
    best = max(same, key=lambda other: cka(here.features, there[other].features))
    return best, there[best]


def _row(place: Location, other: Location, here: Activity, there: Activity, found: Tensor, same: bool) -> LikenessRow:
    live, chance = found.abs().amax(1) > 0, by_chance(here.units, there.units).amax(1)
    best = found.max(1)
    in_place = None
    moved: list[MovedUnit] = []
    if same and bool(live.any()):
        own = found.diagonal()
        in_place = float((best.indices == torch.arange(len(found)))[live].float().mean())
        order = torch.where(live, own, torch.full_like(own, 2.0)).argsort()[:MOST_MOVED].tolist()
        moved = [
            _moved(place, other, unit, best.indices, best.values, float(own[unit])) for unit in order if live[unit]
        ]
        moved = [one for one in moved if one.in_place is not None and one.in_place < CHANGED]
    return LikenessRow(
        location=str(place),
        other=str(other),
        cka=round(cka(here.features, there.features), 5),
        units=len(found),
        matched=round(float(best.values[live].mean()), 4) if bool(live.any()) else 0.0,
        matched_by_chance=round(float(chance[live].mean()), 4) if bool(live.any()) else None,
        in_place=None if in_place is None else round(in_place, 4),
        moved=moved,
    )


def _moved(
    place: Location, other: Location, unit: int, nearest: Tensor, values: Tensor, own: float | None
) -> MovedUnit:
    return MovedUnit(
        unit=str(Unit(place, unit)),
        in_place=None if own is None else round(own, 4),
        nearest=str(Unit(other, int(nearest[unit]))),
        correlation=round(float(values[unit]), 4),
    )


def _of(bookmark: Bookmark, place: Location, found: Tensor) -> bool:
    unit = Unit.parse(bookmark.unit)
    return unit.location == place and unit.index < len(found)


def _bookmark(
    bookmark: Bookmark, place: Location, other: Location, found: Tensor, alive: tuple[Tensor, Tensor], same: bool
) -> BookmarkRow:
    """``alive`` says of the units of either side whether they do anything on these codes."""
    unit = Unit.parse(bookmark.unit).index
    active = bool(alive[0][unit]) or (same and bool(alive[1][unit]))
    best = found.max(1)
    moved = _moved(place, other, unit, best.indices, best.values, float(found[unit, unit]) if same else None)
    kept = moved.in_place if moved.in_place is not None else moved.correlation
    return BookmarkRow(**moved.model_dump(), name=bookmark.name, changed=active and kept < CHANGED, active=active)
