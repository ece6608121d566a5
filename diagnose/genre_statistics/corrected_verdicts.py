"""What became of a genre, from corrected shares and their intervals alone: match, sibling drift, family drift, unclear.

Half of the takes is the border: more are truly as asked, or fewer; more are of the family that was asked for, or fewer.
A verdict stands where an interval lies on one side of it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tonescope.diagnose.genre_statistics.judge_correction import Corrected

CorrectedKind = Literal["match", "sibling drift", "family drift", "unclear"]
HALF = 0.5


def corrected_verdict(corrected: Corrected, row: int, asked: int) -> CorrectedKind | None:
    """The verdict on a row that asked for the label ``asked``; ``None`` for a row without takes."""
    own, family = corrected, corrected.families
    if np.isnan(own.shares[row, asked]):
        return None
    if own.low[row, asked] > HALF:
        return "match"
    if family.high[row, asked] < HALF:
        return "family drift"
    if own.high[row, asked] < HALF and family.low[row, asked] > HALF:
        return "sibling drift"
    return "unclear"
