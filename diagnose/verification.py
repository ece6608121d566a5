"""Verification: play fresh takes with one thing changed, beside the same takes untouched, and listen what became of them.

Every change is a variant; all variants are rows of the same few batches, on the same noise. The takes are not those that units and
words were chosen by: whatever a choice owes to chance is gone in fresh ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..models.generator import Generator, Sampling, Takes
from ..models.judge import Judge
from . import sound
from .genre import hear
from .interventions import Edit, regenerate
from .reference import Reference
from .result import Question, SoundChange, Trial
from .stats import effect

CLEAN = "untouched"


@dataclass(frozen=True)
class Variant:
    """One thing to change: units (an edit for all takes, or one for each), or the prompt."""

    name: str
    edit: Edit | tuple[Edit, ...] | None = None
    prompt: str | None = None

    def edits(self, takes: int) -> list[Edit | None]:
        """One a take."""
        return list(self.edit) if isinstance(self.edit, tuple) else [self.edit] * takes


@dataclass(frozen=True)
class Outcome:
    """What came of a variant: the takes, their probabilities (takes, labels) and margins (takes,), and what each is heard as."""

    name: str
    takes: Takes
    posterior: Tensor
    margins: Tensor
    heard: list[str]


@dataclass(frozen=True)
class Played:
    """The outcome of every variant, and the same takes untouched."""

    question: Question
    clean: Outcome
    outcomes: dict[str, Outcome]
    rate: int
    usual: float

    def change(self, name: str) -> list[float]:
        """Change of the margin, take by take."""
        return (self.outcomes[name].margins - self.clean.margins).tolist()

    def trial(self, name: str, q: float | None = None) -> Trial:
        """An outcome as a result."""
        outcome, label = self.outcomes[name], self.question.label
        before, after = self.clean.takes.waveform, outcome.takes.waveform
        flippable = [row for row, heard in enumerate(self.clean.heard) if heard == label]
        broke = sound.broken(after, before, self.rate, self.usual)
        return Trial(
            variant=name,
            prompt=outcome.takes.prompts[0],
            effect=effect(self.change(name)),
            q=q,
            flips=sum(outcome.heard[row] != label and not broke[row] for row in flippable),
            flippable=len(flippable),
            heard=dict(Counter(outcome.heard).most_common()),
            sound=SoundChange(
                level_db=float((sound.level_db(after) - sound.level_db(before)).mean()),
                spectrum_db=float(sound.spectral_distance(after, before, self.rate).mean()),
                onsets=float((sound.onset_rate(after, self.rate) - sound.onset_rate(before, self.rate)).mean()),
                broke=bool(broke.float().mean() > 0.5),
            ),
        )


def verify(
    generator: Generator, judge: Judge, question: Question, prompt: str, seeds: Sequence[int], variants: Sequence[Variant], seconds: float,
    sampling: Sampling, reference: Reference, rows: int = 48, advance: Callable[[float], None] | None = None,
) -> Played:  # fmt: skip
    """Play the takes of ``seeds`` untouched and under every variant, ``rows`` at a time; ``advance`` is told the share that is done."""
    count, everything = len(seeds), [Variant(CLEAN), *variants]
    played = regenerate(
        generator,
        [variant.prompt or prompt for variant in everything for _ in seeds],
        [*seeds] * len(everything),
        [edit for variant in everything for edit in variant.edits(count)],
        seconds,
        sampling,
        reference,
        rows,
        advance,
    )
    clean, *others = (
        _listen(generator, judge, question, variant.name, played.rows(index * count, (index + 1) * count))
        for index, variant in enumerate(everything)
    )
    usual = sound.natural_distance(clean.takes.waveform, generator.sample_rate)
    return Played(question, clean, {outcome.name: outcome for outcome in others}, int(generator.sample_rate), usual)


def _listen(generator: Generator, judge: Judge, question: Question, name: str, takes: Takes) -> Outcome:
    logits = judge.listen(takes.waveform, generator.sample_rate)
    margins = logits[:, judge.labels.index(question.label)] - logits[:, judge.labels.index(question.against)]
    posterior = logits.softmax(-1)
    return Outcome(name, takes, posterior, margins, hear(posterior, judge.labels))
