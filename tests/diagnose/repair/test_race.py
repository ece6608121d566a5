"""Successive halving: within its budget, on shared noise, the better half in more takes."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import pytest

from tests.diagnose.repair.word_states import session
from tonescope.diagnose.context import Context
from tonescope.diagnose.judging.verdict import UNSURE
from tonescope.diagnose.repair.race import Track, halvings, race
from tonescope.diagnose.repair.rewrites import Rewrite
from tonescope.models.generator import Sampling


@pytest.mark.parametrize("candidates", [1, 2, 3, 7, 16, 33])
@pytest.mark.parametrize("budget", [1, 4, 9, 40, 200])
def test_a_race_never_costs_more_than_its_budget(candidates: int, budget: int) -> None:
    rounds, cost, before = halvings(candidates, budget), 0, 0
    for count, takes in rounds:
        cost, before = cost + count * (takes - before), takes
    assert rounds and cost <= budget and rounds[0][0] <= candidates
    assert all(later[0] < earlier[0] and later[1] > earlier[1] for earlier, later in pairwise(rounds))


def test_the_candidate_that_is_heard_as_meant_wins_and_losers_are_played_less() -> None:
    made = session()
    track = Track(Context(made.generator, made.judge, seconds=0.5), "jazz")
    prompts = ["house", "polka", "ambient", "jazz with flute", "techno", "waltz"]
    order = race(track, [Rewrite("wording", "", prompt, Sampling()) for prompt in prompts], range(100, 116), 40)
    assert order[0].rewrite.prompt == "jazz with flute" and len(order) == 6
    takes = [len(runner.heard) for runner in order]
    assert takes[0] > takes[-1] == 1 and sum(takes) == track.played <= 40
    assert set(order[0].heard) >= set(order[-1].heard)  # the same seeds


def test_what_is_heard_in_a_race_is_heard_as_in_a_verification() -> None:
    made = session()
    made.judge.record = SimpleNamespace(threshold=1.1)  # type: ignore[misc,assignment]
    track = Track(Context(made.generator, made.judge, seconds=0.5), "jazz")
    assert track.all_of(Rewrite("wording", "", "jazz", Sampling()), [1, 2]).heard == [UNSURE] * 2
