"""The text encoder's units are averaged, estimated and edited at the words of a prompt, not at what its tokenizer
adds."""

from __future__ import annotations

import copy

import pytest
import torch

from tests import tiny
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import own_log_probability
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.intervene.edit_hooks import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.models.generator import Generator, Sampling
from tonescope.models.hooks import hooked, read
from tonescope.models.units import Location, Unit

PROMPTS = ("smooth jazz with piano", "house")
PLACE = Location("text", 0, "mlp")


@pytest.fixture(scope="module", params=["mono", "bert"])
def generator(request: pytest.FixtureRequest) -> Generator:
    generator = tiny.generator(request.param)
    # Real tokenizers know what they add.
    generator.reader.tokenizer = copy.deepcopy(generator.reader.tokenizer)
    generator.reader.tokenizer.add_special_tokens({"cls_token": "[CLS]", "sep_token": "[SEP]"})
    return generator


def seen(generator: Generator, edits: list[Edit | None]) -> torch.Tensor:
    """(rows, tokens, features) at :data:`PLACE`."""
    found: list[torch.Tensor] = []
    with edited(generator, edits, 1.0), hooked([read(generator.place(PLACE), lambda tensor: found.append(tensor))]):
        generator.read_text(PROMPTS)
    return found[0]


def words(generator: Generator) -> torch.Tensor:
    """Which tokens of :data:`PROMPTS` are words, by their spelling."""
    text = generator.read_text(PROMPTS)
    return torch.tensor([[end > start for start, end in row] for row in text.spans])


def test_an_edit_of_the_text_encoder_changes_words_alone(generator: Generator) -> None:
    edit = Edit((Unit(PLACE, 3),), "set", 7.0)
    after = seen(generator, [edit, edit])[..., 3]
    assert not words(generator).all(), "the tokenizer adds something"
    assert torch.equal(after == 7.0, words(generator))


def test_means_of_the_text_encoder_are_over_words(generator: Generator) -> None:
    found = mean_activations.measure(generator, 0.5, Sampling(), prompts=PROMPTS).values[PLACE][0, 0]
    tensor, keep = seen(generator, [None, None]), words(generator)
    expected = torch.stack([row[kept].mean(0) for row, kept in zip(tensor, keep, strict=True)]).mean(0)
    assert torch.allclose(found, expected, atol=1e-5)


def test_an_estimate_sees_no_token_that_an_edit_leaves_alone(generator: Generator) -> None:
    """Effects are small here, so that gradient times distance is what a step does."""
    means = mean_activations.measure(generator, 0.5, Sampling(), prompts=PROMPTS)
    context = Context(generator, means=means, seconds=0.5)
    takes = play(context, [PROMPTS[0]] * 2, [1, 2])
    metric, step = own_log_probability(), 0.5
    found = attribute(context, takes, metric, sites=["text.mlp"])
    index = int(found.units[PLACE].mean(0).abs().argmax())
    small = Edit((Unit(PLACE, index),), strength=step)
    moved = attribute(context, takes, metric, sites=["text.mlp"], at=small).metric - found.metric
    assert torch.allclose(moved / step, found.units[PLACE][:, index], rtol=0.1, atol=3e-6)
