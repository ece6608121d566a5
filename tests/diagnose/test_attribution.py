"""The estimate against finite differences and against brute force, on a random model."""

from __future__ import annotations

import pytest
import torch
from tonescope.diagnose import reference
from tonescope.diagnose.attribution import attribute, margin
from tonescope.diagnose.interventions import Edit, matched_controls, prepare, regenerate
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.hooks import hooked, read, write
from tonescope.models.units import Location, Unit

from tests import tiny

PROMPT = "smooth jazz with piano"


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny.generator()


@pytest.fixture(scope="module")
def takes(generator: Generator) -> Takes:
    return generator.generate([PROMPT] * 3, [1, 2, 3], 1.0)


@pytest.fixture(scope="module")
def means(generator: Generator) -> reference.Reference:
    return reference.measure(generator, 0.5, Sampling(), prompts=("jazz", "house", "a song"))


def _soft_margin(
    generator: Generator, takes: Takes, clean_logits: torch.Tensor, logits: torch.Tensor, metric
) -> torch.Tensor:
    """Brute force under the replay metric: decode(hard + soft - soft of the clean pass)."""
    weights, clean = (torch.softmax(generator.guided(value, 3.0), -1) for value in (logits, clean_logits))
    vectors = generator.hard_vectors(takes.codes) + generator.vectors(weights) - generator.vectors(clean)
    return metric(generator.sound(vectors))


def test_the_metric_is_taken_at_the_audio_that_was_heard(
    generator: Generator, takes: Takes, means: reference.Reference
) -> None:
    judge = tiny.judge()
    metric = margin(judge, generator.sample_rate, "house", "smooth jazz")
    found = attribute(generator, takes, metric, means)
    assert torch.allclose(found.metric, metric(takes.waveform), atol=1e-4)


def test_the_estimate_is_the_slope_towards_the_reference(generator: Generator, takes: Takes) -> None:
    """In double precision: moving a unit a little of the way to its mean changes the margin by that part of its estimate."""
    double = Generator(tiny.musicgen().double(), tiny.tokenizer(), "double")
    judge = tiny.judge()
    judge.model.double()
    judge._label_embeddings = judge._label_embeddings.double()
    judge.mel._windows[torch.device("cpu")] = (
        torch.hann_window(judge.mel._size, dtype=torch.float64),
        judge.mel._filters.double(),
    )
    metric = margin(judge, double.sample_rate, "house", "smooth jazz")
    text, one = double.read_text([PROMPT]), takes.rows(0, 1)
    random = torch.Generator().manual_seed(0)
    means = {
        location: torch.randn(2, double.features(location), generator=random, dtype=torch.float64)
        for location in double.locations(*reference.SITES)
    }
    found = attribute(double, one, metric, reference.Reference(means, {}))
    with torch.no_grad():
        clean = double.replay(one.codes, text)

    def moved(unit: Unit, part: float) -> float:
        width = double.head_width(unit.location)
        columns = slice(unit.index * width, (unit.index + 1) * width)

        def change(tensor: torch.Tensor) -> torch.Tensor:
            tensor = tensor.clone()
            tensor[..., columns] += part * (means[unit.location][:, None, columns] - tensor[..., columns])
            return tensor

        with torch.no_grad(), hooked([write(double.place(unit.location), change)]):
            return float(_soft_margin(double, one, clean, double.replay(one.codes, text), metric))

    for name in ("decoder.0.mlp:3", "decoder.1.mlp:17", "decoder.2.self:1", "decoder.1.cross:2"):
        unit = double.unit(name)
        slope = (moved(unit, 1e-4) - moved(unit, -1e-4)) / 2e-4
        assert abs(slope) > 1e-9
        assert float(found.units[unit.location][0, unit.index]) == pytest.approx(slope, rel=1e-3)


