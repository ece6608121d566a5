"""The seam holds: the same invariants for every family, told by what a generator offers and nothing else.

MusicGen's families and a toy diffusion model (:mod:`tests.models.families.toy_diffusion`) go through every test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests import tiny
from tests.models.families.toy_diffusion import ToyDiffusion, ToyModel
from tests.models.judges.toy_judge import ToyJudge
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.jacobi_prediction import jacobi_prediction
from tonescope.diagnose.attribution.metrics import Metric, Playback, log_probability, margin
from tonescope.diagnose.context import Batches, Context
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.intervene.applying import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import activations
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.store.traces import Extent, Trace, TraceSpec, record, size_of
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.hooks import Hook, hooked, read, write
from tonescope.models.sites import ATTRIBUTED, SITES
from tonescope.models.units import Location, Unit

PROMPT = "smooth jazz with piano"
PROMPTS = [PROMPT, "lo fi beats with accordion", PROMPT]
SEEDS = [3, 4, 5]
SECONDS = 0.4
GUIDANCE = Sampling().guidance
FAMILIES = (*tiny.FAMILIES, "diffusion")
ORDER = ("self", "cross", "mlp", "residual")  # in which a layer computes


def _generator(family: str) -> Generator:
    return ToyDiffusion(ToyModel()) if family == "diffusion" else tiny.generator(family)


@pytest.fixture(scope="module", params=FAMILIES)
def generator(request: pytest.FixtureRequest) -> Generator:
    return _generator(request.param)


@pytest.fixture(scope="module")
def takes(generator: Generator) -> Takes:
    return generator.generate([PROMPT] * 2, [1, 2], SECONDS)


@pytest.fixture(scope="module")
def means(generator: Generator) -> MeanActivations:
    return mean_activations.measure(generator, SECONDS, Sampling(), prompts=("jazz", "house", "a song"))


def _playing(generator: Generator) -> list[Location]:
    return [location for location in generator.locations() if location.site.causal]


def _last_of_each_site(generator: Generator) -> list[Location]:
    """One place of each kind that is played through, with something before it."""
    return list({location.site: location for location in _playing(generator)}.values())


def _depth(location: Location) -> tuple[int, int, int]:
    networks = ("text", "decoder", "denoiser", "codec")
    order = ORDER.index(location.name) if location.network != "codec" else 0
    return networks.index(location.network), location.layer, order


def _recorded(generator: Generator, takes: Takes, location: Location) -> Tensor:
    """(takes, branches, steps, along, features) as a fresh replay sees them."""
    return torch.stack([one.values[location] for one in activations(Context(generator), takes, [location])])


class Heard:
    """What passes through every place while takes are played, put where the layout says that it belongs."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.pieces: dict[Location, list[tuple[list[int], int, int, int, Tensor]]] = {}

    def hooks(self) -> list[Hook]:
        return [read(self.generator.place(location), self._look(location)) for location in _playing(self.generator)]

    def _look(self, location: Location):
        def look(tensor: Tensor) -> None:
            layout = self.generator.layout(location, GUIDANCE)
            canonical = layout.split(tensor).clone().transpose(0, 1)
            rows = list(range(len(canonical))) if layout.takes is None else layout.takes.tolist()
            start = layout.part * canonical.shape[3] if layout.frames else layout.start
            self.pieces.setdefault(location, []).append((rows, layout.first_step, start, layout.part, canonical))

        return look

    def whole(self, location: Location, like: Tensor) -> Tensor:
        """Shaped as a replay's (takes, branches, steps, along, features); past its end nothing is kept."""
        found = torch.full_like(like, torch.nan)
        for rows, step, start, _, canonical in self.pieces[location]:
            steps = slice(step, step + canonical.shape[2])
            room = found[rows, :, steps, start : start + canonical.shape[3]]
            found[rows, :, steps, start : start + canonical.shape[3]] = canonical[:, :, :, : room.shape[3]]
        return found


# --- playing and replaying
# ---------------------------------------------------------------------------------------------


