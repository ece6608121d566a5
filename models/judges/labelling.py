"""What a folder says of a judge with a text tower: its labels, how it is asked, how often it was right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tonescope.models.errors import TonescopeError
from tonescope.models.judges.calibration import Calibration, ConfusionRecord, MeaningRecord
from tonescope.models.judges.two_towers import TwoTowers
from tonescope.models.metadata import Metadata

ALIKE = 1e-5  # labels that differ by no more, beside their spread, are read alike


def settings(about: Metadata, name: str, labels: Sequence[str]) -> dict[str, Any]:
    """Labels, calibration, record and domain of a judge as :class:`TwoTowers` is given them.

    The labels are its own, or ``labels`` where it brings none. Raises :class:`TonescopeError` where there are none.
    """
    own = tuple(row.label for row in about.labels)
    if not own and not labels:
        raise TonescopeError(f"{name} brings no labels, so there is nothing to choose between; name at least two.")
    calibration = Calibration(
        tuple(about.templates) or Calibration.templates,
        about.temperature,
        tuple(about.bias),
        about.meaning,
        MeaningRecord(**about.meaning_record.model_dump()) if about.meaning_record else None,
    )
    record = ConfusionRecord(own, **about.record.model_dump()) if about.record else None
    return {"labels": own or tuple(labels), "calibration": calibration, "record": record, "domain": about.domain}


def check_labels(judge: TwoTowers, width: int) -> None:
    """Raise :class:`TonescopeError` when the text tower makes the same of every label.

    What a label adds to each dimension (of ``width``) of an embedding of audio is compared, without the bias that it
    may have.
    """
    scores = judge.scores(torch.eye(width, device=judge.device, dtype=judge.dtype))
    weights = scores[1:] - scores[0]
    if not torch.isfinite(scores).all() or float((weights - weights[:, :1]).abs().max()) < ALIKE * float(scores.std()):
        raise TonescopeError(
            f"{judge.name} cannot be a judge: its text tower makes the same, or nothing, of {len(judge.labels)} labels "
            f"such as “{judge.labels[0]}”; check its weights and its tokenizer, or name another with --judge."
        )
