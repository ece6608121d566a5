"""More fresh takes for the set alone, where few of those that everything is tested in are heard as the target: in the
others there is nothing to take away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tonescope.diagnose.causes.muting_trials import ENOUGH_TAKES
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.verification import Played, Variant, verify
from tonescope.diagnose.jobs.verification_plan import Plan


def of_the_set(context: Context, plan: Plan, played: Played, blocks: Iterable[Sequence[int]]) -> Played:
    """The set and its control in takes that are heard as the target: those that were ``played`` and are, and more from
    ``blocks`` of seeds, listened to untouched first, until there are :data:`ENOUGH_TAKES`, or as many as were played.

    Where there are too few after all, and where no set was found, what was played.
    """
    takes, heard = len(played.clean.heard), played.heard_as_target
    enough = min(ENOUGH_TAKES, takes)
    if not plan.group or len(heard) == takes:
        return played
    prompt, drifted = plan.estimates.prompt, list[int]()
    for seeds in blocks:
        if len(heard) + len(drifted) >= enough:
            break
        untouched = verify(context, played.contrast, prompt, seeds, ())
        drifted += [untouched.clean.takes.seeds[row] for row in untouched.heard_as_target]
    if len(heard) + len(drifted) < enough:
        return played
    found = played.rows(heard)
    if missing := drifted[: max(0, enough - len(heard))]:
        variants = [_first(variant, len(missing)) for variant in plan.of_set_again]
        more = verify(context, played.contrast, prompt, missing, variants, usual=played.usual, strict=False)
        found = found.and_then(more)
    return found


def _first(variant: Variant, takes: int) -> Variant:
    """A variant for the first of its takes."""
    return replace(variant, edit=variant.edit[:takes]) if isinstance(variant.edit, tuple) else variant


def told_of_further(played: Played, of_set: Played) -> str | None:
    """What is to be said where the set was tested in other takes than everything else."""
    takes, heard, target = len(played.clean.heard), len(played.heard_as_target), played.contrast.target
    if of_set is played:
        return None
    more = len(of_set.clean.heard) - heard
    where = ["those"] * (heard > 0) + [f"{more} more that {'is' if more == 1 else 'are'}"] * (more > 0)
    return (
        f"{heard or 'None'} of the {takes} fresh takes {'is' if heard == 1 else 'are'} heard as {target}; "
        f"what was found to do it was tested in {' and '.join(where)}."
    )