def test_replay_is_generation_at_every_place_step_and_position(generator: Generator) -> None:
    heard = Heard(generator)
    takes = generator.generate([PROMPT] * 2, [1, 2], SECONDS, hooks=heard.hooks())
    for location in _playing(generator):
        replayed = _recorded(generator, takes, location)
        assert replayed.shape[1:3] == (len(generator.branches(location, GUIDANCE)), generator.steps(location))
        assert replayed.shape[3] == generator.along(location, generator.frames_of(takes), len(PROMPT.split()) + 2) or (
            location.network == "text"
        )
        assert torch.allclose(heard.whole(location, replayed), replayed, atol=1e-5), location


def test_the_unconditional_branch_is_the_one_that_does_not_know_the_prompt(generator: Generator, takes: Takes) -> None:
    other = takes.with_prompt("smooth house with drums")
    for location in generator.locations(*ATTRIBUTED):
        before, after = (_recorded(generator, played, location) for played in (takes, other))
        for index, branch in enumerate(generator.branches(location, GUIDANCE)):
            alike = torch.allclose(before[:, index], after[:, index], atol=1e-6)
            reads = location.layer > 0 or location.name != "self"  # the first to read the prompt is a cross-attention
            assert alike == (branch == "uncond") or (alike and not reads), (location, branch)


def test_a_hook_that_changes_nothing_changes_nothing(generator: Generator) -> None:
    plain = generator.generate(PROMPTS, SEEDS, SECONDS)
    hooks = [write(generator.place(location), lambda tensor: tensor.clone()) for location in _playing(generator)]
    watched = generator.generate(PROMPTS, SEEDS, SECONDS, hooks=hooks)
    for name, state in plain.state.items():
        assert torch.equal(state, watched.state[name])
    assert torch.allclose(plain.waveform, watched.waveform, atol=1e-6)


def test_takes_do_not_depend_on_the_batch(generator: Generator) -> None:
    together = generator.generate(PROMPTS, SEEDS, SECONDS)
    for row, (prompt, seed) in enumerate(zip(PROMPTS, SEEDS, strict=True)):
        alone = generator.generate([prompt], [seed], SECONDS)
        for name, state in alone.state.items():
            assert torch.allclose(state[0].double(), together.state[name][row].double(), atol=1e-5)
        assert torch.allclose(alone.waveform[0], together.waveform[row], atol=1e-5)


def test_takes_of_one_seed_are_paired(generator: Generator) -> None:
    """On one seed an edit that hardly does anything leaves the take where it was; another seed is another take."""
    location = generator.locations(*ATTRIBUTED)[0]
    edits = [None, Edit((Unit(location, 0),), "scale", 1.0001), None]
    played = play(Context(generator, seconds=SECONDS), [PROMPT] * 3, [7, 7, 8], edits)
    assert torch.allclose(played.waveform[0], played.waveform[1], atol=1e-3)
    assert float((played.waveform[0] - played.waveform[2]).abs().max()) > 1e-2
    assert played.distinct >= 2 and played.rows(0, 1).distinct == 1


def test_stereo_is_heard_as_its_mean(generator: Generator, takes: Takes) -> None:
    sides = generator.channels(takes)
    assert sides.shape == (len(takes), generator.n_channels, takes.waveform.shape[1])
    assert torch.allclose(sides.mean(1), takes.waveform, atol=1e-6)
    assert generator.round_trip(takes.waveform).shape == takes.waveform.shape
    assert generator.frames_of(takes) == generator.frames(SECONDS)


# --- edits
# -------------------------------------------------------------------------------------------------------------


def _edits(generator: Generator, unit: Unit) -> dict[str, Edit]:
    other = generator.generate(["smooth house with piano"], [77], SECONDS)  # as many tokens, other text states
    source = activations(Context(generator), other, [unit.location])[0]
    kinds: dict[str, Edit] = {
        "scale": Edit((unit,), "scale", 2.0),
        "set": Edit((unit,), "set", 3.0),
        "resample": Edit((unit,), "resample", source=source),
        "patch": Edit((unit,), "patch", source=source),
    }
    return {"zero": Edit((unit,), "zero"), "mean": Edit((unit,)), **kinds}


def _intended(edit: Edit, clean: Tensor, means: MeanActivations) -> Tensor:
    """What should be there, (branches, steps, along, features), where every unit is edited in full."""
    (location,) = edit.locations
    if edit.source:
        return edit.source.values[location]
    mean = means.values[location][: len(clean), :, None]
    return {"zero": 0 * clean, "scale": 2 * clean, "set": 0 * clean + 3.0, "mean": mean.expand_as(clean)}[edit.kind]


