"""Power: what is told beforehand is what simulated audits find."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from tonescope.diagnose.audit.design import design_of
from tonescope.diagnose.audit.power import forecast, power_of, smallest_gap, smallest_lack, smallest_superiority
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
    cells = prompt_cells(design, {"a": "a", "b": "b"})
    rows = {row.comparison: row for row in power_of(cells, 19, 30)}
    told = " ".join(rows)
    assert "best genre against the worst" in told and "known clips" in told and "half of them" in told
    assert all(row.tests >= 1 and row.first > 0 for row in rows.values())
    words = rows["takes with a word of the moods against those without it"]
    assert words.tests == 2 * 19 and words.second == cells.takes - 40 - words.first  # each word by each genre heard
    assert not any("neutral" in name and "plain" in name for name in rows)  # which are never compared
    unmeasured = {row.comparison: row for row in power_of(cells, 19, 0)}
    assert unmeasured["takes heard as another genre against what is assumed of a judge"].second is None


def test_tempo_and_instruments_have_rows_of_their_own_where_they_are_asked_for() -> None:
    text = "name: x\nfactors: {genres: [a, b], tempos: [slow, fast], instruments: [piano]}\ntakes_per_combination: 20"
    rows = {row.comparison: row for row in power_of(prompt_cells(design_of(text, "x"), {"a": "a", "b": "b"}), 19, 30)}
    tempo = rows["takes of one genre that ask for another tempo"]
    assert (tempo.first, tempo.second, tempo.tests) == (40, 40, 2) and tempo.smallest_gap is not None
    assert rows["takes that ask for an instrument, by the sound"].tests == 1
    assert smallest_superiority(7, 100) is None


@pytest.mark.parametrize("takes", [300, 900])
def test_a_lack_of_that_size_is_found_in_four_of_five_audits(takes: int) -> None:
    lack = smallest_lack(takes, 0.2, 5)
    assert lack is not None and 0.2 < lack < 0.7
    heard = np.random.default_rng(0).binomial(takes, 0.2 * (1 - lack), 20_000) / takes
    z = (2 * np.arcsin(np.sqrt(0.16)) - 2 * np.arcsin(np.sqrt(heard))) * np.sqrt(takes)
    assert 0.74 < (z > norm.isf(0.05 / 5 / 2)).mean() < 0.86
    assert smallest_lack(10, 0.01) is None and smallest_lack(0, 0.2) is None


def test_a_superiority_of_that_size_is_found_in_four_of_five_audits() -> None:
    size, random = smallest_superiority(40, 40), np.random.default_rng(0)
    assert size is not None
    shift = float(np.sqrt(2) * norm.ppf(0.5 + size))
    found = [mannwhitneyu(random.normal(shift, 1, 40), random.normal(0, 1, 40)).pvalue < 0.05 for _ in range(1000)]
    assert 0.74 < np.mean(found) < 0.88


def test_a_forecast_is_takes_times_seconds() -> None:
    found = forecast(1800, 2.0, 3.0, "EUR")
    assert found.hours == pytest.approx(1.0) and found.cost == pytest.approx(3.0) and forecast(1, 1).cost is None
