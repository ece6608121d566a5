"""Settings as suspects before neurons: what a checkpoint is made to be played with, and what it is played with.

A distilled checkpoint in too many steps, or a base in too few, plays something else than it learned; no unit is the
cause of that.
"""

from __future__ import annotations

from collections.abc import Sequence

from tonescope.diagnose.schema import SettingSuspect
from tonescope.models.generator import Generator, Sampling
from tonescope.models.played_with import Recommended, Recommends

ALIKE = 1e-6


def _by_name(settings: Recommended) -> dict[str, float | None]:
    return {"denoising steps": settings.steps, "shift": settings.shift, "guidance": settings.guidance}


def recommended_settings(generator: Generator) -> dict[str, float]:
    """What a generator is made to be played with, as far as it says, by the names of settings."""
    if not isinstance(generator, Recommends):
        return {}
    return {name: value for name, value in _by_name(generator.recommended).items() if value is not None}


def setting_suspects(generator: Generator, sampling: Sampling) -> list[SettingSuspect]:
    """Settings that are not what the checkpoint is made for; where it does not say, none."""
    if not isinstance(generator, Recommends):
        return []
    used = _by_name(generator.played_with) | {"guidance": sampling.guidance}
    return [
        SettingSuspect(name=name, used=own, recommended=wanted)  # type: ignore[arg-type]
        for name, wanted in recommended_settings(generator).items()
        if (own := used[name]) is not None and abs(own - wanted) > ALIKE
    ]


def differing(suspects: Sequence[SettingSuspect]) -> str:
    """What was set otherwise, in words."""
    return ", ".join(f"{row.name} {row.used:g} instead of {row.recommended:g}" for row in suspects)


def suspects_sentence(generator: Generator, sampling: Sampling) -> str | None:
    """What is to be said of settings that the checkpoint is not made for; ``None`` where there are none."""
    if not (suspects := setting_suspects(generator, sampling)):
        return None
    return (
        f"{generator.name} was not played as it is made to be ({differing(suspects)}): that comes before words and "
        "units as a cause, so first play it as it is made to be."
    )
