"""Whether probabilities are true: planted temperatures come back, thresholds keep what they promise."""

from __future__ import annotations

import pytest
import torch

from tonescope.diagnose.calibrating.reliability import (
    abstention_threshold,
    calibration_error,
    confusion,
    coverage_curve,
    fit_temperature,
    loss,
    reliability,
)

LABELS = 5


def drawn(temperature: float, clips: int = 4000, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits whose probabilities are true once they are divided by a temperature, and labels drawn from those."""
    random = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(clips, LABELS, generator=random)
    right = torch.multinomial(logits.softmax(1), 1, generator=random)[:, 0]
    return logits * temperature, right


@pytest.mark.parametrize("temperature", [0.3, 1.0, 7.0])
def test_a_planted_temperature_is_found(temperature: float) -> None:
    logits, right = drawn(temperature)
    assert fit_temperature(logits, right) == pytest.approx(temperature, rel=0.1)


def test_no_temperature_nearby_is_better_than_the_one_that_is_fitted() -> None:
    logits, right = drawn(3.0, clips=300)
    found = fit_temperature(logits, right)
    assert all(loss(logits / found, right) <= loss(logits / (found * factor), right) for factor in (0.9, 1.1))


def test_true_probabilities_have_little_error_and_others_have_more() -> None:
    logits, right = drawn(1.0)
    assert calibration_error(logits.softmax(1), right) < 0.03
    assert calibration_error((4 * logits).softmax(1), right) > 0.1
    assert calibration_error((logits / 4).softmax(1), right) > 0.1


def test_every_clip_is_in_one_bin() -> None:
    logits, right = drawn(1.0, clips=500)
    bins = reliability(logits.softmax(1), right)
    assert sum(each.clips for each in bins) == 500
    assert all(each.low <= each.confidence <= each.high + 1e-6 for each in bins)
    certain = reliability(torch.eye(LABELS), torch.arange(LABELS))
    assert [(each.clips, each.accuracy, each.high) for each in certain] == [(LABELS, 1.0, 1.0)]


def test_a_threshold_keeps_the_error_that_was_asked_for_and_is_the_lowest() -> None:
    logits, right = drawn(1.0, clips=1000)
    probabilities = logits.softmax(1)
    curve = coverage_curve(probabilities, right)
    found = abstention_threshold(curve, len(right), 0.1)
    top, guess = probabilities.max(1)
    assert found is not None
    answered = top >= found
    assert float((guess[answered] != right[answered]).float().mean()) <= 0.1
    lower = [point for point in curve if point.threshold < found]
    assert lower and all(point.error > 0.1 for point in lower)


def test_where_every_answer_may_be_given_the_threshold_is_none_at_all() -> None:
    right = torch.arange(20) % LABELS
    curve = coverage_curve(torch.eye(LABELS)[right] * 0.6 + 0.08, right)
    assert abstention_threshold(curve, 20, 0.1) == 0.0


def test_where_no_answer_can_be_trusted_there_is_no_threshold() -> None:
    right = torch.arange(20) % LABELS
    wrong = torch.eye(LABELS)[(right + 1) % LABELS]
    assert abstention_threshold(coverage_curve(wrong, right), 20, 0.1) is None
    few = torch.arange(5)
    assert abstention_threshold(coverage_curve(torch.eye(LABELS)[few], few), 5, 0.1) is None


def test_equal_probabilities_are_answered_together() -> None:
    probabilities = torch.tensor([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 2)
    curve = coverage_curve(probabilities, torch.tensor([0, 0, 1, 0, 0, 1]))
    assert [(round(point.threshold, 1), point.coverage) for point in curve] == [(0.9, 4 / 6), (0.6, 1.0)]


def test_confusion_counts_rows_by_what_clips_are() -> None:
    assert confusion(torch.tensor([1, 1, 0]), torch.tensor([0, 0, 1]), 2) == ((0, 2), (1, 0))
