"""An experiment as views."""

from __future__ import annotations

import re

import pytest

from tests.diagnose.report import shown
from tonescope.diagnose.intervene.verification import Played
from tonescope.diagnose.jobs.experiment import EDITED, Experiment
from tonescope.diagnose.report import experiment_views, sentences
from tonescope.diagnose.report.view import View
from tonescope.diagnose.stats import effect


@pytest.fixture(scope="module")
def found() -> tuple[Experiment, Played]:
    return shown.edited()


@pytest.fixture(scope="module")
def views(found: tuple[Experiment, Played]) -> dict[str, View]:
    return {view.key: view for view in experiment_views.views(*found)}


def test_what_was_done_comes_first_and_what_came_of_it_next(
    found: tuple[Experiment, Played], views: dict[str, View]
) -> None:
    assert list(views)[:2] == ["edit", "effect"]
    assert "decoder.1.mlp:5 set to 30" in views["edit"].notes[0]
    assert views["effect"].findings[0][1] == found[0].trial.badge


def test_takes_stand_beside_the_same_takes_edited(found: tuple[Experiment, Played], views: dict[str, View]) -> None:
    experiment, played = found
    takes = views["takes"]
    assert [row[0] for row in takes.tables[0].rows] == [str(take.seed) for take in experiment.untouched]
    for row in takes.sounds:
        assert [sound.title for sound in row] == ["untouched", "edited", "random ones edited"]
        assert len({played.sounds[sound.takes].seeds[sound.row] for sound in row}) == 1
        assert row[1].heard == played.outcomes[EDITED].heard[row[1].row]


def test_without_random_units_nothing_is_said_of_them(found: tuple[Experiment, Played]) -> None:
    alone = found[0].model_copy(update={"control": None, "difference": None, "control_units": 0})
    outcomes = {EDITED: found[1].outcomes[EDITED]}
    played = Played(found[1].contrast, found[1].clean, outcomes, found[1].rate, found[1].usual)
    views = {view.key: view for view in experiment_views.views(alone, played)}
    assert "random" not in views["effect"].sentences[0][0]
    assert len(views["takes"].sounds[0]) == 2 and len(views["audio_quality"].findings) == 1
    assert "random" not in views["audio_quality"].notes[0]


def changed(found: Experiment, trial: list[float], control: list[float], **about: object) -> Experiment:
    """The same experiment with other effects, one number a take, edited and with random units."""
    assert found.control is not None
    apart = effect([one - other for one, other in zip(trial, control, strict=True)])
    flips: dict[str, object] = {name: about.pop(name) for name in ("flips", "flippable") if name in about}
    moved = {
        "trial": found.trial.model_copy(update={"effect": effect(trial), "q": apart.p, **flips}),
        "control": found.control.model_copy(update={"effect": effect(control)}),
        "difference": apart,
    }
    return found.model_copy(update={**moved, **about})


def test_case_an_edit_is_told_in_takes_and_its_odds_and_q_stand_under_the_numbers(
    found: tuple[Experiment, Played],
) -> None:
    experiment = changed(found[0], [-2.0, -2.1, -1.9, -2.2], [0.1, 0.2, -0.1, 0.0], flips=3, flippable=4)
    views = {view.key: view for view in experiment_views.views(experiment, found[1])}
    told = views["effect"].sentences[0][0]
    assert told.startswith("3 of 4 new takes") and f"stop being {experiment.contrast.target}" in told
    assert "with 1 random unit changed alike: " in told
    assert not re.search(r"\bq\b|odds|[+−]\d|\d\.\d", told)
    numbers = views["numbers"].findings[0][0]
    assert numbers.startswith("It moves ") and "−2.05 (−2.26 to −1.84)" in numbers and ", q 0.00" in numbers
    assert views["effect"].depth == "first" and views["numbers"].depth != "first"


def test_takes_that_are_all_known_say_how_many_are_what_was_asked_for(found: tuple[Experiment, Played]) -> None:
    target = found[0].contrast.target
    asked = found[0].contrast.model_copy(update={"foil": "jazz"})

    def told(heard: dict[str, int]) -> str:
        played = changed(found[0], [-2.0, -2.1], [0.1, 0.2], flips=2, flippable=2, contrast=asked)
        return sentences.experiment(
            played.model_copy(update={"trial": played.trial.model_copy(update={"heard": heard})})
        )

    assert f"2 of 2 new takes stop being {target}, and 2 are jazz" in told({"jazz": 2})
    assert "but none is jazz" in told({"house": 2})


