"""A job of one file and one row is a command with JSON, a schema, a folder and the same refusals as every other."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner, Result

from tests.ui.test_cli import assert_refused
from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.jobs.job_registry import Row
from tonescope.diagnose.jobs.parameters import Range, fields, marked
from tonescope.ui.cli import app
from tonescope.ui.cli.job_commands import APP, PANELS

TOYS = [
    Row("toy", "technique", "tests.ui.toy_technique", "Count the units of a location."),
    Row("toys", "report", "tests.ui.toy_report", "Count the locations of a model."),
]


@pytest.fixture(autouse=True)
def _rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_registry, "ROWS", [*job_registry.ROWS, *TOYS])


def run(folders: tuple[Path, Path], *arguments: str) -> Result:
    models = ("--model", str(folders[0]), "--judge", str(folders[1]))
    return CliRunner().invoke(app, [*arguments, *models])


def test_help_lists_every_row_without_importing_its_job() -> None:
    for row in TOYS:
        sys.modules.pop(row.module, None)
    shown = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout.split())
    assert all(row.name in shown and row.help in shown for row in job_registry.ROWS if not row.group)
    for group in {row.group for row in job_registry.ROWS} - {""}:
        shown = " ".join(CliRunner().invoke(app, [group, "--help"], env={"COLUMNS": "200"}).stdout.split())
        assert all(row.help in shown for row in job_registry.ROWS if row.group == group)
    assert not any(row.module in sys.modules for row in TOYS)


def test_help_lists_every_command_under_the_panel_of_its_kind() -> None:
    lines = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout.splitlines()
    titles = [line.strip("╭─╮ ") for line in lines if line.startswith("╭")]
    assert titles == ["Options", *dict.fromkeys(PANELS.values())]
    under: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("╭"):
            title = line.strip("╭─╮ ")
        elif line.startswith("│ "):
            under.setdefault(title, []).append(line.split()[1])
    for row in job_registry.ROWS:
        assert row.group or row.name in under[PANELS[row.kind]], row.name
    assert {"ui", "runs", "judge"} <= set(under[APP]) and "units" in under[PANELS["technique"]]


def test_help_of_a_job_says_what_its_fields_say() -> None:
    shown = " ".join(CliRunner().invoke(app, ["toy", "--help"], env={"COLUMNS": "200"}).stdout.split())
    for part in ("Count the units of a location.", "--takes", "(1 to 8)", "mean|most", "--weight", "--loud", "--out"):
        assert part in shown, part


def test_a_technique_is_a_command(folders: tuple[Path, Path]) -> None:
    result = run(folders, "toy", "decoder.1.mlp", "--timings")
    assert result.exit_code == 0, result.output
    assert "decoder.1.mlp has 40 units." in result.stdout and "import and load models" in result.stdout
    assert result.stdout.count("Something was found early.") == 1


def test_a_technique_prints_json_as_its_schema_says(folders: tuple[Path, Path]) -> None:
    options = ("--takes", "3", "--measure", "most", "--weight", "2", "--weight", "3", "--span", "1", "2", "--loud")
    result = run(folders, "toy", "decoder.1.mlp", *options, "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data == {
        "where": "decoder.1.mlp",
        "units": 40,
        "takes": 3,
        "measure": "most",
        "weights": [2.0, 3.0],
        "span": [1.0, 2.0],
        "loud": True,
    }
    schema = json.loads(CliRunner().invoke(app, ["schema", "toy"]).stdout)
    assert set(schema["properties"]) == set(data) and schema["description"] == "What was counted."


def test_what_is_not_given_keeps_the_defaults_of_the_job(folders: tuple[Path, Path]) -> None:
    data = json.loads(run(folders, "toy", "decoder.1.mlp", "--json").stdout)
    assert (data["takes"], data["measure"], data["weights"], data["span"]) == (2, "mean", [1.0], None)


def test_a_technique_writes_a_folder(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(folders, "toy", "decoder.1.mlp", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert json.loads((out / "toy.json").read_text())["units"] == 40
    page = (out / "report.html").read_text()
    assert "decoder.1.mlp has 40 units." in page and page.count("data:audio/flac") == 2
    assert all(len(soundfile.read(path)[0]) for path in (out / "audio").iterdir())
    assert_refused(run(folders, "toy", "decoder.1.mlp", "--out", str(out)), "not empty")
    assert run(folders, "toy", "decoder.1.mlp", "--out", str(out), "--overwrite").exit_code == 0


def test_a_report_is_a_command_with_json_schema_and_folder(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert "has 42 locations." in " ".join(run(folders, "toys").stdout.split())
    assert json.loads(run(folders, "toys", "--json").stdout)["locations"] == 42
    assert "locations" in json.loads(CliRunner().invoke(app, ["schema", "toys"]).stdout)["properties"]
    assert run(folders, "toys", "--out", str(tmp_path / "out")).exit_code == 0
    assert "has 42 locations." in (tmp_path / "out" / "report.html").read_text()
    assert json.loads((tmp_path / "out" / "toys.json").read_text())["timings"]["in all"] > 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["decoder.1.mlp", "--takes", "0"], ["0 takes cannot be counted", "1 to 8", "2 is usual"]),
        (["decoder.1.mlp", "--takes", "9" * 400], ["takes"]),
        (["decoder.1.mlp", "--takes", "many"], ["takes"]),
        (["decoder.1.mlp", "--weight", "1e300"], ["1e+300", "0 to 10"]),
        (["decoder.1.mlp", "--weight", "nan"], ["weight"]),
        (["decoder.1.mlp", "--measure", "least"], ["least", "measure", "mean"]),
        (["decoder.1.mlp", "--label", " "], ["--label was given nothing"]),
        (["decoder.1.mlp", "--out", ""], ["--out was given nothing"]),
        (["decoder.1.mlp", "--adapter", ""], ["--adapter was given nothing"]),
        (["decoder.1.mlp", "--nonsense"], ["--nonsense", "tonescope toy --help"]),
        (["decoder.9.mlp"], ["decoder.9.mlp"]),
        ([], ["missing argument"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else str(value),
)
def test_bad_values_get_one_sentence(folders: tuple[Path, Path], arguments: list[str], told: list[str]) -> None:
    assert_refused(run(folders, "toy", *arguments), *told)


@pytest.mark.parametrize("row", job_registry.ROWS, ids=lambda row: row.name)
def test_case_every_number_of_a_job_has_a_range(row: Row) -> None:
    for name, field in fields(row.load().parameters).items():
        kind = str(field.annotation)
        if "int" in kind.replace("Positional", "") or "float" in kind:
            assert marked(field, Range), name
        assert field.description, name
