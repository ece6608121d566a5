"""Keys of the variants that a diagnosis plays; what people read for them is in
:mod:`tonescope.diagnose.report.labels`."""

from __future__ import annotations

from tonescope.diagnose.prompts.phrases import Phrase
from tonescope.models.units import Location, Unit

MUTED, CONTROL, BARE = "muted", "random_muted", "bare_genre_word"
GOOD, PUT_IN, PUT_IN_CONTROL = "other_prompt", "put_in", "random_put_in"


def dose(scale: float) -> str:
    """The set multiplied by ``scale``."""
    return f"times:{scale:g}"


def dose_control(scale: float) -> str:
    """Random units multiplied by ``scale``."""
    return f"random_times:{scale:g}"


def unit(target: Unit | Location) -> str:
    """One unit muted."""
    return f"without_unit:{target}"


def control(target: Unit | Location) -> str:
    """A random unit muted in the place of one."""
    return f"control_of:{target}"


def set_without(target: Unit | Location) -> str:
    """All of the set muted but one unit."""
    return f"set_without:{target}"


def in_place(target: Unit | Location) -> str:
    """All of the set muted but one unit, and another in its place."""
    return f"in_place:{target}"


def cut(second: float) -> str:
    """The set muted from a second on."""
    return f"muted_from:{second:g}"


def from_step(step: int) -> str:
    """The set muted from a denoising step on."""
    return f"muted_from_step:{step}"


def until_step(step: int) -> str:
    """The set muted before a denoising step, and not from it on."""
    return f"muted_until_step:{step}"


def word(phrase: Phrase) -> str:
    """One word left out: where the word starts tells apart equal ones."""
    return f"without_word:{phrase.start}:{phrase.name}"
