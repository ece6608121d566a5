"""``tonescope audit`` in the terminal: what it prints and writes, and what its exit code says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner, Result

from tests.ui.test_cli import assert_refused
from tonescope.diagnose.audit.audit_schema import AuditReport
from tonescope.diagnose.jobs.audit_job import NOT_PASSED
from tonescope.diagnose.store.take_shards import database, parquet
from tonescope.ui.cli import app

DESIGN = """
name: tiny
factors: {genres: [house, smooth jazz], instruments: [piano]}
wordings: ["{genre}"]
takes: 3
seconds: 0.3
"""
TAKES = 2 * 3 + 2 * 3 + 2


@pytest.fixture
def design(tmp_path: Path) -> Path:
    path = tmp_path / "design.yaml"
    path.write_text(DESIGN)
    return path


def run(folders: tuple[Path, Path], design: Path, *more: str) -> Result:
    models = ("--model", str(folders[0]), "--judge", str(folders[1]))
    shards = str(design.parent / "shards")
    return CliRunner().invoke(app, ["audit", "--design", str(design), "--shards", shards, *models, *more])


def test_the_folder_holds_json_html_markdown_parquet_and_sound(folders: tuple[Path, Path], design: Path) -> None:
    out = design.parent / "out"
    result = run(folders, design, "--out", str(out), "--sign", "A. Listener")
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) <= 24 and "report.html" in "".join(result.stdout.split())
    found = AuditReport.model_validate_json((out / "audit.json").read_text())
    assert found.design.takes == TAKES and found.signature is not None and found.timings["in all"] > 0
    for take in found.examples:
        assert take.audio is not None and len(soundfile.read(out / take.audio)[0]) == 480
    html = (out / "report.html").read_text()
    assert "A. Listener" in html and "What this report holds, and what is missing" in html
    assert (out / "report.md").read_text().startswith("# Tonescope audit")
    with database() as opened:
        (count,) = opened.execute(f"SELECT count(*) FROM {parquet([out / 'takes.parquet'])}").fetchall()[0]
    assert count == TAKES


def test_json_is_alone_on_standard_output_and_as_its_schema_says(folders: tuple[Path, Path], design: Path) -> None:
    result = run(folders, design, "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    schema = json.loads(CliRunner().invoke(app, ["schema", "audit"]).stdout)
    assert set(data) == set(schema["properties"])
    assert re.fullmatch(
        r"tonescope audit --design .*design.yaml --guidance [0-9.]+ --model .* --judge .*", data["command"]
    )


def test_a_dry_run_tells_the_plan_and_plays_a_few_takes(folders: tuple[Path, Path], design: Path) -> None:
    result = run(folders, design, "--dry-run")
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert f"{TAKES} takes" in said and f"{TAKES} takes to play: less than a minute" in said and "smallest" in said


def test_a_threshold_that_is_not_kept_is_the_exit_code(folders: tuple[Path, Path], design: Path) -> None:
    design.write_text(DESIGN + "thresholds: {lowest_adherence: 1.0}\n")
    result = run(folders, design, "--out", str(design.parent / "out"))
    assert result.exit_code == NOT_PASSED, result.output
    assert "Not passed" in result.stdout and (design.parent / "out" / "audit.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--design", ""], ["--design was given nothing"]),
        (["--design", "/nowhere.yaml"], ["is no file that holds a design"]),
        (["--takes-at-most", "0"], ["0 takes cannot be played"]),
        (["--takes-at-most", "5"], ["are the most"]),
        (["--known", "/nowhere"], ["--known /nowhere is no folder"]),
        (["--library", "/dev/null"], ["is no folder"]),
        (["--sign", "?"], ["--sign takes the name"]),
        (["--engine", "spark"], ["spark", "engine"]),
        (["--workers", "3"], ["--workers is for Ray"]),
        (["--shards", "/dev/null"], ["is a file"]),
    ],
    ids=lambda value: " ".join(value)[:30],
)
def test_bad_values_get_one_sentence(
    folders: tuple[Path, Path], design: Path, arguments: list[str], told: list[str]
) -> None:
    assert_refused(run(folders, design, *arguments), *told)


def test_an_unknown_factor_gets_one_sentence(folders: tuple[Path, Path], design: Path) -> None:
    design.write_text(DESIGN.replace("instruments", "zodiac"))
    assert_refused(run(folders, design), "zodiac", "the factors are genres, instruments")
