"""Specificity: whether units matter to this prompt alone, or to whatever is played.

A unit that carries one confusion leaves other prompts alone. One that holds all of the text together (a few units of
every text encoder are enormously active whatever it reads) turns takes back as well, for it turns everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from tonescope.diagnose.causes.muting_trials import Group
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import PROMPTS
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.judging.audio_quality import silenced
from tonescope.diagnose.judging.verdict import hear
from tonescope.diagnose.schema import Contrast
from tonescope.models.generator import Takes
from tonescope.models.judges.listening import posterior

OTHER_PROMPTS = 4
SEED = 80_000


def other_prompts(contrast: Contrast, count: int = OTHER_PROMPTS) -> tuple[str, ...]:
    """Ordinary prompts that name neither side of a contrast."""
    named = [label for label in (contrast.target, contrast.foil) if label]
    free = [prompt for prompt in PROMPTS if not any(label in prompt or prompt in label for label in named)]
    step = max(1, len(free) // count)
    return tuple(free[::step][:count])


class Elsewhere:
    """One take of each of a few other prompts.

    Args:
        context: models and sampling.
        contrast: whose two sides the other prompts leave unnamed.
    """

    def __init__(self, context: Context, contrast: Contrast) -> None:
        self.context, self.prompts = context, other_prompts(contrast)
        self.seeds = range(SEED, SEED + len(self.prompts))
        self.rows = 0  # played so far

    @cached_property
    def takes(self) -> Takes:
        """As they are."""
        self.rows += len(self.prompts)
        return play(self.context, self.prompts, self.seeds)

    def changed(self, groups: Sequence[Group]) -> list[int]:
        """How many of the takes are heard as something else where each group is muted."""
        count = len(self.prompts)
        rows = [Edit(group) for group in groups for _ in self.prompts]
        played = play(self.context, [*self.prompts] * len(groups), [*self.seeds] * len(groups), rows, strict=False)
        self.rows += len(rows)
        before, after = self._heard(self.takes), self._heard(played)
        parts = [after[start : start + count] for start in range(0, len(after), count)]
        return [sum(own != new for own, new in zip(before, part, strict=True)) for part in parts]

    def _heard(self, takes: Takes) -> list[str]:
        judge = self.context.listener
        return hear(posterior(judge, takes.waveform, self.context.rate), judge.labels)
