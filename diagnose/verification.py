"""Verification: play the same takes again with one thing changed, and listen what became of them.

Every change is a variant; all variants are rows of the same few batches, on the noise of the clean takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..models.generator import Generator, Sampling, Takes
from ..models.judge import Judge
from . import sound
from .interventions import Edit, regenerate
from .reference import Reference
from .result import Question, SoundChange, Trial
from .stats import effect


@dataclass(frozen=True)
class Variant:
    """One thing to change: an edit of units, or another prompt."""

    name: str
    edit: Edit | None = None
    prompt: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a variant: the takes, their margins (takes,), and what each is heard as."""

    name: str
    takes: Takes
    margins: Tensor
    heard: list[str]


class Verifier:
    """Plays variants of some clean takes and compares them with those.

    Args:
        question: the contrast whose margin is measured.
        clean: the takes as they were generated.
    """

    def __init__(
        self, generator: Generator, judge: Judge, question: Question, clean: Takes, sampling: Sampling, seconds: float, reference: Reference, rows: int = 48,
    ) -> None:  # fmt: skip
        self.generator, self.judge, self.question, self.reference = generator, judge, question, reference
        self.sampling, self.seconds, self.rows = sampling, seconds, rows
        self.clean = self._listen("as generated", clean)
        self.usual = sound.natural_distance(clean.waveform, generator.sample_rate)

    def run(self, variants: Sequence[Variant], advance: Callable[[float], None] | None = None) -> dict[str, Outcome]:
        """Regenerate every clean take under every variant; ``advance`` is told the share that is done."""
        clean, count = self.clean.takes, len(self.clean.takes)
        prompts = [variant.prompt or prompt for variant in variants for prompt in clean.prompts]
        edits = [variant.edit for variant in variants for _ in range(count)]
        played = regenerate(
            self.generator, prompts, clean.seeds * len(variants), edits, self.seconds, self.sampling, self.reference, self.rows, advance
        )  # fmt: skip
        return {
            variant.name: self._listen(variant.name, played.rows(index * count, (index + 1) * count))
            for index, variant in enumerate(variants)
        }

    def _listen(self, name: str, takes: Takes) -> Outcome:
        judge, question = self.judge, self.question
        logits = judge.listen(takes.waveform, self.generator.sample_rate)
        margins = logits[:, judge.labels.index(question.label)] - logits[:, judge.labels.index(question.against)]
        return Outcome(name, takes, margins, [judge.labels[index] for index in logits.argmax(1).tolist()])

    def change(self, outcome: Outcome) -> list[float]:
        """Change of the margin, take by take."""
        return (outcome.margins - self.clean.margins).tolist()

    def trial(self, outcome: Outcome, q: float | None = None) -> Trial:
        """An outcome as a result."""
        before, after = self.clean.takes.waveform, outcome.takes.waveform
        rate, label = self.generator.sample_rate, self.question.label
        flippable = [row for row, heard in enumerate(self.clean.heard) if heard == label]
        return Trial(
            variant=outcome.name,
            effect=effect(self.change(outcome)),
            q=q,
            flips=sum(outcome.heard[row] != label for row in flippable),
            flippable=len(flippable),
            heard=dict(Counter(outcome.heard).most_common()),
            sound=SoundChange(
                level_db=float((sound.level_db(after) - sound.level_db(before)).mean()),
                spectrum_db=float(sound.spectral_distance(after, before, rate).mean()),
                onsets=float((sound.onset_rate(after, rate) - sound.onset_rate(before, rate)).mean()),
                broke=bool(sound.broken(after, before, rate, self.usual).float().mean() > 0.5),
            ),
        )
