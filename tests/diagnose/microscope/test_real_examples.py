from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.diagnose.microscope.tiny_microscope import microscope
from tonescope.diagnose.intervene.mean_activations import PROMPTS
from tonescope.diagnose.microscope import real_examples
from tonescope.diagnose.microscope.real_examples import NEARLY, QUANTILES, TAKES_EACH, UnitStatistics


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
    assert again.by_part.shape == (QUANTILES, 3) and (again.by_position == known.by_position).all()
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
    assert (again.by_part == known.by_part).all() and torch.equal(again.mean, known.mean)


def test_case_the_least_of_the_real_examples_is_not_beyond_them() -> None:
    known = planted()
    for kind in ("neuron", "channel"):
        least, most = known.range(kind, 0)
        assert 0 < known.percentile(kind, 0, least) <= 100 - NEARLY + 1e-9
        assert known.percentile(kind, 0, most) == pytest.approx(NEARLY)
        assert round(100 - known.percentile(kind, 0, least), 2) < 100


def test_case_means_over_shorter_parts_reach_further_than_those_over_whole_takes(tmp_path: Path) -> None:
    scope = microscope(tmp_path)
    for name in ("decoder.1.mlp", "codec.2.encoder", "judge.1.mlp", "codec.2.decoder", "decoder.1.cross"):
        whole, parts = (scope.statistics(scope.location(name), seconds) for seconds in (None, 0.1))
        assert whole.parts == whole.takes == parts.takes and parts.parts >= 3 * parts.takes
        assert parts.sample("channel") == parts.parts and (parts.by_position == whole.by_position).all()
        if not name.startswith("judge"):
            wider = (parts.by_part[-1] - parts.by_part[0]) >= (whole.by_part[-1] - whole.by_part[0])
            assert wider.mean() > 0.9
    same = scope.statistics(scope.location("decoder.1.mlp"), 0.4)
    assert (same.by_part == scope.statistics(scope.location("decoder.1.mlp")).by_part).all()


def test_parts_lie_side_by_side_and_belong_to_one_take() -> None:
    values = torch.arange(2 * 7).view(2, 7, 1)
    cut = real_examples._side_by_side(values, 1, 0.45)
    assert cut[:, :, 0].tolist() == [[0, 1, 2], [3, 4, 5], [7, 8, 9], [10, 11, 12]]
    steps = torch.arange(2 * 2 * 4).view(2, 2, 4, 1)
    assert real_examples._side_by_side(steps, 2, 0.5)[0, :, :, 0].tolist() == [[0, 1], [4, 5]]
