"""Intervals cover what they say, and false discoveries stay as rare as promised."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, ttest_1samp

from tonescope.diagnose.stats import adjusted, effect, share


def test_an_effect_is_the_paired_t_test() -> None:
    values = [0.3, -0.1, 0.4, 0.8, 0.2]
    test = ttest_1samp(values, 0.0)
    found = effect(values)
    assert found.p == pytest.approx(test.pvalue)
    interval = test.confidence_interval(0.95)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((interval.low, interval.high))


def test_one_take_has_no_interval_and_no_p() -> None:
    assert effect([1.0]).interval is None and effect([1.0]).p is None


def test_equal_changes_are_certain_and_no_change_is_none() -> None:
    assert effect([0.0, 0.0, 0.0]).p == 1.0
    assert effect([-2.0, -2.0, -2.0]).p == 0.0


@pytest.mark.parametrize("values", [[], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_what_is_no_number_has_no_effect(values: list[float]) -> None:
    with pytest.raises(ValueError, match="no effect"):
        effect(values)


def test_q_values_are_those_of_benjamini_and_hochberg() -> None:
    assert adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert adjusted([None, 0.01, None]) == [None, pytest.approx(0.01), None]
    ps = np.random.default_rng(1).random(40) ** 3
    assert adjusted(ps.tolist()) == pytest.approx(false_discovery_control(ps).tolist())
    assert adjusted([]) == [] and adjusted([None]) == [None]


def test_few_nulls_survive_the_adjustment() -> None:
    random = np.random.default_rng(0)
    families = [adjusted([effect(list(random.normal(size=6))).p for _ in range(20)]) for _ in range(200)]
    false_alarms = np.mean([min(q for q in family if q is not None) < 0.05 for family in families])
    assert false_alarms < 0.09


def test_shares_stay_within_zero_and_one() -> None:
    assert share(0, 4).low == 0.0 and share(4, 4).high == 1.0
    assert share(0, 4).high == pytest.approx(0.49, abs=0.01)