def test_case_too_few_takes_are_said_first_and_no_interval_is(found: tuple[Experiment, Played]) -> None:
    few = changed(found[0], [-2.0, 1.0], [0.5, -0.5], flips=1, flippable=2)
    assert sentences.experiment(few).startswith("Too few takes to tell: 1 of 2 new takes stops being ")
    numbers = sentences.in_numbers(few)
    assert "by −0.50, and 1 random unit changed alike by +0.00; these are too few for an interval." in numbers
    assert ", q " not in numbers and not re.search(r"[+−][\d.]+ to [+−]", numbers)
    assert sentences.in_numbers(changed(found[0], [-2.0], [0.5])).startswith("In 1 new take it moves ")


def test_a_sound_that_broke_is_said_to_say_nothing(found: tuple[Experiment, Played]) -> None:
    trial, control = found[0].trial, found[0].control
    assert control is not None and "broke" not in sentences.experiment(found[0])
    broken = trial.sound.model_copy(update={"broke": True})
    noise = found[0].model_copy(update={"trial": trial.model_copy(update={"sound": broken})})
    assert "The sound broke, so that says nothing of the music." in sentences.experiment(noise)
    other = found[0].model_copy(update={"control": control.model_copy(update={"sound": broken})})
    assert "With random units the sound broke" in sentences.experiment(other)


@pytest.mark.parametrize(("units", "random", "told"), [(1, "unit", "this unit"), (2, "units", "these units")])
def test_case_random_units_that_moved_more_are_said_in_words(
    found: tuple[Experiment, Played], units: int, random: str, told: str
) -> None:
    edit = found[0].edit.model_copy(update={"targets": ["decoder.1.mlp:5", "decoder.1.mlp:6"][:units]})
    experiment = changed(
        found[0], [-0.2, 0.1, -0.1, 0.1], [-2.0, -1.8, -2.1, -2.2], control_units=units, edit=edit, flippable=4
    )
    said = sentences.experiment(experiment)
    assert "moved it further" in said and f"nothing points to {told} in particular." in said
    assert f"with {units} random {random} changed alike" in said


@pytest.mark.parametrize(
    ("flips", "flippable", "told"),
    [
        (0, 2, "None of 2 new takes"),
        (1, 2, "1 of 2 new takes"),
        (0, 1, "The one new take that is "),
        (0, 0, "No new take is heard as "),
    ],
)
def test_case_takes_that_become_another_genre_are_told_as_people_say_it(
    found: tuple[Experiment, Played], flips: int, flippable: int, told: str
) -> None:
    said = sentences.experiment(changed(found[0], [-1.0, 1.0], [0.0, 0.5], flips=flips, flippable=flippable))
    assert told.lower() in said.lower() and "no longer" not in said and not re.search(r"\b0 of", said)


def test_case_one_minus_sign_is_used_in_all_that_people_read(found: tuple[Experiment, Played]) -> None:
    edit = found[0].edit.model_copy(update={"kind": "scale", "value": -3.0, "strength": -0.5})
    experiment = changed(found[0], [-2.0, -2.1, -1.9, -2.2], [-0.1, 0.2, -0.1, 0.0], edit=edit)
    lines = [text for view in experiment_views.views(experiment, found[1]) for text, _ in view.sentences]
    lines += [str(effect([-1.0, -2.0])), str(effect([-1e-9, 1e-9])), sentences.outcome(experiment.trial)]
    assert not [line for line in lines if re.search(r"(?<![\w–-])-\d", line)]
    assert "multiplied by −3 by −0.5 of the way" in sentences.edit(experiment)
    assert str(effect([-1.0, -1.001])) == "−1.00 (−1.01 to −0.99)" and str(effect([-1e-9, -1e-9])).startswith("+0.00")


def test_case_which_takes_are_fresh_and_what_badge_and_q_mean_is_said(
    found: tuple[Experiment, Played], views: dict[str, View]
) -> None:
    assert "(seeds 3 and 4)" in views["takes"].sentences[0][0] and "(seeds 1 and 2)" in views["takes"].sentences[0][0]
    assert any(note.startswith("Tested:") and "q" in note for note in views["numbers"].notes)
    sure = sentences.sureness(changed(found[0], [-2.0, -2.1], [0.1, 0.2]))
    assert "than random units" not in sure and "from random units changed alike" in sure


def test_case_without_a_foil_the_music_moves_away_and_not_towards_anything_else(
    found: tuple[Experiment, Played],
) -> None:
    asked = found[0].contrast.model_copy(update={"target": "house", "foil": None})
    alone = found[0].model_copy(update={"contrast": asked})
    against = found[0].model_copy(update={"contrast": asked.model_copy(update={"foil": "jazz"})})
    assert "away from house when edited" in sentences.scale(alone)
    assert "towards jazz when edited" in sentences.scale(against)
    assert "anything else" not in sentences.scale(alone) + sentences.in_numbers(alone)
    assert "“house” over “jazz”" in sentences.in_numbers(against)
