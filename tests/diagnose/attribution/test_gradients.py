"""The estimate against finite differences and against brute force, on a random model."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import Playback, log_probability, margin
from tonescope.diagnose.context import Batches, Context
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.intervene.controls import matched_controls
from tonescope.diagnose.intervene.edit_hooks import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.runtime import workers
from tonescope.diagnose.store.traces import TraceSpec, record
from tonescope.models.families.musicgen import replaying
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.families.musicgen.replaying import CodeReplay
from tonescope.models.generator import Sampling, Takes
from tonescope.models.hooks import Hook, Place, hooked, write
from tonescope.models.judges import listening
from tonescope.models.units import Location, Unit

PROMPT = "smooth jazz with piano"
SITES = ("decoder.mlp", "decoder.self", "decoder.cross", "decoder.residual", "text.mlp", "text.self", "codec.decoder")


@pytest.fixture(scope="module")
def generator() -> MusicGen:
    return tiny.generator()


@pytest.fixture(scope="module")
def takes(generator: MusicGen) -> Takes:
    return generator.generate([PROMPT] * 3, [1, 2, 3], 1.0)


@pytest.fixture(scope="module")
def means(generator: MusicGen) -> mean_activations.MeanActivations:
    return mean_activations.measure(generator, 0.5, Sampling(), prompts=("jazz", "house", "a song"))


def _brute_force(generator: MusicGen, takes: Takes, metric, edit: Edit | None, means, dtype=torch.float32):
    """What the edit does to the metric, in a replay: (takes,)."""
    text = generator.read_text(takes.prompts)
    with torch.no_grad():
        anchor = generator.expected(generator.replay(takes, text, Sampling()))
        with edited(generator, [edit] * len(takes), 3.0, means):
            return metric(Playback(generator, generator.replay(takes, text, Sampling()), anchor=anchor))


def test_it_takes_no_more_threads_than_there_are_idle_cores(
    generator: MusicGen,
    takes: Takes,
    means: mean_activations.MeanActivations,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = list[int]()
    plain = margin(tiny.judge(), "house", "smooth jazz")

    def metric(playback: Playback) -> torch.Tensor:
        used.append(torch.get_num_threads())
        return plain(playback)

    monkeypatch.delenv(workers.ASKED, raising=False)
    with workers.on_threads(4):
        for idle, threads in ((1, 1), (3, 3), (9, 4)):
            monkeypatch.setattr(workers, "idle_cores", lambda idle=idle: idle)
            attribute(Context(generator, means=means), takes.rows(0, 1), metric)
            assert used.pop() == threads and torch.get_num_threads() == 4


def test_the_metric_is_taken_at_the_audio_that_was_heard(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations
) -> None:
    judge = tiny.judge()
    metric = margin(judge, "house", "smooth jazz")
    found = attribute(Context(generator, means=means), takes, metric)
    heard = listening.margin(judge, takes.waveform, generator.sample_rate, "house", "smooth jazz")
    assert torch.allclose(found.metric, heard, atol=1e-4)


class Double:
    """A take, models and random means in double precision, for finite differences."""

    def __init__(self, takes: Takes) -> None:
        self.generator, self.judge = MusicGen(tiny.musicgen().double(), tiny.tokenizer(), "double"), tiny.judge()
        self.judge.model.double()
        self.judge._label_embeddings = self.judge._label_embeddings.double()
        mel = self.judge.mel
        mel._windows[torch.device("cpu")] = (torch.hann_window(mel._size, dtype=torch.float64), mel._filters.double())
        self.take = takes.rows(0, 1)
        random = torch.Generator().manual_seed(0)
        self.means = {
            location: torch.randn(
                len(self.generator.branches(location, 3.0)),
                1,
                self.generator.features(location),
                generator=random,
                dtype=torch.float64,
            )
            for location in self.generator.locations(*SITES)
        }

    def playback(self, anchor: tuple[torch.Tensor, ...] | None = None) -> Playback:
        return Playback(self.generator, self.replay(), anchor=anchor)

    def replay(self) -> CodeReplay:
        return self.generator.replay(self.take, self.generator.read_text([PROMPT]), Sampling())

    def expected(self) -> tuple[torch.Tensor, ...]:
        return self.generator.expected(self.replay())

    def move(self, unit: Unit, part: float) -> Hook:
        """A unit goes so far of the way to its mean."""
        width, axis = self.generator.head_width(unit.location), unit.location.site.axis
        columns = torch.arange(unit.index * width, (unit.index + 1) * width)
        branches = len(self.generator.branches(unit.location, 3.0))

        def change(tensor: torch.Tensor) -> torch.Tensor:
            body = (tensor.transpose(1, 2) if axis == 1 else tensor).clone()
            wanted = self.means[unit.location][:branches, :, columns]
            body[..., columns] += part * (wanted - body[..., columns])
            return body.transpose(1, 2) if axis == 1 else body

        return write(self.generator.place(unit.location), change)


@pytest.fixture(scope="module")
def double(takes: Takes) -> Double:
    return Double(takes)


@torch.no_grad()
def test_the_estimate_is_the_slope_towards_the_reference(double: Double) -> None:
    """Moving a unit a little of the way to its mean changes the margin by that part of its estimate."""
    metric = margin(double.judge, "house", "smooth jazz")
    found = attribute(
        Context(double.generator, means=mean_activations.MeanActivations(double.means, {})),
        double.take,
        metric,
        sites=SITES,
    )
    clean = double.expected()

    def moved(unit: Unit, part: float) -> float:
        with hooked([double.move(unit, part)]):
            return float(metric(double.playback(clean)))

    for name in (
        "decoder.0.mlp:3",
        "decoder.1.mlp:17",
        "decoder.2.self:1",
        "decoder.1.cross:2",
        "decoder.1.residual:7",
        "text.1.mlp:4",
        "text.0.self:2",
        "codec.3.decoder:1",
    ):
        unit = double.generator.unit(name)
        gradient = (moved(unit, 1e-4) - moved(unit, -1e-4)) / 2e-4
        assert abs(gradient) > 1e-9
        assert float(found.units[unit.location][0, unit.index]) == pytest.approx(gradient, rel=2e-3, abs=5e-9)


@torch.no_grad()
def test_feedback_is_the_slope_of_what_later_codes_make_of_earlier_ones(double: Double) -> None:
    """With one step of feedback, the decoder is also fed what the moved unit made likely a moment before."""
    metric, generator = margin(double.judge, "house", "smooth jazz"), double.generator
    tables = generator.model.decoder.model.decoder.embed_tokens
    means, sites = mean_activations.MeanActivations(double.means, {}), ("decoder.mlp", "decoder.self")
    plain, followed = (
        attribute(Context(generator, means=means), double.take, metric, sites=sites, rollout_steps=steps)
        for steps in (0, 1)
    )
    first = double.replay()
    clean = generator.expected(first)

    def answered(unit: Unit, part: float) -> float:
        """The margin where nothing is moved, and the codes that are fed lean to what moving the unit makes likely."""
        with hooked([double.move(unit, part)]):
            moved = double.replay()

        def lean(book: int) -> Hook:
            shift = (moved.predicted - first.predicted)[:, book] @ tables[book].weight[: generator.vocab_size]
            start, frames = generator.delay[book] + 1, double.take.state["codes"].shape[2]

            def change(tensor: torch.Tensor) -> torch.Tensor:
                codebook_input = tensor.clone()
                there = codebook_input[:, start : start + frames]
                there += shift[:, : there.shape[1]]
                return codebook_input

            return write(Place(tables[book], "output", f"embed_tokens.{book}"), change)

        with hooked([lean(book) for book in range(generator.n_codebooks)]):
            return float(metric(double.playback(clean)))

    for name in ("decoder.0.mlp:3", "decoder.1.mlp:17", "decoder.2.self:1"):
        unit = generator.unit(name)
        gradient = (answered(unit, 1e-4) - answered(unit, -1e-4)) / 2e-4
        more = followed.units[unit.location] - plain.units[unit.location]
        assert abs(gradient) > 1e-9
        assert float(more[0, unit.index]) == pytest.approx(gradient, rel=2e-3, abs=5e-9)


def test_feedback_needs_something_to_listen_to(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations
) -> None:
    with pytest.raises(ValueError, match="does not listen"):
        attribute(Context(generator, means=means), takes, log_probability("house"), rollout_steps=1)


@pytest.mark.parametrize("family", ["mono", "stereo"])
def test_more_listens_change_the_slope_and_not_the_number(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = tiny.generator(family)
    takes = generator.generate([PROMPT] * 3, [1, 2, 3], 1.0)
    means = mean_activations.measure(generator, 0.5, Sampling(), prompts=("jazz", "house", "a song"))
    once, often = (margin(tiny.judge(), "house", "smooth jazz", smoothgrad_samples=samples) for samples in (1, 3))
    plain = attribute(Context(generator, means=means), takes, once)
    together, single = (
        attribute(Context(generator, means=means, batches=Batches(attributed=rows)), takes, often, rollout_steps=1)
        for rows in (3, 1)
    )
    assert torch.allclose(plain.metric, together.metric, atol=1e-5)
    for location, effects in together.units.items():
        assert torch.allclose(effects, single.units[location], atol=1e-5)
    assert torch.allclose(together.frames, single.frames, atol=1e-5)
    assert not torch.allclose(plain.frames, together.frames, atol=1e-5)
    monkeypatch.setattr(replaying, "REDRAWN", 0.0)
    same = attribute(Context(generator, means=means), takes, often)
    for location, effects in plain.units.items():
        assert torch.allclose(effects, same.units[location], atol=1e-5)
    assert torch.allclose(plain.frames, same.frames, atol=1e-5)


def test_a_quarter_of_the_codes_is_drawn_anew(generator: MusicGen, takes: Takes) -> None:
    with torch.no_grad():
        likely = generator.replay(takes, generator.read_text(takes.prompts), Sampling()).predicted
    again = generator._neighbour(takes.state["codes"], likely, 1)
    kept = float((again == takes.state["codes"]).float().mean())
    by_chance = float((likely.gather(-1, takes.state["codes"][..., None])).mean())
    assert kept == pytest.approx(1 - replaying.REDRAWN * (1 - by_chance), abs=0.05)
    assert not torch.equal(again, generator._neighbour(takes.state["codes"], likely, 2))


@pytest.mark.parametrize("family", ["mono", "melody", "stereo"])
def test_estimates_agree_with_brute_force(family: str) -> None:
    generator = tiny.generator(family)
    takes = generator.generate([PROMPT] * 3, [1, 2, 3], 1.0)
    means = mean_activations.measure(generator, 0.5, Sampling(), prompts=("jazz", "house", "a song"))
    for metric in (margin(tiny.judge(), "house", "smooth jazz"), log_probability("house music")):
        found = attribute(Context(generator, means=means), takes, metric)
        base = _brute_force(generator, takes, metric, None, means)
        assert torch.allclose(base, found.metric, atol=1e-4)
        estimated, measured = [], []
        for location in generator.locations("decoder.mlp", "decoder.self", "decoder.cross"):
            for index in range(0, generator.units(location), 3):
                edit = Edit((Unit(location, index),))
                measured.append(float((_brute_force(generator, takes, metric, edit, means) - base).mean()))
                estimated.append(float(found.units[location][:, index].mean()))
        assert float(torch.corrcoef(torch.tensor([estimated, measured]))[0, 1]) > 0.9


def test_batched_takes_equal_single_takes(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations
) -> None:
    metric = margin(tiny.judge(), "house", "smooth jazz")
    together, single = (
        attribute(Context(generator, means=means, batches=Batches(attributed=rows)), takes, metric) for rows in (3, 1)
    )
    for location in together.units:
        assert torch.allclose(together.units[location], single.units[location], atol=1e-5)
    assert torch.allclose(together.tokens, single.tokens, atol=1e-5)


def test_controls_match_location_and_are_others(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations
) -> None:
    metric = margin(tiny.judge(), "house", "smooth jazz")
    found = attribute(Context(generator, means=means), takes, metric)
    strongest = tuple(unit for unit, _ in found.ranked(6))
    control = matched_controls(strongest, found.activity, 0)
    assert len(set(control)) == 6 and not set(control) & set(strongest)
    assert sorted(unit.location for unit in control) == sorted(unit.location for unit in strongest)


@pytest.mark.parametrize("rows", [1, 3])
def test_the_pass_records_what_a_replay_records(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations, rows: int
) -> None:
    for keep in (TraceSpec("mean"), TraceSpec("all", top=3), TraceSpec("peak", uncond=False)):
        found = attribute(
            Context(generator, means=means, batches=Batches(attributed=rows)),
            takes,
            log_probability("house"),
            trace=keep,
        )
        alone = record(Context(generator), takes, spec=keep)
        assert found.trace is not None and found.trace.tokens == alone.tokens and found.trace.about == alone.about
        for location, values in alone.values.items():
            assert torch.allclose(found.trace.values[location].float(), values.float(), atol=2e-3), location
        for location, indices in alone.indices.items():
            assert torch.equal(found.trace.indices[location], indices)


def test_slopes_at_an_edit_are_taken_where_it_moves_the_sound(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations
) -> None:
    """The metric that the pass reports is that of the edited replay beside the clean one."""
    edit, metric = Edit((Location("decoder", 1, "mlp"),), "set", 3.0), margin(tiny.judge(), "house", "smooth jazz")
    clean, moved = (attribute(Context(generator, means=means), takes, metric, at=at).metric for at in (None, edit))
    with torch.no_grad():
        text = generator.read_text(takes.prompts)
        anchor = generator.expected(generator.replay(takes, text, Sampling()))
        with edited(generator, [edit] * len(takes), 3.0, means):
            replay = generator.replay(takes, generator.read_text(takes.prompts), Sampling())
            wanted = metric(Playback(generator, replay, anchor=anchor))
    assert torch.allclose(moved, wanted, atol=1e-5) and bool(((moved - clean).abs() > 1e-4).any())
