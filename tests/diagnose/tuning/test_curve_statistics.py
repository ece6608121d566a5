from __future__ import annotations

import numpy as np
import pytest

from tonescope.diagnose.tuning.curve_statistics import MOST_APART, Curves, auc, concepts_of, separation
from tonescope.diagnose.tuning.stimuli import families

TEMPO, KICK, CHORD = (families()[name] for name in ("tempo", "kick", "chord"))
INSTANCES = 8
RANDOM = np.random.default_rng(0)


def planted() -> Curves:
    """Unit 0 rises with tempo, unit 1 is noise, unit 2 never moves, unit 3 follows the instance alone, unit 4 falls."""
    values, instances = len(TEMPO.values), INSTANCES
    noise = RANDOM.normal(size=(values, instances, 5))
    rise = np.arange(values)[:, None]
    own = RANDOM.normal(size=(1, instances))
    responses = np.stack(
        [
            rise + 3 * own + 0.3 * noise[..., 0],
            noise[..., 1],
            np.zeros((values, instances)),
            5 * own + 0.01 * noise[..., 3],
            -rise + 0.3 * noise[..., 4],
        ],
        -1,
    )
    features = np.stack([rise + noise[..., 2], noise[..., 1]], -1)
    return Curves(TEMPO, responses, features)


def test_planted_units_are_selective_and_others_are_not() -> None:
    found = planted()
    assert found.selectivity[0] > 0.9 and found.selectivity[4] > 0.9
    assert (found.selectivity[[1, 2]] < 0.2).all() and found.p[0] < 1e-6 < 0.001 < found.p[1]
    assert found.p[2] == 1 and found.selectivity[2] == 0


def test_what_instances_have_in_common_is_no_selectivity() -> None:
    assert planted().selectivity[3] < 0.3


def test_separation_is_in_standard_deviations_whatever_the_scale_and_turns_with_the_sign() -> None:
    random = np.random.default_rng(4)
    there = np.arange(400) < 150
    values = random.normal(size=(400, 3)) + 2.0 * there[:, None]
    found = separation(values, there)
    assert found == pytest.approx([2.0] * 3, abs=0.4)
    assert separation(5 * values + 7, there) == pytest.approx(found) and separation(-values, there) == pytest.approx(
        -found
    )
    steady = np.column_stack([there * 1.0, np.zeros(400), -1.0 * there])
    assert separation(steady, there) == pytest.approx([MOST_APART, 0.0, -MOST_APART])
    assert separation(values[:1], there[:1]) == pytest.approx([0.0] * 3)


def test_the_preferred_value_is_the_one_responded_to_most() -> None:
    found = planted()
    assert TEMPO.values[found.preferred[0]] == 180 and TEMPO.values[found.preferred[4]] == 60


def test_a_concept_is_scored_in_instances_it_was_not_chosen_on() -> None:
    found = planted()
    telling, concepts = found.telling(), concepts_of(TEMPO)
    assert concepts[telling.concept[0]].name == "slow tempo" or concepts[telling.concept[0]].name == "fast tempo"
    assert concepts[telling.concept[4]].name == "slow tempo" and telling.auc[4] == 1.0
    assert telling.auc[2] == 0.5 and telling.by_hand[4] > 0.7
    chance = Curves(TEMPO, RANDOM.normal(size=(len(TEMPO.values), INSTANCES, 400))).telling().auc
    assert chance.mean() == pytest.approx(0.5, abs=0.03), "choosing the best does not lift the score"


def test_features_made_by_hand_explain_what_they_hold() -> None:
    found = planted()
    assert found.explained_by_hand[4] > 0.5 and found.explained_by_hand[1] > 0.9
    assert found.explained_by_hand[2] == 0
    # What instances have in common counts for neither: a unit that follows them beside a rise is explained by the rise.
    alike = Curves(TEMPO, found.responses[:, :, :1], found.responses[:, :, 4:5])
    assert alike.explained_by_hand[0] > 0.9 and alike.selectivity[0] > 0.9


def test_intervals_hold_the_mean() -> None:
    found = planted()
    assert (found.half >= 0).all() and found.half[0, 1] == pytest.approx(
        2.365 * found.responses[0, :, 1].std(ddof=1) / np.sqrt(INSTANCES), rel=1e-3
    )


def test_auc_counts_ties_half() -> None:
    values = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 0.0], [1.5, 0.0]])
    assert auc(values, np.array([True, True, False, False])).tolist() == [0.75, 0.5]


def test_how_surely_a_unit_tells_is_of_the_other_instances_alone() -> None:
    found = planted()
    p = found.telling().p
    assert p[4] < 1e-3 < 0.01 < p[2]
    chance = Curves(TEMPO, np.random.default_rng(6).normal(size=(len(TEMPO.values), INSTANCES, 400))).telling()
    assert (chance.p < 0.05).mean() == pytest.approx(0.05, abs=0.04) and (chance.chosen_by > chance.auc).mean() > 0.6


def test_absence_is_no_concept() -> None:
    assert [concept.name for concept in concepts_of(KICK)] == ["kick"]
    assert len(concepts_of(CHORD)) == len(CHORD.values)
