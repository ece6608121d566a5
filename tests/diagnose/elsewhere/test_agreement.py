"""Cohen's kappa: 1 for full agreement, 0 for chance, nothing where there is nothing to agree on."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.diagnose.elsewhere.made_up_files import file, heard, judged
from tonescope.diagnose.elsewhere.agreement import agreement
from tonescope.diagnose.judging.judge_agreement import judge_agreement


def kappa(first: str, second: str) -> float | None:
    found = judge_agreement(("one", "other"), Counter(zip(first, second, strict=True)), "take")
    assert found is not None
    return found.kappa


def test_kappa_takes_off_what_chance_gives() -> None:
    assert kappa("aabb", "aabb") == 1.0
    assert kappa("abab", "aabb") == pytest.approx(0.0)
    assert kappa("ab", "ba") == -1.0
    assert kappa("aaaa", "aaaa") is None
    table = "y" * 20 + "n" * 15 + "y" * 5 + "n" * 10, "y" * 20 + "n" * 15 + "n" * 5 + "y" * 10
    assert kappa(*table) == pytest.approx(0.4)  # Cohen's own kind of example: 35 of 50, by chance 25


def pair(first: str, second: str, name: str = "a"):
    return file(name, heard(judged(first), judged(second, judge="other")))


def test_agreement_over_files() -> None:
    rows = [("house", "house")] * 4 + [("smooth jazz", "smooth jazz")] * 4 + [("house", "smooth jazz")]
    found = agreement([pair(*row, name=str(at)) for at, row in enumerate(rows)])
    assert found is not None and found.kappa is not None and found.interval is not None
    assert found.alike.count == 8 and found.interval.low < found.kappa < found.interval.high
    assert found.disagreements == [("8", "house", "smooth jazz")] and "8 of 9 files alike" in found.sentence


def test_one_judge_agrees_with_nobody() -> None:
    assert agreement([file()]) is None


def test_few_files_have_no_interval() -> None:
    found = agreement([pair("house", "house"), pair("smooth jazz", "house")])
    assert found is not None and found.interval is None
