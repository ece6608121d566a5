"""What a diagnosis is asked to do, and the refusal of what cannot be done, before any model is loaded."""

from __future__ import annotations

import math

from pydantic import BaseModel

from tonescope.models.errors import TonescopeError

LONGEST_PROMPT = 2_000
MOST_TAKES = 256
LONGEST_SECONDS = 60.0
MOST_TESTED = 200
MOST_TWO_POINT = 1000
MOST_ROUNDS = 16
ROUNDS = 6
DRAWS = 2  # random candidates in a round of choosing
CAREFUL = (4, 1)  # listens to a take, and steps of feedback, that gradients are taken with
PLAIN = (1, 0)


class Settings(BaseModel):
    """How a diagnosis is made.

    ``strongest_share`` is the most of all neurons, and of all heads, that the group test mutes together, as a share, chosen in so many ``rounds`` (see :mod:`tonescope.diagnose.attribution.greedy_group_search`); ``tested_units`` and ``tested_words`` are how
    many of the strongest are verified one by one; ``doses`` are the factors that the group's activations are multiplied by.
    ``careful`` gradients, which units are estimated and chosen by, average over more listens and follow what changed codes do to later ones, and take longer (see :func:`tonescope.diagnose.attribution.metrics.margin` and :func:`tonescope.diagnose.attribution.gradients.attribute`).
    ``two_point_units`` is how many of the strongest neurons, and of the heads, are estimated by a second gradient each (see :mod:`tonescope.diagnose.attribution.integrated_gradients`).
    Takes have the seeds from ``seed`` on; what was found is tested in as many fresh ones, with the seeds after those. ``memory_gib`` bounds what a diagnosis adds to the memory in use; absent, 70 % of what is free.
    """

    takes: int = 4
    seconds: float = 4.0
    seed: int = 1
    guidance: float = 3.0
    temperature: float = 1.0
    top_k: int = 250
    foil: str | None = None
    strongest_share: float = 0.01
    rounds: int = ROUNDS
    careful: bool = False
    two_point_units: int = 0
    tested_units: int = 1
    tested_words: int = 3
    doses: tuple[float, ...] = (0.0, 0.5, 2.0)
    memory_gib: float | None = None

    @property
    def gradient_options(self) -> tuple[int, int]:
        """Listens to a take and steps of feedback."""
        return CAREFUL if self.careful else PLAIN


def check_memory(gib: float | None) -> None:
    """Raise :class:`TonescopeError` for a bound that is none."""
    if gib is not None and not 0 < gib < math.inf:
        raise TonescopeError(
            f"{gib:g} GiB of memory cannot be worked with; give another number above 0, or leave the option out."
        )


def check(prompt: str, settings: Settings) -> None:
    """Raise :class:`TonescopeError` for a prompt or settings that no model could meet."""
    if not prompt.strip():
        raise TonescopeError(
            "the prompt is empty, so there is nothing to play; type a few words, for example “mellow jazz fusion with saxophone”."
        )
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise TonescopeError("the prompt holds bytes that are no text; type it again in UTF-8.") from error
    if len(prompt) > LONGEST_PROMPT:
        raise TonescopeError(
            f"the prompt is {len(prompt)} characters long and text encoders read a few hundred words at most; shorten it to under {LONGEST_PROMPT}."
        )
    if not any(character.isalnum() for character in prompt):
        raise TonescopeError(
            "the prompt has no word in it, so there is nothing to explain; describe the music in a few words."
        )
    if not 1 <= settings.takes <= MOST_TAKES:
        raise TonescopeError(
            f"{settings.takes} takes cannot be made; ask for 1 to {MOST_TAKES} (8 or more give a useful interval)."
        )
    if not (math.isfinite(settings.seconds) and 0 < settings.seconds <= LONGEST_SECONDS):
        raise TonescopeError(
            f"{settings.seconds:g} seconds cannot be made; ask for more than 0 and at most {LONGEST_SECONDS:g}."
        )
    if not (math.isfinite(settings.guidance) and 1 <= settings.guidance <= 20):
        raise TonescopeError(f"a guidance of {settings.guidance:g} is outside 1 (none) to 20; 3 is usual.")
    if not (math.isfinite(settings.temperature) and 0 <= settings.temperature <= 5):
        raise TonescopeError(f"a temperature of {settings.temperature:g} is outside 0 to 5; 1 is usual.")
    for count, what in ((settings.tested_units, "units"), (settings.tested_words, "words")):
        if not 0 <= count <= MOST_TESTED:
            raise TonescopeError(f"{count} {what} cannot be verified one by one; ask for 0 to {MOST_TESTED}.")
    if not 0 <= settings.two_point_units <= MOST_TWO_POINT:
        raise TonescopeError(
            f"{settings.two_point_units} units cannot be estimated more closely; ask for 0 to {MOST_TWO_POINT}."
        )
    check_memory(settings.memory_gib)
    if not 0 < settings.strongest_share <= 0.5:
        raise TonescopeError(
            f"a share of {settings.strongest_share:g} of the units cannot be tested together against others; use more than 0 and at most 0.5."
        )
    if not 1 <= settings.rounds <= MOST_ROUNDS:
        raise TonescopeError(f"units cannot be chosen in {settings.rounds} rounds; ask for 1 to {MOST_ROUNDS}.")
    fit = all(math.isfinite(dose) and dose >= 0 and dose != 1 for dose in settings.doses)
    if not fit or len(set(settings.doses)) < len(settings.doses):
        raise TonescopeError(
            "the doses cannot be played: each is a factor of 0 or more, other than 1 and each once, such as 0, 0.5 and 2."
        )
    if settings.takes > 1 and (settings.temperature == 0 or settings.top_k == 1):
        raise TonescopeError(
            f"without chance in the sampling all {settings.takes} takes are the same one; ask for 1 take, or a temperature above 0 and a top-k above 1."
        )
    if settings.top_k < 0:
        raise TonescopeError(f"a top-k of {settings.top_k} is negative; 250 is usual and 0 keeps every code.")
    if settings.seed < 0:
        raise TonescopeError(f"the seed {settings.seed} is negative; use 0 or more.")
