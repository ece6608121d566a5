from __future__ import annotations

import math

import pytest
import torch

from tests import tiny
from tests.synthetic import RATE, clicks
from tonescope.diagnose.compare.behaviour import (
    Asking,
    HeardTakes,
    distances,
    octaves_of,
    paired_behaviour,
    tempo_distances,
    tempo_word,
    unpaired_behaviour,
)

ASKED = [
    Asking(f"{genre}{', ' if word else ''}{word}", genre, word)
    for genre in ("house", "waltz", "polka", "funk", "blues", "ambient")
    for word in ("slow", "fast", "")
]


def heard(labels: list[str], bpm: list[float]) -> HeardTakes:
    rows = torch.tensor([[1.0, 0.0] if label == "house" else [0.0, 1.0] for label in labels])
    return HeardTakes(rows, tuple(labels), tuple(math.log2(one) if one else math.nan for one in bpm))


def test_tempo_words_that_are_turned_round_are_seen() -> None:
    first = heard([each.genre for each in ASKED], [80.0, 160.0, 120.0] * 6)
    second = heard([each.genre for each in ASKED], [160.0, 80.0, 120.0] * 6)
    found = paired_behaviour(ASKED, first, second)
    assert found.obeys_first is not None and found.obeys_second is not None and found.obeys_change is not None
    assert (found.obeys_first.value, found.obeys_second.value) == (1.0, -1.0)
    assert found.obeys_change.value == -2.0 and found.obeys_change.sure and found.obeys_change.prompts == 6
    by_word = {row.word: row for row in found.tempos}
    assert by_word["fast"].faster is not None and by_word["fast"].faster.value == -1.0
    assert by_word[""].first == by_word[""].second == 120.0
    assert found.heard_change is not None and found.heard_change.value == 0 and found.hit_change is not None
    assert found.faster is not None and found.faster.value == 0 and found.faster.prompts == 18


def test_genres_are_counted_as_asked_and_heard() -> None:
    same = heard([each.genre for each in ASKED], [0.0] * 18)
    other = heard(["house"] * 18, [0.0] * 18)
    found = paired_behaviour(ASKED, same, other)
    assert found.hit_first is not None and found.hit_second is not None and found.hit_change is not None
    assert found.hit_first.value == 1 and round(found.hit_second.value, 3) == 0.167 and found.hit_change.value < 0
    assert found.obeys_change is None and found.tempos[0].first is None
    waltz = next(row for row in found.genres if row.genre == "waltz")
    assert (waltz.first, waltz.second, waltz.second_heard) == (3, 0, {"house": 3})


def test_what_is_not_paired_has_no_intervals() -> None:
    found = unpaired_behaviour(heard(["house"] * 3, [120.0] * 3), heard(["waltz"] * 2, [90.0] * 2))
    assert not found.paired and found.heard_change is None and found.tempos[0].faster is None
    assert found.genres[0].first_heard == {"house": 3} and found.tempos[0].second == 90.0


def test_twice_the_tempo_is_an_octave_and_what_has_no_beat_has_none() -> None:
    slow, fast = (torch.from_numpy(clicks(bpm, 8.0)).float() for bpm in (80.0, 160.0))
    assert octaves_of(fast, RATE) - octaves_of(slow, RATE) == pytest.approx(1.0, abs=0.05)
    assert math.isnan(octaves_of(torch.zeros(4 * RATE), RATE))


def test_distances_of_pairs_are_those_of_probabilities_and_the_same_whichever_is_first() -> None:
    one = HeardTakes(torch.tensor([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]]), ("a",) * 3, (7.0, 6.0, 6.0))
    other = HeardTakes(
        torch.tensor([[0.5, 0.4, 0.1], [0.0, 0.0, 1.0], [0.2, 0.3, 0.5]]), ("a",) * 3, (6.0, 6.5, math.nan)
    )
    found = distances(one, other)
    assert found == pytest.approx([0.2, 1.0, 0.0]) and distances(other, one) == pytest.approx(found)
    assert tempo_distances(one, other)[:2] == [1.0, 0.5] and math.isnan(tempo_distances(one, other)[2])


def test_takes_heard_in_parts_are_heard_as_they_are_together() -> None:
    judge, rate = tiny.judge(), int(tiny.generator().sample_rate)
    sounds = torch.randn(4, rate, generator=torch.Generator().manual_seed(0)) * 0.1
    whole = HeardTakes.of(judge, sounds, rate)
    parts = HeardTakes.join([HeardTakes.of(judge, sounds[:1], rate), HeardTakes.of(judge, sounds[1:], rate)])
    assert parts.labels == whole.labels and torch.allclose(parts.posterior, whole.posterior, atol=1e-5)
    assert torch.allclose(torch.tensor(parts.octaves), torch.tensor(whole.octaves), equal_nan=True)
    assert torch.allclose(whole.posterior.sum(1), torch.ones(4), atol=1e-5)


def test_of_prompts_without_a_genre_slow_and_fast_are_held_against_each_other_where_all_else_is_said_alike() -> None:
    prompts = ("a tune, slow", "a tune, fast", "other words, fast", "a dance, slow", "FAST a dance.")
    asked = [Asking(prompt, tempo=tempo_word(prompt)) for prompt in prompts]
    first = heard(["x"] * 5, [100.0, 200.0, 150.0, 120.0, 120.0])
    found = paired_behaviour(asked, first, heard(["x"] * 5, [100.0, 100.0, 150.0, 120.0, 240.0]))
    assert found.hit_change is None and found.obeys_first is not None and found.obeys_second is not None
    assert found.obeys_first.prompts == 2 and (found.obeys_first.value, found.obeys_second.value) == (0.5, 0.5)
    assert found.obeys_change is not None and found.obeys_change.value == 0 and not found.obeys_change.sure


def test_a_pair_of_which_one_has_no_tempo_says_nothing_of_how_much_faster_the_other_is() -> None:
    asked = [Asking(f"{name}, slow", name, "slow") for name in ("house", "waltz", "polka")]
    found = paired_behaviour(asked, heard(["x"] * 3, [100.0, 0.0, 100.0]), heard(["x"] * 3, [200.0, 200.0, 0.0]))
    (row,) = found.tempos
    assert row.takes == 3 and row.faster is not None and (row.faster.value, row.faster.takes) == (1.0, 1)


def test_swapping_the_two_turns_every_difference_round() -> None:
    first = heard([each.genre for each in ASKED], [80.0, 160.0, 120.0] * 6)
    second = heard(["house"] * 18, [100.0, 110.0, 90.0] * 6)
    there, back = paired_behaviour(ASKED, first, second), paired_behaviour(ASKED, second, first)
    for name in ("hit_change", "obeys_change"):
        one, other = getattr(there, name), getattr(back, name)
        assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low), abs=0.02)
    assert there.distance == back.distance and there.heard_change == back.heard_change


def test_a_tempo_word_is_read() -> None:
    assert tempo_word("a FAST polka") == "fast" and tempo_word("blues, slow.") == "slow" and not tempo_word("breakfast")