def test_every_kind_of_edit_changes_its_target_in_its_rows_and_nothing_upstream(
    generator: Generator, takes: Takes, means: MeanActivations
) -> None:
    for location in _last_of_each_site(generator):
        upstream = [other for other in _playing(generator) if _depth(other) < _depth(location)]
        assert upstream
        unit = Unit(location, min(1, generator.units(location) - 1))
        others = torch.arange(generator.features(location)) // generator.head_width(location) != unit.index
        clean = activations(Context(generator), takes, [*upstream, location])
        for kind, edit in _edits(generator, unit).items():
            with edited(generator, [None, edit], GUIDANCE, means):
                after = activations(Context(generator), takes, [*upstream, location])
            assert torch.equal(after[0].values[location], clean[0].values[location]), (kind, location)
            before, now = clean[1].values[location], after[1].values[location]
            assert torch.equal(now[..., others], before[..., others]), (kind, location)
            wanted = _intended(edit, before, means)
            assert torch.allclose(now[..., ~others], wanted[..., ~others], atol=1e-6), (kind, location)
            for other in upstream:
                for row in range(2):
                    assert torch.equal(after[row].values[other], clean[row].values[other]), (kind, location, other)


def test_seconds_branch_and_steps_limit_an_edit(generator: Generator, takes: Takes, means: MeanActivations) -> None:
    start, stop = 0.1, 0.2
    first, last = round(start * generator.frame_rate), round(stop * generator.frame_rate)
    for location in generator.locations("decoder.mlp", "denoiser.mlp"):
        clean = _recorded(generator, takes, location)
        steps = generator.steps(location)
        limits = {"seconds": (start, stop), "steps": (1, 3) if steps > 1 else None}
        for branch, index in (("cond", 0), ("uncond", 1)):
            edit = Edit((location,), "set", 9.0, branch=branch, **limits)  # type: ignore[arg-type]
            with edited(generator, [edit, None], GUIDANCE, means):
                after = _recorded(generator, takes, location)
            inside = torch.zeros(clean.shape, dtype=torch.bool)
            inside[0, index, 1 : 3 if steps > 1 else None, first:last] = True
            if steps == 1:
                inside[0, index, 0, first:last] = True
            assert (after[inside] == 9.0).all() and torch.equal(after[~inside], clean[~inside]), (location, branch)
    for location in generator.locations("codec.decoder"):
        clean = _recorded(generator, takes, location)
        with edited(generator, [Edit((location,), "set", 9.0, seconds=(start, stop)), None], GUIDANCE, means):
            after = _recorded(generator, takes, location)
        share = (after != clean).any(4)[0].float().mean()
        assert float(share) == pytest.approx((last - first) / generator.frames_of(takes), abs=0.02)


def test_steps_that_are_not_there_are_refused(generator: Generator, means: MeanActivations) -> None:
    for location in _last_of_each_site(generator):
        steps = generator.steps(location)
        told = "reaches beyond" if steps > 1 else "cannot be limited to some denoising steps"
        edit = Edit((location,), "zero", steps=(0, steps + 1))
        with pytest.raises(TonescopeError, match=told), edited(generator, [edit], GUIDANCE, means):
            pass


def test_generation_under_an_edit_replays_under_the_same_edit(generator: Generator, means: MeanActivations) -> None:
    for location in _last_of_each_site(generator):
        other = generator.generate(["smooth house with piano"], [5], SECONDS)
        source = activations(Context(generator), other, [location])[0]
        edits = [Edit((Unit(location, 0),), "set", 1.5), Edit((Unit(location, 0),), "patch", source=source)]
        if location.network != "text":
            edits.append(Edit((Unit(location, 0),), "set", 1.5, seconds=(0.1, 0.2)))
        if generator.steps(location) > 1:
            edits.append(replace(edits[0], steps=(1, 3), branch="uncond"))
        for edit in edits:
            heard = Heard(generator)
            with edited(generator, [edit, None], GUIDANCE, means), hooked(heard.hooks()):
                takes = generator.generate([PROMPT] * 2, [1, 2], SECONDS)
            with edited(generator, [edit, None], GUIDANCE, means):
                replayed = activations(Context(generator), takes, _playing(generator))
            for place in _playing(generator):
                whole = torch.stack([one.values[place] for one in replayed])
                assert torch.allclose(heard.whole(place, whole), whole, atol=1e-5), (location, edit, place)


