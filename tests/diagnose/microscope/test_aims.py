"""Objectives that are composed: how they are written, what they measure, and that they are driven."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.diagnose.microscope.tiny_microscope import SECONDS, microscope
from tonescope.diagnose.microscope.aims import ComposedAim, UnitAim, terms_of
from tonescope.diagnose.microscope.feature_visualization import Visualized, Wish, visualize_units
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.models.errors import TonescopeError

ONE, OTHER = "decoder.1.mlp:3", "decoder.2.mlp:5"
QUICK = Wish(steps=8, seconds=SECONDS, samples=1, naturalness=0, start="noise")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Microscope:
    return microscope(tmp_path_factory.mktemp("artifacts"))


def aim(made: Microscope, text: str) -> ComposedAim:
    terms = terms_of(text)
    known = {term.unit.location: made.statistics(term.unit.location) for term in terms}
    return ComposedAim(terms[0].unit, terms, known, dict.fromkeys(known, 1))


def test_terms_are_read_as_they_are_written() -> None:
    found = terms_of(f" {ONE} − 0.5 * {OTHER}+2×decoder.0.mlp:1 ")
    assert [(term.weight, str(term.unit)) for term in found] == [(1.0, ONE), (-0.5, OTHER), (2.0, "decoder.0.mlp:1")]
    assert [term.weight for term in terms_of(ONE)] == [1.0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "at its end"),
        (f"{ONE} +", "at its end"),
        (f"{ONE} {OTHER}", f"at “ {OTHER}”"),
        (f"{ONE} / {OTHER}", "cannot be read at"),
        (f"- {ONE}", "cannot be read at"),
        (f"({ONE})", "cannot be read at"),
        ("decoder.1.mlp", "cannot be read at"),
        (f"{ONE} + __import__('os')", "cannot be read at"),
        (f"0 * {ONE}", "0 times"),
        (f"1e9 * {ONE}", "cannot be read at"),
        (f"1000 * {ONE}", "1000 times"),
        (f"{ONE} - {ONE}", "with itself"),
        (f"{ONE} + judge.1.mlp:2", "one network"),
        (" + ".join(f"decoder.1.mlp:{at}" for at in range(9)), "8 are the most"),
    ],
)
def test_what_is_no_objective_is_refused_and_where(text: str, told: str) -> None:
    with pytest.raises(TonescopeError, match=told.replace("(", r"\(")):
        terms_of(text)


def test_a_difference_is_measured_in_standard_deviations_of_real_takes(made: Microscope) -> None:
    found = aim(made, f"{ONE} - {OTHER}")
    parts = []
    for term in found.terms:
        known = made.statistics(term.unit.location)
        usual, spread = known.scale("channel", term.unit.index)
        parts.append((known.means[:, term.unit.index].double().numpy() - usual) / spread)
    assert found.real == pytest.approx(parts[0] - parts[1])
    least, most = found.range
    assert found.percentile(most + 1) == 100 and found.percentile(least - 1) == 0 and 0 < found.percentile(least) < 1
    take, at = found.example("positive", 0)
    assert found.real[take] == pytest.approx(most) and 0 < at < 1  # parts are whole takes here
    seen = {
        term.unit.location: torch.full((2, 4, 40), known.scale("channel", term.unit.index)[0])
        for term in found.terms
        for known in [made.statistics(term.unit.location)]
    }
    assert found.plain(seen).tolist() == pytest.approx([0.0, 0.0], abs=1e-4)


def test_one_unit_alone_is_as_it_is_by_itself_but_for_the_scale(made: Microscope) -> None:
    unit = made.unit(ONE)
    alone = UnitAim(unit, "channel", made.statistics(unit.location), 1)
    composed = aim(made, ONE)
    usual, spread = alone.scale
    assert composed.range == pytest.approx([(end - usual) / spread for end in alone.range], abs=1e-4)
    assert composed.example("negative", 0)[0] == alone.example("negative", 0)[0]
    assert np.median(composed.real) == pytest.approx(0, abs=1e-4)


def test_two_units_are_driven_apart(made: Microscope, tmp_path: Path) -> None:
    text = f"{ONE} - {OTHER}"
    (kept,) = visualize_units(
        made, [made.unit(ONE)], replace(QUICK, composed=text, steps=12, sides=("positive", "negative"))
    )
    found = Visualized.model_validate(kept.artifact.result)
    up, down = found.renderings
    assert up.value > found.real.median > down.value and found.unit == ONE
    (again,) = visualize_units(made, [made.unit(ONE)], replace(QUICK, steps=12))
    assert again.artifact.recipe.key != kept.artifact.recipe.key
    for wish, told in (
        (replace(QUICK, composed=OTHER), "has no decoder.1.mlp:3"),
        (replace(QUICK, composed=text, kind="neuron"), "leave the moment out"),
        (replace(QUICK, composed=f"{ONE} + decoder.1.mlp:999"), "units 0 to 39"),
    ):
        with pytest.raises(TonescopeError, match=told):
            visualize_units(made, [made.unit(ONE)], wish)
