"""The embedded judge brings a calibration on held-out pieces of its composer, and hears with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonescope import JudgeSession
from tonescope.diagnose.calibrating.calibration_store import NONE, find_file
from tonescope.diagnose.judging.told_calibration import told_calibration
from tonescope.models.judges.fitted_calibration import FILE, FittedCalibration
from tonescope.models.judges.two_towers import TwoTowers
from tonescope.models.loading import EMBEDDED, find


@pytest.fixture(scope="module")
def judge() -> TwoTowers:
    found = JudgeSession.open(EMBEDDED).judge
    assert isinstance(found, TwoTowers)
    return found


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONESCOPE_WORKSPACE", str(tmp_path / "data"))


def test_it_fits_the_judge_that_it_is_shipped_with(judge: TwoTowers) -> None:
    folder = find(EMBEDDED, "judge")
    assert folder is not None and find_file(judge.identity, folder) == folder / FILE
    card = FittedCalibration.load(folder / FILE).card
    assert judge.fitted is not None and judge.fitted.card == card
    assert len(set(card.clips)) == 1 and card.groups == sum(card.clips) and not card.skipped
    assert card.through == EMBEDDED and card.reconstructed and card.accuracy_after > 0.9
    assert card.temperature == judge.calibration.temperature and card.bias == judge.calibration.bias


def test_it_is_said_and_may_be_done_without(judge: TwoTowers) -> None:
    assert "clips of held-out pieces of the composer; its probabilities are off by " in told_calibration(judge)
    bare = JudgeSession.open(EMBEDDED, calibration=NONE).judge
    assert "calibrated by its makers on 570 clips" in told_calibration(bare)
    other = JudgeSession.open(EMBEDDED, labels="broad").judge
    assert told_calibration(other) == "no calibration"
