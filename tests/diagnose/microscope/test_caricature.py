from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.diagnose.microscope.test_deep_dream import tone
from tests.diagnose.microscope.tiny_microscope import microscope
from tonescope.diagnose.judging.reference_clips import Clip
from tonescope.diagnose.microscope.caricature import Caricature, CaricatureWish, caricature
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.models.errors import TonescopeError

QUICK = CaricatureWish(steps=1, seconds=0.5, samples=2, naturalness=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Microscope:
    return microscope(tmp_path_factory.mktemp("artifacts"))


def drawn(made: Microscope, name: str, wish: CaricatureWish = QUICK, clip: Clip | None = None) -> Caricature:
    found = caricature(made, made.location(name), clip or tone(), wish)
    return Caricature.model_validate(found.artifact.result)


@pytest.mark.parametrize("name", ["judge.1.residual", "codec.2.encoder", "decoder.2.mlp"])
def test_a_caricature_comes_nearer_to_the_clip(made: Microscope, name: str) -> None:
    begun, ended = (drawn(made, name, replace(QUICK, steps=steps)) for steps in (1, 16))
    for before, after in zip(begun.samples, ended.samples, strict=True):
        assert after.exaggeration > before.exaggeration and after.likeness > min(before.likeness, 0.9)
    assert len(ended.others) >= 8


def test_it_is_as_long_as_the_clip_at_most(made: Microscope) -> None:
    found = caricature(made, made.location("judge.0.mlp"), tone(seconds=0.5), replace(QUICK, seconds=4.0))
    assert found.artifact.tensors["waveform"].shape == (2, 800)


def test_a_location_that_a_clip_does_nothing_at_is_refused(made: Microscope, monkeypatch: pytest.MonkeyPatch) -> None:
    location = made.location("judge.0.mlp")
    known = made.statistics(location)
    flat = replace(known, mean=torch.zeros_like(known.mean))
    monkeypatch.setattr(Microscope, "statistics", lambda *_: flat)
    from tonescope.diagnose.microscope.sight import Sight

    monkeypatch.setattr(Sight, "of_takes", lambda *_: {location: torch.zeros(1, 4, len(known.mean))})
    with pytest.raises(TonescopeError, match="does nothing"):
        drawn(made, "judge.0.mlp", replace(QUICK, seed=9))


@pytest.mark.parametrize(
    "changed", [{"power": 0.0}, {"within": 0.0}, {"naturalness": 50.0}], ids=["power", "within", "naturalness"]
)
def test_how_it_is_asked_changes_what_is_rendered(made: Microscope, changed: dict[str, Any]) -> None:
    name = "decoder.2.mlp"
    plain, other = (
        caricature(made, made.location(name), tone(), replace(QUICK, steps=12, **wish)).artifact.tensors["waveform"]
        for wish in (dict[str, Any](), changed)
    )
    assert not torch.equal(plain, other)
