"""Generation, replay and addresses, on shrunk random models."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Sampling, Takes
from tonescope.models.hooks import hooked, read, write
from tonescope.models.units import Location

SEEDS = [3, 4]
PROMPTS = ["smooth jazz", "lo fi beats with accordion"]


@pytest.fixture(params=list(tiny.FAMILIES))
def generator(request: pytest.FixtureRequest) -> MusicGen:
    return tiny.generator(request.param)


def _seen(generator: MusicGen, location: Location, run) -> list[torch.Tensor]:
    seen: list[torch.Tensor] = []
    run([read(generator.place(location), lambda tensor: seen.append(tensor.detach().clone()))])
    return seen


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_replay_equals_generation(generator: MusicGen, guidance: float) -> None:
    sampling = Sampling(guidance=guidance, top_k=0)
    location = Location("decoder", 2, "mlp")
    for prompts in ([PROMPTS[0]] * 2, PROMPTS) if generator.kind.reads == "cross" else ([PROMPTS[0]] * 2,):
        takes = list[Takes]()

        def step_by_step(hooks, prompts=prompts, takes=takes):
            takes.append(generator.generate(prompts, SEEDS, 0.5, sampling, hooks))

        def whole(hooks, prompts=prompts, takes=takes):
            with hooked(hooks), torch.no_grad():
                generator.hidden(takes[0].state["codes"], generator.read_text(prompts), guidance)

        steps = _seen(generator, location, step_by_step)
        (replayed,) = _seen(generator, location, whole)
        positions = takes[0].state["codes"].shape[2] + max(generator.delay)
        generated = torch.cat([step[:, -1:] for step in steps[-positions:]], dim=1)
        assert torch.allclose(generated, replayed[:, -positions:], atol=1e-5)


def test_the_clock_runs_with_the_steps(generator: MusicGen) -> None:
    ticks: list[tuple[int, int, int]] = []
    place = generator.place(Location("decoder", 0, "mlp"))
    note = read(place, lambda tensor: ticks.append((generator.clock.start, generator.clock.prefix, tensor.shape[1])))
    takes = generator.generate(PROMPTS[:1], SEEDS[:1], 0.3, hooks=[note])
    positions = takes.state["codes"].shape[2] + max(generator.delay)
    assert [start for start, _, _ in ticks[-positions:]] == list(range(positions))
    assert all(length == prefix + 1 for _, prefix, length in ticks)
    assert (ticks[0][1] > 0) == (generator.kind.reads == "prefix")


def test_prompts_of_different_lengths_are_not_replayed_on_a_shifted_prefix() -> None:
    generator = tiny.generator("melody")
    takes = generator.generate(PROMPTS, SEEDS, 0.2)
    with pytest.raises(ValueError, match="replayed together"):
        generator.branch_logits(takes.state["codes"], generator.read_text(PROMPTS))


def test_a_hook_that_changes_nothing_changes_nothing(generator: MusicGen) -> None:
    plain = generator.generate(PROMPTS, SEEDS, 0.3)
    hooks = [
        write(generator.place(location), lambda tensor: tensor.clone())
        for location in generator.locations()
        if location.site.causal
    ]
    hooked_takes = generator.generate(PROMPTS, SEEDS, 0.3, hooks=hooks)
    assert torch.equal(plain.state["codes"], hooked_takes.state["codes"])
    # A copy may lie differently in memory, and convolutions round differently then.
    assert torch.allclose(plain.waveform, hooked_takes.waveform, atol=1e-6)


def test_takes_do_not_depend_on_the_batch(generator: MusicGen) -> None:
    together = generator.generate([PROMPTS[0]] * 3 + [PROMPTS[1]], [5, 6, 7, 6], 0.3)
    for row, (prompt, seed) in enumerate(zip(together.prompts, together.seeds, strict=True)):
        alone = generator.generate([prompt], [seed], 0.3)
        assert torch.equal(alone.state["codes"][0], together.state["codes"][row])


def test_waveform_is_what_transformers_would_give() -> None:
    generator = tiny.generator()
    takes = generator.generate(PROMPTS, SEEDS, 0.3)
    codec = generator.model.audio_encoder
    expected = codec.decode(takes.state["codes"][None], audio_scales=[None]).audio_values[:, 0]
    assert torch.allclose(takes.waveform, expected, atol=1e-6)


def test_every_listed_location_fires_and_has_its_width(generator: MusicGen) -> None:
    everywhere = generator.locations()
    assert len({location for location in everywhere if location.network == "decoder"}) == generator.layers * (
        4 if generator.kind.reads == "cross" else 3
    )
    widths: dict[Location, int] = {}

    def note(location: Location):
        return lambda tensor: widths.__setitem__(location, tensor.shape[location.site.axis])

    playing = [location for location in everywhere if location.site.causal]
    calibration = [location for location in everywhere if not location.site.causal]
    takes = generator.generate(
        PROMPTS[:1], SEEDS[:1], 0.2, hooks=[read(generator.place(location), note(location)) for location in playing]
    )
    with hooked([read(generator.place(location), note(location)) for location in calibration]):
        generator.codec.encode(takes.waveform)
    assert widths == {location: generator.features(location) for location in everywhere}
    assert generator.units(Location("decoder", 0, "self")) == 4
    assert len(generator.locations("text.mlp", "text.self")) == 4


def test_an_address_that_the_model_does_not_have_is_refused() -> None:
    generator = tiny.generator()
    assert str(generator.unit("decoder.1.mlp:39")) == "decoder.1.mlp:39"
    for wrong in ("decoder.1.mlp:40", "decoder.3.mlp:0", "decoder.0.self:4", "codec.0.decoder:99"):
        with pytest.raises(TonescopeError):
            generator.unit(wrong)
    with pytest.raises(TonescopeError, match="look at decoder"):
        tiny.generator("melody").unit("decoder.0.cross:0")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_plays_and_replays(dtype: torch.dtype) -> None:
    generator = MusicGen(tiny.musicgen().to(dtype), tiny.tokenizer(), "half")
    takes = generator.generate(PROMPTS, SEEDS, 0.2)
    with torch.no_grad():
        logits = generator.branch_logits(takes.state["codes"], generator.read_text(PROMPTS))
    assert logits.dtype == dtype and torch.isfinite(logits).all() and torch.isfinite(takes.waveform).all()
    whole = MusicGen(tiny.musicgen(), tiny.tokenizer(), "whole")
    assert torch.allclose(
        takes.waveform, whole.sides(takes.state["codes"]).mean(1), atol=1e-3
    )  # of the weights that were rounded, not of the sums


def test_a_prompt_longer_than_the_text_encoder_is_refused() -> None:
    with pytest.raises(TonescopeError, match="tokens long"):
        tiny.generator("bert").read_text(["jazz " * 80])
