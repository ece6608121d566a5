from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests import tiny
from tests.diagnose.microscope.tiny_microscope import SECONDS, microscope
from tests.models.families.toy_diffusion import ToyDiffusion, ToyModel
from tonescope.diagnose.microscope import feature_visualization
from tonescope.diagnose.microscope.ascent import ascend
from tonescope.diagnose.microscope.feature_visualization import Visualized, Wish, takes_of, visualize_units
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.microscope.visualize_views import _caveats
from tonescope.models.errors import TonescopeError

QUICK = Wish(steps=8, seconds=SECONDS, samples=1, naturalness=0)
UNIT = "decoder.1.mlp:3"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Microscope:
    return microscope(tmp_path_factory.mktemp("artifacts"))


def shown(made: Microscope, name: str, wish: Wish = QUICK) -> Visualized:
    (found,) = visualize_units(made, [made.unit(name)], wish)
    return Visualized.model_validate(found.artifact.result)


@pytest.mark.parametrize("name", [UNIT, "decoder.1.cross:1", "codec.2.decoder:1", "codec.2.encoder:1", "judge.0.mlp:3"])
def test_a_unit_is_driven_beyond_what_is_usual(made: Microscope, name: str) -> None:
    found = shown(made, name)
    assert found.renderings[0].value > found.real.median
    assert found.by == ("sound" if "encoder" in name or "judge" in name else "state")


def test_longer_ascents_go_further(made: Microscope) -> None:
    short, long = (shown(made, UNIT, replace(QUICK, steps=steps)).renderings[0].value for steps in (1, 12))
    assert long > short


def test_an_ascent_begins_at_the_best_real_examples_or_at_noise(made: Microscope) -> None:
    wish = replace(QUICK, steps=1, samples=2, kind="neuron", start="example")
    unit = made.unit(UNIT)
    known = made.statistics(unit.location)
    takes = [known.example("neuron", "positive", unit.index, rank)[0] for rank in (0, 1)]
    assert takes[0] != takes[1]
    begun, noise = (shown(made, UNIT, replace(wish, start=start)).renderings for start in ("example", "noise"))
    assert begun[0].value > noise[0].value  # as many steps


def test_the_negative_side_goes_down(made: Microscope) -> None:
    found = shown(made, UNIT, replace(QUICK, sides=("positive", "negative")))
    up, down = found.renderings
    assert up.side == "positive" and down.side == "negative"
    assert down.value < found.real.median < up.value and down.percentile > 50


def test_one_moment_can_be_asked_for(made: Microscope) -> None:
    found = shown(made, UNIT, replace(QUICK, kind="neuron"))
    assert found.real.numbers > found.real.takes and found.renderings[0].value > found.real.median


def test_what_the_generator_reads_can_be_changed_instead(made: Microscope) -> None:
    wish = replace(QUICK, by="prompt", steps=9)
    (found,) = visualize_units(made, [made.unit(UNIT)], wish)
    states, values = found.artifact.tensors["text_states"], found.artifact.tensors["values"]
    assert states.shape[0] == 1 and bool(torch.isfinite(states).all())
    # Of the generations at steps 0 and 8, the better one is kept.
    standing = Visualized.model_validate(found.artifact.result).renderings[0].value
    usual, spread = made.statistics(made.location("decoder.1.mlp")).scale("channel", 3)
    assert (standing - usual) / spread == pytest.approx(float(values[[0, 8]].max()), abs=1e-2)


def test_units_in_a_batch_are_what_they_are_alone(tmp_path: Path) -> None:
    wish, names = replace(QUICK, samples=2, naturalness=1.0), (UNIT, "decoder.2.mlp:5")
    together = microscope(tmp_path / "together")
    batch = visualize_units(together, [together.unit(name) for name in names], wish)
    for name, found in zip(names, batch, strict=True):
        alone = microscope(tmp_path / "alone")
        (single,) = visualize_units(alone, [alone.unit(name)], wish)
        assert torch.allclose(single.artifact.tensors["values"], found.artifact.tensors["values"], atol=1e-2)
        assert torch.equal(single.artifact.tensors["state.codes"], found.artifact.tensors["state.codes"])


