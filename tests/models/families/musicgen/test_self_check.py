"""The check before the first generation: silent where all is well, loud where clock or cache are not what they were."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests import tiny
from tonescope.models import versions
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen import musicgen, places, self_check
from tonescope.models.families.musicgen.kv_cache import PreallocatedLayer
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.families.musicgen.places import Clock
from tonescope.models.generator import Sampling
from tonescope.models.hooks import hooked, read
from tonescope.models.units import Location


@pytest.fixture(params=list(tiny.FAMILIES))
def generator(request: pytest.FixtureRequest) -> MusicGen:
    return tiny.generator(request.param)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_model_that_is_followed_passes(generator: MusicGen, guidance: float) -> None:
    self_check.check(generator, "smooth jazz", Sampling(guidance))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rounding_is_no_failure(dtype: torch.dtype) -> None:
    self_check.check(MusicGen(tiny.musicgen().to(dtype), tiny.tokenizer(), "half"), "jazz", Sampling())


def _another_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(musicgen, "cache_argument", lambda _: "another_name")


def test_a_clock_that_stands_still_is_told(generator: MusicGen, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Clock):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, 0 if name == "start" else value)

    monkeypatch.setattr(places, "Clock", Stopped)
    with pytest.raises(TonescopeError, match=r"the clock stood at 0, 0, 0, .* edits and traces would be wrong; .*\.$"):
        generator.generate(["jazz"], [1], 0.3)


def test_a_cache_that_is_dropped_is_told(generator: MusicGen, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = PreallocatedLayer.update

    def forgetful(layer: PreallocatedLayer, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        whole(layer, keys, values)
        return keys, values

    monkeypatch.setattr(PreallocatedLayer, "update", forgetful)
    with pytest.raises(TonescopeError, match=r"replay sees something else than the generation did \(\d+ % off\)"):
        generator.generate(["jazz"], [1], 0.3)


def test_an_argument_that_was_renamed_is_told(generator: MusicGen, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in transformers 5.24: another argument carries the cache. Models whose prompt is a prefix stumble over it."""
    _another_argument(monkeypatch)
    told = "clock stood at 0, 0, 0" if generator.kind.reads == "cross" else r"short take ends in an error \(\w+Error "
    with pytest.raises(TonescopeError, match=told):
        generator.generate(["jazz"], [1], 0.3)


def test_only_the_first_generation_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, asked, check = tiny.generator(), list[Any](), self_check.check

    def counted(*given: Any) -> None:
        asked.append(given)
        check(*given)

    monkeypatch.setattr(self_check, "check", counted)
    takes = [generator.generate(["jazz", "house"], [1, 2], 0.3).state["codes"] for _ in range(2)]
    assert len(asked) == 1 and torch.equal(*takes)


def test_what_failed_once_is_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = tiny.generator()
    with monkeypatch.context() as broken:
        _another_argument(broken)
        for _ in range(2):
            with pytest.raises(TonescopeError, match="clock"):
                generator.generate(["jazz"], [1], 0.3)
    assert len(generator.generate(["jazz"], [1], 0.3)) == 1


def test_hooks_that_are_on_do_not_see_it() -> None:
    generator, rows = tiny.generator(), []
    place = generator.place(Location("decoder", 0, "self"))
    with hooked([read(place, lambda tensor: rows.append(len(tensor)))]):
        takes = generator.generate(["jazz"] * 3, [1, 2, 3], 0.3)
    assert set(rows) == {6} and len(rows) <= takes.state["codes"].shape[2] + max(generator.delay) + 1


def test_an_untested_version_is_what_to_mend_first(monkeypatch: pytest.MonkeyPatch) -> None:
    _another_argument(monkeypatch)
    monkeypatch.setattr(versions, "running", lambda: {"transformers": "9.1.0", "torch": "2.14.1"})
    with pytest.raises(TonescopeError, match=r"on transformers 9.1.0 .*run `pip install \"transformers>=.*\"`\.$"):
        tiny.generator().generate(["jazz"], [1], 0.3)
