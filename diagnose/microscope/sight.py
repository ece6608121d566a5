"""Sight: what goes on at some locations while something passes through, and not further than it has to pass.

Three things can be looked at: sound (for locations that only hear: the judge, the codec's encoder), a draft (a take in
the making), and finished takes. Activations are (rows, along, features) of the prompted branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.recording import batches, watch
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import UNGUIDED, Generator, Takes, Text
from tonescope.models.hooks import Hook, read, run_until
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.judge_places import Places, places_of
from tonescope.models.layout import Pieces
from tonescope.models.relaxation import Draft, Relaxation, relaxation_of
from tonescope.models.units import Location, Unit

HEARD_AT_ONCE = 8  # rows of sound


def hears(location: Location) -> bool:
    """Whether a location only hears: it sees sound, and takes no part in playing."""
    return not location.site.causal


def places_at(generator: Generator, judge: Judge | None, location: Location) -> Places:
    """Who has a location. Raises :class:`TonescopeError` for a judge that shows no places."""
    if location.network != "judge":
        return generator
    if judge is None:
        raise TonescopeError("units of a judge cannot be looked at without a judge; give one.")
    return places_of(judge)


@dataclass(frozen=True)
class Sight:
    """What is looked at, and where.

    Attributes:
        generator, judge: whose locations they are.
        locations: all of one network.
    """

    generator: Generator
    judge: Judge | None
    locations: tuple[Location, ...]

    @classmethod
    def at(cls, generator: Generator, judge: Judge | None, locations: Sequence[Location]) -> Sight:
        """A sight of some locations. Raises :class:`TonescopeError` for one that there is not, and ``ValueError``
        where they are not of one network."""
        for location in locations:
            places_at(generator, judge, location).place(location)
        if len({(location.network, hears(location)) for location in locations}) != 1:
            raise ValueError("one sight has locations of one network, which one pass goes through")
        return cls(generator, judge, tuple(sorted(locations)))

    @property
    def places(self) -> Places:
        """Who has the locations."""
        return places_at(self.generator, self.judge, self.locations[0])

    @property
    def hears(self) -> bool:
        """Whether it sees sound."""
        return hears(self.locations[0])

    @property
    def relaxation(self) -> Relaxation:
        """How takes of the generator are made by gradient ascent."""
        return relaxation_of(self.generator)

    def width(self, unit: Unit) -> int:
        """Features that a unit is wide."""
        return self.places.head_width(unit.location)

    # --- looking -----------------------------------------------------------------------------------------------------

    def of_sound(self, waveform: Tensor) -> dict[Location, Tensor]:
        """Of sound (rows, samples) at the generator's rate, differentiable; the pass ends at the last location.

        What a judge hears in several windows is joined along positions.
        """
        rate = int(self.generator.sample_rate)
        if self.locations[0].network != "judge":
            return self._seen(lambda: self.relaxation.hear(waveform))
        assert self.judge is not None
        judge = self.judge
        several = waveform.shape[-1] > judge.window_seconds * rate
        return self._seen(lambda: judge.logits(waveform, rate), to_the_end=several)

    def of_draft(
        self, draft: Draft, text: Text, *, to_the_end: bool, owners: Sequence[Location | None] = ()
    ) -> tuple[dict[Location, Tensor], Tensor | None]:
        """Of takes in the making, differentiable, and their log-probability (rows,) where the pass is to go on
        ``to_the_end``; otherwise it ends at the last location. ``owners`` says, a location a row, where gradients
        are to pass even what is off (:meth:`tonescope.models.relaxation.Relaxation.leaking`)."""
        relaxation, likely = self.relaxation, list[Tensor]()

        def run() -> None:
            with relaxation.leaking(owners):
                likely.append(relaxation.run(draft, text))

        if self.hears:
            seen = self.of_sound(relaxation.sound(draft))
        elif self.locations[0].network == "codec":
            seen = self._seen(lambda: relaxation.sound(draft))
        else:
            seen = self._seen(run, to_the_end=to_the_end)
        if to_the_end and not likely:
            with self.generator.working_on(None):
                run()
        return seen, likely[0] if likely else None

    def of_states(self, takes: Takes, text: Text) -> dict[Location, Tensor]:
        """Of finished takes under other text states than those of their prompt, differentiable in the states."""
        generator = self.generator
        if self.locations[0].network not in ("codec", "judge"):
            return self._seen(lambda: generator.replay(takes, text, UNGUIDED))
        with generator.working_on(None):
            latents = generator.latents(generator.replay(takes, text, UNGUIDED))
        if self.hears:
            return self.of_sound(generator.decode(latents))
        return self._seen(lambda: generator.decode(latents))

    @torch.no_grad()
    def of_takes(self, takes: Takes) -> dict[Location, Tensor]:
        """Of finished takes, on the CPU; of those that only hear, of their sound."""
        if self.hears:
            parts = [self.of_sound(part) for part in takes.waveform.split(HEARD_AT_ONCE)]
            return {location: torch.cat([part[location].float().cpu() for part in parts]) for location in parts[0]}
        context, found = Context(self.generator, sampling=UNGUIDED), dict[int, dict[Location, Tensor]]()
        for rows in batches(self.generator, takes):
            seen, _ = watch(
                context, takes.pick(rows), rows, self.locations, lambda _, whole: _flat(whole).float().cpu()
            )
            for at, row in enumerate(rows):
                found[row] = {location: tensor[at] for location, tensor in seen.items()}
        return {
            location: torch.stack([found[row][location] for row in range(len(takes))]) for location in self.locations
        }

    def _seen(self, run: Callable[[], object], *, to_the_end: bool = False) -> dict[Location, Tensor]:
        seen: dict[Location, list[Tensor]] = {location: [] for location in self.locations}
        judged = self.locations[0].network == "judge"

        def look(location: Location) -> Hook:
            # Denoising steps and the sides of a stereo image pass one after the other; what hears gets one mono sound.
            pieces = None if self.hears else Pieces(self.generator.steps(location))

            def keep(tensor: Tensor) -> None:
                layout = self.places.layout(location, UNGUIDED.guidance)
                whole = pieces.add(layout, tensor) if pieces else layout.split(tensor).transpose(0, 1)
                if whole is not None:
                    seen[location].append(_flat(whole))

            return read(self.places.place(location), keep)

        with nullcontext() if judged else self.generator.working_on(None):
            run_until(
                [look(location) for location in self.locations],
                run,
                lambda: not to_the_end and all(seen.values()),
            )
        return {location: torch.cat(parts, 1) for location, parts in seen.items()}


def _flat(tensor: Tensor) -> Tensor:
    """(takes, branches, steps, along, features) as (takes, steps × along, features) of the prompted branch."""
    return tensor[:, 0].flatten(1, 2)
