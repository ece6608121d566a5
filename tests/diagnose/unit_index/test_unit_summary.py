from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tonescope.diagnose.unit_index.unit_summary import BINS, Block, Peaks, Summary, bin_edges, bin_of

UNITS, TOP, SAMPLE = 5, 3, 4


def values(recordings: int = 9, along: int = 40) -> Tensor:
    return torch.randn(recordings, along, UNITS, generator=torch.Generator().manual_seed(0))


def summed(whole: Tensor, numbers: range) -> Summary:
    """Of some of the recordings, a window each; the sample is drawn by the last digit of a product."""
    here = whole[numbers.start : numbers.stop]
    block = Block.of(here, torch.linspace(0, 1, here.shape[1]))
    peaks = Peaks(tuple(numbers), block.peak, block.at)
    drawn = {number: number * 7 % 10 for number in numbers}
    return Summary.empty(UNITS, TOP).with_block(block).with_recordings(peaks, drawn)


def test_every_value_lies_between_the_edges_of_its_bin() -> None:
    some = torch.cat([values().flatten() * scale for scale in (1e-3, 1.0, 1e3)]).clamp(-4000, 4000)
    edges, bins = bin_edges(), bin_of(some).numpy()
    assert len(edges) == BINS + 1 and (np.diff(edges) > 0).all()
    assert (edges[bins] <= some.numpy() + 1e-9).all() and (some.numpy() <= edges[bins + 1] + 1e-9).all()
    assert bin_of(torch.tensor([-torch.inf, 0.0, -0.0, torch.inf])).tolist() == [0, BINS // 2, BINS // 2, BINS - 1]


def test_parts_merge_to_the_whole_in_any_order() -> None:
    whole = values()
    parts = [summed(whole, numbers) for numbers in (range(0, 4), range(4, 5), range(5, 9))]
    one = Summary.empty(UNITS, TOP).merged(summed(whole, range(9)), SAMPLE).tensors()
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        found = Summary.empty(UNITS, TOP)
        for at in order:
            found = found.merged(parts[at], SAMPLE)
        for name, tensor in found.tensors().items():
            assert torch.allclose(tensor.double(), one[name].double(), atol=1e-5), name


def test_statistics_are_those_of_all_positions() -> None:
    whole = values()
    found = summed(whole, range(9))
    assert torch.allclose(found.mean, whole.mean((0, 1)).double(), atol=1e-6)
    assert torch.allclose(found.variance, whole.var((0, 1), correction=0).double(), atol=1e-5)
    assert torch.equal(found.most, whole.amax((0, 1))) and torch.equal(found.least, whole.amin((0, 1)))
    assert found.histogram.sum(1).tolist() == [9 * 40] * UNITS
    exact = np.quantile(whole.flatten(0, 1).numpy(), [0.1, 0.5, 0.9], axis=0)
    assert np.abs(found.quantiles([0.1, 0.5, 0.9]) - exact).max() < 0.2


def test_the_top_recordings_are_those_with_most_and_where() -> None:
    whole = torch.zeros(6, 10, UNITS)
    whole[4, 7, 2], whole[1, 3, 2] = 9.0, 5.0
    found = summed(whole, range(6))
    assert found.top_recording[2, :2].tolist() == [4, 1] and found.top[2, :2].tolist() == [9.0, 5.0]
    assert found.top_second[2, 0] == pytest.approx(7 / 9)
    assert found.top_recording[0].tolist() == [0, 1, 2], "of equal ones the first"


def test_the_sample_is_of_those_with_the_lowest_priority() -> None:
    found = Summary.empty(UNITS, TOP).merged(summed(values(), range(9)), SAMPLE)
    assert found.sample_priority.tolist() == [0, 1, 2, 4] and found.sample_recording.tolist() == [0, 3, 6, 2]
    assert torch.equal(found.sample[1], values()[3].amax(0))


def test_density_tells_rare_units_from_steady_ones() -> None:
    whole = torch.zeros(4, 50, UNITS)
    whole[0, 3, 0] = 8.0
    whole[:, ::2, 1] = 8.0
    density = summed(whole, range(4)).density()
    assert density[0] == pytest.approx(1 / 200) and density[1] == pytest.approx(0.5)
    assert density[2:].tolist() == [0.0] * (UNITS - 2), "what always does the same does much nowhere"


def test_summaries_can_be_kept() -> None:
    found = summed(values(), range(9))
    again = Summary.from_tensors(found.tensors())
    assert all(torch.equal(tensor, again.tensors()[name]) for name, tensor in found.tensors().items())
