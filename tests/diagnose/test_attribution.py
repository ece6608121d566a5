"""The estimate against finite differences and against brute force, on a random model."""

from __future__ import annotations

import pytest
import torch
from tonescope.diagnose import reference
from tonescope.diagnose.attribution import attribute
from tonescope.diagnose.controls import matched_controls
from tonescope.diagnose.interventions import Edit, edited
from tonescope.diagnose.metrics import Playback, log_probability, margin
from tonescope.diagnose.trace import Keep, record
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.hooks import hooked, write
from tonescope.models.units import Location, Unit

from tests import tiny

PROMPT = "smooth jazz with piano"
SITES = ("decoder.mlp", "decoder.self", "decoder.cross", "decoder.residual", "text.mlp", "text.self", "codec.decoder")


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny.generator()


@pytest.fixture(scope="module")
def takes(generator: Generator) -> Takes:
    return generator.generate([PROMPT] * 3, [1, 2, 3], 1.0)


@pytest.fixture(scope="module")
def means(generator: Generator) -> reference.Reference:
    return reference.measure(generator, 0.5, Sampling(), prompts=("jazz", "house", "a song"))


def _brute_force(generator: Generator, takes: Takes, metric, edit: Edit | None, means, dtype=torch.float32):
    """What the edit does to the metric, in a replay: (takes,)."""
    text = generator.read_text(takes.prompts)
    clean = Playback(generator, takes.codes, text)
    with torch.no_grad():
        anchored = Playback(generator, takes.codes, text, anchor=clean.expected())
        with edited(generator, [edit] * len(takes), 3.0, means):
            return metric(anchored)


def test_the_metric_is_taken_at_the_audio_that_was_heard(
    generator: Generator, takes: Takes, means: reference.Reference
) -> None:
    judge = tiny.judge()
    metric = margin(judge, "house", "smooth jazz")
    found = attribute(generator, takes, metric, means)
    heard = judge.margin(takes.waveform, generator.sample_rate, "house", "smooth jazz")
    assert torch.allclose(found.metric, heard, atol=1e-4)


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
    metric = margin(judge, "house", "smooth jazz")
    one = takes.rows(0, 1)
    random = torch.Generator().manual_seed(0)
    means = {
        location: torch.randn(
            double.branches(location, 3.0), double.features(location), generator=random, dtype=torch.float64
        )
        for location in double.locations(*SITES)
    }
    found = attribute(double, one, metric, reference.Reference(means, {}), sites=SITES)

    def moved(unit: Unit, part: float) -> float:
        width, axis = double.head_width(unit.location), unit.location.site.axis
        columns = torch.arange(unit.index * width, (unit.index + 1) * width)
        branches = double.branches(unit.location, 3.0)

        def change(tensor: torch.Tensor) -> torch.Tensor:
            body = (tensor.transpose(1, 2) if axis == 1 else tensor).clone()
            wanted = means[unit.location][:branches, None, columns]
            body[..., columns] += part * (wanted - body[..., columns])
            return body.transpose(1, 2) if axis == 1 else body

        text = double.read_text([PROMPT])
        with torch.no_grad():
            clean = Playback(double, one.codes, text).expected()
            with hooked([write(double.place(unit.location), change)]):
                return float(metric(Playback(double, one.codes, double.read_text([PROMPT]), anchor=clean)))

    for name in (
        "decoder.0.mlp:3", "decoder.1.mlp:17", "decoder.2.self:1", "decoder.1.cross:2", "decoder.1.residual:7", "text.1.mlp:4", "text.0.self:2", "codec.3.decoder:1",
    ):  # fmt: skip
        unit = double.unit(name)
        slope = (moved(unit, 1e-4) - moved(unit, -1e-4)) / 2e-4
        assert abs(slope) > 1e-9
        assert float(found.units[unit.location][0, unit.index]) == pytest.approx(slope, rel=2e-3, abs=5e-9)


@pytest.mark.parametrize("family", ["mono", "melody", "stereo"])
def test_estimates_agree_with_brute_force(family: str) -> None:
    generator = tiny.generator(family)
    takes = generator.generate([PROMPT] * 3, [1, 2, 3], 1.0)
    means = reference.measure(generator, 0.5, Sampling(), prompts=("jazz", "house", "a song"))
    for metric in (margin(tiny.judge(), "house", "smooth jazz"), log_probability("house music")):
        found = attribute(generator, takes, metric, means)
        base = _brute_force(generator, takes, metric, None, means)
        assert torch.allclose(base, found.metric, atol=1e-4)
        estimated, measured = [], []
        for location in generator.locations("decoder.mlp", "decoder.self", "decoder.cross"):
            for index in range(0, generator.units(location), 3):
                edit = Edit((Unit(location, index),))
                measured.append(float((_brute_force(generator, takes, metric, edit, means) - base).mean()))
                estimated.append(float(found.units[location][:, index].mean()))
        assert float(torch.corrcoef(torch.tensor([estimated, measured]))[0, 1]) > 0.9


def test_batched_takes_equal_single_takes(generator: Generator, takes: Takes, means: reference.Reference) -> None:
    metric = margin(tiny.judge(), "house", "smooth jazz")
    together, single = (attribute(generator, takes, metric, means, rows=rows) for rows in (3, 1))
    for location in together.units:
        assert torch.allclose(together.units[location], single.units[location], atol=1e-5)
    assert torch.allclose(together.tokens, single.tokens, atol=1e-5)


def test_controls_match_location_and_are_others(generator: Generator, takes: Takes, means: reference.Reference) -> None:
    metric = margin(tiny.judge(), "house", "smooth jazz")
    found = attribute(generator, takes, metric, means)
    strongest = tuple(unit for unit, _ in found.ranked(6))
    control = matched_controls(strongest, found.activity, 0)
    assert len(set(control)) == 6 and not set(control) & set(strongest)
    assert sorted(unit.location for unit in control) == sorted(unit.location for unit in strongest)


@pytest.mark.parametrize("rows", [1, 3])
def test_the_pass_records_what_a_replay_records(
    generator: Generator, takes: Takes, means: reference.Reference, rows: int
) -> None:
    for keep in (Keep("mean"), Keep("all", top=3), Keep("peak", null_branch=False)):
        found = attribute(generator, takes, log_probability("house"), means, rows=rows, keep=keep)
        alone = record(generator, takes, keep=keep)
        assert found.trace is not None and found.trace.tokens == alone.tokens and found.trace.about == alone.about
        for location, values in alone.values.items():
            assert torch.allclose(found.trace.values[location].float(), values.float(), atol=2e-3), location
        for location, indices in alone.indices.items():
            assert torch.equal(found.trace.indices[location], indices)


def test_slopes_at_an_edit_are_taken_where_it_moves_the_sound(
    generator: Generator, takes: Takes, means: reference.Reference
) -> None:
    """The metric that the pass reports is that of the edited replay beside the clean one."""
    edit, metric = Edit((Location("decoder", 1, "mlp"),), "set", 3.0), margin(tiny.judge(), "house", "smooth jazz")
    clean, moved = (attribute(generator, takes, metric, means, at=at).metric for at in (None, edit))
    with torch.no_grad():
        text = generator.read_text(takes.prompts)
        anchor = Playback(generator, takes.codes, text).expected()
        with edited(generator, [edit] * len(takes), 3.0, means):
            wanted = metric(Playback(generator, takes.codes, generator.read_text(takes.prompts), anchor=anchor))
    assert torch.allclose(moved, wanted, atol=1e-5) and bool(((moved - clean).abs() > 1e-4).any())
