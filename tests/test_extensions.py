"""A family, a judge, a technique and a report, each one file and one row, work everywhere, and together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile
from markupsafe import escape
from typer.testing import CliRunner, Result

from tests import tiny
from tests.models.families import toy_diffusion
from tests.models.judges import toy_judge
from tonescope.diagnose.jobs import job_registry as jobs
from tonescope.diagnose.jobs.job_registry import Row as JobRow
from tonescope.diagnose.judging.blame import player
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models import registry as models
from tonescope.models.registry import Row as ModelRow
from tonescope.ui.cli import app
from tonescope.ui.components import run_view
from tonescope.ui.workshop import Workshop

PROMPT = "bright drums with piano"
QUICK = ("--takes", "2", "--seconds", "0.5", "--candidates", "8", "--rounds", "1", "--test-words", "1", "--dose", "0")
MODELS = [
    ModelRow("Toy diffusion", "generator", (toy_diffusion.MODEL_TYPE,), "tests.models.families.toy_diffusion"),
    ModelRow("Toy judge", "judge", (toy_judge.MODEL_TYPE,), "tests.models.judges.toy_judge"),
]
JOBS = [
    JobRow("toy", "technique", "tests.ui.toy_technique", "Count the units of a location."),
    JobRow("toys", "report", "tests.ui.toy_report", "Count the locations of a model."),
]


@pytest.fixture(autouse=True)
def _rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "REGISTRY", [*models.REGISTRY, *MODELS])
    monkeypatch.setattr(jobs, "ROWS", [*jobs.ROWS, *JOBS])


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The folders of a toy generator and a toy judge."""
    root = tmp_path_factory.mktemp("toys")
    return str(toy_diffusion.save(root / "generator")), str(toy_judge.save(root / "judge"))


def run(toys: tuple[str, str], *arguments: str) -> Result:
    result = CliRunner().invoke(app, [*arguments, "--model", toys[0], "--judge", toys[1]])
    assert result.exit_code == 0, result.output
    return result


