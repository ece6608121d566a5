"""Every number has a range that is told, and what lies outside is refused before any model is loaded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tonescope.diagnose.jobs.parameters import JobParameters, Range, made, marked, number
from tonescope.diagnose.settings import LARGEST_SEED, MOST_TAKES, Settings, check, check_memory, check_prompt
from tonescope.models.errors import TonescopeError

RANGES = {name: found for name, field in Settings.model_fields.items() if (found := marked(field, Range))}


def settings(name: str, value: float) -> Settings:
    """Settings that are usual but for one, of which a list holds only it."""
    rest: dict[str, Any] = {"takes": 1} if name != "takes" else {}
    return Settings.model_construct(**{**rest, name: (value,) if name == "doses" else value})


def test_case_every_number_of_the_settings_has_a_range() -> None:
    numbers = {name for name, field in Settings.model_fields.items() if not {str, bool} & _kinds(field.annotation)}
    assert numbers == set(RANGES) and numbers > {"takes", "seconds", "seed", "doses", "memory_gib"}


def _kinds(kind: Any) -> set[Any]:
    return {kind, *getattr(kind, "__args__", ())}


@pytest.mark.parametrize("name", RANGES)
def test_case_numbers_outside_are_refused_with_their_range(name: str) -> None:
    allowed = RANGES[name]
    outside = [1e300, -1e300, 10**400, -(10**400), math.inf, -math.inf, math.nan, allowed.high * 1.001 + 1]
    for value in [*outside, allowed.low if allowed.above else allowed.low - 1]:
        with pytest.raises(TonescopeError) as refused:
            check("house", settings(name, value))
        assert allowed.span in str(refused.value) and str(refused.value).count(". ") == 0


@pytest.mark.parametrize("name", RANGES)
def test_the_ends_of_a_range_are_inside(name: str) -> None:
    allowed = RANGES[name]
    lowest = allowed.high / 1000 if allowed.above else allowed.low
    for value in (lowest, allowed.high):
        if name != "takes" or value == 1:
            check("house", settings(name, value))


@pytest.mark.parametrize("seed", [2**64, 2**64 - 1, 2**63, LARGEST_SEED + 1, -1])
def test_case_a_seed_that_would_wrap_is_refused_with_the_range(seed: int) -> None:
    with pytest.raises(TonescopeError, match=f"seed {seed} cannot be used; ask for 0 to {LARGEST_SEED}"):
        check("house", Settings(seed=seed))


def test_case_the_seeds_of_later_takes_stay_in_what_every_program_reads() -> None:
    longest = 2 * MOST_TAKES * (2 + int(RANGES["rounds"].high))  # heard, tested, and those of every round
    check("house", Settings(seed=LARGEST_SEED, takes=MOST_TAKES))
    assert LARGEST_SEED + longest < np.iinfo(np.int64).max


@pytest.mark.parametrize("doses", [(1.0,), (0.5, 0.5), (0.0, math.nan), (-1.0,), (101.0,)])
def test_doses_are_factors_other_than_one_and_each_once(doses: tuple[float, ...]) -> None:
    with pytest.raises(TonescopeError, match="doses"):
        check("house", Settings(doses=doses))


def test_a_bound_on_memory_is_a_number_above_zero() -> None:
    check_memory(None)
    check_memory(0.5)
    for wrong in (0, -1, 1e300, math.nan):
        with pytest.raises(TonescopeError, match="GiB of memory cannot be worked with"):
            check_memory(wrong)


@pytest.mark.parametrize(
    ("words", "told"), [("  ", "empty"), ("x " * 3000, "6000 characters"), ("a \udcff", "no text"), ("…", "no word")]
)
def test_words_that_no_encoder_reads_are_refused_by_whose_they_are(words: str, told: str) -> None:
    for what in ("prompt", "source prompt"):
        with pytest.raises(TonescopeError, match=f"the {what} .*{told}"):
            check_prompt(words, what)


def test_chance_is_needed_for_takes_that_differ() -> None:
    for still in (Settings(temperature=0), Settings(top_k=1)):
        with pytest.raises(TonescopeError, match="without chance"):
            check("house", still)


class Counted(JobParameters):
    """One number."""

    count: int = 1


def test_a_value_of_the_wrong_kind_is_one_sentence() -> None:
    with pytest.raises(TonescopeError, match=r"“many” cannot be used for count: .*; choose another value"):
        made(Counted, {"count": "many"})
    with pytest.raises(TonescopeError, match="nonsense"):
        made(Counted, {"nonsense": 1})


@pytest.mark.parametrize(("value", "told"), [(4, "4"), (0.5, "0.5"), (10**18, "1" + "0" * 18), (1e300, "1e+300")])
def test_numbers_are_written_so_that_they_can_be_read(value: float, told: str) -> None:
    assert number(value) == told and len(number(10**400)) < 40
