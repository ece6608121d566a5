"""Any split of the rows over workers plays what one batch plays, for every family; nobody sees another's edits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor

from tests.models.families.seam import GUIDANCE, PROMPTS, SECONDS, last_of_each_site
from tonescope.diagnose.context import Batches, Context
from tonescope.diagnose.intervene.edit_hooks import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import activations
from tonescope.diagnose.runtime.workers import ASKED, together_reason
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.units import Location, Unit

SPLITS = ((2, 48), (7, 5))  # workers, and rows that they play together


def alike(some: Takes, others: Takes) -> None:
    """As alike as a batch and single runs are."""
    assert some.prompts == others.prompts and some.seeds == others.seeds
    for name, state in some.state.items():
        assert torch.allclose(state.double(), others.state[name].double(), atol=1e-5), name
    assert torch.allclose(some.waveform, others.waveform, atol=1e-5)


def mixed(generator: Generator) -> list[Edit | None]:
    """Rows of many kinds: untouched ones, seconds, steps, a branch, a source, whole locations."""
    edits: list[Edit | None] = [None]
    branch: Literal["cond", "uncond"]
    other = generator.generate(["lo fi house with piano"], [5], SECONDS)  # as long as the longest prompt
    for place in last_of_each_site(generator):
        source = activations(Context(generator), other, [place])[0]
        unit = Unit(place, 0)
        edits += [Edit((place,), "scale", 0.5), None, Edit((unit,)), Edit((unit,), "patch", source=source)]
        if place.network != "text":
            edits.append(Edit((unit,), "set", 1.5, seconds=(0.1, 0.2)))
        if generator.steps(place) > 1:
            branch = "uncond" if "uncond" in generator.branches(place, GUIDANCE) else "cond"
            edits.append(Edit((unit,), "set", 1.5, steps=(1, 3), branch=branch))
    return edits


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Ask for so many workers."""
    return lambda count: monkeypatch.setenv(ASKED, str(count))


@pytest.mark.parametrize("guidance", [GUIDANCE, 1.0])
def test_any_split_over_workers_is_one_batch(
    generator: Generator, means: MeanActivations, guidance: float, ask: Callable[[int], None]
) -> None:
    assert together_reason(generator) is None
    edits = [edit for edit in mixed(generator) if guidance > 1 or edit is None or edit.branch == "both"]
    context = Context(generator, means=means, seconds=SECONDS, sampling=Sampling(guidance))
    prompts = [PROMPTS[1 if edit and edit.source else row % 2] for row, edit in enumerate(edits)]
    together = play(context, prompts, range(len(edits)), edits)
    assert together.distinct > 1
    for workers, rows in SPLITS:
        ask(workers)
        alike(play(replace(context, batches=Batches(rows)), prompts, range(len(edits)), edits), together)


def test_playing_by_workers_leaves_the_generator_as_it_was(
    generator: Generator, means: MeanActivations, ask: Callable[[int], None]
) -> None:
    ask(3)
    context = Context(generator, means=means, seconds=SECONDS)
    before = generator.fingerprint()
    clean = generator.generate(PROMPTS, [1, 2, 3], SECONDS)
    edit = Edit((last_of_each_site(generator)[0],), "scale", 0.5)
    play(context, PROMPTS, [1, 2, 3], [edit, None, edit])
    assert generator.fingerprint() == before and together_reason(generator) is None
    alike(generator.generate(PROMPTS, [1, 2, 3], SECONDS), clean)


def test_weights_that_are_changed_are_heard_by_the_next_workers(
    generator: Generator, ask: Callable[[int], None]
) -> None:
    ask(2)
    context = Context(generator, seconds=SECONDS)
    before = play(context, PROMPTS, [1, 2, 3])
    weights = list(generator.model.parameters())
    kept = [weight.clone() for weight in weights]
    with torch.no_grad():
        for weight in weights:
            weight.mul_(1.1)
        after = play(context, PROMPTS, [1, 2, 3])
        for weight, old in zip(weights, kept, strict=True):
            weight.copy_(old)
    assert not torch.allclose(before.waveform, after.waveform, atol=1e-5)
    alike(play(context, PROMPTS, [1, 2, 3]), before)


def test_a_row_is_edited_as_if_alone_whatever_its_neighbours_are_given(
    generator: Generator, means: MeanActivations
) -> None:
    """A mean fills every position, also where another row of the batch is given a source, position by position."""
    takes, other = (
        generator.generate([words] * 2, [1, 2], SECONDS) for words in (PROMPTS[0], "smooth house with piano")
    )
    for place in last_of_each_site(generator):
        muted, source = Edit((Unit(place, 0),)), activations(Context(generator), other, [place])[0]
        patched = Edit((Unit(place, 0),), "patch", source=source)
        beside, alone = (_edited(generator, takes, place, [muted, edit], means) for edit in (patched, None))
        assert torch.equal(beside[0], alone[0]), place


def _edited(
    generator: Generator, takes: Takes, place: Location, edits: list[Edit | None], means: MeanActivations
) -> list[Tensor]:
    with edited(generator, edits, GUIDANCE, means):
        return [take.values[place] for take in activations(Context(generator), takes, [place])]
