"""``tonescope confusion`` in the terminal: what it prints and writes, and what a kill leaves."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner, Result

from tests.ui.test_cli import assert_refused
from tonescope.diagnose.confusion.confusion_schema import ConfusionReport
from tonescope.diagnose.store.take_shards import database, parquet
from tonescope.ui.cli import app

GENRES = "house,smooth jazz,fusion"
QUICK = ("--seconds", "0.3", "--explain", "0")


def command(folders: tuple[Path, Path], shards: Path, *more: str) -> list[str]:
    models = ("--model", str(folders[0]), "--judge", str(folders[1]))
    return ["confusion", "--genres", GENRES, *QUICK, "--shards", str(shards), *models, *more]


def run(folders: tuple[Path, Path], shards: Path, *more: str) -> Result:
    return CliRunner().invoke(app, command(folders, shards, *more))


def test_the_folder_holds_json_html_markdown_parquet_and_sound(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(folders, tmp_path / "shards", "--takes", "3", "--wordings", "2", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "Asked for 3 genres" in " ".join(result.stdout.split()) and "report.html" in "".join(result.stdout.split())
    found = ConfusionReport.model_validate_json((out / "confusion.json").read_text())
    assert [row.asked for row in found.rows] == ["house", "smooth jazz", "jazz fusion"]
    assert found.examples and found.timings["in all"] > 0
    for take in found.examples:
        assert take.audio is not None and len(soundfile.read(out / take.audio)[0]) == 480
    html = (out / "report.html").read_text()
    held = [base64.b64decode(sound) for sound in re.findall(r'data-plays="data:audio/flac;base64,([^"]*)"', html)]
    assert len(held) == len(found.examples) and "cellPlayer" in html and "Plotly" not in html
    played = {soundfile.read(io.BytesIO(sound))[0].tobytes() for sound in held}
    assert {soundfile.read(path)[0].tobytes() for path in out.rglob("*.wav")} == played
    markdown = (out / "report.md").read_text()
    assert markdown.startswith("# Tonescope confusion") and "| house |" in markdown
    with database() as opened:
        (count,) = opened.execute(f"SELECT count(*) FROM {parquet([out / 'takes.parquet'])}").fetchall()[0]
    assert count == 18 == found.work.takes


def test_json_is_alone_on_standard_output_and_as_its_schema_says(folders: tuple[Path, Path], tmp_path: Path) -> None:
    result = run(folders, tmp_path, "--takes", "1", "--wordings", "1", "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    schema = json.loads(CliRunner().invoke(app, ["schema", "confusion"]).stdout)
    assert set(data) == set(schema["properties"]) and data["settings"]["takes"] == 1


def test_details_show_every_table(folders: tuple[Path, Path], tmp_path: Path) -> None:
    shown = run(folders, tmp_path, "--takes", "2", "--wordings", "1", "--details").stdout
    assert "Genre by genre" in shown and "To keep in mind" in shown and "2 takes a genre give wide" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--genres", ""], ["--genres was given nothing"]),
        (["--genres", ","], ["names no genre"]),
        (["--genres", "house,house"], ["twice"]),
        (["--genres", "house,klezmer"], ["does not know “klezmer”"]),
        (["--takes", "0"], ["0 takes cannot be made"]),
        (["--wordings", "many"], ["wordings"]),
        (["--engine", "spark"], ["spark", "engine"]),
        (["--workers", "3"], ["--workers is for Ray"]),
        (["--shards", "/dev/null"], ["is a file"]),
    ],
    ids=lambda value: " ".join(value)[:30],
)
def test_bad_values_get_one_sentence(
    folders: tuple[Path, Path], tmp_path: Path, arguments: list[str], told: list[str]
) -> None:
    models = ("--model", str(folders[0]), "--judge", str(folders[1]))
    assert_refused(CliRunner().invoke(app, ["confusion", *QUICK, *models, *arguments]), *told)


def test_a_killed_run_goes_on_and_no_finished_shard_is_touched(folders: tuple[Path, Path], tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    whole = ("--takes", "30", "--wordings", "2")
    script = (
        "from tonescope.diagnose.runtime import engine; engine.MOST_TAKES = engine.FIRST_TAKES = 12; "
        "from tonescope.ui.cli import main; main()"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen(
        [sys.executable, "-c", script, *command(folders, shards, *whole)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 120
    while len(list(shards.rglob("*.parquet"))) < 3 and running.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL, "it ended before it was killed"
    kept = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in shards.rglob("*.parquet")}
    result = run(folders, shards, *whole, "--json")
    assert result.exit_code == 0, result.output
    found = ConfusionReport.model_validate_json(result.stdout)
    with database() as opened:
        (before,) = opened.execute(f"SELECT count(*) FROM {parquet(list(kept))}").fetchall()[0]
    assert 36 <= before < 180 and found.work.before == before and found.work.takes == 180
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in kept} == kept
    assert not list(shards.rglob("*.part")) and found.work.damaged == 0
