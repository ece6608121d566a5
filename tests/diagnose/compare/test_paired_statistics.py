from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tonescope.diagnose.compare.compare_views import tempo_told
from tonescope.diagnose.compare.paired_statistics import FEWEST, difference_over, mean_over, ratio_over


def test_takes_of_one_prompt_do_not_make_an_interval_narrower() -> None:
    random = np.random.default_rng(0)
    means = random.normal(size=12)
    groups = [at for at in range(12) for _ in range(50)]
    many = mean_over(groups, [means[at] for at in groups])
    few = mean_over(range(12), means.tolist())
    assert many is not None and few is not None and many.takes == 600 and many.prompts == 12
    assert (many.low, many.high) == pytest.approx((few.low, few.high))


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(100):
        found = mean_over(range(30), random.normal(1.0, 1.0, 30).tolist())
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= 1.0 <= found.high
    assert 86 <= held <= 100


def test_case_two_prompts_with_a_clear_tempo_have_no_interval_and_are_never_sure() -> None:
    found = mean_over(["a", "b"], [0.62, 0.63])
    assert found is not None and found.low is None and not found.sure


def test_one_prompt_has_no_interval_and_is_never_sure() -> None:
    found = mean_over(["a", "a"], [1.0, 2.0])
    assert found is not None and found.value == 1.5 and found.low is None and not found.sure
    assert str(found) == "1.50"


def test_a_prompt_counts_once_however_many_takes_it_has() -> None:
    found = mean_over(["a"] * 9 + ["b"], [1.0] * 9 + [0.0])
    assert found is not None and found.value == 0.5 and (found.prompts, found.takes) == (2, 10)


def test_case_four_values_of_one_sign_are_not_sure_by_chance_one_time_in_eight() -> None:
    assert FEWEST == 6
    for values in ([1.0, 2.0, 3.0, 4.0], [-1.0, -2.0, -3.0, -4.0, -5.0]):
        found = mean_over(range(len(values)), values)
        assert found is not None and found.low is None and found.p is None and not found.sure


def test_what_is_nothing_is_seldom_called_sure_and_has_no_small_p() -> None:
    random, sure, small = np.random.default_rng(4), 0, 0
    for _ in range(300):
        found = mean_over(range(8), random.normal(size=8).tolist())
        assert found is not None and found.p is not None
        sure, small = sure + found.sure, small + (found.p < 0.05)
    assert sure <= 45 and abs(sure - small) <= 6


@pytest.mark.parametrize("prompts", [FEWEST - 1, FEWEST])
def test_an_interval_needs_the_fewest_prompts(prompts: int) -> None:
    found = mean_over(range(prompts), [1.0 + at for at in range(prompts)])
    assert found is not None and (found.low is not None) == found.sure == (prompts >= FEWEST)


def test_an_interval_that_reaches_zero_is_not_sure() -> None:
    found = mean_over(range(6), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    assert found is not None and found.low == 0 and found.value > 0 and not found.sure


def test_the_interval_of_a_ratio_holds_the_truth_where_both_vary_together() -> None:
    random, held = np.random.default_rng(2), 0
    for _ in range(100):
        whole = random.uniform(0.5, 3.0, 24)
        found = ratio_over(range(24), (0.3 * whole + random.normal(0, 0.1, 24)).tolist(), whole.tolist(), less=True)
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= 0.7 <= found.high
    assert 86 <= held <= 100


def test_a_ratio_is_drawn_together() -> None:
    values = [0.0] * 6
    found = ratio_over(range(6), values, [1.0, 5.0, 2.0, 3.0, 4.0, 2.0], less=True)
    assert found is not None and (found.value, found.low, found.high) == (1.0, 1.0, 1.0) and found.sure
    assert ratio_over(range(6), values, values) is None and mean_over([], []) is None


def test_differences_are_of_pairs() -> None:
    found = difference_over(range(6), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    assert found is not None and found.value == 1.0 and (found.low, found.high) == (1.0, 1.0)


def test_counted_the_other_way_an_interval_keeps_its_ends_in_order() -> None:
    found = mean_over(range(30), np.random.default_rng(1).normal(-1.0, 1.0, 30).tolist())
    assert found is not None and found.low is not None and found.high is not None
    turned = found.turned_round()
    assert (turned.value, turned.low, turned.high) == (-found.value, -found.high, -found.low) and turned.sure
    seen = SimpleNamespace(obeys_change=None, obeys_first=None, obeys_second=None, faster=found)
    told = f"B is {turned:.2f} octaves slower than A, over 30 prompts."
    assert tempo_told(SimpleNamespace(behaviour=seen)) == told  # type: ignore[arg-type]
