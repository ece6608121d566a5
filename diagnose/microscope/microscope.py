"""What techniques work on: models, real examples, the store of artifacts, and what is checked beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import BaseModel

from tonescope.diagnose.context import Context
from tonescope.diagnose.microscope.draft_canvas import Naturalness, typical
from tonescope.diagnose.microscope.real_examples import SECONDS, RealExamples, UnitStatistics
from tonescope.diagnose.microscope.sight import Sight, places_at
from tonescope.diagnose.microscope.sound_canvas import UsualSound
from tonescope.diagnose.microscope.sound_numbers import SoundNumbers, numbers
from tonescope.diagnose.runtime.cache import cache_folder
from tonescope.diagnose.schema import Source
from tonescope.diagnose.store import provenance
from tonescope.diagnose.store.artifacts import ArtifactStore, Recipe
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Takes
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.listening import posterior
from tonescope.models.units import Location, Unit

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session

NEUTRAL = "music"  # a prompt that asks for nothing in particular
TYPICAL_TAKES = 6  # that the usual log-probability is measured on
PRIOR = 3.0  # standard deviations of a unit that a nat of log-probability is worth


class Heard(BaseModel):
    """One rendered sound: what the judge hears in it, and its numbers."""

    seed: int
    heard: str
    probability: float
    sound: SoundNumbers


@dataclass(frozen=True)
class Microscope:
    """What every technique is given.

    Attributes:
        generator, judge: the models.
        store: where artifacts are kept.
        advance: told what is done, and the share of the whole.
        real_seconds: length of the real takes that is compared with.
    """

    generator: Generator
    judge: Judge
    store: ArtifactStore
    advance: Callable[[str, float], None] = lambda what, share: None
    real_seconds: float = SECONDS

    @classmethod
    def of(cls, session: Session, progress: Callable[[str, float], None] | None = None) -> Microscope:
        """On the models of a session, with the store in the cache folder."""
        store = ArtifactStore(cache_folder() / "artifacts")
        return cls(session.generator, session.judge, store, progress or (lambda what, share: None))

    @property
    def rate(self) -> int:
        """Samples a second."""
        return int(self.generator.sample_rate)

    # --- what there is -----------------------------------------------------------------------------------------------

    def location(self, name: str) -> Location:
        """A location by name, of the generator or the judge. Raises :class:`TonescopeError` for one there is not."""
        return places_at(self.generator, self.judge, Location.parse(name)).location(name)

    def unit(self, name: str) -> Unit:
        """A unit by name, of the generator or the judge. Raises :class:`TonescopeError` for one there is not."""
        return places_at(self.generator, self.judge, Unit.parse(name).location).unit(name)

    def sight(self, *locations: Location) -> Sight:
        """A sight of locations. Raises :class:`TonescopeError` for those of the text encoder: they see words."""
        if any(location.network == "text" for location in locations):
            raise TonescopeError(
                f"{locations[0]} reads words and is finished before a sound is made, so no sound can be made for it; "
                "look at what plays, or find the words that drive it."
            )
        return Sight.at(self.generator, self.judge, locations)

    def check_seconds(self, seconds: float) -> None:
        """Refuse a length that the generator cannot play. Raises :class:`TonescopeError`."""
        generator = self.generator
        shortest = generator.shortest_seconds
        if seconds > generator.longest_seconds or generator.frames(seconds) < generator.frames(shortest):
            raise TonescopeError(
                f"{generator.name} plays {shortest:.2f} to {generator.longest_seconds:g} seconds and {seconds:g} were "
                "asked for; choose a length between."
            )

    def recipe(self, technique: str, version: int, parameters: Mapping[str, object]) -> Recipe:
        """A recipe on these models: both, for the judge hears what is rendered."""
        models = {"generator": self.generator.fingerprint(), "judge": self.judge.fingerprint()}
        return Recipe(technique, version, parameters, models)

    # --- what is real ------------------------------------------------------------------------------------------------

    @cached_property
    def examples(self) -> RealExamples:
        """Takes of ordinary prompts, and what units do in them."""
        seconds = min(self.real_seconds, self.generator.longest_seconds)
        return RealExamples(Context(self.generator, self.judge, seconds=seconds), self.store)

    @cached_property
    def real_takes(self) -> Takes:
        """Those takes, played now if they were not before."""
        return self.examples.takes(lambda share: self.advance("play real examples (once for this model)", share))

    def statistics(self, location: Location, seconds: float | None = None) -> UnitStatistics:
        """What units of a location do in them; means are over parts of so many seconds."""
        assert self.real_takes
        return self.examples.statistics(location, seconds)

    @cached_property
    def usual_sound(self) -> UsualSound:
        """What they sound like on the whole."""
        return UsualSound.of(self.real_takes.waveform, self.rate)

    @cached_property
    def _typical(self) -> float:
        """Log-probability of real takes, mean over their parts, in nats."""
        takes = self.real_takes
        return typical(self.generator, takes.pick(range(0, len(takes), max(1, len(takes) // TYPICAL_TAKES))))

    def naturalness(self, weight: float = PRIOR) -> Naturalness:
        """The prior of drafts: as likely as real takes are."""
        return Naturalness(self._typical, weight) if weight else Naturalness()

    # --- what is heard -----------------------------------------------------------------------------------------------

    def heard(self, takes: Takes) -> list[Heard]:
        """What the judge hears in takes, and their numbers."""
        rows = posterior(self.judge, takes.waveform, self.rate)
        found = []
        for seed, row, sound in zip(takes.seeds, rows, numbers(takes.waveform, self.rate), strict=True):
            best = int(row.argmax())
            label = self.judge.labels[best]
            found.append(Heard(seed=seed, heard=label, probability=round(float(row[best]), 4), sound=sound))
        return found

    def sources(self) -> dict[str, Source]:
        """Who played and who listened, for a result."""
        return {"model": provenance.of_generator(self.generator), "judge": provenance.of_judge(self.judge)}

    def within(self, first: float, last: float) -> Microscope:
        """The same, whose progress goes from one share of the whole to another."""
        outer = self.advance
        return replace(self, advance=lambda what, share: outer(what, first + (last - first) * share))
