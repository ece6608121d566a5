"""Units are edited from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner, Result

from tonescope.diagnose.jobs.experiment import Experiment
from tonescope.models.errors import TonescopeError
from tonescope.ui.cli import app

PROMPT = "smooth jazz with piano"


def run(folders: tuple[Path, Path], *arguments: str) -> Result:
    generator, judge = folders
    models = ("--model", str(generator), "--judge", str(judge), "--takes", "2", "--seconds", "0.5")
    return CliRunner().invoke(app, ["edit", PROMPT, *arguments, *models])


def test_people_read_what_was_done_and_what_came_of_it(folders: tuple[Path, Path]) -> None:
    result = run(folders, "decoder.1.mlp:5", "decoder.2.self:1")
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    for part in (
        "decoder.1.mlp:5, decoder.2.self:1 muted (held at its average over prompts)",
        "new take",
        "2 random units",
        "untouched",
    ):
        assert part in text, part


def test_the_folder_holds_sound_json_and_a_page(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    where = ("decoder.1.mlp:5", "--kind", "scale", "--value", "3", "--between", "0.1", "0.3", "--out", str(out))
    assert run(folders, *where).exit_code == 0
    found = Experiment.model_validate_json((out / "experiment.json").read_text())
    assert (found.edit.kind, found.edit.value, found.edit.seconds) == ("scale", 3.0, (0.1, 0.3))
    assert found.control is not None
    names = [take.audio for take in (*found.untouched, *found.edited)] + found.control.audio
    assert len(set(names)) == 6
    assert all(len(soundfile.read(out / str(name))[0]) == 800 for name in names)
    page = (out / "report.html").read_text()
    assert page.count('"data:audio/flac;base64,') == 6 and "<code>decoder.1.mlp:5</code>" in page
    assert run(folders, *where).exit_code == 2  # nothing is overwritten unasked
    assert run(folders, *where, "--overwrite").exit_code == 0


def test_json_is_the_documented_schema(folders: tuple[Path, Path]) -> None:
    result = run(folders, "decoder.1.mlp", "--kind", "zero", "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    schema = json.loads(CliRunner().invoke(app, ["schema", "edit"]).stdout)
    assert set(data) == set(schema["properties"]) and data["control_units"] == 1


def test_every_option_reaches_the_edit(folders: tuple[Path, Path]) -> None:
    options = ("--branch", "cond", "--strength", "0.5", "--between", "0", "0.4", "--seed", "7", "--guidance", "2")
    data = json.loads(
        run(folders, "decoder.1.residual", "--kind", "patch", "--source", "house", *options, "--json").stdout
    )
    assert data["edit"] == {
        "targets": ["decoder.1.residual"],
        "kind": "patch",
        "value": 0.0,
        "seconds": [0.0, 0.4],
        "branch": "cond",
        "strength": 0.5,
        "source": "house",
        "steps": None,
    }
    assert data["settings"]["guidance"] == 2.0 and data["untouched"][0]["seed"] == 9


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["decoder.1.mlp:5", "--kind", "scale"], "needs a value"),
        (["decoder.1.mlp:5", "--value", "2"], "takes no value"),
        (["decoder.1.mlp:999999"], "units 0 to"),
        (["decoder.1.mlp:5", "--between", "0.4", "0.2"], "not a stretch of time"),
        (["decoder.1.mlp:5", "--branch", "left"], "is no branch of an edit"),
    ],
)
def test_what_makes_no_edit_is_refused(folders: tuple[Path, Path], arguments: list[str], told: str) -> None:
    result = run(folders, *arguments)
    assert result.exit_code == 2, result.output
    assert told in " ".join(result.stderr.split()) and "Traceback" not in result.output


PATCH = ["decoder.1.mlp:5", "--kind", "patch", "--donor"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([*PATCH, "  "], "--source was given nothing"),
        ([*PATCH, "…"], "the source prompt has no word"),
        ([*PATCH, "house " * 3000], "the source prompt is 18000 characters long"),
        ([*PATCH, "house \udcff"], "the source prompt holds bytes that are no text"),
        (["decoder.1.mlp:5", "--kind", "scale", "--value", "1e300"], "ask for -10000 to 10000"),
        (["decoder.1.mlp:5", "--kind", "set", "--value", "nan"], "value"),
        (["decoder.1.mlp:5", "--strength", "1e300"], "ask for -100 to 100"),
        (["decoder.1.mlp:5", "--between", "0", "1e300"], "ask for 0 to 60"),
        (["decoder.1.mlp:5", "--between", "nan", "1"], "between"),
        (["decoder.1.mlp:5", "--takes", "9" * 300], "takes cannot be made"),
        (["decoder.1.mlp:5", "--seed", "18446744073709551616"], "ask for 0 to 1000000000000000000"),
        (["decoder.1.mlp:5", "--kind", ""], "--kind was given nothing"),
        (["decoder.1.mlp:5", "--out", ""], "--out was given nothing"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else str(value),
)
def test_case_donors_and_numbers_of_an_edit_are_checked_before_anything_is_loaded(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("tonescope.diagnose.runtime.session.Session.open")
    result = CliRunner().invoke(app, ["edit", PROMPT, *arguments])
    assert result.exit_code == 2, result.output
    assert told in result.stderr and len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(("gib", "says"), [("0", "cannot be worked with"), ("0.0000001", "needs about")])
def test_a_bound_on_memory_holds_for_an_edit(folders: tuple[Path, Path], gib: str, says: str) -> None:
    result = run(folders, "decoder.1.mlp:5", "--memory", gib)
    assert result.exit_code == 2 and says in result.stderr.replace("\n", " ")


def test_a_folder_that_cannot_be_written_loses_nothing(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise TonescopeError("the disk is full.")

    monkeypatch.setattr("tonescope.diagnose.report.output_folder.write", full)
    result = run(folders, "decoder.1.mlp:5", "--out", str(tmp_path / "out"))
    assert result.exit_code == 2 and "the disk is full" in result.stderr
    assert "What that does" in result.stdout and "Written to" not in result.stdout


@pytest.mark.parametrize(
    ("command", "where"),
    [("edit", "nosuch.place:3"), ("edit", "decoder.9.mlp"), ("edit", "decoder.1.mlp:4000"), ("units", "decoder.9.mlp")],
)
def test_case_a_wrong_place_is_refused_before_weights_are_loaded(
    command: str, where: str, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("tonescope.diagnose.runtime.session.Session.open")
    monkeypatch.delattr("tonescope.models.loading.load_generator")
    asked = [command, *([PROMPT] if command == "edit" else []), where, "--model", str(folders[0])]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 2 and len(result.stderr.strip().splitlines()) == 1, result.output
    assert result.stderr.startswith("error: ") and where.partition(":")[0] in result.stderr
