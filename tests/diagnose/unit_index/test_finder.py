from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.diagnose.microscope.tiny_microscope import microscope
from tests.diagnose.unit_index.planted_index import (
    COWBELL,
    DEAD,
    KICK,
    PLACE,
    STIMULUS,
    UNITS,
    planted_curves,
    planted_index,
)
from tonescope.diagnose.stats import adjusted
from tonescope.diagnose.tuning.responses import Tuning
from tonescope.diagnose.unit_index import finder as finder_module
from tonescope.diagnose.unit_index.finder import CHOSEN, Finder, matches
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location, Unit


@pytest.fixture
def finder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finder:
    curves = {one.family.name: one for one in planted_curves()}
    monkeypatch.setattr(
        Tuning,
        "curves",
        lambda self, places, families: {place: [curves[one.name] for one in families] for place in places},
    )
    return Finder({PLACE: planted_index(tmp_path / "index")}, microscope(tmp_path / "artifacts"))


def test_planted_units_are_found_by_stimuli_and_by_captions(finder: Finder) -> None:
    rows = finder.find("kick", 5)
    best = {row.by: row for row in reversed(rows)}
    assert best["stimuli"].unit == str(Unit(PLACE, STIMULUS)) and best["captions"].unit == str(Unit(PLACE, KICK))
    assert best["stimuli"].score > 0.95 and (best["stimuli"].q or 1) < 1e-3 and best["stimuli"].by_hand is not None
    chosen = [row.chosen_by or 0.0 for row in rows]
    assert chosen == sorted(chosen, reverse=True), "the score that it was chosen on says which comes first"


def test_units_are_found_by_tags_that_no_caption_says(finder: Finder) -> None:
    rows = finder.find("cowbell", 3)
    assert (rows[0].unit, rows[0].by, rows[0].concept) == (str(Unit(PLACE, COWBELL)), "tags", "cowbell")
    assert rows[0].score > 0.95 and (rows[0].q or 1) < 1e-2 and (rows[0].apart or 0) > 2


def test_of_units_that_tell_every_stimulus_right_the_one_that_tells_it_most_clearly_comes_first(
    finder: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kick = next(one for one in planted_curves() if one.family.name == "kick")
    for unit, height in ((7, 12.0), (11, 40.0), (30, 20.0)):
        kick.responses[1, :, unit] += height
    monkeypatch.setattr(Tuning, "curves", lambda self, places, families: {place: [kick] for place in places})
    rows = [row for row in finder.find("kick", 12) if row.by == "stimuli"]
    assert [row.unit for row in rows[:3]] == [str(Unit(PLACE, unit)) for unit in (11, 30, 7)]
    assert {row.score for row in rows[:3]} == {1.0} and (rows[0].apart or 0) > (rows[2].apart or 0) > 5


def test_the_best_of_many_by_chance_is_not_flattered(finder: Finder) -> None:
    rows = finder.find("slow tempo", 10)
    assert all(row.by == "stimuli" for row in rows) and all((row.q or 0) > 0.01 for row in rows)


def test_units_are_found_by_a_statistic(finder: Finder) -> None:
    most = finder.find("most", 3)
    assert most[0].unit == str(Unit(PLACE, KICK)) and [row.score for row in most] == sorted(
        (row.score for row in most), reverse=True
    )
    assert str(Unit(PLACE, DEAD)) not in {row.unit for row in finder.find("sparsest", 100)}


def test_case_dead_units_take_no_place_among_the_sparsest(finder: Finder) -> None:
    assert finder.places[PLACE].dead(PLACE) == [DEAD]
    for most in (1, 5, UNITS - 1, 100):
        rows = finder.find("sparsest", most)
        assert len(rows) == min(most, UNITS - 1) and all(row.score > 0 for row in rows)


def test_case_q_is_over_all_that_were_taken_to_the_other_half_of_whatever_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random, taken = np.random.default_rng(5), list[int]()
    noise = {one.family.name: one for one in planted_curves()}["kick"]
    places = [Location.parse(f"decoder.{layer}.mlp") for layer in range(3)]
    kept = {place: replace(noise, responses=random.normal(size=noise.responses.shape)) for place in places}
    monkeypatch.setattr(Tuning, "curves", lambda self, wanted, families: {place: [kept[place]] for place in wanted})

    def counted(ps: list[float | None]) -> list[float | None]:
        taken.append(len(ps))
        return adjusted(ps)

    monkeypatch.setattr(finder_module, "adjusted", counted)
    index = planted_index(tmp_path / "index")
    monkeypatch.setattr(type(index), "dead", lambda *_: [DEAD])
    monkeypatch.setattr(Finder, "_of_index", lambda *_: [])
    rows = Finder(dict.fromkeys(places, index), microscope(tmp_path / "artifacts")).find("kick", 6)
    assert taken == [CHOSEN * 6] and len({row.unit.partition(":")[0] for row in rows}) > 1
    assert not [row for row in rows if (row.q or 0) < 0.05 or row.unit.endswith(f":{DEAD}")]


def test_words_that_mean_nothing_are_refused(finder: Finder) -> None:
    with pytest.raises(TonescopeError, match="too few recordings"):
        finder.find("zither", 3)
    with pytest.raises(TonescopeError, match="nothing is known"):
        finder.find("how do you do", 3)


def test_a_query_can_mean_several_things() -> None:
    found = matches("Bass  Drum", ["house"])
    assert [concept.name for _, concept in found.concepts] == ["kick"] and found.word is None
    assert matches("house", ["house"]).label == "house" and matches("house", []).word == "house"
    assert matches("density", []).statistic == "density"
