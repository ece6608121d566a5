"""One recording, heard and measured: by judges in their windows, and by what needs no judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tonescope.diagnose.audio_files.decoding import resampled
from tonescope.diagnose.audio_files.sound_recording import Recording
from tonescope.diagnose.descriptors.musical_key import key_of_recording
from tonescope.diagnose.descriptors.repetition import repetition_of
from tonescope.diagnose.descriptors.tempo import tempo_of
from tonescope.diagnose.elsewhere.listen_schema import (
    Heard,
    Judged,
    KeyRow,
    LoudnessRow,
    RepetitionRow,
    Tagged,
    TagRow,
    TempoRow,
    WindowRow,
)
from tonescope.diagnose.judging.verdict import hear, sure_enough
from tonescope.diagnose.stats import share
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.listening import TAKES_AT_ONCE, posterior
from tonescope.models.judges.tagger import Tagger
from tonescope.models.judges.tagging import by_meaning, tag

SHOWN_TAGS = 8
LEAST_LIKELY = 0.1  # a tag that is less probable is not told


@dataclass(frozen=True)
class Listeners:
    """Who listens: the judge that verdicts come from first, then others for comparison; and taggers of real music."""

    judges: tuple[Judge, ...]
    taggers: tuple[Tagger, ...] = ()

    @property
    def judge(self) -> Judge:
        """The first."""
        return self.judges[0]

    def about(self) -> list[str]:
        """What findings depend on."""
        told = [part for judge in self.judges for part in (judge.name, judge.fingerprint(), *judge.labels)]
        return told + [part for tagger in self.taggers for part in (tagger.name, tagger.fingerprint())]


def hear_recording(recording: Recording, listeners: Listeners) -> Heard:
    """Everything that can be told of a recording whatever it was made from."""
    waveform, rate = recording.waveform, recording.rate
    key = key_of_recording(waveform, rate)
    best = key.key
    return Heard(
        seconds=round(recording.seconds, 3),
        rate=recording.file_rate,
        channels=recording.channels,
        notes=list(recording.notes),
        judged=[judged(judge, waveform, rate) for judge in listeners.judges],
        tags=[tagged(tagger, recording) for tagger in listeners.taggers],
        tempo=TempoRow.model_validate(vars(tempo_of(waveform, rate))),
        key=KeyRow(
            key=best.name if best else None,
            tonic=best.tonic if best else None,
            mode=best.mode if best else None,
            correlation=key.correlation,
            margin=key.margin,
            others=[(other.name, value) for other, value in key.others],
            clear=key.clear,
        ),
        loudness=LoudnessRow.model_validate(vars(recording.loudness)),
        repetition=RepetitionRow.model_validate(vars(repetition_of(waveform, rate))),
    )


def tagged(tagger: Tagger, recording: Recording) -> Tagged:
    """What a tagger hears: the mean over its windows, its likeliest tags, and its genres by what they mean."""
    sound = resampled(recording.waveform, recording.rate, tagger.rate)
    mean = tag(tagger, sound, tagger.rate).mean(0)
    likely = [at for at in mean.argsort(descending=True)[:SHOWN_TAGS].tolist() if mean[at] >= LEAST_LIKELY]
    rows = [(tagger.tags[at], round(float(mean[at]), 4)) for at in likely]
    wider = [(each.name, mean[at]) for at, each in enumerate(tagger.tags) if each.kind == "genre" and not each.means]
    named = by_meaning(tagger, mean, "genre").items()
    genres = {name: round(float(value), 6) for name, value in (*named, *wider)}
    return Tagged(
        tagger=tagger.name,
        domain=tagger.domain,
        tags=[TagRow(name=found.name, kind=found.kind, probability=value) for found, value in rows],
        genres=genres,
    )


def window_starts(samples: int, size: int) -> list[int]:
    """Where windows of ``size`` samples begin: side by side, the last ends with the recording."""
    last = max(0, samples - size)
    return sorted({*range(0, last + 1, size), last})


def _windows(waveform: Tensor, starts: Sequence[int], size: int) -> Iterator[Tensor]:
    for at in range(0, len(starts), TAKES_AT_ONCE):
        yield torch.stack([waveform[start : start + size] for start in starts[at : at + TAKES_AT_ONCE]])


def judged(judge: Judge, waveform: Tensor, rate: int) -> Judged:
    """What a judge hears in (samples,), window by window, and the mean over windows."""
    size = max(1, round(judge.window_seconds * rate))
    starts = window_starts(len(waveform), size)
    rows = torch.cat([posterior(judge, part, rate) for part in _windows(waveform, starts, size)])
    mean = rows.mean(0)
    best = int(mean.argmax())
    enough = sure_enough(judge)
    named, names = hear(rows, judge.labels, enough), hear(mean[None], judge.labels, enough)
    windows = [
        WindowRow(
            start=round(start / rate, 3),
            end=round(min(len(waveform), start + size) / rate, 3),
            heard=heard,
            probability=round(float(row.max()), 4),
        )
        for start, heard, row in zip(starts, named, rows, strict=True)
    ]
    return Judged(
        judge=judge.name,
        heard=names[0],
        probability=round(float(mean[best]), 4),
        median=round(float(rows[:, best].median()), 4),
        steady=share(sum(each == names[0] for each in named), len(named)),
        probabilities={label: round(float(value), 6) for label, value in zip(judge.labels, mean, strict=True)},
        windows=windows,
    )
