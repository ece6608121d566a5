"""What the results of all techniques say of themselves, and the evidence behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict
from torch import Tensor

from tonescope.diagnose.jobs.caveats import foreign, foreign_caveat
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Source
from tonescope.diagnose.store import provenance
from tonescope.diagnose.store.artifacts import Made
from tonescope.models.generator import Takes

SCHEMA_VERSION = "1.0"


class TechniqueResult(BaseModel):
    """What every technique tells.

    ``artifact`` is the name that what was rendered is kept under: the same parameters and models give the same name.
    ``from_store`` says that it was there already; ``render_seconds``, how long it once took. ``asked`` is everything
    that decided it.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    model: Source
    judge: Source
    artifact: str
    from_store: bool
    render_seconds: float
    asked: dict[str, Any]
    caveats: list[str]
    timings: dict[str, float] = {}


@dataclass(frozen=True)
class TechniqueEvidence:
    """Sound by the name of its set, at ``rate`` samples a second, and tensors by name."""

    sounds: dict[str, Takes]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    rate: int = 0

    def seconds(self, name: str) -> float:
        """How long the sounds of a set are."""
        return self.sounds[name].waveform.shape[1] / self.rate


def told(session: Session, made: Made, caveats: list[str]) -> dict[str, Any]:
    """The fields of a :class:`TechniqueResult`."""
    artifact, models = made.artifact, session.models
    notes = [foreign_caveat(models)] if foreign(models) else []
    return {
        "made": date.today().isoformat(),
        "versions": provenance.versions(),
        "model": provenance.of_generator(models.generator),
        "judge": provenance.of_judge(models.judge),
        "artifact": artifact.recipe.key,
        "from_store": made.was_there,
        "render_seconds": artifact.seconds,
        "asked": dict(artifact.recipe.parameters),
        "caveats": [*([made.note] if made.note else []), *caveats, *notes],
    }
