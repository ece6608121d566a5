"""Rewired copies of generators: one unit writes something else, and afterwards nothing is changed."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import nn

from benchmarks import rewired as rewired_copies
from benchmarks.rewired import Recipe, Statistics, draw, rewired
from tests import tiny
from tests.models.families.stable_audio_3 import tiny_stable_audio_3
from tonescope.diagnose.context import Context
from tonescope.models.generator import Generator
from tonescope.models.sites import Network

GENRES = ("jazz", "house", "techno")
MODELS: dict[Network, Generator] = {"decoder": tiny.generator(), "denoiser": tiny_stable_audio_3.generator()}


def _known(generator: Generator, network: Network) -> Statistics:
    """Statistics of nothing that was played."""
    random = torch.Generator().manual_seed(0)
    places = generator.locations(f"{network}.mlp")
    widths = {place: generator.features(place) for place in places}
    residual = {
        (place.network, place.layer): torch.randn(
            len(GENRES), generator.features(generator.locations(f"{network}.residual")[place.layer]), generator=random
        )
        for place in places
    }
    return Statistics(
        GENRES,
        {place: torch.randn(len(GENRES), width, generator=random) for place, width in widths.items()},
        {place: torch.ones(width) for place, width in widths.items()},
        residual,
        network,
    )


@pytest.mark.parametrize("network", MODELS)
def test_one_column_is_rewired_and_put_back(network: Network) -> None:
    generator = MODELS[network]
    known, (place, *_) = _known(generator, network), generator.locations(f"{network}.mlp")
    recipe = Recipe("neuron", 0, "jazz", "house", "jazz", (f"{place}:3",), strength=2.0)
    weight = cast(nn.Linear, generator.place(place).module).weight
    before = weight.detach().clone()
    with rewired(generator, recipe, known):
        changed = (weight != before).any(0).nonzero().flatten().tolist()
        written = weight[:, 3] * known.contrast(place, "jazz")[3]
    assert changed == [3]
    assert torch.allclose(written, 2 * known.push(place, "jazz", "house"), atol=1e-4)
    assert torch.equal(weight, before)


def test_a_neuron_is_drawn_from_the_network_that_plays() -> None:
    generator = tiny.generator()
    known = _known(generator, "decoder")
    found = {draw("neuron", seed, known).units[0] for seed in range(20)}
    middle = generator.locations("decoder.mlp")[1]  # neither the first layer nor the last
    assert {str(generator.unit(name).location) for name in found} == {str(middle)}
    assert len(found) > 1


@pytest.mark.parametrize("network", MODELS)
def test_statistics_are_of_the_network_that_plays(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = tiny.judge()
    asked = [label for label in judge.labels for _ in range(2 * len(rewired_copies.WORDINGS))]
    monkeypatch.setattr(rewired_copies, "hear", lambda *_: asked)
    known = rewired_copies.statistics(Context(MODELS[network], judge, seconds=0.5))
    assert known.genres == tuple(judge.labels) and known.network == network
    assert {place.network for place in known.activations} == {network, "text"}
    place = MODELS[network].locations(f"{network}.mlp")[0]
    width = MODELS[network].features(MODELS[network].locations(f"{network}.residual")[0])
    assert known.push(place, judge.labels[0], judge.labels[1]).shape == (width,)
    assert float(known.contrast(place, judge.labels[0]).abs().max()) > 0


def test_a_generator_that_plays_nothing_right_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = tiny.judge()
    monkeypatch.setattr(rewired_copies, "hear", lambda *_: ["house"] * 24)
    with pytest.raises(ValueError, match="fewer than two genres"):
        rewired_copies.statistics(Context(MODELS["denoiser"], judge, seconds=0.5))
