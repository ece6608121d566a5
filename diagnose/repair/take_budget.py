"""How the takes of a repair are spent, and the refusal of too few for one comparison."""

from __future__ import annotations

from tonescope.models.errors import TonescopeError

EXPLORED = 4  # takes of the prompt as it is, to know what is heard instead
VERIFIED_SETS = 3  # in fresh takes: as it is, the best, the bare genre word
FEWEST_FRESH, MOST_FRESH = 4, 16
FEWEST_TAKES = EXPLORED + VERIFIED_SETS * FEWEST_FRESH + 4  # and two candidates in two takes


def check_budget(budget: int) -> None:
    """Raise :class:`TonescopeError` for a budget too small for one comparison."""
    if budget < FEWEST_TAKES:
        raise TonescopeError(
            f"a budget of {budget} takes is too small for one comparison; {FEWEST_TAKES} are the fewest ({EXPLORED} of "
            f"the prompt, two of each of two candidates, and {FEWEST_FRESH} fresh ones each of the prompt, the best "
            "and the genre word), 120 are usual."
        )
