"""What is told of curves: chosen in one half of the instances, told by the other."""

from __future__ import annotations

import numpy as np

from tonescope.diagnose.tuning.curve_statistics import Curves
from tonescope.diagnose.tuning.stimuli import families
from tonescope.diagnose.tuning.tuning_views import CurveRow, rows_of, told_of

SOUND = [family for family in families().values() if family.needs == "sound"]


def row(family: str, chosen_by: float, auc: float, auc_q: float, apart: float = 1.0) -> CurveRow:
    return CurveRow(
        family=family,
        unit="",
        scale="category",
        points=[],
        preferred="",
        selectivity=0.5,
        q=0.001,
        by_hand=0.1,
        concept=f"{family}s",
        chosen_by=chosen_by,
        chosen_apart=apart,
        auc=auc,
        auc_q=auc_q,
        auc_by_hand=0.6,
    )


def test_case_the_family_that_is_told_was_not_chosen_by_its_held_out_score() -> None:
    lucky, honest = row("tempo", 0.7, 0.99, 0.001), row("kick", 0.95, 0.85, 0.01)
    assert "“kicks” apart in 85 %" in told_of([lucky, honest])
    assert "tells nothing in them apart surely" in told_of([lucky, row("kick", 0.95, 0.6, 0.2)])
    assert "“hats”" in told_of([row("kick", 1.0, 0.9, 0.001), row("hat", 1.0, 0.9, 0.001, apart=5.0)])


def test_what_may_be_chance_is_not_told_however_high_it_is() -> None:
    assert "tells nothing in them apart surely (the most to kick, 50 %" in told_of([row("kick", 1.0, 0.95, 0.08)])
    assert told_of([]).startswith("responds to 0 of 0 families")


def test_units_of_noise_are_seldom_said_to_tell_anything() -> None:
    random = np.random.default_rng(0)
    curves = [Curves(one, random.normal(size=(len(one.values), 8, 60))) for one in SOUND]
    said = [told_of(rows_of(curves, unit)) for unit in range(60)]
    assert sum(text.startswith("tells “") for text in said) <= 5


def test_a_unit_that_follows_one_family_is_told_by_it() -> None:
    random = np.random.default_rng(1)
    curves = []
    for one in SOUND:
        values = random.normal(size=(len(one.values), 8 * one.repeats, 1))
        if one.name == "loudness":
            values += np.arange(len(one.values))[:, None, None]
        curves.append(Curves(one, values))
    assert told_of(rows_of(curves, 0)).startswith("tells “loud” apart")
