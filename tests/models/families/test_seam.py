"""The seam holds: playing, replaying, editing and predicting, the same invariants for every family.

MusicGen's families, Stable Audio and a toy diffusion model (:mod:`tests.models.families.toy_diffusion`) go through
every test, by what a generator offers and nothing else.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.models.families.seam import (
    GUIDANCE,
    PROMPT,
    PROMPTS,
    SECONDS,
    SEEDS,
    counted,
    depth,
    last_of_each_site,
    playing,
    recorded,
)
from tonescope.diagnose.attribution.jacobi_prediction import jacobi_prediction
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.intervene.edit_hooks import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import activations
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.hooks import Hook, hooked, read, write
from tonescope.models.sites import ATTRIBUTED
from tonescope.models.units import Location, Unit


class Heard:
    """What passes through every place while takes are played, put where the layout says that it belongs."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.pieces: dict[Location, list[tuple[list[int], int, int, int, Tensor]]] = {}

    def hooks(self) -> list[Hook]:
        return [read(self.generator.place(location), self._look(location)) for location in playing(self.generator)]

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


def test_replay_is_generation_at_every_place_step_and_position(generator: Generator) -> None:
    heard = Heard(generator)
    takes = generator.generate([PROMPT] * 2, [1, 2], SECONDS, hooks=heard.hooks())
    for location in playing(generator):
        replayed = recorded(generator, takes, location)
        assert replayed.shape[1:3] == (len(generator.branches(location, GUIDANCE)), generator.steps(location))
        assert replayed.shape[3] == generator.along(location, generator.frames_of(takes), len(PROMPT.split()) + 2) or (
            location.network == "text"
        )
        assert torch.allclose(heard.whole(location, replayed), replayed, atol=1e-5), location


def test_the_unconditional_branch_is_the_one_that_does_not_know_the_prompt(generator: Generator, takes: Takes) -> None:
    other = takes.with_prompt("smooth house with drums")
    for location in generator.locations(*ATTRIBUTED):
        before, after = (recorded(generator, played, location) for played in (takes, other))
        for index, branch in enumerate(generator.branches(location, GUIDANCE)):
            alike = torch.allclose(before[:, index], after[:, index], atol=1e-6)
            reads = location.layer > 0 or location.name != "self"  # the first to read the prompt is a cross-attention
            assert alike == (branch == "uncond") or (alike and not reads), (location, branch)


def test_a_hook_that_changes_nothing_changes_nothing(generator: Generator) -> None:
    plain = generator.generate(PROMPTS, SEEDS, SECONDS)
    hooks = [write(generator.place(location), lambda tensor: tensor.clone()) for location in playing(generator)]
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
    for location in last_of_each_site(generator):
        upstream = [other for other in playing(generator) if depth(other) < depth(location)]
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
            found, wanted = (counted(generator, location, tensor)[..., ~others] for tensor in (now, wanted))
            assert torch.allclose(found, wanted, atol=1e-6), (kind, location)
            for other in upstream:
                for row in range(2):
                    assert torch.equal(after[row].values[other], clean[row].values[other]), (kind, location, other)


def test_seconds_branch_and_steps_limit_an_edit(generator: Generator, takes: Takes, means: MeanActivations) -> None:
    start, stop = 0.1, 0.2
    first, last = round(start * generator.frame_rate), round(stop * generator.frame_rate)
    for location in generator.locations("decoder.mlp", "denoiser.mlp"):
        clean = recorded(generator, takes, location)
        steps = generator.steps(location)
        limits = {"seconds": (start, stop), "steps": (1, 3) if steps > 1 else None}
        for branch, index in (("cond", 0), ("uncond", 1)):
            edit = Edit((location,), "set", 9.0, branch=branch, **limits)  # type: ignore[arg-type]
            with edited(generator, [edit, None], GUIDANCE, means):
                after = recorded(generator, takes, location)
            inside = torch.zeros(clean.shape, dtype=torch.bool)
            frames = torch.arange(clean.shape[3]) * getattr(generator, "patch", 1)
            inside[0, index, slice(1, 3) if steps > 1 else slice(None)] = ((frames >= first) & (frames < last))[:, None]
            assert (after[inside] == 9.0).all() and torch.equal(after[~inside], clean[~inside]), (location, branch)
    for location in generator.locations("codec.decoder"):
        clean = recorded(generator, takes, location)
        with edited(generator, [Edit((location,), "set", 9.0, seconds=(start, stop)), None], GUIDANCE, means):
            after = recorded(generator, takes, location)
        changed = int((after != clean).any(4)[0].sum())
        wanted = generator.along(location, last, 0) - generator.along(location, first, 0)
        assert changed == pytest.approx(wanted, abs=0.02 * clean.shape[3])


def test_steps_that_are_not_there_are_refused(generator: Generator, means: MeanActivations) -> None:
    for location in last_of_each_site(generator):
        steps = generator.steps(location)
        told = "reaches beyond" if steps > 1 else "cannot be limited to some denoising steps"
        edit = Edit((location,), "zero", steps=(0, steps + 1))
        with pytest.raises(TonescopeError, match=told), edited(generator, [edit], GUIDANCE, means):
            pass


def test_generation_under_an_edit_replays_under_the_same_edit(generator: Generator, means: MeanActivations) -> None:
    """Every row of a batch under its own: source, seconds, steps and branch."""
    for location in last_of_each_site(generator):
        other = generator.generate(["smooth house with piano"], [5], SECONDS)
        source = activations(Context(generator), other, [location])[0]
        unit = Unit(location, 0)
        edits: list[Edit | None] = [None, Edit((unit,), "set", 1.5), Edit((unit,), "patch", source=source)]
        if location.network != "text":
            edits.append(Edit((unit,), "set", 1.5, seconds=(0.1, 0.2)))
        if generator.steps(location) > 1:
            half = generator.branches(location, GUIDANCE)[-1]
            edits.append(Edit((unit,), "set", 1.5, steps=(1, 3), branch=half))  # type: ignore[arg-type]
        heard = Heard(generator)
        with edited(generator, edits, GUIDANCE, means), hooked(heard.hooks()):
            played = generator.generate([PROMPT] * len(edits), range(len(edits)), SECONDS)
        with edited(generator, edits, GUIDANCE, means):
            replayed = activations(Context(generator), played, playing(generator))
        for place in playing(generator):
            whole = torch.stack([one.values[place] for one in replayed])
            assert torch.allclose(heard.whole(place, whole), whole, atol=1e-5), (location, place)


def test_batched_variants_equal_single_ones(generator: Generator, means: MeanActivations) -> None:
    places = last_of_each_site(generator)
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
    for location in playing(generator):
        alone = [
            counted(generator, location, recorded(generator, takes.rows(row, row + 1), location)[0], prompt).mean(2)
            for row, prompt in enumerate(prompts)
        ]
        assert torch.allclose(means.values[location], torch.stack(alone).mean(0), atol=1e-5), location
        assert means.values[location].shape[1] == generator.steps(location)


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
