"""Specificity: whether muting units changes what other prompts play.

A unit that carries one confusion leaves other prompts alone. One that whatever is played depends on turns takes back
as well, for it turns everything.
"""

from __future__ import annotations

from collections.abc import Sequence

from tonescope.diagnose.causes.muting_trials import Group, MutingTrials
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play

SEED = 80_000
UNSPECIFIC = 0.5  # more of the other prompts change: a group holds more than this confusion


def specific(trials: MutingTrials, prompts: Sequence[str], groups: Sequence[Group]) -> list[bool]:
    """Whether at most half of some other prompts, one take each, are heard as something else where a group is muted:
    one answer a group."""
    edits = [None, *map(Edit, groups)]
    seeds = range(SEED, SEED + len(prompts))
    rows = [edit for edit in edits for _ in prompts]
    played = play(trials.context, [*prompts] * len(edits), [*seeds] * len(edits), rows, strict=False)
    trials.rows += len(rows)
    heard = trials.listen(played.waveform)[1]
    before, *after = (heard[start : start + len(prompts)] for start in range(0, len(heard), len(prompts)))
    changed = [sum(own != new for own, new in zip(before, part, strict=True)) for part in after]
    return [count <= UNSPECIFIC * len(prompts) for count in changed]
