"""Surrogate tracing: a file that somebody else's generator made, teacher-forced through an open one.

What comes of it is about the surrogate: which of its units are far from what they usually are, and which seconds it
finds likely. It is no trace of the model that made the file, and is called so nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tonescope.diagnose.audio_files.decoding import resampled
from tonescope.diagnose.audio_files.sound_recording import Recording
from tonescope.diagnose.context import Context
from tonescope.diagnose.elsewhere.listen_schema import ResponseRow, SecondRow, SurrogateTrace
from tonescope.diagnose.intervene.recording import finite, watch
from tonescope.diagnose.judging.audio_quality import spectral_distance
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import UNGUIDED, Encodes, Generator, Takes, read_takes
from tonescope.models.sites import SITES
from tonescope.models.units import Location, Unit

NEUTRAL = "music"  # the prompt where none is known, and what a known one is held against
LONGEST_SECONDS = 30.0  # of a file that are traced: the middle
UNITS = 12
_HEARS = tuple(site.key for site in SITES if site.attributed)


def check_surrogate(generator: Generator) -> Encodes:
    """The generator as one that takes in sound. Raises :class:`TonescopeError` for a family that cannot."""
    if not isinstance(generator, Encodes):
        raise TonescopeError(
            f"{generator.name} ({generator.description}) cannot take in sound that it did not play, so it is no "
            "surrogate; name a MusicGen with --surrogate."
        )
    return generator


@dataclass(frozen=True)
class _Response:
    """What the units of a location do: size of the change and activity (units,), and the frame of the largest."""

    change: Tensor
    active: Tensor
    peak: Tensor


@torch.no_grad()
def trace_through(
    recording: Recording, prompt: str | None, context: Context, *, advance: Callable[[float], None] | None = None
) -> SurrogateTrace:
    """Trace the middle of a recording.

    Args:
        prompt: what it was made from, where that is known.
        context: the surrogate and its mean activations.

    Raises:
        TonescopeError: the generator takes in no sound, or its activations are not numbers.
    """
    generator, encoder = context.generator, check_surrogate(context.generator)
    rate = int(generator.sample_rate)
    longest = min(LONGEST_SECONDS, float(generator.longest_seconds), recording.seconds)
    start = (recording.seconds - longest) / 2
    part = recording.waveform[round(start * recording.rate) :][: round(longest * recording.rate)]
    sound = resampled(part, recording.rate, rate)[None]
    if sound.shape[1] < generator.shortest_seconds * rate:
        raise TonescopeError(
            f"{recording.name} is too short for {generator.name}; leave it out, or choose another surrogate."
        )
    takes = encoder.encode(sound, rate, prompt or NEUTRAL)
    seconds, choices = _likelihood(takes, prompt, context)
    if advance:
        advance(0.5)
    likely = sum(row.log_probability for row in seconds) / len(seconds)
    size = min(sound.shape[1], takes.waveform.shape[1])
    return SurrogateTrace(
        surrogate=generator.name,
        start=round(start, 3),
        end=round(start + longest, 3),
        prompt=prompt or NEUTRAL,
        neutral=NEUTRAL,
        codec_db=round(float(spectral_distance(takes.waveform[:, :size], sound[:, :size].cpu(), rate)[0]), 2),
        chance=round(-math.log(choices), 3),
        log_probability=round(likely, 3),
        seconds=seconds,
        units=_responses(takes, context, start),
    )


def _likelihood(takes: Takes, prompt: str | None, context: Context) -> tuple[list[SecondRow], int]:
    """Log-probability by second, under the prompt and beside a neutral one; and between how many codes each draw is."""
    generator = context.generator

    def by_frame(words: str) -> tuple[Tensor, int]:
        renamed = takes.with_prompt(words)
        replay = generator.replay(renamed, read_takes(generator, renamed), UNGUIDED)
        return generator.log_likelihood(replay)[0].float().cpu(), int(replay.predicted.shape[-1])

    own, choices = by_frame(prompt or NEUTRAL)
    more = own - by_frame(NEUTRAL)[0] if prompt and prompt != NEUTRAL else None
    size = max(1, round(float(generator.frame_rate)))
    rows: list[SecondRow] = []
    for start in range(0, len(own), size):
        here = slice(start, start + size)
        if len(own[here]) * 2 < size and rows:
            break  # less than half a second is left
        gained = None if more is None else round(float(more[here].mean()), 4)
        value = round(float(own[here].mean()), 4)
        rows.append(SecondRow(second=float(start // size), log_probability=value, by_prompt=gained))
    return rows, choices


def _responses(takes: Takes, context: Context, start: float) -> list[ResponseRow]:
    """The units that are farthest from their mean, in units of what is usual at their location; ``start`` is the second
    of the file that the takes begin at."""
    generator, means = context.generator, context.means
    if means is None:
        return []
    locations = [place for place in generator.locations(*_HEARS) if place in means.values]

    def look(location: Location, tensor: Tensor) -> _Response:
        active = finite(location, tensor)[0, 0].float()  # (steps, along, features) of the prompted half
        change = active - means.values[location][0].to(active.device)[:, None]
        width = generator.head_width(location)
        sizes = change.unflatten(-1, (-1, width)).square().mean(-1).sqrt().mean(0)  # (along, units)
        moved = change.mean((0, 1)).unflatten(0, (-1, width)).square().mean(-1).sqrt()
        now = active.mean((0, 1)).unflatten(0, (-1, width)).square().mean(-1).sqrt()
        return _Response(moved.cpu(), now.cpu(), (sizes.argmax(0).float() / max(1, len(sizes))).cpu())

    seen, _ = watch(Context(generator, sampling=UNGUIDED), takes, [0], locations, look)
    seconds = generator.frames_of(takes) / float(generator.frame_rate)
    rows = []
    for location, found in seen.items():
        width = generator.head_width(location)
        means_here = means.values[location][0].mean(0).unflatten(0, (-1, width)).square().mean(-1).sqrt()
        usual = float(means_here.square().mean().sqrt().clamp_min(1e-9))
        response = found.change / usual
        for index in response.argsort(descending=True)[:UNITS].tolist():
            rows.append(
                ResponseRow(
                    unit=str(Unit(location, index)),
                    response=round(float(response[index]), 3),
                    active=round(float(found.active[index]), 4),
                    usual=round(float(means_here[index]), 4),
                    peak_second=round(start + float(found.peak[index]) * seconds, 2),
                )
            )
    rows.sort(key=lambda row: -row.response)
    return rows[:UNITS]
