"""Who a unit speaks to: what it writes to the output heads, which units it reads from, and which read from it, by
weights.

A weight says what would reach another unit, not how often it does: partners are candidates for a test, not causes.
"""

from __future__ import annotations

import torch
from pydantic import BaseModel
from torch import Tensor

from tonescope.models.generator import Generator
from tonescope.models.units import Location, Unit
from tonescope.models.wiring import Wiring, wiring_of

MOST = 8
_ORDER = {"self": 0, "cross": 1, "mlp": 2}  # within a layer


class Partner(BaseModel):
    """A unit up or down the stream, and the cosine of what one writes with what the other reads; of a head, of the
    direction that is nearest."""

    unit: str
    cosine: float


class HeadRow(BaseModel):
    """What a unit makes likelier or unlikelier at an output head: choices with the change of their logit a unit of
    activation, less the mean over all; ``strength`` is the norm over all choices, over what is usual at the
    location."""

    head: str
    strength: float
    likelier: list[tuple[str, float]]
    unlikelier: list[tuple[str, float]]


class UnitWiring(BaseModel):
    """Everything that the weights say of a unit."""

    writes: list[HeadRow]
    upstream: list[Partner]
    downstream: list[Partner]


def wiring_of_unit(generator: Generator, unit: Unit) -> UnitWiring | None:
    """Of one unit; ``None`` where the family or the location tells nothing."""
    wiring = wiring_of(generator)
    written = wiring.written(unit.location) if wiring else None
    if wiring is None or written is None:
        return None
    own, read = written[unit.index], wiring.read(unit.location)
    places = [place for place in generator.locations() if place.network == unit.location.network]
    earlier = [place for place in places if _at(place) < _at(unit.location)]
    later = [place for place in places if _at(place) > _at(unit.location)]
    return UnitWiring(
        writes=_heads(wiring, own, written),
        upstream=[] if read is None else _writers(wiring, read[unit.index], earlier),
        downstream=_readers(wiring, own, later),
    )


def _at(location: Location) -> tuple[int, int]:
    return location.layer, _ORDER.get(location.name, -1)


def _heads(wiring: Wiring, own: Tensor, every: Tensor) -> list[HeadRow]:
    """Of a head, which is several features wide, along the direction that it changes most."""
    rows = []
    for name, weight in wiring.heads().items():
        logits = own @ weight.T
        logits = logits - logits.mean(1, keepdim=True)
        strongest = int(logits.norm(dim=1).argmax())
        usual = _usual(every, weight)
        order = logits[strongest].argsort(descending=True).tolist()
        told = [(wiring.choice(name, at), round(float(logits[strongest, at]), 4)) for at in order]
        rows.append(
            HeadRow(
                head=name,
                strength=round(float(logits[strongest].norm()) / max(usual, 1e-12), 3),
                likelier=told[:MOST],
                unlikelier=told[::-1][:MOST],
            )
        )
    return rows


def _usual(every: Tensor, weight: Tensor) -> float:
    """The median over units of what they change at a head."""
    flat = every.flatten(0, 1)
    some = flat[:: max(1, len(flat) // 256)] @ weight.T
    return float((some - some.mean(1, keepdim=True)).norm(dim=1).median())


def _writers(wiring: Wiring, read: Tensor, places: list[Location]) -> list[Partner]:
    found: list[tuple[float, Unit]] = []
    for place in places:
        written = wiring.written(place)
        if written is not None:
            found += _strongest(torch.einsum("ufw,w->uf", written, _unit(read)), written.norm(dim=2), place)
    return _told(found)


def _readers(wiring: Wiring, own: Tensor, places: list[Location]) -> list[Partner]:
    found: list[tuple[float, Unit]] = []
    for place in places:
        read = wiring.read(place)
        if read is not None:
            found += _strongest(_unit(read) @ own.T, own.norm(dim=1)[None].expand(len(read), -1), place)
    return _told(found)


def _strongest(products: Tensor, lengths: Tensor, place: Location) -> list[tuple[float, Unit]]:
    """Cosines (units, features) of a place, of each unit the largest by size, of these the first few."""
    cosines = products / lengths.clamp_min(1e-12)
    best = cosines.gather(1, cosines.abs().argmax(1, keepdim=True))[:, 0]
    chosen = best.abs().topk(min(MOST, len(best))).indices.tolist()
    return [(float(best[at]), Unit(place, at)) for at in chosen]


def _told(found: list[tuple[float, Unit]]) -> list[Partner]:
    ordered = sorted(found, key=lambda pair: -abs(pair[0]))[:MOST]
    return [Partner(unit=str(unit), cosine=round(cosine, 4)) for cosine, unit in ordered]


def _unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=-1, keepdim=True).clamp_min(1e-12)
