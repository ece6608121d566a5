"""How a judge is calibrated, in words: every report says it, or that it is not."""

from __future__ import annotations

from tonescope.models.judges.judge import Judge

NO_CALIBRATION = "no calibration"


def told_calibration(judge: Judge) -> str:
    """Which clips say how often it mishears, and its calibration error (ECE) in them; or that there is none."""
    record = judge.record
    if record is None:
        return NO_CALIBRATION
    clips = f"{record.clips:,} clips"
    of = f"calibrated on {clips} of {record.source}" if record.source else f"calibrated by its makers on {clips}"
    return f"{of}; its probabilities are off by {100 * record.calibration_error:.1f} percentage points (ECE)"
