"""``tonescope judge``: calibrate and show in the terminal; ``--labels`` and ``--calibration`` wherever judges hear."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.diagnose.calibrating import labelled_sounds as sounds
from tests.ui.test_cli import assert_refused
from tonescope.diagnose.calibrating.calibrate_schema import CalibrationReport
from tonescope.models.judges.fitted_calibration import FILE
from tonescope.ui.cli import app


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONESCOPE_WORKSPACE", str(tmp_path / "data"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sounds.folder_per_label(tmp_path_factory.mktemp("clips") / "tones")


def run(folders: tuple[Path, Path], *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--judge", str(folders[1])], env={"COLUMNS": "100"})


def plain(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.replace("│", " ").split())


def test_calibrate_prints_writes_and_keeps(folders: tuple[Path, Path], clips: Path, tmp_path: Path) -> None:
    assert "no calibration" in plain(run(folders, "judge", "show"))
    out = tmp_path / "out"
    shown = plain(run(folders, "judge", "calibrate", str(clips), "--probe", "--out", str(out)))
    assert "on 18 clips" in shown and "a probe trained on them" in shown and "hears so from now on" in shown
    found = CalibrationReport.model_validate_json((out / "calibration.json").read_text())
    assert found.timings["in all"] > 0 and (out / FILE).is_file()
    assert "Label by label" in (out / "report.md").read_text() and "is ↓ heard →" in (out / "report.html").read_text()
    again = plain(run(folders, "judge", "show"))
    assert "alibrated on 18 clips of tones" in again and "(probe)" in again and "smooth jazz" in again
    assert "no calibration" in plain(run(folders, "judge", "show", "--calibration", "none"))
    assert "calibrated on 18" in plain(run(folders, "judge", "show", "--calibration", str(out / FILE)))


def test_json_is_as_its_schema_says(folders: tuple[Path, Path], clips: Path) -> None:
    result = run(folders, "judge", "calibrate", str(clips), "--probe", "--json")
    assert result.exit_code == 0, result.output
    schema = json.loads(CliRunner().invoke(app, ["schema", "calibrate"]).stdout)
    assert set(json.loads(result.stdout)) == set(schema["properties"])
    shown = json.loads(run(folders, "judge", "show", "--json").stdout)
    assert shown["calibration"]["source"] == "tones" and shown["labels"][0]["label"] == "jazz fusion"


def test_listen_says_which_calibration_it_used(folders: tuple[Path, Path], clips: Path) -> None:
    sound = str(clips / "house" / "song-a_0.wav")
    before = json.loads(run(folders, "listen", sound, "--json").stdout)
    assert before["judges"][0]["calibration"] == "no calibration"
    run(folders, "judge", "calibrate", str(clips), "--probe")
    after = json.loads(run(folders, "listen", sound, "--json").stdout)
    assert "calibrated on 18 clips of tones" in after["judges"][0]["calibration"]
    assert after["files"][0]["heard"]["judged"][0]["heard"] == "house"
    off = json.loads(run(folders, "listen", sound, "--json", "--calibration", "none").stdout)
    assert off["judges"][0].pop("opened_with") == {"calibration": "none"} and not before["judges"][0].pop("opened_with")
    assert off["judges"] == before["judges"] and off["files"] == before["files"]


def test_listen_chooses_between_the_labels_of_a_file(folders: tuple[Path, Path], clips: Path, tmp_path: Path) -> None:
    labels = tmp_path / "ours.toml"
    labels.write_text('[families.ours]\npiano = []\n"drums" = ["kit"]\n')
    sound = str(clips / "house" / "song-a_0.wav")
    found = json.loads(run(folders, "listen", sound, "--labels", str(labels), "--json").stdout)
    assert set(found["files"][0]["heard"]["judged"][0]["probabilities"]) == {"piano", "drums"}
    assert "piano, drums" in plain(run(folders, "judge", "show", "--labels", str(labels)))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["judge", "calibrate", "none"], ["is no folder"]),
        (["judge", "calibrate"], ["missing argument"]),
        (["judge", "calibrate", "."], ["holds no clip of a label"]),
        (["judge", "calibrate", ".", "--error", "0.9"], ["0.001 to 0.5"]),
        (["judge", "calibrate", ".", "--bias", "always", "--probe"], ["leave one out"]),
        (["judge", "calibrate", ".", "--bias", "often"], ["bias"]),
        (["judge", "calibrate", ".", "--through", "none/such/model"], ["none/such/model"]),
        (["judge", "calibrate", ".", "--calibration", "auto"], ["no such option"]),
        (["judge", "show", "--labels", "none.toml"], ["none.toml cannot be read"]),
        (["judge", "show", "--calibration", "none.safetensors"], ["no such file"]),
        (["judge", "show", "--labels", ""], ["--labels was given nothing"]),
        (["listen", ".", "--labels", "none.toml"], ["none.toml cannot be read"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_what_cannot_be_done_is_told_in_one_sentence(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: list[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    sounds.write(empty / "a.wav", sounds.tone(100, 1))
    monkeypatch.chdir(empty)
    assert_refused(run(folders, *arguments), *told)


def test_help_of_the_group_lists_both_without_importing_the_job() -> None:
    shown = " ".join(CliRunner().invoke(app, ["judge", "--help"], env={"COLUMNS": "200"}).stdout.split())
    assert "calibrate" in shown and "show" in shown
