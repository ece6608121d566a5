"""What a listener notices between two models or folders: genres and tempo, with intervals over prompts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from tonescope.diagnose.compare.compare_schema import Behaviour, GenreRow, TempoRow
from tonescope.diagnose.compare.paired_statistics import Measured, difference_over, mean_over
from tonescope.diagnose.descriptors.tempo import tempo_of
from tonescope.diagnose.judging.intent import read_intent
from tonescope.diagnose.judging.verdict import hear, sure_enough
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.listening import posterior

TEMPO_WORDS = ("slow", "fast")


@dataclass(frozen=True)
class Asking:
    """A prompt: what genre it asks for (none, if empty), and which of :data:`TEMPO_WORDS` it has, if any."""

    prompt: str
    genre: str = ""
    tempo: str = ""

    @classmethod
    def read(cls, prompt: str, judge: Judge, taxonomy: Taxonomy) -> Asking:
        """What a prompt that somebody wrote asks for."""
        return cls(prompt, read_intent(prompt, judge, taxonomy).label or "", tempo_word(prompt))


@dataclass(frozen=True)
class HeardTakes:
    """What is heard in takes: (takes, labels) of the judge, labels, and octaves of beats a minute, NaN without any."""

    posterior: Tensor
    labels: tuple[str, ...]
    octaves: tuple[float, ...]

    @classmethod
    def of(cls, judge: Judge, waveforms: Tensor, rate: int) -> HeardTakes:
        """Of sound (takes, samples)."""
        rows = posterior(judge, waveforms, rate)
        octaves = tuple(octaves_of(wave, rate) for wave in waveforms)
        return cls(rows, tuple(hear(rows, judge.labels, sure_enough(judge))), octaves)

    @classmethod
    def join(cls, parts: Sequence[HeardTakes]) -> HeardTakes:
        """Several as one."""
        return cls(
            torch.cat([part.posterior for part in parts]),
            tuple(label for part in parts for label in part.labels),
            tuple(value for part in parts for value in part.octaves),
        )


def octaves_of(waveform: Tensor, rate: int) -> float:
    """The tempo of (samples,) in octaves of a beat a minute; NaN where there is none."""
    bpm = tempo_of(waveform, rate).bpm
    return math.log2(bpm) if bpm else math.nan


def tempo_word(prompt: str) -> str:
    """Which of :data:`TEMPO_WORDS` a prompt has; empty for none."""
    words = _words(prompt)
    return next((word for word in TEMPO_WORDS if word in words), "")


def _words(prompt: str) -> list[str]:
    """As they are compared: without punctuation around them, in small letters."""
    return [bare for word in prompt.split() if (bare := word.strip(",.").casefold())]


def distances(first: HeardTakes, second: HeardTakes) -> list[float]:
    """How far apart what the judge hears in pairs is: total variation, 0 to 1."""
    return (0.5 * (first.posterior - second.posterior).abs().sum(1)).tolist()


def tempo_distances(first: HeardTakes, second: HeardTakes) -> list[float]:
    """How far apart the tempos of pairs are, in octaves; NaN where one has none."""
    return [abs(after - before) for before, after in zip(first.octaves, second.octaves, strict=True)]


def paired_behaviour(asked: Sequence[Asking], first: HeardTakes, second: HeardTakes) -> Behaviour:
    """Of pairs on the same prompt and noise."""
    prompts = [each.prompt for each in asked]
    known = [row for row, each in enumerate(asked) if each.genre]
    hits = [[float(side.labels[row] == asked[row].genre) for row in known] for side in (first, second)]
    of_genre = [prompts[row] for row in known]
    changed = [float(one != other) for one, other in zip(first.labels, second.labels, strict=True)]
    obeys = [_obedience(asked, side.octaves) for side in (first, second)]
    both = sorted(set(obeys[0]) & set(obeys[1]))
    return Behaviour(
        paired=True,
        hit_first=mean_over(of_genre, hits[0]) if known else None,
        hit_second=mean_over(of_genre, hits[1]) if known else None,
        hit_change=difference_over(of_genre, *hits) if known else None,
        heard_change=mean_over(prompts, changed),
        distance=mean_over(prompts, distances(first, second)),
        obeys_first=mean_over(both, [obeys[0][name] for name in both]) if both else None,
        obeys_second=mean_over(both, [obeys[1][name] for name in both]) if both else None,
        obeys_change=mean_over(both, [obeys[1][name] - obeys[0][name] for name in both]) if both else None,
        genres=_genres(asked, first, second),
        faster=_faster(asked, first, second, range(len(asked))),
        tempos=_tempos(asked, first, second),
    )


def unpaired_behaviour(first: HeardTakes, second: HeardTakes) -> Behaviour:
    """Of two sets that have nothing but their kind in common."""
    everything = GenreRow(
        genre="",
        takes=max(len(first.labels), len(second.labels)),
        first=len(first.labels),
        second=len(second.labels),
        first_heard=dict(Counter(first.labels).most_common()),
        second_heard=dict(Counter(second.labels).most_common()),
    )
    tempo = TempoRow(
        word="", takes=len(second.labels), first=_bpm(first.octaves), second=_bpm(second.octaves), faster=None
    )
    return Behaviour(paired=False, genres=[everything], tempos=[tempo])


def _obedience(asked: Sequence[Asking], octaves: Sequence[float]) -> dict[str, float]:
    """By what is asked beside the tempo, how much faster “fast” is than “slow”, in octaves."""
    rows: dict[str, dict[str, list[float]]] = {}
    for each, value in zip(asked, octaves, strict=True):
        if each.tempo and not math.isnan(value):
            beside = each.genre or " ".join(word for word in _words(each.prompt) if word != each.tempo)
            rows.setdefault(beside, {}).setdefault(each.tempo, []).append(value)
    slow, fast = TEMPO_WORDS
    return {
        name: sum(found[fast]) / len(found[fast]) - sum(found[slow]) / len(found[slow])
        for name, found in rows.items()
        if slow in found and fast in found
    }


def _genres(asked: Sequence[Asking], first: HeardTakes, second: HeardTakes) -> list[GenreRow]:
    found = []
    for genre in dict.fromkeys(each.genre for each in asked):
        rows = [row for row, each in enumerate(asked) if each.genre == genre]
        heard = [[side.labels[row] for row in rows] for side in (first, second)]
        found.append(
            GenreRow(
                genre=genre,
                takes=len(rows),
                first=heard[0].count(genre),
                second=heard[1].count(genre),
                first_heard=dict(Counter(heard[0]).most_common()),
                second_heard=dict(Counter(heard[1]).most_common()),
            )
        )
    return found


def _tempos(asked: Sequence[Asking], first: HeardTakes, second: HeardTakes) -> list[TempoRow]:
    found = []
    for word in dict.fromkeys(each.tempo for each in asked):
        rows = [row for row, each in enumerate(asked) if each.tempo == word]
        faster = _faster(asked, first, second, rows)
        sides = [_bpm([side.octaves[row] for row in rows]) for side in (first, second)]
        found.append(TempoRow(word=word, takes=len(rows), first=sides[0], second=sides[1], faster=faster))
    return found


def _faster(asked: Sequence[Asking], first: HeardTakes, second: HeardTakes, rows: Iterable[int]) -> Measured | None:
    """How much faster the second is, in octaves, over pairs of which both have a tempo."""
    known = [row for row in rows if not (math.isnan(first.octaves[row]) or math.isnan(second.octaves[row]))]
    prompts = [asked[row].prompt for row in known]
    return difference_over(prompts, *([side.octaves[row] for row in known] for side in (first, second)))


def _bpm(octaves: Sequence[float]) -> float | None:
    known = [value for value in octaves if not math.isnan(value)]
    return round(2 ** median(known), 1) if known else None
