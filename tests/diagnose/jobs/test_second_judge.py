"""A second judge in a diagnosis: compared with the first in the same takes, and said what it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from tests import tiny
from tests.models.judges.toy_judge import ToyJudge
from tests.ui.test_cli import assert_refused
from tonescope.diagnose.jobs.contrasting import compared
from tonescope.diagnose.jobs.request import Models
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.taxonomy import from_rows
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.listening import posterior
from tonescope.ui.cli import app

SEEDS = tuple(range(1, 9))


def takes() -> torch.Tensor:
    time = torch.arange(800) / 1600
    return torch.stack([torch.sin(2 * torch.pi * 40.0 * seed * time) for seed in SEEDS])


def models(second: object | None) -> Models:
    return Models(tiny.generator(), tiny.judge(), from_rows(tiny.ROWS), second=second)  # type: ignore[arg-type]


def test_a_judge_agrees_with_itself_in_every_take() -> None:
    judge = tiny.judge()
    found = compared(takes(), 1600, posterior(judge, takes(), 1600), SEEDS, models(judge))
    assert found is not None and found.alike.count == found.compared == 8 and not found.disagreements
    assert "no calibration" in found.about_second
    assert compared(takes(), 1600, posterior(judge, takes(), 1600), SEEDS, models(None)) is None


def test_where_two_hear_otherwise_the_takes_are_named_by_their_seeds() -> None:
    toy = ToyJudge(labels=("jazz fusion", "house", "quiet"))
    found = compared(takes(), 1600, posterior(tiny.judge(), takes(), 1600), SEEDS, models(toy))
    assert found is not None and found.alike.count < 8
    assert {int(seed) for seed, *_ in found.disagreements} <= set(SEEDS)
    view = shared_views.agreement(found, "seed")
    assert view is not None and view.tables[0].columns == ("seed", "tiny judge", "toy judge")


def test_a_second_judge_without_labels_chooses_between_those_of_the_first(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    import shutil

    bare = tmp_path / "bare"
    shutil.copytree(folders[1], bare)
    (bare / "tonescope.json").unlink()
    session = tiny.session().with_second(str(bare))
    assert session.second is not None and session.second.labels == session.judge.labels
    strange = tmp_path / "strange"
    shutil.copytree(folders[1], strange)
    rows = [{"label": name, "family": name} for name in ("piano", "drums")]
    (strange / "tonescope.json").write_text(json.dumps({"labels": rows}))
    with pytest.raises(TonescopeError, match="no genre in common"):
        tiny.session().with_second(str(strange))


def test_a_diagnosis_has_it_in_json_and_refuses_a_name_that_is_none(folders: tuple[Path, Path]) -> None:
    asked = ("diagnose", "house piano", "--model", str(folders[0]), "--judge", str(folders[1]), "--quick")
    quick = ("--takes", "3", "--seconds", "0.5", "--json")
    result = CliRunner().invoke(app, [*asked, *quick, "--second-judge", str(folders[1])])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["agreement"]["compared"] == 3 and found["agreement"]["alike"]["count"] == 3
    assert found["judge"]["calibration"] == "no calibration"
    assert_refused(CliRunner().invoke(app, [*asked, *quick, "--second-judge", "none/such"]), "none/such")
    assert_refused(CliRunner().invoke(app, [*asked, *quick, "--second-judge", ""]), "given nothing")
