from __future__ import annotations

import math

import torch

from tonescope.diagnose.compare.behaviour import Asking, HeardTakes, paired_behaviour, tempo_word, unpaired_behaviour

ASKED = [
    Asking(f"{genre}{', ' if word else ''}{word}", genre, word)
    for genre in ("house", "waltz", "polka", "funk")
    for word in ("slow", "fast", "")
]


def heard(labels: list[str], bpm: list[float]) -> HeardTakes:
    rows = torch.tensor([[1.0, 0.0] if label == "house" else [0.0, 1.0] for label in labels])
    return HeardTakes(rows, tuple(labels), tuple(math.log2(one) if one else math.nan for one in bpm))


def test_tempo_words_that_are_turned_round_are_seen() -> None:
    first = heard([each.genre for each in ASKED], [80.0, 160.0, 120.0] * 4)
    second = heard([each.genre for each in ASKED], [160.0, 80.0, 120.0] * 4)
    found = paired_behaviour(ASKED, first, second)
    assert found.obeys_first is not None and found.obeys_second is not None and found.obeys_change is not None
    assert (found.obeys_first.value, found.obeys_second.value) == (1.0, -1.0)
    assert found.obeys_change.value == -2.0 and found.obeys_change.sure and found.obeys_change.prompts == 4
    by_word = {row.word: row for row in found.tempos}
    assert by_word["fast"].faster is not None and by_word["fast"].faster.value == -1.0
    assert by_word[""].first == by_word[""].second == 120.0
    assert found.heard_change is not None and found.heard_change.value == 0 and found.hit_change is not None


def test_genres_are_counted_as_asked_and_heard() -> None:
    same = heard([each.genre for each in ASKED], [0.0] * 12)
    other = heard(["house"] * 12, [0.0] * 12)
    found = paired_behaviour(ASKED, same, other)
    assert found.hit_first is not None and found.hit_second is not None and found.hit_change is not None
    assert found.hit_first.value == 1 and round(found.hit_second.value, 3) == 0.25 and found.hit_change.value < 0
    assert found.obeys_change is None and found.tempos[0].first is None
    waltz = next(row for row in found.genres if row.genre == "waltz")
    assert (waltz.first, waltz.second, waltz.second_heard) == (3, 0, {"house": 3})


def test_what_is_not_paired_has_no_intervals() -> None:
    found = unpaired_behaviour(heard(["house"] * 3, [120.0] * 3), heard(["waltz"] * 2, [90.0] * 2))
    assert not found.paired and found.heard_change is None and found.tempos[0].faster is None
    assert found.genres[0].first_heard == {"house": 3} and found.tempos[0].second == 90.0


def test_a_tempo_word_is_read() -> None:
    assert tempo_word("a FAST polka") == "fast" and tempo_word("blues, slow.") == "slow" and not tempo_word("breakfast")
