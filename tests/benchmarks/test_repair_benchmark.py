"""The benchmark of repair: enough prompts, and a steering part whose controls change as much as what is tested."""

from __future__ import annotations

import tomllib

import pytest
import torch

from benchmarks.repair import TABLE, Ledger, Row, spread, summary
from benchmarks.repair_steering import DOSES, as_large, listeners, measured, slopes
from benchmarks.repair_steering import summary as steering_summary
from tests import tiny
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.taxonomy import common
from tonescope.models.units import Location, Unit


def test_fewer_prompts_are_from_all_over_the_list() -> None:
    assert spread(range(8), 4) == [0, 2, 4, 6] and spread(range(3), 3) == spread(range(3), None) == [0, 1, 2]


def test_there_are_prompts_enough_and_none_stands_twice() -> None:
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    every = [
        prompt for part in ("confused", "hopeless", "steering") for some in table[part].values() for prompt in some
    ]
    assert sum(map(len, table["confused"].values())) >= 45 and len(table["hopeless"]) >= 2
    assert len(set(every)) == len(every)
    assert {genre for part in ("confused", "hopeless", "steering") for genre in table[part]} <= set(common().labels)


def test_random_units_are_changed_by_as_much_as_what_is_tested() -> None:
    place = Location.parse("decoder.1.mlp")
    activity = {place: torch.tensor([3.0, 4.0, 1.0, 0.5])}
    own, other = (Unit(place, 0), Unit(place, 1)), (Unit(place, 2), Unit(place, 3))
    for dose in DOSES:
        factor = as_large(own, other, activity, dose)
        assert (factor - 1) ** 2 * (1 + 0.25) == pytest.approx((dose - 1) ** 2 * 25)


def test_a_slope_is_that_of_the_margin_over_the_factor() -> None:
    line = [torch.tensor([2 * dose + 1, -dose]) for dose in DOSES]
    assert slopes(line) == pytest.approx([2.0, -1.0])


def test_steering_is_measured_with_its_controls_and_leaves_the_weights_as_they_were() -> None:
    session = tiny.session()
    weights = [weight.clone() for weight in session.generator.model.parameters()]
    targets = (session.generator.unit("decoder.1.mlp:5"),)
    row = measured(session, listeners(session, None), ("house", "house with piano"), targets, 2, Settings(seconds=0.3))
    assert len(row["slope_1"]) == len(row["random_slope_1"]) == len(row["prompt_only_1"]) == 2
    assert all(torch.equal(old, new) for old, new in zip(weights, session.generator.model.parameters(), strict=True))


def test_a_summary_counts_prompts_and_gives_intervals() -> None:
    rows: list[Row] = [{"found": False}]
    for own in (-2.0, -1.8, -2.2):
        numbers = {"slope_1": [own] * 4, "random_slope_1": [0.1] * 4, "muted_1": [1.0] * 4, "prompt_only_1": [2.0] * 4}
        rows.append({"found": True, **numbers})
    about = steering_summary(rows, ["embedded", "another"])
    assert (about["steered_prompts"], about["unsteerable_prompts"]) == (3, 1) and "steering_2" not in about
    beyond = about["steering_1"]["slope_beyond_random"]
    assert beyond["mean"] == pytest.approx(1.9) and beyond["interval"][0] > 0


def test_shares_have_their_intervals() -> None:
    class Kept(Ledger):
        def rows(self, part: str) -> list[Row]:
            seen = [{"right": at < 20, "named_right": at < 10, "probability": 0.5, "hits": 0.5} for at in range(28)]
            lost = [{"meant": genre, "before": 0.0, "conclusion": "genre missing"} for genre in ("a", "b")]
            kept: dict[str, list[Row]] = {"unseen": seen, "hopeless": lost}
            return kept.get(part, [])

    about = summary(Kept(None))  # type: ignore[arg-type]
    assert about["accuracy"] == pytest.approx(20 / 28) and about["accuracy_told"].startswith("20 of 28 (")
    assert about["hopeless_told"].startswith("2 of 2 (") and about["hopeless_by_genre"] == {
        "a": "1 of 1",
        "b": "1 of 1",
    }