def test_batched_variants_equal_single_ones(generator: Generator, means: MeanActivations) -> None:
    places = _last_of_each_site(generator)
    edits = [None, *(Edit((place,), "scale", 0.5) for place in places), *(Edit((Unit(place, 0),)) for place in places)]
    prompts = [PROMPTS[row % 2] for row in range(len(edits))]
    context = Context(generator, means=means, seconds=SECONDS)
    together = play(context, prompts, range(len(edits)), edits)
    for row, edit in enumerate(edits):
        alone = play(context, [prompts[row]], [row], [edit])
        assert torch.allclose(alone.waveform[0], together.waveform[row], atol=1e-5), edit


def test_means_are_those_of_the_takes_they_are_measured_on(generator: Generator) -> None:
    prompts = ("jazz", "house")
    means = mean_activations.measure(generator, SECONDS, Sampling(), prompts=prompts, seed=50)
    takes = generator.generate(prompts, [50, 51], SECONDS)
    for location in _playing(generator):
        alone = torch.stack([_recorded(generator, takes.rows(row, row + 1), location)[0] for row in range(2)])
        assert torch.allclose(means.values[location], alone.mean((0, 3)), atol=1e-5), location
        assert means.values[location].shape[1] == generator.steps(location)


# --- predicting
# --------------------------------------------------------------------------------------------------------


def test_prediction_with_all_passes_is_the_edited_generation(generator: Generator, means: MeanActivations) -> None:
    context = Context(generator, means=means, seconds=SECONDS)
    units = [Unit(location, 1) for location in generator.locations(*ATTRIBUTED)[:3]]
    edits = [None, *(Edit((unit,), "set", 3.0) for unit in units)]
    prompts, seeds = [PROMPT] * len(edits), [1] * len(edits)
    clean, wanted = play(context, prompts, seeds), play(context, prompts, seeds, edits)
    passes = max(max(map(generator.steps, generator.locations())), 2 * generator.frames_of(clean))
    predicted = jacobi_prediction(context, clean, edits, passes=passes)
    assert torch.allclose(predicted.waveform, wanted.waveform, atol=1e-4)
    assert float((wanted.waveform - clean.waveform).abs().max()) > 1e-3


# --- estimating
# --------------------------------------------------------------------------------------------------------


def _double(family: str) -> Generator:
    if family == "diffusion":
        return ToyDiffusion(ToyModel().double(), "double")
    # type: ignore[arg-type]
    return MusicGen(tiny.musicgen(**tiny.FAMILIES[family]).double(), tiny.tokenizer(), "double")


def _moved(generator: Generator, unit: Unit, part: float, means: MeanActivations) -> Hook:
    """The unit goes so far of the way to its mean."""
    width, location = generator.head_width(unit.location), unit.location
    columns = slice(unit.index * width, (unit.index + 1) * width)

    def change(tensor: Tensor) -> Tensor:
        layout = generator.layout(location, GUIDANCE)
        canonical = layout.split(tensor).clone()
        here = slice(layout.first_step, layout.first_step + layout.steps)
        there = means.values[location][:, None, here, None, columns]
        canonical[..., columns] += part * (there - canonical[..., columns])
        return layout.merge(canonical, tensor)

    return write(generator.place(location), change)


def _random_means(generator: Generator) -> MeanActivations:
    random = torch.Generator().manual_seed(0)

    def of(location: Location) -> Tensor:
        shape = len(generator.branches(location, GUIDANCE)), generator.steps(location), generator.features(location)
        return torch.randn(shape, generator=random, dtype=torch.float64)

    return MeanActivations({location: of(location) for location in _playing(generator)}, {})


def _sites(generator: Generator) -> list[str]:
    return [site.key for site in SITES if site.causal and generator.locations(site.key)]


def _slope(number, unit: Unit, generator: Generator, means: MeanActivations, size: float = 1e-3) -> float:
    values = []
    for part in (size, -size):
        with torch.no_grad(), hooked([_moved(generator, unit, part, means)]):
            values.append(float(number()))
    return (values[0] - values[1]) / (2 * size)


