"""What goes on at locations of any network while given sound passes: heard by the judge and the codec's encoder,
teacher-forced through what plays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.elsewhere.surrogate_trace import NEUTRAL, check_surrogate
from tonescope.diagnose.intervene.recording import finite, watch
from tonescope.diagnose.microscope.objectives import unit_values
from tonescope.diagnose.microscope.sight import Sight, hears, places_at
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import UNGUIDED, Generator, Takes
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.judge_places import Timed, moments_of
from tonescope.models.sites import SITES
from tonescope.models.units import Location

T = TypeVar("T")
Reduce = Callable[[Location, Tensor, Tensor], T]
"""From what units do (rows, positions, units), and how far into the sound each position is (positions,)."""

USUAL = tuple(site.key for site in SITES if site.attributed)
ROWS = 4  # of sound that pass together


@dataclass(frozen=True)
class ListeningPass:
    """Locations, and who has them.

    Attributes:
        generator, judge: the models.
        locations: of any network but the text encoder.
    """

    generator: Generator
    judge: Judge | None
    locations: tuple[Location, ...]

    @classmethod
    def at(cls, generator: Generator, judge: Judge | None, names: Sequence[str]) -> ListeningPass:
        """At locations, or all of a site (``decoder.mlp``), by name; those where effects are estimated, if none is
        named.

        Raises :class:`TonescopeError` for one that there is not, or that no sound reaches.
        """
        found: list[Location] = []
        for name in names or [key for key in USUAL if generator.locations(key)]:
            if name.count(".") == 1 and not name.startswith("judge."):
                found += generator.asked([name])
            elif name.count(".") == 1:
                places = places_at(generator, judge, Location("judge", 0, name.removeprefix("judge.")))
                found += places.locations(name) or [places.location(name)]
            else:
                found.append(places_at(generator, judge, Location.parse(name)).location(name))
        if deaf := [location for location in found if location.network == "text"]:
            raise TonescopeError(
                f"{deaf[0]} reads words and no sound reaches it; name locations of what plays, of the codec or of the "
                "judge."
            )
        if any(not hears(location) for location in found):
            check_surrogate(generator)
        return cls(generator, judge, tuple(sorted(set(found))))

    def units(self, location: Location) -> int:
        """How many units a location has."""
        return places_at(self.generator, self.judge, location).units(location)

    @torch.no_grad()
    def of_sound(self, windows: Tensor, reduce: Reduce[T]) -> dict[Location, T]:
        """What comes of (rows, samples) of sound at the generator's rate, location by location.

        Raises :class:`TonescopeError` where an activation is not a number.
        """
        found: dict[Location, T] = {}
        for network in ("judge", "codec"):
            heard = [place for place in self.locations if place.network == network and hears(place)]
            if heard:
                sight = Sight.at(self.generator, self.judge, heard)
                for location, features in sight.of_sound(windows.to(self.generator.device)).items():
                    width = sight.places.head_width(location)
                    values = unit_values(finite(location, features), width)
                    found[location] = reduce(location, values, self._moments(location, values.shape[1], windows))
        if any(not hears(place) for place in self.locations):
            takes = check_surrogate(self.generator).encode(windows, int(self.generator.sample_rate), NEUTRAL)
            found |= self.of_takes(takes, reduce)
        return found

    def _moments(self, location: Location, along: int, windows: Tensor) -> Tensor:
        """How far into the sound each position of what only hears is, 0 to 1 (along,). A judge of fixed windows hears a
        shorter sound again and again, and a longer one in several windows, of which the last ends with it."""
        places = places_at(self.generator, self.judge, location)
        if self.judge is None or not isinstance(places, Timed):
            return moments_of(places, location, along)
        once, whole = float(self.judge.window_seconds), windows.shape[1] / float(self.generator.sample_rate)
        count = max(1, math.ceil(whole / once - 1e-6))
        inside = moments_of(places, location, along // count) * once
        starts = [min(at * once, max(0.0, whole - once)) for at in range(count)]
        return torch.cat([(start + inside) % whole / whole for start in starts])

    @torch.no_grad()
    def of_takes(self, takes: Takes, reduce: Reduce[T]) -> dict[Location, T]:
        """What comes of finished takes of one prompt, at those of the locations that take part in playing."""

        def look(location: Location, tensor: Tensor) -> T:
            whole, width = finite(location, tensor), self.generator.head_width(location)
            if location.network == "text":  # its words alone
                layout = self.generator.layout(location, UNGUIDED.guidance)
                words = layout.average(whole.transpose(0, 1))[0]  # (takes, steps, features)
                return reduce(location, unit_values(words, width), torch.full((words.shape[1],), 0.5))
            prompted = whole[:, 0]  # (takes, steps, along, features)
            moments = moments_of(self.generator, location, prompted.shape[2]).repeat(prompted.shape[1])
            return reduce(location, unit_values(prompted.flatten(1, 2), width), moments)

        playing = [place for place in self.locations if not hears(place)]
        rows = list(range(len(takes)))
        return watch(Context(self.generator, sampling=UNGUIDED), takes, rows, playing, look)[0] if playing else {}
