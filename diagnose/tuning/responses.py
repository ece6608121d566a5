"""What units respond to in families of stimuli: each is passed through the models once, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.microscope.sight import hears
from tonescope.diagnose.store.artifacts import Artifact, Recipe
from tonescope.diagnose.tuning.curve_statistics import Curves
from tonescope.diagnose.tuning.hand_features import hand_features
from tonescope.diagnose.tuning.stimuli import Family, render
from tonescope.diagnose.unit_index.listening_pass import ROWS, ListeningPass
from tonescope.models.units import Location

VERSION = 2  # since 2, stimuli of the tempo are grooves
SEED = 51_000
INSTANCES = 8
SECONDS = 2.0
RESPONSES, FEATURES = "responses", "features"


@dataclass(frozen=True)
class TuningWish:
    """How many instances of every value, how long each sound is, and from which seed they are drawn."""

    instances: int = INSTANCES
    seconds: float = SECONDS
    seed: int = SEED


def mean_response(_: Location, values: Tensor, __: Tensor) -> Tensor:
    """What units do on average over a sound: (rows, units)."""
    return values.mean(1).float().cpu()


@dataclass(frozen=True)
class Tuning:
    """Curves of locations.

    Attributes:
        scope: the models, and the store that responses are kept in.
        wish: how stimuli are made.
    """

    scope: Microscope
    wish: TuningWish = TuningWish()

    def curves(self, locations: Sequence[Location], families: Sequence[Family]) -> dict[Location, list[Curves]]:
        """The curves of every unit of some locations: passed through now, as far as they are not kept.

        What only hears, or plays, is given the sounds; the text encoder is given prompts alone.
        """
        found: dict[Location, list[Curves]] = {location: [] for location in locations}
        fitting = [(family, self._fitting(family, locations)) for family in families]
        for at, (family, here) in enumerate(fitting):
            inner = self.scope.within(at / len(fitting), (at + 1) / len(fitting))
            for location, artifact in self._of_family(inner, family, here).items():
                features = artifact.tensors.get(FEATURES)
                known = None if features is None else features.double().numpy()
                found[location].append(Curves(family, artifact.tensors[RESPONSES].double().numpy(), known))
        return found

    def kept(self, location: Location, families: Sequence[Family]) -> list[Curves]:
        """The curves of a location that are kept, without passing anything."""
        found = []
        for family in families:
            artifact = self.scope.store.kept(self._recipe(family, location))[0]
            if artifact is not None:
                features = artifact.tensors.get(FEATURES)
                known = None if features is None else features.double().numpy()
                found.append(Curves(family, artifact.tensors[RESPONSES].double().numpy(), known))
        return found

    @staticmethod
    def _fitting(family: Family, locations: Sequence[Location]) -> list[Location]:
        return [place for place in locations if family.needs == "prompt" or place.network != "text"]

    def _of_family(self, scope: Microscope, family: Family, locations: list[Location]) -> dict[Location, Artifact]:
        recipes = {location: self._recipe(family, location) for location in locations}
        kept = {location: scope.store.kept(recipe)[0] for location, recipe in recipes.items()}
        found = {location: artifact for location, artifact in kept.items() if artifact is not None}
        missing = [location for location in locations if location not in found]
        if missing:
            tensors = self._passed(scope, family, missing)
            for location in missing:
                found[location] = Artifact(recipes[location], tensors[location])
                scope.store.keep(found[location])
        return found

    def _recipe(self, family: Family, location: Location) -> Recipe:
        asked = {"family": family.name, "values": list(family.values), "location": str(location), **vars(self.wish)}
        asked["instances"] = self._instances(family)
        models = {"generator": self.scope.generator.fingerprint()}
        if location.network == "judge":
            models["judge"] = self.scope.judge.fingerprint()
        return Recipe("tuning", VERSION, asked, models)

    def _passed(
        self, scope: Microscope, family: Family, locations: list[Location]
    ) -> dict[Location, dict[str, Tensor]]:
        looking = ListeningPass(scope.generator, scope.judge, tuple(sorted(locations)))
        instances = self._instances(family)
        shape = (len(family.values), instances)
        if family.needs == "prompt":
            parts, features = list(self._of_prompts(scope, looking, family)), {}
        else:
            sounds = render(family, instances, self._seconds, scope.rate, self.wish.seed).flatten(0, 1)
            parts, features = self._of_sounds(scope, looking, family, sounds), _features(sounds, scope.rate, shape)
        return {
            location: {RESPONSES: torch.cat([part[location] for part in parts]).unflatten(0, shape), **features}
            for location in locations
        }

    def _instances(self, family: Family) -> int:
        return self.wish.instances * family.repeats

    @property
    def _seconds(self) -> float:
        return min(self.wish.seconds, float(self.scope.generator.longest_seconds))

    def _of_sounds(
        self, scope: Microscope, looking: ListeningPass, family: Family, sounds: Tensor
    ) -> list[dict[Location, Tensor]]:
        parts = []
        for start in range(0, len(sounds), ROWS):
            scope.advance(f"pass stimuli ({family.name})", start / len(sounds))
            parts.append(looking.of_sound(sounds[start : start + ROWS], mean_response))
        return parts

    def _of_prompts(
        self, scope: Microscope, looking: ListeningPass, family: Family
    ) -> Iterator[dict[Location, Tensor]]:
        """Takes of each word, played; of what only hears, their sound."""
        context = Context(scope.generator, scope.judge, seconds=self._seconds)
        for at, value in enumerate(family.values):
            scope.advance(f"play prompts ({value})", at / len(family.values))
            yield of_prompt(context, looking, str(value), range(self.wish.seed, self.wish.seed + self.wish.instances))


def of_prompt(context: Context, looking: ListeningPass, prompt: str, seeds: Sequence[int]) -> dict[Location, Tensor]:
    """What units do on average over takes of a prompt: (takes, units) by location. Of the text encoder alone, nothing
    is played."""
    generator = context.generator
    if all(place.network == "text" for place in looking.locations):
        takes = generator.random_takes(prompt, max(generator.shortest_seconds, 1 / generator.frame_rate))
        return {
            place: tensor.expand(len(seeds), -1) for place, tensor in looking.of_takes(takes, mean_response).items()
        }
    takes = play(context, [prompt] * len(seeds), list(seeds))
    found: dict[Location, Tensor] = {}
    for start in range(0, len(takes), ROWS):
        some = takes.rows(start, start + ROWS)
        seen = looking.of_takes(some, mean_response) | heard(looking, some.waveform, mean_response)
        found = {place: torch.cat([found[place], part]) if place in found else part for place, part in seen.items()}
    return found


def heard(
    looking: ListeningPass, waveform: Tensor, reduce: Callable[[Location, Tensor, Tensor], Tensor]
) -> dict[Location, Tensor]:
    """What the locations that only hear do in sound."""
    places = tuple(place for place in looking.locations if hears(place))
    return ListeningPass(looking.generator, looking.judge, places).of_sound(waveform, reduce) if places else {}


def _features(sounds: Tensor, rate: int, shape: tuple[int, int]) -> dict[str, Tensor]:
    return {FEATURES: torch.from_numpy(np.asarray(hand_features(sounds, rate))).unflatten(0, shape)}
