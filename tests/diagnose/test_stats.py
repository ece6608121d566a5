"""Intervals cover what they say, and false discoveries stay as rare as promised."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, ttest_1samp

from tonescope.diagnose.stats import adjusted, effect, ratio_interval, share


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


def test_equal_changes_have_no_interval_and_are_as_sure_as_their_signs() -> None:
    assert effect([0.0, 0.0, 0.0]).p == 1.0
    assert effect([-2.0, -2.0, -2.0]).p == 0.25 and effect([-2.0, -2.0, -2.0]).interval is None
    assert effect([0.1] * 8).p == pytest.approx(2 / 2**8)


def test_a_ratio_to_what_never_varies_has_the_interval_of_its_numerator() -> None:
    values = [3.0, 5.0, 4.0, 6.0]
    found, alone = ratio_interval(values, [2.0] * 4), effect(values).interval
    assert found is not None and alone is not None
    assert (found.low, found.high) == pytest.approx((alone.low / 2, alone.high / 2))


def test_what_makes_all_of_a_difference_take_by_take_makes_surely_all_of_it() -> None:
    whole = [3.0, 5.0, 4.0, 6.0]
    found = ratio_interval(whole, whole)
    assert found is not None and (found.low, found.high) == pytest.approx((1.0, 1.0))


def test_a_part_of_what_may_be_nothing_has_no_interval() -> None:
    assert ratio_interval([1.0, 2.0, 1.5], [3.0, -2.9, 0.1]) is None
    assert ratio_interval([1.0], [2.0]) is None and ratio_interval([1.0, 1.0], [1.0, -1.0]) is None


def test_the_interval_of_a_ratio_holds_the_truth_as_often_as_it_says() -> None:
    random, held = np.random.default_rng(3), 0
    for _ in range(400):
        whole = random.normal(4.0, 2.0, 8)
        found = ratio_interval((0.6 * whole + random.normal(0, 1.0, 8)).tolist(), whole.tolist())
        held += found is None or found.low <= 0.6 <= found.high
    assert 0.92 <= held / 400 <= 0.98


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
