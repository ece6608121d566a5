"""``tonescope runs``, and a run that was made in the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.ui.test_cli import assert_refused
from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.jobs.job_registry import Row
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError
from tonescope.ui.cli import app

TOY = Row("toy", "technique", "tests.ui.toy_technique", "Count the units of a location.")


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(job_registry, "ROWS", [*job_registry.ROWS, TOY])
    monkeypatch.setenv("TONESCOPE_WORKSPACE", str(tmp_path / "own"))


def runs(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["runs", *arguments])


def done(*arguments: str) -> Result:
    result = runs(*arguments)
    assert result.exit_code == 0, result.output
    return result


def toy(folders: tuple[Path, Path], *arguments: str) -> Result:
    models = ("--model", str(folders[0]), "--judge", str(folders[1]))
    return CliRunner().invoke(app, ["toy", "decoder.1.mlp", *models, *arguments])


@pytest.fixture
def kept(folders: tuple[Path, Path]) -> str:
    """The name of a run that was made in the terminal."""
    result = toy(folders, "--workspace", "default")
    assert result.exit_code == 0 and "has 40 units." in result.stdout, result.output
    return result.stderr.split("tonescope runs show ")[1].split()[0]


def test_a_run_made_in_the_terminal_is_listed_shown_and_deleted(kept: str) -> None:
    line = done("list").stdout
    assert kept in line and "toy “decoder.1.mlp”: Something was found early." in line and " done " in line
    assert done().stdout == line
    assert done("list", "FOUND early").stdout == line and done("list", "polka").stdout == ""
    (row,) = json.loads(done("list", "--json").stdout)
    assert (row["name"], row["state"], row["parameters"]["takes"]) == (kept, "done", 2) and "worker" not in row
    shown = done("show", kept, "--details")
    assert "decoder.1.mlp has 40 units." in " ".join(shown.stdout.split()) and "audio" in shown.stderr
    found = json.loads(done("show", kept, "--json").stdout)
    assert found["result"]["units"] == 40 and found["models"].endswith("judge")
    assert json.loads(done("delete", kept, "--json").stdout) == {"deleted": [kept]}
    assert done("list", "--json").stdout.strip() == "[]"
    assert_refused(runs("show", kept), "there is no run")


def test_a_run_is_sent_and_received(kept: str, tmp_path: Path) -> None:
    file, other = str(tmp_path / "run.zip"), str(tmp_path / "other")
    done("export", kept, file)
    assert done("import", file, "--workspace", other).stdout.strip() == kept
    assert json.loads(done("show", kept, "--json", "--workspace", other).stdout)["result"]["units"] == 40
    assert_refused(runs("export", kept, file), "there already")
    done("export", kept, file, "--overwrite")
    Path(file).write_bytes(b"PK")
    assert_refused(runs("import", file), "no run as Tonescope exports it")
    assert_refused(runs("import", str(tmp_path / "missing.zip")), "cannot be imported")


def test_what_is_not_given_is_kept_nowhere(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert toy(folders).exit_code == 0
    assert not (tmp_path / "own").exists()


def test_a_workspace_that_cannot_be_used_is_told_before_models_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    missing = (tmp_path / "no model", tmp_path / "no judge")
    assert_refused(toy(missing, "--workspace", str(tmp_path / "file")), "is a file")
    for command in (["list"], ["show", "x" * 22], ["delete", "x" * 22], ["export", "x" * 22, "f"], ["import", "f"]):
        assert_refused(runs(*command, "--workspace", str(tmp_path / "file")), "is a file")
        assert_refused(runs(*command, "--workspace", " "), "--workspace was given nothing")


def test_a_run_that_is_refused_is_kept_with_the_reason(folders: tuple[Path, Path]) -> None:
    models = ("--model", str(folders[0]), "--judge", str(folders[1]))
    told = CliRunner().invoke(app, ["diagnose", "house", "--seconds", "50", *models, "--workspace", "default"])
    assert_refused(told, "50 seconds")
    with Workspace.open() as workspace:
        (run,) = workspace.runs.page().runs
    assert run.state == "failed" and "50 seconds" in run.problem and run.problem in told.stderr.replace("\n", " ")


def test_what_was_found_is_shown_even_where_it_cannot_be_kept(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise TonescopeError("the disk is full; free some space.")

    monkeypatch.setattr("tonescope.diagnose.store.run_files.RunFiles.write", full)
    result = toy(folders, "--workspace", "default")
    assert "has 40 units." in result.stdout
    assert_refused(result, "the disk is full")
    assert " failed " in done("list").stdout


@pytest.mark.parametrize(
    "command",
    [
        ("runs", "list"),
        ("runs", "show", "x"),
        ("runs", "delete", "x"),
        ("runs", "export", "x", "x.zip"),
        ("bookmarks", "list"),
        ("bookmarks", "open", "decoder.1.mlp:3"),
        ("bookmarks", "remove", "decoder.1.mlp:3"),
        ("bookmarks", "export", "x.json"),
    ],
)
def test_what_only_reads_makes_no_workspace(command: tuple[str, ...], tmp_path: Path) -> None:
    for folder in (tmp_path / "typo", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        result = CliRunner().invoke(app, [*command, "--workspace", str(folder)])
        assert_refused(result, f"there is no workspace in {folder}")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"] and not list((tmp_path / "empty").iterdir())


def test_names_that_are_none_delete_nothing(kept: str) -> None:
    assert_refused(runs("delete", kept, "../../x"), "there is no run")
    assert json.loads(done("list", "--json").stdout)
    assert_refused(runs("delete"), "missing argument")
    assert_refused(runs("list", "--most", "0"), "most")


def test_what_people_typed_does_not_steer_the_terminal(tmp_path: Path) -> None:
    from tonescope.diagnose.store.run_list import Run, new_name

    with Workspace.open() as workspace:
        workspace.runs.add(Run(new_name(), "toy", {}, title="a\x1b[2Jb\nc", state="done"))
    listed = done("list").stdout
    assert "\x1b" not in listed and listed.count("\n") == 1


def test_runs_are_listed_without_loading_a_model() -> None:
    code = (
        "import sys; from tonescope.ui.cli import main\n"
        "try:\n    main(['runs', 'list'])\nfinally:\n"
        "    assert not {'torch', 'transformers', 'gradio', 'plotly'} & sys.modules.keys()"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
