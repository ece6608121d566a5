"""Any split of the rows over workers plays what one batch plays, for every family; nobody sees another's edits."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.models.families.seam import GUIDANCE, PROMPTS, SECONDS, last_of_each_site
from tonescope.diagnose.context import Batches, Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import activations
from tonescope.diagnose.runtime.workers import together_reason
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.units import Unit

SPLITS = (Batches(workers=2), Batches(workers=3), Batches(played=4, workers=2), Batches(played=5, workers=7))


def alike(some: Takes, others: Takes) -> None:
    """As alike as a batch and single runs are."""
    assert some.prompts == others.prompts and some.seeds == others.seeds
    for name, state in some.state.items():
        assert torch.allclose(state.double(), others.state[name].double(), atol=1e-5), name
    assert torch.allclose(some.waveform, others.waveform, atol=1e-5)


def mixed(generator: Generator) -> list[Edit | None]:
    """Rows of many kinds: untouched ones, seconds, steps, a branch, a source, whole locations."""
    edits: list[Edit | None] = [None]
    other = generator.generate(["smooth house with piano"], [5], SECONDS)
    for place in last_of_each_site(generator):
        source = activations(Context(generator), other, [place])[0]
        unit = Unit(place, 0)
        edits += [Edit((place,), "scale", 0.5), None, Edit((unit,)), Edit((unit,), "patch", source=source)]
        if place.network != "text":
            edits.append(Edit((unit,), "set", 1.5, seconds=(0.1, 0.2)))
        if generator.steps(place) > 1:
            edits.append(Edit((unit,), "set", 1.5, steps=(1, 3), branch="uncond"))
    return edits


@pytest.mark.parametrize("guidance", [GUIDANCE, 1.0])
def test_any_split_over_workers_is_one_batch(generator: Generator, means: MeanActivations, guidance: float) -> None:
    assert together_reason(generator) is None
    edits = [edit for edit in mixed(generator) if guidance > 1 or edit is None or edit.branch == "both"]
    context = Context(generator, means=means, seconds=SECONDS, sampling=Sampling(guidance))
    prompts, seeds = [PROMPTS[row % 2] for row in range(len(edits))], range(len(edits))
    together = play(replace(context, batches=Batches(workers=1)), prompts, seeds, edits)
    assert together.distinct > 1
    for batches in SPLITS:
        alike(play(replace(context, batches=batches), prompts, seeds, edits), together)


def test_playing_by_workers_leaves_the_generator_as_it_was(generator: Generator, means: MeanActivations) -> None:
    context = Context(generator, means=means, seconds=SECONDS)
    before = generator.fingerprint()
    clean = generator.generate(PROMPTS, [1, 2, 3], SECONDS)
    edit = Edit((last_of_each_site(generator)[0],), "scale", 0.5)
    play(replace(context, batches=Batches(workers=3)), PROMPTS, [1, 2, 3], [edit, None, edit])
    assert generator.fingerprint() == before and together_reason(generator) is None
    alike(generator.generate(PROMPTS, [1, 2, 3], SECONDS), clean)


def test_weights_that_are_changed_are_heard_by_the_next_workers(generator: Generator) -> None:
    context = Context(generator, seconds=SECONDS, batches=Batches(workers=2))
    before = play(context, PROMPTS, [1, 2, 3])
    weights = list(generator.place(last_of_each_site(generator)[1]).module.parameters())
    kept = [weight.clone() for weight in weights]
    with torch.no_grad():
        for weight in weights:
            weight.mul_(-3.0)
        after = play(context, PROMPTS, [1, 2, 3])
        for weight, old in zip(weights, kept, strict=True):
            weight.copy_(old)
    assert not torch.allclose(before.waveform, after.waveform, atol=1e-5)
    alike(play(context, PROMPTS, [1, 2, 3]), before)
