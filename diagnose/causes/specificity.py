"""Specificity: whether muting units changes what other prompts play.

A unit that carries one confusion leaves other prompts alone. One that holds all of the text together (a few units of
every text encoder are enormously active whatever it reads) turns takes back as well, for it turns everything.
"""

from __future__ import annotations

from collections.abc import Sequence

from tonescope.diagnose.causes.muting_trials import Group
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import PROMPTS
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.judging.verdict import hear
from tonescope.diagnose.schema import Contrast
from tonescope.models.judges.listening import posterior

OTHER_PROMPTS = 4
SEED = 80_000


def other_prompts(contrast: Contrast, count: int = OTHER_PROMPTS) -> tuple[str, ...]:
    """Ordinary prompts that name neither side of a contrast."""
    named = [label for label in (contrast.target, contrast.foil) if label]
    free = [prompt for prompt in PROMPTS if not any(label in prompt or prompt in label for label in named)]
    step = max(1, len(free) // count)
    return tuple(free[::step][:count])


def changed_elsewhere(context: Context, contrast: Contrast, groups: Sequence[Group]) -> list[int]:
    """Of :data:`OTHER_PROMPTS` other prompts, how many are heard as something else where each group is muted."""
    prompts, judge = other_prompts(contrast), context.listener
    edits = [None, *map(Edit, groups)]
    rows = [edit for edit in edits for _ in prompts]
    seeds = range(SEED, SEED + len(prompts))
    played = play(context, [*prompts] * len(edits), [*seeds] * len(edits), rows)
    heard = hear(posterior(judge, played.waveform, context.rate), judge.labels)
    parts = [heard[start : start + len(prompts)] for start in range(0, len(heard), len(prompts))]
    return [sum(before != after for before, after in zip(parts[0], part, strict=True)) for part in parts[1:]]