METRICS: dict[str, Metric] = {
    "margin": margin(ToyJudge(dtype=torch.float64), "dark", "bright"),
    "log-probability": log_probability("house music with drums"),
}


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
@pytest.mark.parametrize("family", ["mono", "stereo", "melody", "diffusion"])
def test_the_estimate_is_the_slope_towards_the_reference(family: str, metric: Metric) -> None:
    """Moving a unit a little of the way to its mean changes the metric by that part of its estimate, in double
    precision."""
    generator = _double(family)
    take, means = generator.generate([PROMPT], [1], SECONDS), _random_means(generator)
    heard = [key for key in _sites(generator) if metric is METRICS["margin"] or not key.startswith("codec")]
    if family == "melody" and metric is METRICS["log-probability"]:
        heard = [key for key in heard if not key.startswith("text")]  # the other prompt has another length
    found = attribute(Context(generator, means=means), take, metric, sites=heard)

    def replayed() -> Playback:
        return Playback(generator, generator.replay(take, generator.read_text([PROMPT]), Sampling()))

    with torch.no_grad():
        clean = generator.expected(replayed().replay)
    for place in {location.site: location for location in generator.locations(*heard)}.values():
        for index in (0, generator.units(place) - 1):
            unit = Unit(place, index)
            slope = _slope(lambda: metric(replace(replayed(), anchor=clean)), unit, generator, means)
            assert float(found.units[place][0, index]) == pytest.approx(slope, rel=2e-3, abs=1e-7), unit
        assert float(found.units[place].abs().max()) > 1e-6


def test_as_many_rollout_steps_as_there_are_give_the_slope_of_the_generation() -> None:
    """A diffusion model's noise is added and not drawn from, so that a rollout to the end is the whole derivative."""
    generator, judge = _double("diffusion"), ToyJudge(dtype=torch.float64)
    means, take = _random_means(generator), generator.generate([PROMPT], [1], SECONDS)
    metric, context, sites = margin(judge, "dark", "bright"), Context(generator, means=means), _sites(generator)
    steps = max(map(generator.steps, generator.locations()))
    found = attribute(context, take, metric, sites=sites, rollout_steps=steps - 1)
    plain = attribute(context, take, metric, sites=sites)

    def played() -> Tensor:
        again = generator.generate([PROMPT], [1], SECONDS, decode=False)
        latents = again.state["final"].transpose(1, 2)
        logits = judge.logits(generator.decode([latents]), int(generator.sample_rate))
        return logits[0, 0] - logits[0, 1]

    for place in generator.locations(*sites):
        unit = Unit(place, 1)
        slope = _slope(played, unit, generator, means)
        assert float(found.units[place][0, 1]) == pytest.approx(slope, rel=2e-3, abs=1e-6), unit
    moved = [float((found.units[place] - plain.units[place]).abs().max()) for place in generator.locations(*ATTRIBUTED)]
    assert min(moved) > 1e-3


def test_batched_takes_equal_single_takes(generator: Generator, takes: Takes, means: MeanActivations) -> None:
    metric = margin(ToyJudge(), "dark", smoothgrad_samples=2)
    together, single = (
        attribute(Context(generator, means=means, batches=Batches(attributed=rows)), takes, metric, rollout_steps=1)
        for rows in (2, 1)
    )
    for location, effects in together.units.items():
        # Sums in another order round differently; effects are as large as the judge's logits are steep.
        assert torch.allclose(effects, single.units[location], rtol=1e-3, atol=1e-3), location
    assert torch.allclose(together.tokens, single.tokens, rtol=1e-3, atol=1e-3)
    assert torch.allclose(together.frames, single.frames, rtol=1e-3, atol=1e-3)
    assert together.frames.shape == (len(takes), generator.frames_of(takes))


def test_the_pass_records_what_a_replay_records(generator: Generator, takes: Takes, means: MeanActivations) -> None:
    """Also where a metric replays the takes under a second prompt, and where steps or sides go by piece by piece."""
    sites = _sites(generator)
    for metric, wanted in ((METRICS["log-probability"], list(ATTRIBUTED)), (margin(ToyJudge(), "dark"), sites)):
        keys = [key for key in wanted if generator.locations(key)]
        context, spec = Context(generator, means=means), TraceSpec("all")
        found = attribute(context, takes, metric, sites=keys, trace=spec).trace
        alone = record(context, takes, sites=keys, spec=spec)
        assert found is not None and found.about == alone.about and found.values.keys() == alone.values.keys()
        for location, values in alone.values.items():
            assert found.values[location].shape == values.shape, location
            assert torch.allclose(found.values[location].float(), values.float(), atol=2e-3), location


