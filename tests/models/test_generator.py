"""Generation, replay and addresses, on shrunk random models."""

from __future__ import annotations

import pytest
import torch
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling
from tonescope.models.hooks import hooked, read, write
from tonescope.models.units import Location

from tests import tiny

FAMILIES = [(1, "t5"), (2, "t5"), (1, "bert")]
SEEDS = [3, 4]
PROMPTS = ["smooth jazz", "lo fi beats with accordion"]


@pytest.fixture(params=FAMILIES, ids=["mono-t5", "stereo-t5", "mono-bert"])
def generator(request: pytest.FixtureRequest) -> Generator:
    return tiny.generator(*request.param)


def _seen(generator: Generator, location: Location, run) -> list[torch.Tensor]:
    seen: list[torch.Tensor] = []
    run([read(generator.place(location), lambda tensor: seen.append(tensor.detach().clone()))])
    return seen


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_replay_equals_generation(generator: Generator, guidance: float) -> None:
    sampling = Sampling(guidance=guidance, top_k=0)
    location = Location("decoder", 2, "mlp")
    takes = []
    steps = _seen(
        generator, location, lambda hooks: takes.append(generator.generate(PROMPTS, SEEDS, 0.5, sampling, hooks))
    )

    def whole(hooks):
        with hooked(hooks), torch.no_grad():
            generator.replay(takes[0].codes, generator.read_text(PROMPTS), guidance)

    (replayed,) = _seen(generator, location, whole)
    generated = torch.cat(steps[-replayed.shape[1] :], dim=1)
    assert torch.allclose(generated, replayed, atol=1e-5)


def test_a_hook_that_changes_nothing_changes_nothing(generator: Generator) -> None:
    plain = generator.generate(PROMPTS, SEEDS, 0.3)
    hooks = [
        write(generator.place(location), lambda tensor: tensor.clone())
        for location in generator.locations("decoder.mlp", "decoder.self", "decoder.cross", "text.mlp")
    ]
    hooked_takes = generator.generate(PROMPTS, SEEDS, 0.3, hooks=hooks)
    assert torch.equal(plain.codes, hooked_takes.codes)
    assert torch.equal(plain.waveform, hooked_takes.waveform)


def test_takes_do_not_depend_on_the_batch(generator: Generator) -> None:
    together = generator.generate([PROMPTS[0]] * 3 + [PROMPTS[1]], [5, 6, 7, 6], 0.3)
    for row, (prompt, seed) in enumerate(zip(together.prompts, together.seeds, strict=True)):
        alone = generator.generate([prompt], [seed], 0.3)
        assert torch.equal(alone.codes[0], together.codes[row])


def test_waveform_is_what_transformers_would_give() -> None:
    generator = tiny.generator()
    takes = generator.generate(PROMPTS, SEEDS, 0.3)
    codec = generator.model.audio_encoder
    expected = codec.decode(takes.codes[None], audio_scales=[None]).audio_values[:, 0]
    assert torch.allclose(takes.waveform, expected, atol=1e-6)


def test_every_listed_location_fires_and_has_its_width(generator: Generator) -> None:
    decoder = generator.locations("decoder.mlp", "decoder.self", "decoder.cross", "decoder.residual")
    assert len(decoder) == 4 * generator.layers
    widths: dict[Location, int] = {}
    hooks = [
        read(
            generator.place(location), lambda tensor, location=location: widths.__setitem__(location, tensor.shape[-1])
        )
        for location in decoder
    ]
    generator.generate(PROMPTS[:1], SEEDS[:1], 0.2, hooks=hooks)
    assert widths == {location: generator.features(location) for location in decoder}
    assert generator.units(Location("decoder", 0, "self")) == 4
    assert len(generator.locations("text.mlp", "text.self")) == 4


def test_an_address_that_the_model_does_not_have_is_refused() -> None:
    generator = tiny.generator()
    assert str(generator.unit("decoder.1.mlp:39")) == "decoder.1.mlp:39"
    for wrong in ("decoder.1.mlp:40", "decoder.3.mlp:0", "decoder.0.self:4"):
        with pytest.raises(TonescopeError):
            generator.unit(wrong)


def test_a_prompt_longer_than_the_text_encoder_is_refused() -> None:
    with pytest.raises(TonescopeError, match="tokens long"):
        tiny.generator(text="bert").read_text(["jazz " * 80])
