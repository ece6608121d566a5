"""What clips of known labels say about a judge, as data: behind terminal, report, Markdown and JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.schema import Badge, Source
from tonescope.diagnose.stats import Share
from tonescope.models.judges.fitted_calibration import CalibrationCard

SCHEMA_VERSION = "1.0"


class CalibrationSettings(BaseModel):
    """What was fitted, and how: see :class:`tonescope.diagnose.calibrating.fitting.FitOptions`; ``error``, the share of
    clear answers that may be wrong."""

    bias: Literal["auto", "always", "never"]
    temperature: Literal["fit", "keep"]
    probe: bool
    error: float


class LabelRow(BaseModel):
    """One label: clips that could be heard, how many of those clearly heard are heard rightly, how many are not clearly
    heard, and what it is mistaken for most (with the count)."""

    label: str
    family: str
    clips: int
    right: Share
    abstained: int
    mistaken_for: tuple[str, int] | None
    badge: Badge = "observed"


class ReliabilityBin(BaseModel):
    """Clips whose largest probability is from ``low`` to ``high``, its mean, and how often it is right."""

    low: float
    high: float
    clips: int
    confidence: float
    accuracy: float


class CoverageRow(BaseModel):
    """Above a threshold: the share of clips that is answered, and the share of those that is misheard."""

    threshold: float
    coverage: float
    error: float


class CalibrationReport(BaseModel):
    """How well a judge hears, and the calibration that follows.

    Attributes:
        calibration: what is kept; ``stored``, in which file.
        sources: how many sources the clips are from, and how that is known; ``folds``, so many parts that share none.
        labels: those that have clips; ``unmeasured``, how many of the judge's have none.
        bias_gain: by how much the bias makes held-out clips more probable, in nats; absent where it was not tried.
        accuracy, accuracy_before: share of held-out clips heard rightly, with its interval; ``clear``, of those that
            are clearly heard.
        condition: of the confusion matrix; ``not_inverted``, why reports do not correct by it.
        reliability, reliability_before: with the calibration in held-out clips, and without.
        coverage: what is answered, and misheard, above every threshold that makes a difference, thinned out.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    judge: Source
    settings: CalibrationSettings
    calibration: CalibrationCard
    stored: str | None
    sources: Literal["column", "names", "own"]
    folds: int
    labels: list[LabelRow]
    unmeasured: int
    bias_gain: float | None
    accuracy: Share
    accuracy_before: Share
    clear: Share
    condition: float | None
    not_inverted: str | None
    reliability: list[ReliabilityBin]
    reliability_before: list[ReliabilityBin]
    coverage: list[CoverageRow]
    caveats: list[str]
    timings: dict[str, float] = {}
