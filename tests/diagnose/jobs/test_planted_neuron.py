"""A neuron that was planted to drive a code is found first, muting it takes the code away, and random units stay
null."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.metrics import Metric, Playback
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.intervene.controls import matched_controls
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.units import Location, Unit

PROMPT = "smooth jazz with piano"
PLANTED = Unit(Location("decoder", 2, "mlp"), 11)
CODE = 5
SECONDS = 1.0


@pytest.fixture(scope="module")
def generator() -> Generator:
    """The planted neuron hears a constant that is added before its layer's MLP and pushes code 5 of the first
    codebook."""
    generator = tiny.generator()
    layer = generator.model.decoder.model.decoder.layers[PLANTED.location.layer]
    direction = torch.nn.functional.normalize(torch.randn(32, generator=torch.Generator().manual_seed(1)), dim=0)
    layer.final_layer_norm.bias += 2.0 * direction
    layer.fc1.weight[PLANTED.index] = direction
    head = generator.model.decoder.lm_heads[0].weight[CODE]
    layer.fc2.weight[:, PLANTED.index] = 2.0 * head / head.norm()
    return generator


@pytest.fixture(scope="module")
def takes(generator: Generator) -> Takes:
    return generator.generate([PROMPT] * 4, [1, 2, 3, 4], SECONDS)


@pytest.fixture(scope="module")
def means(generator: Generator) -> mean_activations.MeanActivations:
    """On the reference prompts the planted neuron is silent."""
    found = mean_activations.measure(generator, 0.5, Sampling(), prompts=("jazz", "house", "a song"))
    found.values[PLANTED.location][..., PLANTED.index] = 0.0
    return found


def presence() -> Metric:
    """The expected share of the planted code in the first codebook."""

    def metric(playback: Playback) -> torch.Tensor:
        return playback.replay.predicted[:, 0, :, CODE].mean(1)

    return metric


@pytest.fixture(scope="module")
def found(generator: Generator, takes: Takes, means: mean_activations.MeanActivations) -> Attribution:
    return attribute(Context(generator, means=means), takes, presence())


def share(takes: Takes) -> torch.Tensor:
    return (takes.state["codes"][:, 0] == CODE).float().mean(1)


def test_the_planted_neuron_comes_first(found: Attribution) -> None:
    (first, effect), (_, second) = found.ranked(2)
    assert first == PLANTED
    assert effect < 2 * second < 0


def test_muting_it_takes_the_code_away_and_random_units_do_not(
    generator: Generator, takes: Takes, means: mean_activations.MeanActivations, found: Attribution
) -> None:
    clean = share(takes)
    assert (clean > 0.3).all()
    (control,) = matched_controls((PLANTED,), found.activity, seed=1)
    edits = [Edit((PLANTED,))] * 4 + [Edit((control,))] * 4
    both = play(
        Context(generator, means=means, sampling=Sampling(), seconds=SECONDS), [PROMPT] * 8, [1, 2, 3, 4] * 2, edits
    )
    muted, random = share(both.rows(0, 4)), share(both.rows(4, 8))
    assert (muted < 0.5 * clean).all()
    assert ((random - clean).abs() < 0.15).all()


def test_amplifying_it_brings_more(generator: Generator, takes: Takes, means: mean_activations.MeanActivations) -> None:
    again = play(
        Context(generator, means=means, sampling=Sampling(), seconds=SECONDS),
        [PROMPT] * 4,
        [1, 2, 3, 4],
        [Edit((PLANTED,), "scale", 2.0)] * 4,
    )
    assert share(again).mean() > share(takes).mean()