def test_diagnose_explains_a_diffusion_model_by_a_judge_without_a_text_tower(
    toys: tuple[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shown = " ".join(run(toys, "diagnose", PROMPT, *QUICK, "--details", "--out", str(out)).stdout.split())
    assert "denoiser." in shown and "decoder.0" not in shown.replace("codec.", "") and "bright" in shown
    found = Diagnosis.model_validate_json((out / "diagnosis.json").read_text())
    assert found.model.description.endswith("4 denoising steps") and found.judge.description == toy_judge.DESCRIPTION
    networks = {row.unit.partition(".")[0] for row in found.drivers.units}
    assert "denoiser" in networks and networks <= {"denoiser", "text"}
    assert found.drivers.group is not None and found.drivers.group.units == len(found.drivers.group.names)
    assert "decoder" not in found.blame.sentence
    sound, rate = soundfile.read(next(iter((out / "audio").iterdir())))
    assert sound.shape == (800, 2) and rate == toy_diffusion.SAMPLE_RATE
    html = (out / "report.html").read_text()
    assert html.count("data:audio/") >= 4 and f"<code>{found.drivers.units[0].unit}</code>" in html


def test_a_drift_is_laid_on_the_denoiser_and_not_on_a_decoder(toys: tuple[str, str]) -> None:
    session = Session.open(*toys)
    assert player(session.generator) == "denoiser" and player(tiny.generator()) == "decoder"
    asked = ("--intended", "quiet", *QUICK, "--takes", "8")
    found = Diagnosis.model_validate_json(run(toys, "diagnose", PROMPT, *asked, "--json").stdout)
    assert "drift" in found.verdict.kind and "denoiser" in found.blame.sentence
    assert "decoder" not in found.blame.sentence and found.blame.where in ("denoiser", "unclear")


def test_diagnose_prints_json(toys: tuple[str, str]) -> None:
    printed = json.loads(run(toys, "diagnose", PROMPT, *QUICK, "--json").stdout)
    found = Diagnosis.model_validate(printed)
    assert {take.heard for take in found.takes} <= set(toy_judge.LABELS)
    schema = json.loads(CliRunner().invoke(app, ["schema", "diagnose"]).stdout)
    assert set(printed) == set(schema["properties"])


def test_units_lists_the_places_of_the_toy(toys: tuple[str, str]) -> None:
    shown = CliRunner().invoke(app, ["units", "--model", toys[0], "--json"])
    assert shown.exit_code == 0, shown.output
    rows = {row["location"]: row for row in json.loads(shown.stdout)}
    assert rows["denoiser.1.mlp"]["units"] == toy_diffusion.INNER and rows["denoiser.0.self"]["kind"] == "head"
    assert "decoder.0.mlp" not in rows and "codec.3.decoder" in rows
    told = CliRunner().invoke(app, ["units", "decoder.mlp", "--model", toys[0]])
    assert told.exit_code == 2 and "has no location decoder.0.mlp" in told.stderr.replace("\n", " ")


def test_an_edit_of_some_denoising_steps_and_of_one_half_of_guidance(toys: tuple[str, str]) -> None:
    quick = ("--kind", "set", "--value", "4", "--takes", "2", "--seconds", "0.5")
    where = ("edit", PROMPT, "denoiser.1.mlp:3", "denoiser.0.self:1")
    limited = json.loads(run(toys, *where, *quick, "--steps", "1", "3", "--branch", "uncond", "--json").stdout)
    whole = json.loads(run(toys, *where, *quick, "--json").stdout)
    assert limited["edit"]["steps"] == [1, 3] and whole["edit"]["steps"] is None
    assert limited["edited"] != whole["edited"] and limited["untouched"] == whole["untouched"]
    assert "denoising steps 1 to 2" in " ".join(run(toys, *where, *quick, "--steps", "1", "3").stdout.split())


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (("2", "9"), "choose a range within 0 to 4"),
        (("3", "1"), "are no range"),
        (("-1", "2"), "no edit can start or end at step -1"),
    ],
)
def test_steps_that_are_none_are_refused(toys: tuple[str, str], steps: tuple[str, str], told: str) -> None:
    where = ("edit", PROMPT, "denoiser.1.mlp:3", "--model", toys[0], "--judge", toys[1])
    result = CliRunner().invoke(app, [*where, "--steps", *steps])
    assert result.exit_code == 2 and told in " ".join(result.stderr.split()), result.output


def test_technique_and_report_work_on_the_toys(toys: tuple[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "denoiser.1.mlp has 24 units." in " ".join(
        run(toys, "toy", "denoiser.1.mlp", "--out", str(out)).stdout.split()
    )
    assert json.loads((out / "toy.json").read_text())["units"] == toy_diffusion.INNER
    assert (out / "report.html").read_text().count("data:audio/") == 2
    counted = json.loads(run(toys, "toys", "--json").stdout)
    listed = CliRunner().invoke(app, ["units", "--model", toys[0], "--json"]).stdout
    assert counted["locations"] == len(json.loads(listed)) == 14
    run(toys, "toys", "--out", str(tmp_path / "report"))
    assert "has 14 locations." in (tmp_path / "report" / "report.html").read_text()
    for name in ("toy", "toys"):
        assert json.loads(CliRunner().invoke(app, ["schema", name]).stdout)["properties"]


@pytest.mark.parametrize(
    ("job", "given"),
    [
        ("diagnose", {"prompt": PROMPT, "takes": 2, "seconds": 0.5, "intended": "bright"}),
        ("toy", {"where": "denoiser.1.mlp"}),
        ("toys", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_page_shows_what_was_found(toys: tuple[str, str], tmp_path: Path, job: str, given: dict[str, Any]) -> None:
    with Workspace.open(tmp_path / "runs") as workspace:
        workshop = Workshop(Session.open(*toys), workspace)
        name = workshop.queue.submit(job, given).name
        run = workshop.queue.wait(name)
        assert run.state == "done", run.problem
        content = workspace.content(name)
        judge = workshop.session.judge
        text = run_view.html(run, content, workshop.address(name), run_view.Listener(judge.name, judge.labels))
        workshop.close()
    assert all(str(escape(view.title)) in text for view in content.views)
    assert all(f"/audio/result/{Path(sound.file).name}" in text for sound in content.sounds.files.values())
