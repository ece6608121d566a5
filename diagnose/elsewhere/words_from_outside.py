"""What the words of a prompt do, from files alone: takes with and without each phrase, made by somebody else's
generator.

Where takes share a seed, and a request that was made twice gave the same sound, they are compared pair by pair and the
finding is *tested*; else two groups are compared (Welch 1947), and it is *observed*. No p-value is smaller than that
of takes of which nothing but their order is known: probabilities near 0 or 1 hardly vary, and are still few takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from tonescope.diagnose.audio_files.collecting import SoundFile
from tonescope.diagnose.elsewhere.listen_schema import Heard, WordFromOutside, WordsFromOutside
from tonescope.diagnose.elsewhere.request_plan import GENRE, WHOLE, WHOLE_AGAIN, Answers, seed_of
from tonescope.diagnose.schema import Badge
from tonescope.diagnose.stats import (
    BELIEVED,
    LEVEL,
    Effect,
    Interval,
    adjusted,
    effect,
    least_of_groups,
    least_paired,
    share,
)

SAME_SOUND_DB = 0.5  # mean distance of spectra, frame by frame, up to which two files are one sound
LEAST = 1e-6  # of a probability, so that log-odds are finite


@dataclass(frozen=True)
class Answer:
    """A file that answers a request: what was asked, what is heard, its mean spectrum (bands,) in dB, level taken
    off, and its frames (frames, bands)."""

    row: SoundFile
    heard: Heard
    spectrum: NDArray[np.float32]
    frames: NDArray[np.float32]

    @property
    def variant(self) -> str:
        """Which request it answers."""
        return self.row.about["variant"]

    @property
    def seed(self) -> str:
        """That of the request; empty where there was none."""
        return seed_of(self.row)


def same_sound(first: Answer, second: Answer) -> bool:
    """Whether two files sound alike moment by moment."""
    size = min(len(first.frames), len(second.frames))
    if not size or abs(len(first.frames) - len(second.frames)) > 2:
        return False
    apart = first.frames[:size] - second.frames[:size]
    return float(np.abs(apart - apart.mean()).mean()) <= SAME_SOUND_DB


def seeds_hold(answers: Sequence[Answer]) -> bool | None:
    """Whether a request that was made twice gave one sound twice; ``None`` where none was."""
    again = [answer for answer in answers if answer.variant == WHOLE_AGAIN]
    wholes = {answer.seed: answer for answer in answers if answer.variant == WHOLE and answer.seed}
    pairs = [(answer, wholes[answer.seed]) for answer in again if answer.seed in wholes]
    return all(same_sound(*pair) for pair in pairs) if pairs else None


def difference(without: Sequence[float], whole: Sequence[float]) -> Effect | None:
    """The difference of two groups that are not paired, with Welch's interval; ``None`` where one is empty.

    Where neither group varies, there is no interval.
    """
    if not without or not whole:
        return None
    first, second = np.asarray(without, float), np.asarray(whole, float)
    mean = float(first.mean() - second.mean())
    if len(first) < 2 or len(second) < 2:
        return Effect(mean=mean, interval=None, takes=min(len(first), len(second)))
    parts = [float(group.var(ddof=1)) / len(group) for group in (first, second)]
    error = math.sqrt(sum(parts))
    least, takes = least_of_groups(len(first), len(second)), min(len(first), len(second))
    if np.ptp(first) == np.ptp(second) == 0:
        return Effect(mean=mean, interval=None, takes=takes, p=least if mean else 1.0)
    spread = sum(part**2 / (len(group) - 1) for part, group in zip(parts, (first, second), strict=True))
    freedom = sum(parts) ** 2 / spread
    half = float(stdtrit(freedom, 0.5 + LEVEL / 2)) * error
    p = float(2 * stdtr(freedom, -abs(mean) / error))
    return Effect(mean=mean, interval=Interval(low=mean - half, high=mean + half), takes=takes, p=max(p, least))


def paired_difference(changes: Sequence[float]) -> Effect:
    """The mean of paired differences, as :func:`tonescope.diagnose.stats.effect` gives it."""
    found = effect(changes)
    return found if found.p is None else found.model_copy(update={"p": max(found.p, least_paired(found.takes))})


@dataclass(frozen=True)
class Opinion:
    """Who says what is heard: a name, and from a finding to probabilities by label."""

    listener: str
    of: Callable[[Heard], Mapping[str, float]]

    def best(self, heard: Heard) -> str:
        """The likeliest label."""
        found = self.of(heard)
        return max(found, key=lambda label: found[label])

    def log_odds(self, heard: Heard, target: str) -> float:
        """Those of a label."""
        value = min(max(self.of(heard)[target], LEAST), 1 - LEAST)
        return math.log(value / (1 - value))

    def mostly(self, answers: Sequence[Answer]) -> str:
        """The label that is most probable over all takes."""
        rows = [self.of(each.heard) for each in answers]
        return max(rows[0], key=lambda label: sum(row[label] for row in rows))


def opinion_of(heard: Heard, *, judges: bool) -> Opinion | None:
    """Who can be asked of such files: the first judge where it knows them, else the first tagger that knows genres."""
    if judges:
        return Opinion(heard.judged[0].judge, lambda each: each.judged[0].probabilities)
    for at, tagged in enumerate(heard.tags):
        if tagged.genres:
            return Opinion(tagged.tagger, lambda each, at=at: each.tags[at].genres)  # type: ignore[misc]
    return None


def compare_words(
    asked: Answers, answers: Sequence[Answer], missing: Sequence[str], *, judges: bool
) -> WordsFromOutside:
    """The test.

    What is compared is how probable one genre is: that which is heard most over the answers to all requests alike.
    Chosen by the whole prompt's takes alone, it would be likelier in those by the choice itself.

    Args:
        asked: the plan's table.
        answers: the files that could be heard.
        missing: names of those that could not.
        judges: whether the judge knows such sounds, so that what it hears counts.
    """
    hold = seeds_hold(answers)
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(answer.variant, []).append(answer)
    whole = groups.pop(WHOLE, [])
    groups.pop(WHOLE_AGAIN, None)
    opinion = opinion_of(whole[0].heard, judges=judges) if whole else None
    target = opinion.mostly([*whole, *(row for rows in groups.values() for row in rows)]) if opinion else None
    words = [_compared(rows, whole, opinion, target, hold) for rows in groups.values()] if whole else []
    qs = adjusted([word.margin.p if word.margin else None for word in words])
    told = [word.model_copy(update={"q": q, "sentence": _sentence(word, q)}) for word, q in zip(words, qs, strict=True)]
    order = sorted(told, key=lambda word: (word.variant == GENRE, -abs(word.margin.mean) if word.margin else 0.0))
    return WordsFromOutside(
        prompt=asked.prompt,
        service=asked.service,
        listener=opinion.listener if opinion else None,
        seeds_hold=hold,
        words=order,
        missing=list(missing),
    )


def _compared(
    rows: Sequence[Answer], whole: Sequence[Answer], opinion: Opinion | None, target: str | None, hold: bool | None
) -> WordFromOutside:
    """Takes of one request beside those of the whole prompt: how probable ``target`` is by an ``opinion``."""
    by_seed = {answer.seed: answer for answer in whole if answer.seed}
    pairs = [(row, by_seed[row.seed]) for row in rows if row.seed in by_seed]
    paired = bool(pairs) and hold is True
    badge: Badge = "tested" if paired and opinion else "observed"  # of the spectrum nothing is tested

    def change(values: Mapping[int, float]) -> Effect | None:
        """Of what was measured in files, by their identity; files that have none of it do not count."""
        if paired:
            both = [(values[id(a)], values[id(b)]) for a, b in pairs if id(a) in values and id(b) in values]
            return paired_difference([first - second for first, second in both]) if both else None
        return difference(
            [values[id(row)] for row in rows if id(row) in values],
            [values[id(row)] for row in whole if id(row) in values],
        )

    everyone = [*rows, *whole]
    margins = {id(each): opinion.log_odds(each.heard, target) for each in everyone} if opinion and target else {}
    tempos = {
        id(each): each.heard.tempo.bpm
        for each in everyone
        if each.heard.tempo.bpm is not None and each.heard.tempo.confidence == "clear"
    }
    beside = pairs if paired else [(row, other) for row in rows for other in whole]

    def heard(answers: Sequence[Answer]) -> int:
        return sum(opinion is not None and opinion.best(each.heard) == target for each in answers)

    compared, held = ([a for a, _ in pairs], [b for _, b in pairs]) if paired else (rows, whole)
    return WordFromOutside(
        variant=rows[0].variant,
        left_out=rows[0].row.about.get("left_out", ""),
        prompt=rows[0].row.about["prompt"],
        takes=len(compared),
        paired=paired,
        badge=badge,
        target=target,
        margin=change(margins),
        q=None,
        with_it=share(heard(held), len(held)) if target else None,
        without_it=share(heard(compared), len(compared)) if target else None,
        tempo=change(tempos),
        sound_db=round(float(np.mean([_apart(a, b) for a, b in beside])), 2) if beside else None,
        other_seeds_db=_among(whole),
        sentence="",
    )


def _apart(first: Answer, second: Answer) -> float:
    return float(np.abs(first.spectrum - second.spectrum).mean())


def _among(answers: Sequence[Answer]) -> float | None:
    """How far takes of one request are from one another: the median over pairs."""
    pairs = [_apart(a, b) for at, a in enumerate(answers) for b in answers[at + 1 :]]
    return round(float(np.median(pairs)), 2) if pairs else None


def _sentence(word: WordFromOutside, q: float | None) -> str:
    what = f"Without “{word.left_out}”" if word.variant != GENRE else f"With the genre alone (“{word.prompt}”)"
    if word.target and word.with_it and word.without_it and word.margin:
        told = (
            f"{what}, {word.without_it.count} of {word.without_it.total} takes are heard as {word.target} (with it, "
            f"{word.with_it.count} of {word.with_it.total}){_how_sure(word, word.margin, q)}"
        )
    elif word.sound_db is not None and word.other_seeds_db is not None:
        told = (
            f"{what}, the spectrum moves by about {word.sound_db:.1f} dB (takes of one prompt differ by about "
            f"{word.other_seeds_db:.1f} dB)"
        )
    else:
        told = f"{what}, too few takes are there to compare"
    if word.tempo and word.tempo.interval and (word.tempo.interval.low > 0 or word.tempo.interval.high < 0):
        told += f"; the tempo changes by {word.tempo.mean:+.0f} BPM".replace("-", "−")
    return f"{told}."


def _how_sure(word: WordFromOutside, margin: Effect, q: float | None) -> str:
    """What was tested: how probable the genre is, and not how many takes are heard as it."""
    if q is None:
        return ""
    if q >= BELIEVED:
        return "; that its probability changes is not sure"
    how = "falls" if margin.mean < 0 else "rises"
    same = word.with_it is not None and word.without_it is not None and word.with_it.value == word.without_it.value
    return f"; its probability surely {how}{', though no take changes genre' if same else ''}"
