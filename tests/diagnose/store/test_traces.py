"""Recording: what is kept is what was there, and files give it back bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests import tiny
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.recording import activations
from tonescope.diagnose.store.traces import Extent, Trace, TraceSpec, record, size_of
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Takes
from tonescope.models.sites import SITES
from tonescope.models.units import Location

PROMPTS = ["smooth jazz with piano", "house", "smooth jazz with piano"]


def everywhere(generator: Generator) -> list[str]:
    """Every site the model has."""
    return [site.key for site in SITES if generator.locations(site.key)]


@pytest.fixture(scope="module", params=list(tiny.FAMILIES))
def generator(request: pytest.FixtureRequest) -> Generator:
    return tiny.generator(request.param)


@pytest.fixture(scope="module")
def takes(generator: Generator) -> Takes:
    return generator.generate(PROMPTS, [1, 2, 3], 0.6)


def test_what_is_kept_is_what_was_there(generator: Generator, takes: Takes) -> None:
    whole = record(Context(generator), takes, sites=everywhere(generator), spec=TraceSpec("all"))
    assert set(whole.values) == set(generator.locations())
    places = [Location("decoder", 1, "mlp"), Location("decoder", 0, "residual"), Location("codec", 3, "decoder")]
    sources = activations(Context(generator), takes, places)
    for row, source in enumerate(sources):
        for place in places:
            assert torch.equal(whole.values[place][row], source.values[place].half())
    mean, peak = (
        record(Context(generator), takes, sites=everywhere(generator), spec=TraceSpec(kind))
        for kind in ("mean", "peak")
    )
    for place in places:
        raw = torch.stack([source.values[place] for source in sources])
        assert torch.allclose(mean.values[place].float(), raw.mean(3), atol=2e-3)
        assert torch.allclose(peak.values[place].float().abs(), raw.abs().amax(3), atol=2e-2)
    heads = whole.values[Location("decoder", 0, "self")]
    assert heads.shape[4] == 4 and (heads >= 0).all()


def test_the_strongest_units_are_kept(generator: Generator, takes: Takes) -> None:
    place = Location("decoder", 1, "mlp")
    top, whole = (
        record(Context(generator), takes, sites=["decoder.mlp"], spec=TraceSpec("peak", top=top)) for top in (3, None)
    )
    assert top.values[place].shape[-1] == 3
    for row in range(len(takes)):
        strongest = whole.values[place][row, 0, 0].float().abs().topk(3).indices
        assert set(strongest.tolist()) == set(top.indices[place][row].tolist())
        assert torch.equal(whole.values[place][row][..., top.indices[place][row].long()], top.values[place][row])


def test_the_size_is_known_before(generator: Generator, takes: Takes) -> None:
    for keep in (TraceSpec("all"), TraceSpec("mean"), TraceSpec("all", top=2), TraceSpec("peak", uncond=False)):
        trace = record(Context(generator), takes, sites=everywhere(generator), spec=keep)
        size = sum(tensor.nbytes for tensor in (*trace.values.values(), *trace.indices.values()))
        longest = max(len(row) for row in generator.read_text(PROMPTS).tokens)
        extent = Extent(len(takes), generator.frames_of(takes), longest)
        said = size_of(Context(generator), extent, generator.locations(), keep)
        assert size == said
        with pytest.raises(TonescopeError, match="would take"):
            record(Context(generator), takes, sites=everywhere(generator), spec=keep, limit=said - 1)


def test_files_give_a_trace_back_bit_for_bit(generator: Generator, takes: Takes, tmp_path: Path) -> None:
    trace = record(Context(generator), takes, sites=everywhere(generator), spec=TraceSpec("all", top=3))
    trace.save(tmp_path / "trace")
    again = Trace.load(tmp_path / "trace")
    assert again.about == trace.about and again.tokens == trace.tokens
    assert again.takes.prompts == takes.prompts and again.takes.seeds == takes.seeds
    assert torch.equal(again.takes.state["codes"], takes.state["codes"]) and torch.equal(
        again.takes.waveform, takes.waveform
    )
    for kept, read in ((trace.values, again.values), (trace.indices, again.indices)):
        assert set(kept) == set(read)
        assert all(
            torch.equal(tensor, read[place]) and tensor.dtype == read[place].dtype for place, tensor in kept.items()
        )
    assert sorted(file.name for file in tmp_path.iterdir()) == ["trace.json", "trace.safetensors"]
    with pytest.raises(TonescopeError, match="no whole trace"):
        Trace.load(tmp_path / "another")
    for name in ("mix.1", "mix.2"):  # a dot is part of the name
        trace.save(tmp_path / name)
        assert Trace.load(tmp_path / name).about == trace.about
    assert len(list(tmp_path.glob("mix.*"))) == 4
    (tmp_path / "mix.1.safetensors").write_bytes((tmp_path / "mix.1.safetensors").read_bytes()[:100])
    (tmp_path / "mix.2.json").write_text("{}")
    for name in ("mix.1", "mix.2"):
        with pytest.raises(TonescopeError, match="no whole trace"):
            Trace.load(tmp_path / name)


def test_large_values_are_kept_and_broken_ones_refused() -> None:
    generator = tiny.generator()
    place = Location("decoder", 1, "mlp")
    weight = generator.model.decoder.model.decoder.layers[1].fc1.weight
    weight.mul_(1e6)
    takes = generator.generate(["house"], [1], 0.3)
    trace = record(Context(generator), takes, sites=["decoder.mlp"], spec=TraceSpec("peak"))
    assert trace.values[place].dtype == torch.bfloat16 and torch.isfinite(trace.values[place]).all()
    weight.fill_(float("nan"))
    with pytest.raises(TonescopeError, match="is not a number"):
        record(Context(generator), takes, sites=["decoder.mlp"])


@pytest.mark.parametrize("over_time", ["mean", "peak"])
def test_padding_is_no_part_of_what_the_text_did(over_time: str) -> None:
    """Prompts of different length together give what each gives alone."""
    generator, keep = tiny.generator(), TraceSpec(over_time)  # type: ignore[arg-type]
    sites = ["text.mlp", "text.self"]
    takes = generator.generate(PROMPTS, [1, 2, 3], 0.3)
    together = record(Context(generator), takes, sites=sites, spec=keep)
    for row in range(len(takes)):
        alone = record(Context(generator), takes.rows(row, row + 1), sites=sites, spec=keep)
        for place, values in alone.values.items():
            assert torch.allclose(values[0].float(), together.values[place][row].float(), atol=2e-3), place


def test_others_can_be_patched_from_a_trace() -> None:
    generator = tiny.generator()
    takes = generator.generate(["house"] * 2, [1, 2], 0.3)
    sites = ["decoder.mlp", "decoder.self"]
    trace = record(Context(generator), takes, sites=sites, spec=TraceSpec("all", whole_heads=True))
    source = activations(Context(generator), takes, generator.locations(*sites))[1]
    again = trace.source(1)
    assert again.values.keys() == source.values.keys()
    assert all(torch.allclose(again.values[place], source.values[place], atol=2e-3) for place in source.values)
    for keep in (TraceSpec("all"), TraceSpec("mean", whole_heads=True), TraceSpec("all", top=2)):
        with pytest.raises(TonescopeError, match="cannot be patched from"):
            record(Context(generator), takes, sites=sites, spec=keep).source(0)


def test_files_of_two_traces_are_not_mixed(tmp_path: Path) -> None:
    generator = tiny.generator()
    for name, prompt in (("a", "house"), ("b", "jazz")):
        record(Context(generator), generator.generate([prompt], [1], 0.3), sites=["decoder.mlp"]).save(tmp_path / name)
    (tmp_path / "a.json").replace(tmp_path / "b.json")
    with pytest.raises(TonescopeError, match="no whole trace"):
        Trace.load(tmp_path / "b")


def test_a_place_that_is_not_there_is_refused() -> None:
    generator, melody = tiny.generator(), tiny.generator("melody")
    takes = generator.generate(["house"], [1], 0.3)
    with pytest.raises(TonescopeError, match="is no site"):
        record(Context(generator), takes, sites=["decoder.mpl"])
    with pytest.raises(TonescopeError, match="no site was named"):
        record(Context(generator), takes, sites=[])
    with pytest.raises(TonescopeError, match="has no location"):
        record(Context(melody), melody.generate(["house"], [1], 0.3), sites=["decoder.cross"])


def test_what_cannot_be_kept_is_refused() -> None:
    for wrong in ({"over_time": "median"}, {"top": -2}, {"top": 3, "whole_heads": True}):
        with pytest.raises(TonescopeError):
            TraceSpec(**wrong)  # type: ignore[arg-type]
