"""One's own stimulus on a unit: a clip or a prompt, beside what the unit does in the stimuli of all families."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor

from tonescope.diagnose.audio_files.sound_files import printable
from tonescope.diagnose.context import Context
from tonescope.diagnose.judging.reference_clips import Clip
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.tuning.curve_statistics import Curves
from tonescope.diagnose.tuning.responses import of_prompt
from tonescope.diagnose.unit_index.listening_pass import ListeningPass
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location, Unit

POINTS = 200  # over time, at most
TAKES = 4  # of a prompt


class OwnStimulus(BaseModel):
    """What a unit does in somebody's clip or prompt.

    ``response`` is its mean over the sound (over takes, of a prompt), ``percentile`` how much of the stimuli it
    responds to less; ``peak``, the most, is at ``second``. ``activity`` is what it does over time, at even distances;
    empty for a prompt. ``address`` is the line that shows the same again.
    """

    kind: str
    name: str
    response: float
    percentile: float | None
    peak: float | None = None
    second: float | None = None
    seconds: float | None = None
    activity: list[float] = []
    takes: int = 1
    address: str = ""


def of_clip(scope: Microscope, unit: Unit, clip: Clip, curves: Sequence[Curves]) -> OwnStimulus:
    """Of the middle of a clip, as long as the generator plays.

    Raises :class:`TonescopeError` for a unit that no sound reaches, and for a clip that is too short.
    """
    looking = ListeningPass.at(scope.generator, scope.judge, [str(unit.location)])
    longest = float(scope.judge.window_seconds) if unit.location.network == "judge" else scope.generator.longest_seconds
    sound = clip.middle(float(longest), scope.rate)[None]
    if sound.shape[1] < scope.generator.shortest_seconds * scope.rate:
        raise TonescopeError(
            f"{printable(clip.name)} is too short for {scope.generator.name}; choose one of "
            f"{scope.generator.shortest_seconds:.2f} seconds or more."
        )

    def of_unit(_: Location, values: Tensor, moments: Tensor) -> tuple[Tensor, Tensor]:
        return values[0, :, unit.index].float().cpu(), moments.cpu()

    values, moments = looking.of_sound(sound, of_unit)[unit.location]
    seconds, order = sound.shape[1] / scope.rate, moments.argsort(stable=True)
    best = int(values.argmax())
    return OwnStimulus(
        kind="clip",
        name=printable(clip.name),
        response=round(float(values.mean()), 5),
        percentile=_percentile(float(values.mean()), unit, curves),
        peak=round(float(values[best]), 5),
        second=round(float(moments[best]) * seconds, 3),
        seconds=round(seconds, 3),
        activity=[round(value, 4) for value in _points(values[order])],
    )


def of_words(scope: Microscope, unit: Unit, prompt: str, seconds: float, curves: Sequence[Curves]) -> OwnStimulus:
    """Of some takes of a prompt, played now; of a unit of the text encoder, of its words."""
    looking = ListeningPass(scope.generator, scope.judge, (unit.location,))
    scope.generator.read_text([prompt], seconds)
    context = Context(scope.generator, scope.judge, seconds=min(seconds, float(scope.generator.longest_seconds)))
    responses = of_prompt(context, looking, prompt, range(1, TAKES + 1))[unit.location][:, unit.index]
    response = float(responses.mean())
    return OwnStimulus(
        kind="prompt",
        name=prompt,
        response=round(response, 5),
        percentile=_percentile(response, unit, curves),
        takes=1 if unit.location.network == "text" else TAKES,
    )


def _percentile(response: float, unit: Unit, curves: Sequence[Curves]) -> float | None:
    """Among everything the unit was given."""
    every = [curve.responses[:, :, unit.index].ravel() for curve in curves]
    known = np.concatenate(every) if every else np.zeros(0)
    return round(float(100 * (known < response).mean()), 2) if len(known) else None


def _points(values: Tensor) -> list[float]:
    """At most :data:`POINTS` values, of more the means of neighbours."""
    if len(values) <= POINTS:
        return values.tolist()
    edges = torch.linspace(0, len(values), POINTS + 1).round().long().tolist()
    return [float(values[first:last].mean()) for first, last in pairwise(edges)]
