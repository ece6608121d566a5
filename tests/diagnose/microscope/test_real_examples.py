from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.diagnose.microscope.tiny_microscope import microscope
from tonescope.diagnose.intervene.mean_activations import PROMPTS
from tonescope.diagnose.microscope import real_examples
from tonescope.diagnose.microscope.real_examples import QUANTILES, TAKES_EACH, UnitStatistics


def planted() -> UnitStatistics:
    """Unit 0 goes evenly from 0 to 1 over all positions, unit 1 does nothing, unit 2 is 5 in one take of 50."""
    takes, along = 50, 40
    ramp = torch.linspace(0, 1, takes * along)[
        torch.randperm(takes * along, generator=torch.Generator().manual_seed(0))
    ]
    rare = torch.zeros(takes)
    rare[7] = 5.0
    features = torch.stack([ramp.view(takes, along), torch.zeros(takes, along), rare[:, None].expand(-1, along)], -1)
    return UnitStatistics.of(features, 1)


@pytest.mark.parametrize(("value", "percent"), [(0.1, 10), (0.5, 50), (0.999, 99.9)])
def test_percentiles_of_a_planted_distribution(value: float, percent: float) -> None:
    assert planted().percentile("neuron", 0, value) == pytest.approx(percent, abs=0.1)


def test_only_what_exceeds_every_real_example_is_beyond_all() -> None:
    known = planted()
    least, most = known.range("neuron", 0)
    assert (least, most) == (0.0, 1.0)
    assert known.percentile("neuron", 0, most) < 100 == known.percentile("neuron", 0, most + 1e-4)
    assert known.percentile("neuron", 0, least - 1e-4) == 0


def test_channels_are_compared_with_means_of_takes() -> None:
    known = planted()
    assert known.range("channel", 2) == (0.0, 5.0) and known.range("channel", 0)[1] < 0.7
    assert known.percentile("channel", 0, 0.999) == 100 and known.sample("channel") == 50
    assert known.sample("neuron") == 2000


def test_the_takes_in_which_a_unit_does_most_are_known() -> None:
    known = planted()
    assert known.example("channel", "positive", 2, 0)[0] == known.example("neuron", "positive", 2, 0)[0] == 7
    take, at = known.example("neuron", "positive", 0, 0)
    ranked = {known.example("neuron", "positive", 0, rank)[0] for rank in range(8)}
    assert len(ranked) == 8 and 0 <= at < 1 and known.example("neuron", "positive", 0, 8)[0] == take
    assert known.example("channel", "negative", 2, 0)[0] != 7


def test_dead_units_are_told_from_rare_ones() -> None:
    known = planted()
    assert [known.dead(unit) for unit in range(3)] == [False, True, False]


def test_the_scale_is_median_and_spread() -> None:
    usual, spread = planted().scale("neuron", 0)
    assert usual == pytest.approx(0.5, abs=0.01) and spread == pytest.approx(12**-0.5, abs=0.01)


def test_statistics_can_be_kept() -> None:
    known = planted()
    again = UnitStatistics.from_tensors(known.tensors())
    assert again.by_take.shape == (QUANTILES, 3) and (again.by_position == known.by_position).all()
    assert {name: one.tolist() for name, one in again.examples.items()} == {
        name: one.tolist() for name, one in known.examples.items()
    }
    assert (again.takes, again.positions) == (50, 2000) and torch.equal(again.square, known.square)


def test_real_takes_and_statistics_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = microscope(tmp_path)
    location = first.location("decoder.1.mlp")
    known = first.statistics(location)
    assert known.takes == TAKES_EACH * len(PROMPTS)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("played again")

    monkeypatch.setattr(real_examples, "play", refuse)
    again = microscope(tmp_path).statistics(location)
    assert (again.by_take == known.by_take).all() and torch.equal(again.mean, known.mean)
