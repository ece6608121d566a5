"""``listen`` and ``plan`` as commands: terminal, JSON, schema, folder, refusals in one sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.synthetic import chords, clicks, write
from tests.ui.test_cli import assert_refused
from tonescope.ui.cli import app

PROMPT = "slow house with piano"


def run(*arguments: str, width: str = "100") -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": width})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "sounds" / "a.wav", chords(0, False, 4.0))
    write(tmp_path / "sounds" / "b.flac", clicks(120, 4.0))
    (tmp_path / "sounds" / "c.wav").touch()
    return tmp_path / "sounds"


def listened(folders: tuple[Path, Path], *arguments: str) -> Result:
    return run("listen", *arguments, "--judge", str(folders[1]))


def test_a_folder_is_heard_in_the_terminal(folders: tuple[Path, Path], folder: Path) -> None:
    result = listened(folders, str(folder), "--prompt", "120 BPM, in C major")
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stdout.split())
    for part in ("2 files", "a.wav", "b.flac", "C major", "120 or", "c.wav", "empty", "was left out"):
        assert part in shown, part


def test_json_is_as_its_schema_says(folders: tuple[Path, Path], folder: Path) -> None:
    result = listened(folders, str(folder), "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    schema = json.loads(run("schema", "listen").stdout)
    assert set(data) == set(schema["properties"]) and [row["name"] for row in data["files"]] == ["a.wav", "b.flac"]


def test_a_report_is_written(folders: tuple[Path, Path], folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = listened(folders, str(folder / "a.wav"), "--surrogate", str(folders[0]), "--out", str(out), "--details")
    assert result.exit_code == 0, result.output
    page = (out / "report.html").read_text()
    assert "What a surrogate makes of it" in page and "what is heard when" in page
    assert not (out / "audio").exists()  # no copies of files that the reader has
    assert json.loads((out / "listening.json").read_text())["files"][0]["surrogate"]["units"]


def test_names_with_markup_are_shown_as_they_are(folders: tuple[Path, Path], folder: Path, tmp_path: Path) -> None:
    (folder / "a.wav").rename(folder / "[bold]<img src=x>.wav")
    result = listened(folders, str(folder / "[bold]<img src=x>.wav"), "--out", str(tmp_path / "out"))
    assert result.exit_code == 0 and "[bold]<img src=x>.wav" in " ".join(result.stdout.split())
    assert "<img src=x>" not in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], ["no file was named"]),
        ([""], ["named by nothing"]),
        (["none.wav"], ["nothing could be heard", "no such file"]),
        (["a.wav", "--prompt", " "], ["--prompt was given nothing"]),
        (["a.wav", "--second-judge", ""], ["--second-judge was given nothing"]),
        (["a.wav", "--metadata", "none.csv"], ["none.csv cannot be read"]),
        (["--variants", "none"], ["cannot be read"]),
        (["a.wav", "--variants", "."], ["leave files"]),
        (["a.wav", "--library", "/nowhere"], ["--library /nowhere is no folder"]),
        (["a.wav", "--model", "embedded"], ["no such option: --model"]),
    ],
    ids=lambda value: " ".join(value)[:30],
)
def test_what_cannot_be_done_is_one_sentence(folders: tuple[Path, Path], arguments: list[str], told: list[str]) -> None:
    assert_refused(listened(folders, *arguments), *told)


@pytest.mark.skipif(os.name != "posix", reason="pipes with names")
def test_case_a_fifo_in_a_folder_does_not_hang(folders: tuple[Path, Path], folder: Path) -> None:
    os.mkfifo(folder / "d.wav")
    result = listened(folders, str(folder), "--json")
    assert ["d.wav", "a pipe, not a file"] in [list(row.values()) for row in json.loads(result.stdout)["left_out"]]


# --- plan ------------------------------------------------------------------------------------------------------------


def test_a_plan_lists_requests_and_loads_no_model(tmp_path: Path) -> None:
    table = tmp_path / "requests.csv"
    result = run("plan", PROMPT, "--service", "lyria-2", "--takes", "3", "--csv", str(table))
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stdout.split())
    assert "Lyria 2" in shown and "listen --variants" in shown and "slow house" in shown
    assert table.read_text().startswith("file,variant,left_out,prompt,seed,take,service")
    assert not [path for path in tmp_path.iterdir() if path != table]


def test_a_plan_as_json_and_in_a_folder(tmp_path: Path) -> None:
    data = json.loads(run("plan", PROMPT, "--takes", "2", "--json").stdout)
    assert {row["variant"].partition(":")[0] for row in data["requests"]} == {
        "whole",
        "whole_again",
        "without",
        "genre",
    }
    assert set(data) == set(json.loads(run("schema", "plan").stdout)["properties"])
    assert run("plan", PROMPT, "--out", str(tmp_path / "out")).exit_code == 0
    assert "slow house" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["techno"], ["nothing can be left out"]),
        ([" "], ["prompt is empty"]),
        ([PROMPT, "--service", "napster"], ["napster", "lyria-2"]),
        ([PROMPT, "--takes", "0"], ["0 takes"]),
        ([PROMPT, "--service", "lyria-2", "--seconds", "9"], ["cannot choose its length"]),
        ([PROMPT, "--csv", "no/such/folder/x.csv"], ["is no folder"]),
        ([PROMPT, "--csv", "."], ["is a folder"]),
        ([PROMPT, "--judge", "embedded"], ["no such option: --judge"]),
    ],
    ids=lambda value: " ".join(value)[-30:],
)
def test_what_cannot_be_planned_is_one_sentence(arguments: list[str], told: list[str]) -> None:
    assert_refused(run("plan", *arguments), *told)


def test_a_table_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("mine")
    assert_refused(run("plan", PROMPT, "--csv", str(tmp_path / "mine.csv")), "nothing is overwritten unasked")
    assert (tmp_path / "mine.csv").read_text() == "mine"


def test_a_listening_and_a_plan_are_kept_in_a_workspace(
    folders: tuple[Path, Path], folder: Path, tmp_path: Path
) -> None:
    workspace = str(tmp_path / "workspace")
    assert listened(folders, str(folder / "a.wav"), "--workspace", workspace).exit_code == 0
    assert run("plan", PROMPT, "--workspace", workspace).exit_code == 0
    rows = json.loads(run("runs", "list", "--json", "--workspace", workspace).stdout)
    rows = rows["runs"] if isinstance(rows, dict) else rows
    assert {row["job"] for row in rows} == {"listen", "plan"} and {row["state"] for row in rows} == {"done"}
