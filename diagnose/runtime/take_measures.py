"""What can be measured in takes as they are played, beside what the judge hears: numbers and vectors by name.

Whoever wants takes names measures (:attr:`tonescope.diagnose.runtime.work_items.Keep.measures`); a worker makes them
from the takes of an item that can be heard, and they are kept with these. A measure leaves a number of its own name
with every take, so that it can be told which takes have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.descriptors.musical_key import key_of_recording
from tonescope.diagnose.descriptors.tempo import tempo_of
from tonescope.diagnose.intervene import recording
from tonescope.diagnose.judging import audio_quality
from tonescope.diagnose.overused.landmarks import landmarks
from tonescope.models.generator import Takes
from tonescope.models.judges.listening import TAKES_AT_ONCE
from tonescope.models.judges.two_towers import TwoTowers
from tonescope.models.units import Location

Found = tuple[dict[str, float], dict[str, list[float]]]
"""What is known of one take: numbers by name, and vectors by name."""

Measure = Callable[[Context, Takes], list[Found]]

WIDEST = 128  # numbers that are kept of a layer; wider layers are projected
RESIDUALS = ("decoder.residual", "denoiser.residual")
LEVEL_HOP = 0.02  # seconds: of the levels by which quiet moments are masked


def _onset_rate(context: Context, takes: Takes) -> list[Found]:
    rates = audio_quality.onset_rate(takes.waveform, context.rate)
    return [({"onset_rate": float(rate)}, {}) for rate in rates]


def _tempo(context: Context, takes: Takes) -> list[Found]:
    """Beats a minute, NaN where there is no beat, and how clear it is."""
    found = [tempo_of(wave, context.rate) for wave in takes.waveform]
    return [({"tempo": _or_nan(tempo.bpm), "tempo_clarity": float(tempo.clarity)}, {}) for tempo in found]


def _key(context: Context, takes: Takes) -> list[Found]:
    """The key as 2 × tonic + mode, NaN where there are no notes, and whether it is clear."""
    found = []
    for wave in takes.waveform:
        heard = key_of_recording(wave, context.rate)
        number = None if heard.key is None else 2 * heard.key.tonic + heard.key.mode
        found.append(({"key": _or_nan(number), "key_clear": float(heard.clear)}, dict[str, list[float]]()))
    return found


def _embedding(context: Context, takes: Takes) -> list[Found]:
    """The judge's embedding, of length one; its width is 0 for a judge that shows none."""
    judge = context.listener
    if not isinstance(judge, TwoTowers):
        return [({"embedding": 0.0}, {}) for _ in range(len(takes))]
    with torch.no_grad():
        parts = [judge.embed_audio(part, context.rate) for part in takes.waveform.split(TAKES_AT_ONCE)]
    heard = torch.nn.functional.normalize(torch.cat(parts).float().cpu(), dim=-1)
    return [({"embedding": float(len(row))}, {"embedding": row.tolist()}) for row in heard]


def _landmarks(context: Context, takes: Takes) -> list[Found]:
    """The fingerprint of the sound: landmarks and when they are, in frames."""
    found = []
    for wave in takes.waveform:
        marks = landmarks(wave.numpy(), context.rate)
        vectors = {"landmark": marks.hashes.astype(float).tolist(), "landmark_time": marks.times.astype(float).tolist()}
        found.append(({"landmarks": float(len(marks.hashes))}, vectors))
    return found


def _levels(context: Context, takes: Takes) -> list[Found]:
    """The level in dB of every :data:`LEVEL_HOP` of a take, relative to full scale."""
    hop = max(1, round(LEVEL_HOP * context.rate))
    whole = takes.waveform[:, : takes.waveform.shape[1] // hop * hop].unflatten(1, (-1, hop))
    levels = 10 * torch.log10(whole.square().mean(-1).clamp_min(1e-10))
    return [({"levels": float(len(row))}, {"levels": row.tolist()}) for row in levels]


def _depth(context: Context, takes: Takes) -> list[Found]:
    """The mean of the residual stream over a take, layer by layer: with the prompt, over all steps."""
    generator = context.generator
    places = [place for site in RESIDUALS for place in generator.locations(site)]
    if not places:
        return [({"depth": 0.0}, {}) for _ in range(len(takes))]
    found: list[Found] = [({"depth": float(len(places))}, {}) for _ in range(len(takes))]

    def mean(_: Location, tensor: Tensor) -> Tensor:
        return tensor[:, 0].float().mean((1, 2)).cpu()

    for rows in recording.batches(generator, takes):
        seen, _ = recording.watch(context, takes.pick(rows), rows, places, mean)
        for place, values in seen.items():
            for row, value in zip(rows, _narrow(values), strict=True):
                found[row][1][f"depth:{place.layer}"] = value.tolist()
    return found


def _narrow(values: Tensor) -> Tensor:
    """(rows, width), or a random projection of it that keeps distances (Johnson and Lindenstrauss 1984)."""
    width = values.shape[1]
    return values if width <= WIDEST else values @ _projection(width)


@lru_cache(maxsize=4)
def _projection(width: int) -> Tensor:
    random = np.random.default_rng(width)
    return torch.from_numpy(random.standard_normal((width, WIDEST)).astype(np.float32) / math.sqrt(WIDEST))


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


MEASURES: Mapping[str, Measure] = {
    "onset_rate": _onset_rate,
    "tempo": _tempo,
    "key": _key,
    "embedding": _embedding,
    "landmarks": _landmarks,
    "levels": _levels,
    "depth": _depth,
}
"""What an item can want beside what is heard."""
