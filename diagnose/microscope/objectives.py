"""Objectives: what a take is changed to have more of, as small objects that compose with ``+``, ``-`` and ``*``.

An objective gives one number a row from the activations of a pass. Rows are samples of one thing, so that an objective
may compare them with one another. After Lucid (Olah, Mordvintsev, Schubert 2017, Feature Visualization).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from tonescope.models.units import Location, Unit

Seen = Mapping[Location, Tensor]
"""Activations by location: (rows, along, features)."""

Kind = Literal["channel", "neuron"]
"""The mean over all positions, or one position alone."""

Side = Literal["positive", "negative"]
SIGNS: dict[Side, float] = {"positive": 1.0, "negative": -1.0}

STYLE_FEATURES = 128  # that samples are compared by
MOMENT = 0.5  # where a neuron objective looks
LEAST_LIKENESS = 0.1  # below which a cosine counts as this, so that there is a gradient where nothing is alike yet


@dataclass(frozen=True)
class Objective:
    """A number a row.

    Attributes:
        locations: where it looks.
        score: from activations to (rows,).
        name: what it is, as it would be written.
    """

    locations: frozenset[Location]
    score: Callable[[Seen], Tensor]
    name: str

    def __call__(self, seen: Seen) -> Tensor:
        return self.score(seen)

    def __add__(self, other: Objective | float) -> Objective:
        return _joined(self, other, torch.add, "{} + {}")

    def __radd__(self, other: Objective | float) -> Objective:
        return self if other == 0 else _joined(self, other, torch.add, "{} + {}")  # 0 starts a sum

    def __sub__(self, other: Objective | float) -> Objective:
        return _joined(self, other, torch.sub, "{} − {}")

    def __rsub__(self, other: float) -> Objective:
        return -self + other

    def __mul__(self, other: Objective | float) -> Objective:
        return _joined(self, other, torch.mul, "({}) × {}")

    def __rmul__(self, other: float) -> Objective:
        return self * other

    def __neg__(self) -> Objective:
        return Objective(self.locations, lambda seen: -self.score(seen), f"−({self.name})")


def _joined(
    left: Objective, right: Objective | float, join: Callable[[Tensor, Tensor], Tensor], written: str
) -> Objective:
    if isinstance(right, Objective):
        both = left.locations | right.locations
        return Objective(both, lambda seen: join(left(seen), right(seen)), written.format(left.name, right.name))
    number = float(right)

    def score(seen: Seen) -> Tensor:
        value = left(seen)
        return join(value, value.new_tensor(number))

    return Objective(left.locations, score, written.format(left.name, f"{number:g}"))


def unit_values(features: Tensor, width: int) -> Tensor:
    """What units do, (rows, along, units), of features (rows, along, features): the length of a head's output, and of
    everything else the value itself."""
    return features if width == 1 else features.unflatten(-1, (-1, width)).norm(dim=-1)


def _of(unit: Unit, width: int, seen: Seen) -> Tensor:
    """What one unit does: (rows, along)."""
    features = seen[unit.location][..., unit.index * width : (unit.index + 1) * width]
    return unit_values(features, width)[..., 0]


def channel(unit: Unit, width: int = 1) -> Objective:
    """What a unit does, mean over all positions. ``width`` is how many features it is wide."""
    return Objective(frozenset([unit.location]), lambda seen: _of(unit, width, seen).mean(1), f"channel {unit}")


def neuron(unit: Unit, width: int = 1, at: float = MOMENT) -> Objective:
    """What a unit does at one position: so far into the take, 0 to 1."""

    def score(seen: Seen) -> Tensor:
        values = _of(unit, width, seen)
        return values[:, position(values.shape[1], at)]

    return Objective(frozenset([unit.location]), score, f"neuron {unit} at {at:g}")


def position(along: int, at: float) -> int:
    """The position that lies so far into a take, 0 to 1."""
    return min(along - 1, int(at * along))


def of_kind(kind: Kind, unit: Unit, width: int = 1) -> Objective:
    """:func:`channel` or :func:`neuron`."""
    return channel(unit, width) if kind == "channel" else neuron(unit, width)


def energy(location: Location, mean: Tensor | None = None) -> Objective:
    """How much goes on at a location: the mean square of all activations (DeepDream), less what is usual: ``mean``
    (features,)."""

    def score(seen: Seen) -> Tensor:
        here = seen[location]
        return (here if mean is None else here - mean.to(here)).square().mean((1, 2))

    return Objective(frozenset([location]), score, f"energy {location}")


def resemblance(
    location: Location, target: Tensor, mean: Tensor | None = None, *, power: float = 2.0, stretch: int = 1
) -> Objective:
    """Whether activations point where those of another sound do, and how far: dot product × cosine^power, mean over
    positions (Lucid's caricatures).

    Args:
        target: (along, features) of the other sound; shorter and longer ones are stretched to the length seen.
        mean: (features,) that both are measured from.
        power: 0 asks for a large dot product alone, a higher one for the same direction.
        stretch: so many positions are averaged before they are compared, so that what is done there may be done in any
            order.
    """

    def score(seen: Seen) -> Tensor:
        here, there = centred(seen[location], target, mean, stretch)
        dot = (here * there).mean(-1)
        likeness = functional.cosine_similarity(here, there, dim=-1).clamp_min(LEAST_LIKENESS)
        return (dot * likeness**power).mean(1)

    return Objective(frozenset([location]), score, f"resemblance at {location}")


def likeness(here: Tensor, target: Tensor, mean: Tensor | None = None, *, stretch: int = 1) -> Tensor:
    """Cosine (rows,) of activations (rows, along, features) with a target (along, features), mean over positions; with
    the arguments of :func:`resemblance`."""
    return functional.cosine_similarity(*centred(here, target, mean, stretch), dim=-1).mean(1)


def centred(here: Tensor, target: Tensor, mean: Tensor | None, stretch: int = 1) -> tuple[Tensor, Tensor]:
    """Activations (rows, along, features) and a target, both less the mean, averaged over so many positions each."""
    there = stretched(target.to(here), here.shape[1])[None]
    if mean is not None:
        here, there = here - mean.to(here), there - mean.to(here)
    if stretch > 1:
        here, there = (_averaged(part, stretch) for part in (here, there))
    return here, there.expand_as(here)


def _averaged(values: Tensor, stretch: int) -> Tensor:
    """Mean over every ``stretch`` positions of (rows, along, features); over all, where there are fewer."""
    width = min(stretch, values.shape[1])
    return functional.avg_pool1d(values.transpose(1, 2), width).transpose(1, 2)


def stretched(target: Tensor, along: int) -> Tensor:
    """(positions, features) at so many positions, the nearest ones."""
    if len(target) == along:
        return target
    nearest = torch.arange(along, device=target.device) * len(target) // along
    return target[nearest]


def diversity(location: Location) -> Objective:
    """How unlike the rows are: minus the mean cosine of their Gram matrices, which say what goes on together and not
    when. 0 for one row alone."""

    def score(seen: Seen) -> Tensor:
        here = seen[location]
        if len(here) < 2:
            return here.new_zeros(len(here))
        if here.shape[2] > STYLE_FEATURES:  # random directions keep angles (Johnson and Lindenstrauss 1984)
            random = torch.Generator().manual_seed(0)
            here = here @ torch.randn(here.shape[2], STYLE_FEATURES, generator=random).to(here)
        style = functional.normalize(torch.einsum("rtf,rtg->rfg", here, here).flatten(1), dim=-1)
        alike = style @ style.T
        return -(alike.sum(1) - alike.diagonal()) / (len(here) - 1)

    return Objective(frozenset([location]), score, f"diversity at {location}")