def test_estimates_agree_with_brute_force(generator: Generator, takes: Takes, means: reference.Reference) -> None:
    metric = margin(tiny.judge(), generator.sample_rate, "house", "smooth jazz")
    found = attribute(generator, takes, metric, means)
    text = generator.read_text([PROMPT])
    estimated, measured = [], []
    with torch.no_grad():
        clean = generator.replay(takes.codes, text)
        base = _soft_margin(generator, takes, clean, clean, metric)
        for location in generator.locations("decoder.mlp", "decoder.self", "decoder.cross"):
            for index in range(0, generator.units(location), 3):
                edits = prepare(generator, [Edit((Unit(location, index),))] * len(takes), 3.0, means)
                with hooked(edits.hooks):
                    logits = generator.replay(takes.codes, text)
                measured.append(float((_soft_margin(generator, takes, clean, logits, metric) - base).mean()))
                estimated.append(float(found.units[location][:, index].mean()))
    correlation = torch.corrcoef(torch.tensor([estimated, measured]))[0, 1]
    assert float(correlation) > 0.9


def test_batched_takes_equal_single_takes(generator: Generator, takes: Takes, means: reference.Reference) -> None:
    metric = margin(tiny.judge(), generator.sample_rate, "house", "smooth jazz")
    together, single = (attribute(generator, takes, metric, means, rows=rows) for rows in (3, 1))
    for location in together.units:
        assert torch.allclose(together.units[location], single.units[location], atol=1e-5)
    assert torch.allclose(together.tokens, single.tokens, atol=1e-5)


@pytest.mark.parametrize(
    "edit",
    [
        Edit((Unit(Location("decoder", 1, "mlp"), 5),)),
        Edit((Unit(Location("decoder", 0, "cross"), 1),), "scale", 0.0),
        Edit((Unit(Location("decoder", 2, "self"), 3),), "set", 2.0),
    ],
)
def test_every_edit_changes_its_target_row_and_no_other(
    generator: Generator, means: reference.Reference, edit: Edit
) -> None:
    clean = generator.generate([PROMPT] * 2, [1, 2], 0.6)
    edited = regenerate(generator, [PROMPT] * 3, [1, 2, 1], [None, edit, edit], 0.6, Sampling(), means)
    assert torch.equal(edited.codes[0], clean.codes[0])
    location = edit.units[0].location
    edits = prepare(generator, [None, edit], 3.0, means)
    seen: list[torch.Tensor] = []
    text = generator.read_text([PROMPT])
    with (
        hooked([*edits.hooks, read(generator.place(location), lambda tensor: seen.append(tensor.clone()))]),
        torch.no_grad(),
    ):
        generator.replay(clean.codes, text)
    with hooked([read(generator.place(location), lambda tensor: seen.append(tensor.clone()))]), torch.no_grad():
        generator.replay(clean.codes, text)
    width = generator.head_width(location)
    changed = (seen[0] != seen[1]).reshape(2, 2, seen[0].shape[1], -1, width).any(-1).any(2)
    expected = torch.zeros_like(changed)
    expected[0, 1, edit.units[0].index] = True
    expected[1, 1, edit.units[0].index] = location.name != "cross"  # without a prompt, cross-attention is zero already
    assert torch.equal(changed, expected)


def test_an_edit_that_changes_nothing_is_refused(generator: Generator, means: reference.Reference) -> None:
    with pytest.raises(TonescopeError, match="changed nothing"):
        regenerate(
            generator,
            [PROMPT],
            [1],
            [Edit((Unit(Location("decoder", 1, "mlp"), 5),), "scale", 1.0)],
            0.3,
            Sampling(),
            means,
        )


def test_controls_match_location_and_are_others(generator: Generator, takes: Takes, means: reference.Reference) -> None:
    metric = margin(tiny.judge(), generator.sample_rate, "house", "smooth jazz")
    found = attribute(generator, takes, metric, means)
    strongest = tuple(unit for unit, _ in found.ranked(6))
    control = matched_controls(strongest, found.activity, 0)
    assert len(set(control)) == 6 and not set(control) & set(strongest)
    assert sorted(unit.location for unit in control) == sorted(unit.location for unit in strongest)