def test_nothing_is_rendered_twice(made: Microscope, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = visualize_units(made, [made.unit(UNIT)], QUICK)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("rendered again")

    monkeypatch.setattr(feature_visualization, "ascend", refuse)
    (again,) = visualize_units(made, [made.unit(UNIT)], QUICK)
    assert again.was_there and again.artifact.result == first.artifact.result
    assert torch.equal(again.artifact.tensors["waveform"], first.artifact.tensors["waveform"])
    with pytest.raises(AssertionError, match="rendered again"):
        visualize_units(made, [made.unit(UNIT)], replace(QUICK, seed=2))


def test_a_damaged_artifact_is_rendered_anew_and_that_is_said(tmp_path: Path) -> None:
    damaged = microscope(tmp_path)
    (first,) = visualize_units(damaged, [damaged.unit(UNIT)], QUICK)
    damaged.store.path(first.artifact.recipe).write_bytes(b"nothing")
    (again,) = visualize_units(damaged, [damaged.unit(UNIT)], QUICK)
    assert "damaged" in again.note and not again.was_there
    assert again.artifact.result == first.artifact.result


def test_an_artifact_knows_its_takes_by_side(made: Microscope) -> None:
    wish = replace(QUICK, sides=("positive", "negative"), samples=2)
    (found,) = visualize_units(made, [made.unit(UNIT)], wish)
    takes = takes_of(found.artifact, wish)
    assert {side: one.seeds for side, one in takes.items()} == {"positive": (1, 2), "negative": (1, 2)}
    assert torch.equal(takes["negative"].waveform, found.artifact.tensors["waveform"][2:])


def test_a_dead_unit_is_called_dead(tmp_path: Path) -> None:
    generator = tiny.generator()
    generator.model.decoder.model.decoder.layers[1].fc1.weight.data[3] = 0
    with pytest.raises(TonescopeError, match="is dead"):
        shown(microscope(tmp_path, generator), UNIT)


@pytest.mark.parametrize(
    ("name", "wish", "told"),
    [
        ("decoder.1.self:0", replace(QUICK, sides=("negative",)), "no negative side"),
        ("text.0.mlp:1", QUICK, "reads words"),
        (UNIT, replace(QUICK, by="sound"), "plays and does not hear"),
        (UNIT, replace(QUICK, seconds=0.01), "choose a length between"),
        (UNIT, replace(QUICK, seconds=2.0, start="example"), "begin with noise"),
    ],
)
def test_what_cannot_be_shown_is_refused(made: Microscope, name: str, wish: Wish, told: str) -> None:
    with pytest.raises(TonescopeError, match=told):
        shown(made, name, wish)


def test_a_family_that_cannot_be_changed_by_gradients_is_refused(tmp_path: Path) -> None:
    other = microscope(tmp_path, ToyDiffusion(ToyModel()))
    with pytest.raises(TonescopeError, match="cannot be made by gradient ascent yet"):
        shown(other, "denoiser.1.mlp:3")
    assert shown(other, "judge.0.mlp:3").renderings[0].sound.level_db > -60


@pytest.mark.parametrize("changed", [{"diversity": 50.0}, {"naturalness": 50.0}], ids=["diversity", "naturalness"])
def test_what_is_weighed_beside_the_unit_changes_what_is_rendered(made: Microscope, changed: dict[str, Any]) -> None:
    wish = replace(QUICK, samples=2, diversity=0.0)
    (plain,), (weighed,) = (visualize_units(made, [made.unit(UNIT)], each) for each in (wish, replace(wish, **changed)))
    assert not torch.equal(plain.artifact.tensors["state.codes"], weighed.artifact.tensors["state.codes"])


def test_a_cpu_takes_few_rows_a_batch(made: Microscope, monkeypatch: pytest.MonkeyPatch) -> None:
    most = feature_visualization.MOST_ROWS_OF_CPU
    assert feature_visualization._rows(made, QUICK) == most < feature_visualization.MOST_ROWS
    monkeypatch.setattr(feature_visualization, "MOST_ROWS_OF_CPU", most - 1)
    assert feature_visualization._rows(made, QUICK) == most - 1


def test_case_an_ascent_that_ends_below_its_start_gives_the_start_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope, wish = microscope(tmp_path), replace(QUICK, start="example", samples=2, sides=("positive", "negative"))

    def downwards(canvas: Any, objectives: Any, steps: int, **about: Any) -> Any:
        return ascend(canvas, [-one for one in objectives], steps, **about)

    plain = shown(scope, UNIT, replace(wish, seed=7))
    monkeypatch.setattr(feature_visualization, "ascend", downwards)
    found = shown(scope, UNIT, wish)
    kept = [row for row in found.renderings if row.is_start]
    assert kept and all((row.value > found.real.median) == (row.side == "positive") for row in kept)
    assert "are the real examples they began with" in " ".join(_caveats(found, wish))
    assert not any(row.is_start for row in plain.renderings) or "began with" in " ".join(_caveats(plain, wish))
    for row, fresh in zip(found.renderings, plain.renderings, strict=True):
        sign = 1 if row.side == "positive" else -1
        assert not row.is_start or sign * fresh.value >= sign * row.value - 1e-4, "up is up"
