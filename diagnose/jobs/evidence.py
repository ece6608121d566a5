"""What lies behind a diagnosis, and is too much for its result: takes, and numbers of every unit."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from tonescope.diagnose.attribution.gradients import Attribution
from tonescope.diagnose.attribution.time_occlusion import Timeline
from tonescope.diagnose.intervene.verification import Played
from tonescope.diagnose.store.traces import Trace
from tonescope.models.generator import Takes


@dataclass
class Evidence:
    """The sound and the raw numbers behind a diagnosis, which the schema leaves out.

    ``posterior`` holds the probabilities (takes, ``labels``) heard in the takes.
    """

    takes: Takes
    attribution: Attribution
    posterior: Tensor
    labels: tuple[str, ...]
    timeline: Timeline
    played: Played

    @property
    def sounds(self) -> dict[str, Takes]:
        """Takes by name: the lists of the result that hold what was heard in them, and the variants."""
        variants = {name: outcome.takes for name, outcome in self.played.outcomes.items()}
        return {"takes": self.takes, "tested": self.played.clean.takes, **variants}

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What was heard, and the estimates for frames, tokens and units, one row a take."""
        found = self.attribution
        units = {str(location): effects for location, effects in found.units.items()}
        heard = {"posterior": self.posterior, "timeline": self.timeline.posterior}
        return {**heard, "frames": found.frames, "tokens": found.tokens, **units}

    @property
    def trace(self) -> Trace | None:
        """What units did, where that was recorded."""
        return self.attribution.trace
