"""Every kind of edit changes its target, in its rows, branch and seconds, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests import tiny
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import log_probability
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.intervene.edit_hooks import edited
from tonescope.diagnose.intervene.interventions import Edit, check_edit
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import activations, shuffled
from tonescope.diagnose.intervene.source_activations import SourceActivations
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Sampling, Takes
from tonescope.models.hooks import hooked, read
from tonescope.models.units import Location, Unit

PROMPT = "smooth jazz with piano"
SECONDS = 1.0
PLACES = [
    "decoder.1.mlp",
    "decoder.2.self",
    "decoder.1.cross",
    "decoder.1.residual",
    "text.1.mlp",
    "text.1.self",
    "codec.3.decoder",
]
CASES = [
    (family, place) for family in tiny.FAMILIES for place in PLACES if not ("melody" in family and "cross" in place)
]
ORDER = ["text.self", "text.mlp", "decoder.self", "decoder.cross", "decoder.mlp", "decoder.residual", "codec.decoder"]

everywhere = pytest.mark.parametrize(("generator", "place"), CASES, indirect=["generator"])


def _depth(location: Location) -> tuple[int, int, int]:
    """Where a location stands in the order of computation."""
    networks = ["text", "decoder", "codec"]
    return networks.index(location.network), location.layer, ORDER.index(location.site.key)


@pytest.fixture(scope="module", params=["mono", "bert", "melody"])
def generator(request: pytest.FixtureRequest) -> MusicGen:
    return tiny.generator(request.param)


@pytest.fixture(scope="module")
def takes(generator: MusicGen) -> Takes:
    return generator.generate([PROMPT] * 2, [1, 2], SECONDS)


@pytest.fixture(scope="module")
def means(generator: MusicGen) -> mean_activations.MeanActivations:
    return mean_activations.measure(generator, 0.5, Sampling(), prompts=("jazz", "house", "a song"))


def _activations(generator: MusicGen, takes: Takes, location: Location) -> torch.Tensor:
    """(takes, branches, along, features) as a fresh replay sees them."""
    return torch.stack([source.values[location][:, 0] for source in activations(Context(generator), takes, [location])])


def _edits(generator: MusicGen, takes: Takes, unit: Unit) -> dict[str, Edit]:
    other = generator.generate(["smooth house with piano"], [77], SECONDS)  # as many tokens, other text states
    source = activations(Context(generator), other, [unit.location])[0]
    return {
        "zero": Edit((unit,), "zero"),
        "mean": Edit((unit,), "mean"),
        "scale": Edit((unit,), "scale", 2.0),
        "set": Edit((unit,), "set", 3.0),
        "resample": Edit((unit,), "resample", source=source),
        "patch": Edit((unit,), "patch", source=source),
    }


@everywhere
def test_every_kind_changes_its_target_and_no_other(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations, place: str
) -> None:
    unit = Unit(Location.parse(place), 1)
    clean = _activations(generator, takes, unit.location)
    width = generator.head_width(unit.location)
    columns = slice(width, 2 * width)
    for kind, edit in _edits(generator, takes, unit).items():
        with edited(generator, [None, edit], 3.0, means):
            after = _activations(generator, takes, unit.location)
        assert torch.equal(after[0], clean[0]), kind
        others = torch.ones(clean.shape[3], dtype=torch.bool)
        others[columns] = False
        assert torch.equal(after[1][..., others], clean[1][..., others]), kind
        expected = {
            "zero": torch.zeros_like(clean[1]),
            "scale": 2 * clean[1],
            "set": torch.full_like(clean[1], 3.0),
            "mean": means.values[unit.location][: clean.shape[1]].expand_as(clean[1]),
        }.get(kind)
        if edit.source:
            expected = edit.source.values[unit.location][:, 0]
        assert expected is not None
        assert torch.allclose(after[1][..., columns], expected[..., columns], atol=1e-6), kind


@everywhere
def test_nothing_upstream_moves_under_any_kind_of_edit(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations, place: str
) -> None:
    location = Location.parse(place)
    upstream = [other for other in generator.locations() if other.site.causal and _depth(other) < _depth(location)]
    assert len(upstream) >= 2
    clean = activations(Context(generator), takes, [*upstream, location])
    for kind, edit in _edits(generator, takes, Unit(location, 1)).items():
        with edited(generator, [edit] * 2, 3.0, means):
            after = activations(Context(generator), takes, [*upstream, location])
        for before, now in zip(clean, after, strict=True):
            assert not torch.equal(before.values[location], now.values[location]), kind
            for other in upstream:
                assert torch.equal(before.values[other], now.values[other]), (kind, other)


@everywhere
def test_generation_under_an_edit_replays_under_the_same_edit(
    generator: MusicGen, means: mean_activations.MeanActivations, place: str
) -> None:
    """What generation saw step by step is what a replay of the edited codes sees, sources and seconds included."""
    unit = Unit(Location.parse(place), 0)
    source = activations(Context(generator), generator.generate(["house"], [5], SECONDS), [unit.location])[0]
    edits = [Edit((unit,), "set", 1.5)]
    if unit.location.network == "decoder":
        edits += [Edit((unit,), "set", 1.5, seconds=(0.3, 0.6)), Edit((unit,), "patch", source=source)]
    for edit in edits:
        seen: list[torch.Tensor] = []
        look = read(generator.place(unit.location), lambda tensor: seen.append(tensor.clone()))  # noqa: B023
        with edited(generator, [edit], 3.0, means), hooked([look]):
            takes = generator.generate([PROMPT], [1], SECONDS)
        steps = list(seen)
        seen.clear()
        with edited(generator, [edit], 3.0, means), hooked([look]), torch.no_grad():
            generator.branch_logits(takes.state["codes"], generator.read_text([PROMPT]))
            generator.channels(takes)
        if unit.location.network == "decoder":
            positions = takes.state["codes"].shape[2] + max(generator.delay)
            stepped = torch.cat([step[:, -1:] for step in steps[-positions:]], 1)
            assert torch.allclose(stepped, seen[0][:, -positions:], atol=1e-5)
        else:
            passes = len(seen)  # text once, the codec once for every side of the image
            assert torch.allclose(torch.stack(steps[-passes:]), torch.stack(seen), atol=1e-5)


def test_seconds_and_branch_limit_an_edit(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations
) -> None:
    location = Location("decoder", 1, "mlp")
    clean = _activations(generator, takes, location)
    edit = Edit((location,), "set", 9.0, seconds=(0.2, 0.5), branch="cond")
    with edited(generator, [edit] * 2, 3.0, means):
        after = _activations(generator, takes, location)
    changed = (after != clean).any(3)
    start, stop = round(0.2 * generator.frame_rate), round(0.5 * generator.frame_rate)
    assert changed[:, 0, start:stop].all() and not changed[:, 0, :start].any()
    assert not changed[:, 0, stop:].any() and not changed[:, 1].any()
    channel = Location("codec", 3, "decoder")
    clean = _activations(generator, takes, channel)
    with edited(generator, [Edit((channel,), "set", 9.0, seconds=(0.2, 0.5))] * 2, 3.0, means):
        after = _activations(generator, takes, channel)
    share = (after != clean).any(3)[0, 0].float().mean()
    assert 0.2 < float(share) < 0.4


@pytest.mark.parametrize("kind", ["zero", "mean", "scale", "set"])
def test_an_edit_can_go_part_of_the_way(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations, kind: str
) -> None:
    place = Location("decoder", 1, "mlp")
    clean = _activations(generator, takes, place)
    after = {}
    for strength in (0.25, 1.0):
        edit = Edit((place,), kind, 3.0, strength=strength)  # type: ignore[arg-type]
        with edited(generator, [edit] * 2, 3.0, means):
            after[strength] = _activations(generator, takes, place)
    assert torch.allclose(after[0.25], clean + 0.25 * (after[1.0] - clean), atol=1e-5)


def test_batched_variants_equal_single_ones(generator: MusicGen, means: mean_activations.MeanActivations) -> None:
    edits = [
        None,
        Edit((Unit(Location("decoder", 1, "mlp"), 5),)),
        Edit((Unit(Location("decoder", 0, "self"), 1), Unit(Location("decoder", 2, "mlp"), 3)), "scale", 0.0),
        Edit((Location("text", 1, "mlp"),), "scale", 0.5),
        Edit((Location("codec", 3, "decoder"),), "scale", 0.5),
    ]
    prompts, seeds = [PROMPT, PROMPT, "house music", PROMPT, "lo fi beats"], [1, 1, 2, 1, 3]
    together = play(Context(generator, means=means, sampling=Sampling(), seconds=0.6), prompts, seeds, edits)
    for row, edit in enumerate(edits):
        alone = play(
            Context(generator, means=means, sampling=Sampling(), seconds=0.6), [prompts[row]], [seeds[row]], [edit]
        )
        assert torch.equal(alone.state["codes"][0], together.state["codes"][row])
        assert torch.allclose(alone.waveform[0], together.waveform[row], atol=1e-5)


def test_what_cannot_be_done_is_refused(generator: MusicGen, means: mean_activations.MeanActivations) -> None:
    neuron = Unit(Location("decoder", 1, "mlp"), 5)
    refused = {
        "changed nothing": Edit((neuron,), "scale", 1.0),
        "no unit and no location": Edit((), "zero"),
        "there is no": Edit((replace(neuron, index=400),), "zero"),
        "no location": Edit((Location("decoder", 9, "mlp"),), "zero"),
        "takes no part in playing": Edit((Location("codec", 0, "encoder"),), "zero"),
        "needs a source": Edit((neuron,), "patch"),
        "cannot be limited to some seconds": Edit((Location("text", 0, "mlp"),), "zero", seconds=(0.0, 0.5)),
        "cannot be limited to one": Edit((Location("text", 0, "mlp"),), "zero", branch="uncond"),
        "not a stretch of time": Edit((neuron,), "zero", seconds=(0.5, 0.2)),
    }
    for message, edit in refused.items():
        with pytest.raises(TonescopeError, match=message):
            play(Context(generator, means=means, sampling=Sampling(), seconds=0.6), [PROMPT], [1], [edit])
    with pytest.raises(TonescopeError, match="no reference mean"):
        play(Context(generator, sampling=Sampling(), seconds=0.3), [PROMPT], [1], [Edit((neuron,))])


def test_an_edit_past_the_end_of_the_take_is_refused(
    generator: MusicGen, takes: Takes, means: mean_activations.MeanActivations
) -> None:
    edit = Edit((Location("decoder", 1, "mlp"),), "zero", seconds=(5.0, 6.0))
    with pytest.raises(TonescopeError, match="reaches beyond"):
        play(Context(generator, means=means, sampling=Sampling(), seconds=0.3), [PROMPT], [1], [edit])
    with pytest.raises(TonescopeError, match="the take ends before"), edited(generator, [edit] * 2, 3.0, means):
        activations(Context(generator), takes, [Location("decoder", 1, "mlp")])


def test_edits_that_would_hit_other_takes_are_refused(takes: Takes, means: mean_activations.MeanActivations) -> None:
    """Fewer edits than takes, more, or the branches of another guidance."""
    generator, edit = tiny.generator(), Edit((Location("decoder", 1, "mlp"),), "set", 7.0)
    text = generator.read_text([PROMPT] * 2)
    codes = generator.generate([PROMPT] * 2, [1, 2], 0.3).state["codes"]
    for edits, guidance in (([edit], 3.0), ([edit] * 3, 3.0), ([edit] * 2, 1.0)):
        with pytest.raises(TonescopeError, match="hit the wrong takes"), edited(generator, edits, guidance, means):
            generator.branch_logits(codes, text, 3.0)
    with pytest.raises(ValueError, match="one of each a take"):
        play(Context(generator, means=means, sampling=Sampling(), seconds=0.3), [PROMPT] * 2, [1, 2], [edit])


def test_an_edit_that_says_nothing_is_refused() -> None:
    generator, place = tiny.generator(), Location("decoder", 1, "mlp")
    source = SourceActivations({place: torch.zeros(2, 1, 4, generator.features(place))})
    refused = {
        " of an edit; use": [Edit((place,), "foo"), Edit((place,), branch="conditional")],  # type: ignore[arg-type]
        "neither a Unit": [Edit(("decoder.1.mlp:5",), "zero")],  # type: ignore[arg-type]
        "takes nothing from a source": [Edit((place,), "scale", 2.0, source=source)],
        "finite": [Edit((place,), "set", float("nan")), Edit((place,), "zero", strength=float("inf"))],
        "there is no": [Edit((Unit(place, -1),), "zero")],
        "of another model": [Edit((place,), "patch", source=SourceActivations({place: torch.zeros(2, 1, 4, 3)}))],
    }
    for message, edits in refused.items():
        for edit in edits:
            with pytest.raises(TonescopeError, match=message):
                check_edit(generator, edit, None, 3.0)


@pytest.mark.parametrize("place", ["decoder.1.mlp", "text.1.mlp"])
def test_a_donor_that_is_too_short_is_refused(place: str) -> None:
    """One of half a second in a take of a whole one, and one of three tokens in a prompt of six; within its length it
    will do."""
    generator, location = tiny.generator(), Location.parse(place)
    source = activations(Context(generator), generator.generate(["house"], [5], 0.5), [location])[0]
    edit = Edit((location,), "patch", source=source)
    with pytest.raises(TonescopeError, match="shorter than what it should fill"):
        play(Context(generator, sampling=Sampling(), seconds=1.0), [PROMPT], [1], [edit])
    if location.network == "decoder":
        play(Context(generator, sampling=Sampling(), seconds=1.0), [PROMPT], [1], [replace(edit, seconds=(0.0, 0.5))])


def test_cross_attention_without_a_prompt_has_nothing_to_lose() -> None:
    generator = tiny.generator()
    means = mean_activations.measure(generator, 0.3, Sampling(), prompts=("jazz",))
    place = Location("decoder", 1, "cross")
    both, prompted = (
        play(
            Context(generator, means=means, sampling=Sampling(), seconds=0.3),
            [PROMPT],
            [1],
            [Edit((place,), "zero", branch=branch)],
        )
        for branch in ("both", "cond")
    )
    assert torch.equal(both.state["codes"], prompted.state["codes"])
    with pytest.raises(TonescopeError, match="reads nothing of the empty prompt"):
        play(
            Context(generator, means=means, sampling=Sampling(), seconds=0.3),
            [PROMPT],
            [1],
            [Edit((place,), "zero", branch="uncond")],
        )
    with pytest.raises(TonescopeError, match="guidance is off"):
        play(
            Context(generator, means=means, sampling=Sampling(1.0), seconds=0.3),
            [PROMPT],
            [1],
            [Edit((place,), "zero", branch="cond")],
        )


def test_a_recording_under_edits_gives_each_take_its_own(means: mean_activations.MeanActivations) -> None:
    """More takes than are replayed at a time, of prompts of different length: every edit finds its row and no other."""
    for family in ("mono", "melody"):
        generator = tiny.generator(family)
        prompts = [PROMPT, "house", PROMPT, "house", PROMPT, PROMPT, PROMPT]
        takes = generator.generate(prompts, range(7), 0.5)
        place = Location("decoder", 1, "mlp")
        clean = activations(Context(generator), takes, [place])
        edits: list[Edit | None] = [None] * 7
        edits[1], edits[5] = Edit((place,), "set", 5.0, branch="cond"), Edit((place,), "zero")
        with edited(generator, edits, 3.0, means):
            after = activations(Context(generator), takes, [place])
        for row, (before, now) in enumerate(zip(clean, after, strict=True)):
            same = torch.equal(before.values[place], now.values[place])
            assert same == (edits[row] is None), (family, row)
        assert (after[1].values[place][0] == 5.0).all() and not (after[1].values[place][1] == 5.0).all()
        assert (after[5].values[place] == 0.0).all()


def test_both_sides_of_a_stereo_image_are_patched_from_their_own() -> None:
    generator = tiny.generator("stereo")
    place = Location("codec", 3, "decoder")
    takes, other = (generator.generate([PROMPT], [seed], 0.5) for seed in (1, 2))
    source = activations(Context(generator), other, [place])[0]
    with edited(generator, [Edit((place,), "patch", source=source)], 3.0):
        after = activations(Context(generator), takes, [place])[0]
    assert torch.equal(after.values[place], source.values[place])
    left, right = source.values[place].chunk(2, dim=2)
    assert not torch.equal(left, right)


def test_resampling_takes_from_another_take() -> None:
    generator = tiny.generator()
    takes = generator.generate(["jazz"] * 4, [1, 2, 3, 4], 0.5)
    place = generator.location("decoder.1.mlp")
    sources = activations(Context(generator), takes, [place])
    for seed in range(6):
        others = shuffled(sources, seed)
        assert all(other is not source for other, source in zip(others, sources, strict=True))
        assert len({id(other) for other in others}) == 4
    with pytest.raises(TonescopeError, match="only one"):
        shuffled(sources[:1], 0)


def test_donors_are_kept_bit_for_bit(tmp_path: Path) -> None:
    generator = tiny.generator()
    takes = generator.generate(["jazz"], [1], 0.5)
    source = activations(Context(generator), takes, generator.locations("decoder.mlp", "decoder.self"))[0]
    source.save(tmp_path / "source.safetensors")
    again = SourceActivations.load(tmp_path / "source.safetensors")
    assert all(torch.equal(source.values[place], again.values[place]) for place in source.values)
    with pytest.raises(TonescopeError, match="no recorded activations"):
        SourceActivations.load(tmp_path / "nothing")


def test_what_was_recorded_without_guidance_is_not_put_into_both_halves() -> None:
    generator = tiny.generator()
    takes = generator.generate(["jazz"], [1], 0.5)
    place = generator.location("decoder.1.mlp")
    source = activations(Context(generator, sampling=Sampling(1.0)), takes, [place])[0]
    check_edit(generator, Edit((place,), "patch", source=source, branch="cond"), None, 3.0)
    with pytest.raises(TonescopeError, match="without guidance"):
        check_edit(generator, Edit((place,), "patch", source=source), None, 3.0)
    means = mean_activations.measure(generator, 0.3, Sampling(guidance=1.0), prompts=("jazz", "house"))
    with pytest.raises(TonescopeError, match="without guidance"):
        check_edit(generator, Edit((place,)), means, 3.0)
    with pytest.raises(TonescopeError, match="without guidance"):
        attribute(Context(generator, means=means), takes, log_probability("house"))
