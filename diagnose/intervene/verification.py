"""Verification: play fresh takes with one thing changed, beside the same takes untouched, and listen what became of
them.

Every change is a variant; all variants are rows of the same few batches, on the same noise. The takes are not those
that units and words were chosen by: whatever a choice owes to chance is gone in fresh ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import Advance, play
from tonescope.diagnose.judging import audio_quality
from tonescope.diagnose.judging.verdict import hear, sure_enough
from tonescope.diagnose.schema import Contrast, SoundChange, Trial
from tonescope.diagnose.stats import effect
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes
from tonescope.models.judges.listening import contrast as log_odds
from tonescope.models.judges.listening import finite_takes, listen

if TYPE_CHECKING:
    from tonescope.diagnose.attribution.tracks import Tracks

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
    """What came of a variant: the takes, their probabilities (takes, labels) and margins (takes,), what each is heard
    as, and in which the sound broke (takes,)."""

    name: str
    takes: Takes
    posterior: Tensor
    margins: Tensor
    heard: list[str]
    broke: Tensor

    def rows(self, chosen: Sequence[int]) -> Outcome:
        """That of some of the takes."""
        return Outcome(
            self.name,
            self.takes.pick(chosen),
            self.posterior[list(chosen)],
            self.margins[list(chosen)],
            [self.heard[row] for row in chosen],
            self.broke[list(chosen)],
        )

    def and_then(self, other: Outcome) -> Outcome:
        """That of these takes and of others."""
        return Outcome(
            self.name,
            Takes.join([self.takes, other.takes]),
            torch.cat([self.posterior, other.posterior]),
            torch.cat([self.margins, other.margins]),
            [*self.heard, *other.heard],
            torch.cat([self.broke, other.broke]),
        )


@dataclass(frozen=True)
class Played:
    """The outcome of every variant, and the same takes untouched; ``usual``, how far apart those are in dB; ``tracks``,
    what is known of them over time, where that was looked at; ``lost``, what to say of takes that are left out, for
    they are not made of numbers untouched."""

    contrast: Contrast
    clean: Outcome
    outcomes: dict[str, Outcome]
    rate: int
    usual: float
    tracks: Tracks | None = None
    lost: str | None = None

    @property
    def sounds(self) -> dict[str, Takes]:
        """Takes by the key of their variant."""
        return {outcome.name: outcome.takes for outcome in (self.clean, *self.outcomes.values())}

    @property
    def heard_as_target(self) -> list[int]:
        """Which takes are, untouched."""
        return [row for row, heard in enumerate(self.clean.heard) if heard == self.contrast.target]

    def rows(self, chosen: Sequence[int]) -> Played:
        """Some of the takes."""
        outcomes = {name: outcome.rows(chosen) for name, outcome in self.outcomes.items()}
        return replace(self, clean=self.clean.rows(chosen), outcomes=outcomes, tracks=None)

    def and_then(self, more: Played) -> Played:
        """These takes and others, under what both were played under."""
        both = {name: one.and_then(more.outcomes[name]) for name, one in self.outcomes.items() if name in more.outcomes}
        return replace(self, clean=self.clean.and_then(more.clean), outcomes=both, tracks=None)

    def change(self, name: str, beside: str = CLEAN) -> list[float]:
        """How far the margin is from that of the same takes untouched, or under the variant ``beside``: one number a
        take whose sound is intact in both, or for every take where there is none."""
        outcome, other = self.outcomes[name], self.clean if beside == CLEAN else self.outcomes[beside]
        intact = ~(outcome.broke | other.broke)
        return (outcome.margins - other.margins)[intact if intact.any() else slice(None)].tolist()

    def trial(self, name: str, q: float | None = None) -> Trial:
        """An outcome as a result."""
        outcome, label = self.outcomes[name], self.contrast.target
        before, after = self.clean.takes.waveform, outcome.takes.waveform
        flippable = self.heard_as_target
        return Trial(
            variant=name,
            prompt=outcome.takes.prompts[0],
            effect=effect(self.change(name)),
            q=q,
            flips=sum(outcome.heard[row] != label and not outcome.broke[row] for row in flippable),
            flippable=len(flippable),
            heard=dict(Counter(outcome.heard).most_common()),
            sound=SoundChange(
                level_db=effect((audio_quality.level_db(after) - audio_quality.level_db(before)).tolist()),
                spectrum_db=effect(audio_quality.spectral_distance(after, before, self.rate).tolist()),
                onsets=effect(
                    (audio_quality.onset_rate(after, self.rate) - audio_quality.onset_rate(before, self.rate)).tolist()
                ),
                broke=bool(outcome.broke.float().mean() >= 0.5),
            ),
        )


def verify(
    context: Context,
    contrast: Contrast,
    prompt: str,
    seeds: Sequence[int],
    variants: Sequence[Variant],
    *,
    usual: float | None = None,
    strict: bool = True,
    advance: Advance | None = None,
) -> Played:
    """Play the takes of ``seeds`` untouched and under every variant, as rows of the same batches.

    Changed takes that are not made of numbers are silent, and broken. ``usual`` is how far apart takes of the prompt
    are in dB, if not to be measured in these; ``strict`` is as in :func:`tonescope.diagnose.intervene.play.play`.

    Raises:
        TonescopeError: an edit cannot be made, or no untouched take is made of numbers.
    """
    count, everything = len(seeds), [Variant(CLEAN), *variants]
    played = play(
        context,
        [variant.prompt or prompt for variant in everything for _ in seeds],
        [*seeds] * len(everything),
        [edit for variant in everything for edit in variant.edits(count)],
        strict=strict,
        advance=advance,
    )
    parts = [played.rows(index * count, (index + 1) * count) for index in range(len(everything))]
    sound = finite_takes(parts[0].waveform)
    if bool(sound.any()):
        parts = [part.pick(sound.nonzero()[:, 0].tolist()) for part in parts]
    clean, rate = parts[0].waveform, context.rate
    check_distinct(parts[0])
    apart = audio_quality.natural_distance(clean, rate) if usual is None else usual

    def broke(variant: Variant, takes: Takes) -> Tensor:
        """Other words may rightly bring other music, so only what is no sound at all is broken there."""
        if variant.prompt:
            return audio_quality.ruined(takes.waveform, clean)
        return audio_quality.broken(takes.waveform, clean, rate, apart)

    outcomes = [
        _outcome(
            context,
            contrast,
            variant.name,
            takes if variant.name == CLEAN else replace(takes, waveform=audio_quality.silenced(takes.waveform)),
            broke(variant, takes),
        )
        for variant, takes in zip(everything, parts, strict=True)
    ]
    changed = {outcome.name: outcome for outcome in outcomes[1:]}
    return Played(contrast, outcomes[0], changed, rate, apart, lost=audio_quality.lost_takes_caveat(seeds, sound))


def heard_beside(context: Context, played: Played, name: str, takes: Takes) -> Played:
    """The same with one more variant: takes of the same prompt and seeds that were played in some other way. Those of
    seeds that are left out untouched are left out here as well."""
    seeds = played.clean.takes.seeds
    takes = takes.pick([takes.seeds.index(seed) for seed in seeds])
    broke = audio_quality.broken(takes.waveform, played.clean.takes.waveform, played.rate, played.usual)
    sound = replace(takes, waveform=audio_quality.silenced(takes.waveform))
    outcome = _outcome(context, played.contrast, name, sound, broke)
    return replace(played, outcomes={**played.outcomes, name: outcome})


def check_distinct(takes: Takes) -> None:
    """Raise :class:`TonescopeError` when takes of different seeds are one and the same: as many measurements they
    would be one."""
    if takes.distinct < len(takes):
        raise TonescopeError(
            f"the sampling leaves so little to chance that {len(takes)} takes are only {takes.distinct} different "
            "ones; raise the temperature or the top-k, or ask for 1 take."
        )


def _outcome(context: Context, contrast: Contrast, name: str, takes: Takes, broke: Tensor) -> Outcome:
    judge = context.listener
    logits = listen(judge, takes.waveform, context.rate)
    margins = log_odds(judge.labels, logits, contrast.target, contrast.foil)
    posterior = logits.softmax(-1)
    return Outcome(name, takes, posterior, margins, hear(posterior, judge.labels, sure_enough(judge)), broke)
