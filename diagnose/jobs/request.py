"""What a job about a prompt is asked, and the refusal of what these models cannot do, before anything is played."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tonescope.diagnose.context import SeedPlan
from tonescope.diagnose.judging.intent import choose_label
from tonescope.diagnose.judging.reference_clips import Clip
from tonescope.diagnose.settings import LONGEST_PROMPT, Settings, check
from tonescope.diagnose.store.traces import TraceSpec
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling
from tonescope.models.judges.judge import Judge
from tonescope.models.played_with import USUAL_GUIDANCE, check_sampling, usual_guidance
from tonescope.models.vocabulary import Vocabulary


@dataclass(frozen=True)
class Models:
    """What a request is put to: who plays, who listens, the genres that can be spoken of, the words learned in
    training, where they are known, and a ``second`` judge to compare with."""

    generator: Generator
    judge: Judge
    taxonomy: Taxonomy
    vocabulary: Vocabulary | None = None
    second: Judge | None = None


@dataclass(frozen=True)
class Request:
    """A prompt and what is wanted to be known about it.

    Attributes:
        prompt: what is played.
        settings: how.
        intended: the genre the user meant, when the prompt does not say it.
        clips: clips that truly are of the genre asked for, to tell the listener's error from the generator's.
        trace: what to record of the takes; nothing if absent.
    """

    prompt: str
    settings: Settings
    intended: str | None = None
    clips: Sequence[Clip] = ()
    trace: TraceSpec | None = None

    def normalized(self, generator: Generator) -> Request:
        """The same with letters that are put together of two characters as one, and the guidance that the generator is
        made for where none was asked for."""
        settings = self.settings.for_guidance(usual_guidance(generator))
        return replace(self, prompt=unicodedata.normalize("NFC", self.prompt), settings=settings)

    @property
    def sampling(self) -> Sampling:
        """How takes are drawn."""
        asked = self.settings
        guidance = USUAL_GUIDANCE if asked.guidance is None else asked.guidance
        return Sampling(guidance, asked.temperature, asked.top_k, asked.negative or "")

    @property
    def seeds(self) -> SeedPlan:
        """Which seeds are for what."""
        return SeedPlan(self.settings.seed, self.settings.takes)

    def check(self, models: Models) -> None:
        """Refuse what cannot be done. Raises :class:`TonescopeError`."""
        settings, generator = self.settings, models.generator
        check(self.prompt, settings)
        if settings.seconds > generator.longest_seconds:
            raise TonescopeError(
                f"{settings.seconds:g} seconds are more than {generator.name} learned to play; "
                f"ask for at most {generator.longest_seconds:g}."
            )
        if generator.frames(settings.seconds) < generator.frames(generator.shortest_seconds):
            raise TonescopeError(
                f"{settings.seconds:g} seconds are too short for {generator.name}; "
                f"ask for at least {generator.shortest_seconds:.2f}."
            )
        for label in (settings.foil, self.intended):
            if label:
                choose_label(label, models.taxonomy, models.judge.labels)
        check_sampling(generator, self.normalized(generator).sampling)
        text = generator.read_text([self.prompt], settings.seconds)
        if not text.lyrics_from and len(self.prompt) > LONGEST_PROMPT:
            raise TonescopeError(
                f"the prompt is {len(self.prompt)} characters long and {generator.name} reads no lyrics; shorten it to "
                f"under {LONGEST_PROMPT}."
            )

    def foil(self, models: Models) -> str | None:
        """The judge's label for what the user wants to hold against what is heard."""
        named = self.settings.foil
        return choose_label(named, models.taxonomy, models.judge.labels) if named else None
