"""A second gradient predicts a long step better than the one at the clean take alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests import tiny
from tonescope.diagnose.attribution import integrated_gradients
from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.integrated_gradients import strongest, two_point_integrated_gradients
from tonescope.diagnose.attribution.metrics import Playback, margin
from tonescope.diagnose.context import Batches, Context
from tonescope.diagnose.intervene.edit_hooks import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations, measure
from tonescope.models.generator import Generator, Sampling
from tonescope.models.units import Location, Unit

MLP, SELF = Location("decoder", 0, "mlp"), Location("decoder", 0, "self")
METRIC = margin(tiny.judge(), "house", "smooth jazz")


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny.generator()


def gradient_options(**effects: float) -> Attribution:
    """Eight neurons and two heads of one take; those named have so large an estimate, the others none."""
    units = {MLP: torch.zeros(1, 8), SELF: torch.zeros(1, 2)}
    for name, effect in effects.items():
        units[MLP if name[0] == "n" else SELF][:, int(name[1:])] = effect
    return Attribution(units, {}, torch.zeros(1, 5), torch.zeros(1, 4), torch.zeros(1))


def test_the_strongest_of_each_kind_count_in_both_directions() -> None:
    found = gradient_options(n1=0.5, n2=-2.0, n3=3.0, h1=0.1)
    assert strongest(found, 2) == [Unit(SELF, 1), Unit(MLP, 3), Unit(MLP, 2)]


def test_an_effect_that_bends_twice_is_exact(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    def gradient(way: float) -> float:  # of 2 way - 3 way^2 + 5 way^3, which is 4 at the end of the way
        return 2 - 6 * way + 15 * way**2

    asked: list[tuple[Any, ...]] = []

    def there(context: Context, *_: Any, sites: list[str], at: Edit, rollout_steps: int) -> Attribution:
        asked.append((context.sampling, context.batches.attributed, sites, rollout_steps))
        return gradient_options(n3=gradient(at.strength) * (1 - at.strength))

    monkeypatch.setattr(integrated_gradients, "attribute", there)
    shares: list[float] = []
    takes = generator.generate(["house"], [1], 0.5)
    found = gradient_options(n3=gradient(0), n5=0.01)
    cold = Sampling(temperature=0.5)
    better = two_point_integrated_gradients(
        Context(generator, means=MeanActivations({}, {}), sampling=cold, batches=Batches(attributed=3)),
        takes,
        METRIC,
        found,
        1,
        rollout_steps=2,
        advance=shares.append,
    )
    assert asked == [(cold, 3, ["decoder.mlp"], 2)]
    assert float(better.units[MLP][0, 3]) == pytest.approx(4.0)
    assert float(better.units[MLP][0, 5]) == pytest.approx(0.01) and shares == [1.0]
    assert float(found.units[MLP][0, 3]) == 2.0  # what was given stays as it was


def test_long_steps_are_foreseen_better(generator: Generator) -> None:
    takes = generator.generate(["smooth jazz with piano"] * 3, [1, 2, 3], 1.0)
    means = measure(generator, 0.5, Sampling(), prompts=("jazz", "house"))
    far = MeanActivations({location: 4 * mean + 0.5 for location, mean in means.values.items()}, means.about)
    found = attribute(Context(generator, means=far), takes, METRIC)
    better = two_point_integrated_gradients(
        Context(generator, means=far, batches=Batches(attributed=2)), takes, METRIC, found, 4
    )
    errors = []
    for unit in strongest(found, 4):
        with torch.no_grad():
            text = generator.read_text(takes.prompts)
            anchor = generator.expected(generator.replay(takes, text, Sampling()))
            with edited(generator, [Edit((unit,))] * 3, 3.0, far):
                replay = generator.replay(takes, generator.read_text(takes.prompts), Sampling())
                moved = METRIC(Playback(generator, replay, anchor=anchor)) - found.metric
        errors.append([float((each.of((unit,)) - moved).abs().mean()) for each in (found, better)])
    plain, closer = torch.tensor(errors).mean(0).tolist()
    assert closer < 0.3 * plain
