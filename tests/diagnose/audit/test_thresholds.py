"""A threshold is passed when that was shown, failed when the contrary was, and undecided between."""

from __future__ import annotations

import pytest

from tonescope.diagnose.audit.thresholds import TITLES, Measured, Thresholds, decide


@pytest.mark.parametrize(
    ("name", "found", "outcome"),
    [
        ("lowest_adherence", (0.9, 0.8, 0.95), "passed"),
        ("lowest_adherence", (0.9, 0.6, 0.95), "undecided"),
        ("lowest_adherence", (0.3, 0.2, 0.5), "failed"),
        ("largest_gap", (0.3, 0.2, 0.5), "passed"),
        ("largest_gap", (0.7, 0.5, 0.9), "undecided"),
        ("largest_gap", (0.9, 0.8, 0.95), "failed"),
    ],
)
def test_it_is_decided_where_the_whole_interval_lies_on_one_side(
    name: str, found: tuple[float, float, float], outcome: str
) -> None:
    assert decide(name, 0.7, Measured(*found)).outcome == outcome


def test_what_was_not_measured_is_undecided() -> None:
    assert decide("largest_gap", 0.5, Measured(float("nan"), float("-inf"), float("inf"))).outcome == "undecided"


def test_every_threshold_has_a_title() -> None:
    assert set(TITLES) == set(Thresholds.model_fields)
