"""The interchange that a diagnosis verifies: what the set does in the takes heard, put into another prompt."""

from __future__ import annotations

from collections.abc import Sequence

from tonescope.diagnose.causes.interchange import sources, takes_that_fit
from tonescope.diagnose.causes.muting_trials import Group
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.jobs.verification_plan import Interchange
from tonescope.models.generator import Takes


def interchange_to_verify(
    context: Context, takes: Takes, group: Group, prompt: str, count: int, draws: Sequence[Group] = ()
) -> Interchange | None:
    """The activations of a group, and of random units in its place, in as many of ``takes`` as may be kept, by turns,
    for ``count`` takes of another prompt.

    Args:
        draws: random units for each take; those of all have to fit beside the group, or there is no control.

    Returns:
        ``None`` where the activations of the group in one take are too many.
    """
    everything = tuple(dict.fromkeys((*group, *(target for draw in draws for target in draw))))
    with_draws = takes_that_fit(context, takes, everything) if draws else 0
    fitting = with_draws or takes_that_fit(context, takes, group)
    if not fitting:
        return None
    found = sources(context, takes.rows(0, fitting), everything if with_draws else group, prompt)

    def edits(groups: Sequence[Group]) -> tuple[Edit, ...]:
        return tuple(Edit(one, "patch", source=found[row % len(found)]) for row, one in enumerate(groups))

    return Interchange(prompt, edits([group] * count), edits(draws[:count] if with_draws else ()))


def too_large_to_put_in(group: Group) -> str:
    """What is to be said where nothing was put in."""
    return (
        f"What {', '.join(map(str, group))} does in one take is more than may be kept in memory, so it was not put "
        "into another prompt, and whether it is enough is not known: allow more memory, or ask for shorter takes or "
        "fewer denoising steps."
    )