def test_activity_is_the_mean_size_of_what_a_unit_does(
    generator: Generator, takes: Takes, means: MeanActivations
) -> None:
    found = attribute(Context(generator, means=means), takes, margin(ToyJudge(), "dark"), sites=_sites(generator))
    for location, activity in found.activity.items():
        sizes = _recorded(generator, takes, location)[:, 0].abs().mean((0, 1, 2))
        assert torch.allclose(activity, sizes.unflatten(0, (-1, generator.head_width(location))).mean(1), atol=1e-5)


# --- traces, attention, memory
# -----------------------------------------------------------------------------------------


def test_a_trace_holds_every_step_and_comes_back_bit_for_bit(
    generator: Generator, takes: Takes, tmp_path: Path
) -> None:
    context = Context(generator)
    trace = record(context, takes, sites=_sites(generator), spec=TraceSpec("all", whole_heads=True))
    for location, values in trace.values.items():
        assert torch.equal(values, _recorded(generator, takes, location).half()), location
    extent = Extent.of(generator, takes.prompts, generator.frames_of(takes))
    assert sum(values.nbytes for values in trace.values.values()) == size_of(
        context, extent, list(trace.values), TraceSpec("all", whole_heads=True)
    )
    trace.save(tmp_path / "trace")
    again = Trace.load(tmp_path / "trace")
    assert again.about == trace.about and again.takes.seeds == takes.seeds
    for kept, read_back in ((takes.state, again.takes.state), (trace.values, again.values)):
        assert kept.keys() == read_back.keys()
        assert all(torch.equal(kept[name], read_back[name]) for name in kept)  # type: ignore[index]
    location = generator.locations(*ATTRIBUTED)[0]
    edit = Edit((location,), "patch", source=trace.source(1))
    with edited(generator, [edit, None], GUIDANCE):
        after = _recorded(generator, takes, location)
    assert torch.allclose(after[0], _recorded(generator, takes, location)[1], atol=2e-3)


def test_attention_to_the_prompt_sums_to_one_or_is_refused(generator: Generator, takes: Takes) -> None:
    if not generator.locations("decoder.cross", "denoiser.cross"):
        with pytest.raises(TonescopeError, match="no cross-attention"):
            generator.text_attention(takes, GUIDANCE)
        return
    found = generator.text_attention(takes, GUIDANCE)
    layers = len(generator.locations("decoder.cross", "denoiser.cross"))
    tokens = generator.token_mask(takes.prompts).shape[1]
    assert found.shape == (len(takes), layers, generator.frames_of(takes), tokens)
    assert torch.allclose(found.sum(3), torch.ones(found.shape[:3]), atol=1e-5)


def test_memory_is_counted_before_it_is_needed(generator: Generator) -> None:
    metric, sizes = margin(ToyJudge(), "dark"), []
    for seconds in (0.5, 1.0, 4.0):
        context = Context(generator, ToyJudge(), seconds=seconds)
        sizes.append(memory.attribution_bytes(context, PROMPT, metric))
        playing = memory.playing(context, 8, 4, None)
        assert playing.rows >= 1 and playing.each > 0
    assert 0 < sizes[0] < sizes[1] < sizes[2]
    short, long = (generator.cost(seconds, 8, GUIDANCE) for seconds in (0.5, 4.0))
    assert all(0 < getattr(short, name) < getattr(long, name) for name in vars(short))


def test_what_a_family_lacks_is_refused_with_what_to_look_at_instead(generator: Generator) -> None:
    missing: Sequence[str] = [site.key for site in SITES if not generator.locations(site.key)]
    for key in missing:
        with pytest.raises(TonescopeError, match="has no location"):
            generator.asked([key])
    with pytest.raises(TonescopeError) as told:
        generator.asked([])
    assert generator.locations(*ATTRIBUTED)[0].site.key in str(told.value)
