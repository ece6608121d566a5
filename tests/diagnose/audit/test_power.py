"""Power: what is told beforehand is what simulated audits find."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from tonescope.diagnose.audit.design import design_of
from tonescope.diagnose.audit.power import forecast, power_of, smallest_gap
from tonescope.diagnose.audit.prompt_cells import prompt_cells


@pytest.mark.parametrize(("takes", "tests"), [(40, 1), (120, 1), (120, 20)])
def test_a_gap_of_that_size_is_found_in_four_of_five_audits(takes: int, tests: int) -> None:
    gap = smallest_gap(takes, takes, tests)
    assert gap is not None
    random = np.random.default_rng(0)
    first = random.binomial(takes, 0.5 + gap / 2, 20_000) / takes
    second = random.binomial(takes, 0.5 - gap / 2, 20_000) / takes
    z = (2 * np.arcsin(np.sqrt(first)) - 2 * np.arcsin(np.sqrt(second))) / np.sqrt(2 / takes)
    found = (np.abs(z) > norm.isf(0.025 / tests)).mean()
    assert 0.74 < found < 0.86


def test_more_takes_see_smaller_gaps_and_more_tests_larger_ones() -> None:
    gaps = [smallest_gap(takes, takes) or 1 for takes in (10, 40, 160)]
    assert gaps == sorted(gaps, reverse=True)
    assert (smallest_gap(40, 40, 100) or 1) > (smallest_gap(40, 40) or 1)


def test_so_few_takes_that_nothing_can_be_seen_are_said_to_see_nothing() -> None:
    assert smallest_gap(1, 1, 100) is None and smallest_gap(0, 50) is None


def test_every_comparison_of_a_design_has_a_row() -> None:
    design = design_of("name: x\nfactors: {genres: [a, b], moods: [happy, sad]}\ntakes: 20", "x")
    rows = power_of(prompt_cells(design, {"a": "a", "b": "b"}), 19, 30)
    told = " ".join(row.comparison for row in rows)
    assert "genre against another" in told and "known clips" in told and "neutral" in told and "moods" in told
    assert all(row.tests >= 1 and row.first > 0 for row in rows)


def test_a_forecast_is_takes_times_seconds() -> None:
    found = forecast(1800, 2.0, 3.0, "EUR")
    assert found.hours == pytest.approx(1.0) and found.cost == pytest.approx(3.0) and forecast(1, 1).cost is None
