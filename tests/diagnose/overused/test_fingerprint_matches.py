"""Sounds that share a passage are matched where it is; sounds that share notes and no order are not."""

from __future__ import annotations

import numpy as np

from tests.diagnose.overused.test_landmarks import RATE, tune
from tonescope.diagnose.overused.fingerprint_matches import common_landmarks, matches
from tonescope.diagnose.overused.landmarks import landmarks


def spliced(seed: int, passage: np.ndarray, at: float) -> np.ndarray:
    sound = tune(seed, 4.0)
    start = int(at * RATE)
    sound[start : start + len(passage)] = passage
    return sound


def test_a_passage_is_found_in_the_sounds_that_hold_it_and_where() -> None:
    passage = tune(99, 1.5)
    sounds = [landmarks(sound, RATE) for sound in (spliced(0, passage, 0.5), spliced(1, passage, 2.0), tune(2, 4.0))]
    found = matches(sounds)
    assert [(match.first, match.second) for match in found.found] == [(0, 1)]
    match = found.found[0]
    assert abs(match.later - 1.5) < 0.1 and abs(match.start - 0.5) < 0.4 and 1.0 < match.end - match.start < 2.0
    assert match.votes > found.chance


def test_unrelated_sounds_are_not_matched() -> None:
    assert not matches([landmarks(tune(seed, 4.0), RATE) for seed in range(8)]).found


def test_only_sounds_of_different_groups_are_compared_where_groups_are_given() -> None:
    passage = tune(99, 1.5)
    sounds = [landmarks(spliced(seed, passage, 1.0), RATE) for seed in range(3)]
    found = matches(sounds, apart=[0, 0, 1])
    assert {(match.first, match.second) for match in found.found} == {(0, 2), (1, 2)}


def test_common_landmarks_count_at_their_distance_alone() -> None:
    passage = tune(99, 1.5)
    first, second = (landmarks(spliced(seed, passage, at), RATE) for seed, at in ((0, 0.5), (1, 2.0)))
    assert common_landmarks(first, second, 1.5) > 30 > 5 * common_landmarks(first, second, 0.5)


def test_nothing_is_matched_with_nothing() -> None:
    assert not matches([]).found and not matches([landmarks(np.zeros(RATE, np.float32), RATE)] * 2).found
