"""What else changed between two sets of takes: tempo, instruments that were asked for, level, brightness."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import torch
from pydantic import BaseModel
from torch import Tensor

from tonescope.diagnose.descriptors.tempo import tempo_of
from tonescope.diagnose.judging import audio_quality
from tonescope.diagnose.prompts.phrases import chunked
from tonescope.diagnose.stats import Effect, effect
from tonescope.models.judges.judge import Judge

OCTAVES = (0.5, 1.0, 2.0)
SAME = 0.08  # tempos that differ by less are one
MOST_INSTRUMENTS = 4


class TempoChange(BaseModel):
    """Median beats a minute before and after, over takes with a beat, and whether these are one tempo but for the
    octave that it is counted in; absent where there is no beat."""

    before: float | None
    after: float | None
    same: bool | None


class InstrumentChange(BaseModel):
    """How much nearer the takes are to an instrument that was asked for, by the judge (cosine), take by take; ``kept``
    unless they are surely farther."""

    instrument: str
    effect: Effect
    kept: bool


class SideEffects(BaseModel):
    """What else changed."""

    tempo: TempoChange
    instruments: list[InstrumentChange]
    unheard: list[str]
    level_db: Effect
    spectrum_db: Effect


def instruments_of(prompt: str) -> list[str]:
    """The instruments that a prompt asks for."""
    names = [phrase.name for phrase in chunked(prompt) if phrase.kind == "instrument" and phrase.negates is None]
    return list(dict.fromkeys(names))[:MOST_INSTRUMENTS]


def side_effects(prompt: str, before: Tensor, after: Tensor, judge: Judge, rate: int) -> SideEffects:
    """What else changed from (takes, samples) to (takes, samples) of the same seeds; lyrics are no part of ``prompt``.

    ``unheard`` are instruments that a judge without a text tower cannot look for.
    """
    before, after = audio_quality.silenced(before), audio_quality.silenced(after)
    found, unheard = [], []
    for instrument in instruments_of(prompt):
        first, then = (_likeness(judge, sound, rate, instrument) for sound in (before, after))
        if first is None or then is None:
            unheard.append(instrument)
            continue
        change = effect((then - first).tolist())
        sure = change.interval is not None and change.interval.high < 0
        found.append(InstrumentChange(instrument=instrument, effect=change, kept=not sure))
    level = audio_quality.level_db(after) - audio_quality.level_db(before)
    return SideEffects(
        tempo=_tempo(_beats(before, rate), _beats(after, rate)),
        instruments=found,
        unheard=unheard,
        level_db=effect(level.tolist()),
        spectrum_db=effect(audio_quality.spectral_distance(after, before, rate).tolist()),
    )


@torch.no_grad()
def _likeness(judge: Judge, sound: Tensor, rate: int, instrument: str) -> Tensor | None:
    found = judge.likeness(sound, rate, instrument)
    return None if found is None else found.float().cpu()


def _beats(sound: Tensor, rate: int) -> list[float]:
    return [tempo.bpm for tempo in (tempo_of(take, rate) for take in sound) if tempo.bpm]


def _tempo(before: Sequence[float], after: Sequence[float]) -> TempoChange:
    first, then = (median(beats) if beats else None for beats in (before, after))
    same = None
    if first is not None and then is not None:
        same = any(abs(then / (first * octave) - 1) < SAME for octave in OCTAVES)
    return TempoChange(before=first, after=then, same=same)
