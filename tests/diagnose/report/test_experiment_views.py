"""An experiment as views."""

from __future__ import annotations

import pytest

from tests.diagnose.report import shown
from tonescope.diagnose.intervene.verification import Played
from tonescope.diagnose.jobs.experiment import EDITED, Experiment
from tonescope.diagnose.report import experiment_views
from tonescope.diagnose.report.view import View


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
        assert [sound.title for sound in row] == ["untouched", "edited", "random units edited"]
        assert len({played.sounds[sound.takes].seeds[sound.row] for sound in row}) == 1
        assert row[1].heard == played.outcomes[EDITED].heard[row[1].row]


def test_without_random_units_nothing_is_said_of_them(found: tuple[Experiment, Played]) -> None:
    alone = found[0].model_copy(update={"control": None, "difference": None, "control_units": 0})
    outcomes = {EDITED: found[1].outcomes[EDITED]}
    played = Played(found[1].contrast, found[1].clean, outcomes, found[1].rate)
    views = {view.key: view for view in experiment_views.views(alone, played)}
    assert "random" not in views["effect"].sentences[0][0]
    assert len(views["takes"].sounds[0]) == 2 and len(views["audio_quality"].sentences) == 1
