"""The benchmark of names: labels that mean nothing name hardly anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.targets import labelled
from benchmarks.told_units import labels_told
from benchmarks.unit_names import shuffled_curves, shuffled_labels, told, with_shuffled_captions
from tests.diagnose.unit_index.planted_index import KICK, PLACE, STIMULUS, planted_curves, planted_index
from tonescope.diagnose.unit_index.naming import candidates_of, name_of


def test_planted_units_lose_their_names_with_shuffled_labels(tmp_path: Path) -> None:
    index, curves = planted_index(tmp_path / "index"), planted_curves()
    found = candidates_of(index, PLACE, curves, None)
    named = {one.unit for one in found if name_of([one])}
    assert {KICK, STIMULUS} <= named
    dealt = with_shuffled_captions(index, tmp_path / "dealt", np.random.default_rng(0))
    before, after = (one.captions_of(range(60)) for one in (index, dealt))
    assert before != after and sorted(before.values()) == sorted(after.values())
    shuffled = candidates_of(dealt, PLACE, shuffled_curves(curves, np.random.default_rng(0)), None)
    assert not {one.unit for one in shuffled if name_of([one])} & {KICK, STIMULUS}
    assert told(found)["named"] >= 2 > told(shuffled)["named"] and told(found)["stimuli"] is not None


def test_what_is_heard_is_dealt_out_anew() -> None:
    heard = {number: "house" if number % 3 else "polka" for number in range(30)}
    dealt = shuffled_labels(heard, np.random.default_rng(1))
    assert dealt != heard and sorted(dealt.values()) == sorted(heard.values()) and dealt.keys() == heard.keys()


def test_the_target_is_of_what_is_named_by_chance() -> None:
    result = {"units": 1000, "named": 200, "shuffled_named": 12.0}
    assert labelled(result) and not labelled(result | {"shuffled_named": 80.0})
    assert not labelled(result | {"named": 20})
    scores = {"score": {"stimuli": 0.71, "judge": None}, "shuffled_score": {"stimuli": 0.5, "judge": None}}
    assert labels_told(scores) == "stimuli 0.71 (shuffled 0.50)"
