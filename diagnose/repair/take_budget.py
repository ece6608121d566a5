"""How the takes of a repair are spent, and the refusal of too few for one comparison."""

from __future__ import annotations

from tonescope.models.errors import TonescopeError

EXPLORED = 4  # takes of the prompt as it is, to know what is heard instead
FEWEST_SETS, MOST_SETS = 3, 4  # in fresh takes: as it is, the best, the bare genre word; and one that keeps all phrases
FEWEST_FRESH, MOST_FRESH = 4, 16
RACED = 4  # takes in which rewrites are tried, at least
FEWEST_TAKES = EXPLORED + FEWEST_SETS * FEWEST_FRESH + RACED
FOR_MOST_SETS = 60
FULL_BUDGET = (MOST_SETS + 3) * MOST_FRESH  # from which on there are as many fresh takes as there may be


def fresh_takes(budget: int) -> tuple[int, int]:
    """How many sets are played in fresh takes at most, and how many takes each has; about half is left for the race."""
    sets = MOST_SETS if budget >= FOR_MOST_SETS else FEWEST_SETS
    return sets, max(FEWEST_FRESH, min(MOST_FRESH, budget // (sets + 3)))


def check_budget(budget: int) -> None:
    """Raise :class:`TonescopeError` for a budget too small for one comparison."""
    if budget < FEWEST_TAKES:
        raise TonescopeError(
            f"a budget of {budget} takes is too small for one comparison; {FEWEST_TAKES} are the fewest ({EXPLORED} of "
            f"the prompt, {RACED} to try two rewrites or more in, and {FEWEST_FRESH} fresh ones each of the prompt, "
            "the best and the genre word alone), 120 are usual."
        )
