"""``lint``, ``suggest``, ``contrast``, ``predictor`` and ``--steer`` at the command line, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests import tiny
from tests.ui.test_cli import assert_refused
from tonescope.diagnose.repair import find_steering
from tonescope.diagnose.repair.steering import Steering
from tonescope.diagnose.repair.take_budget import FEWEST_TAKES
from tonescope.models.loading import load_generator
from tonescope.ui import server
from tonescope.ui.cli import app

SHORT = ("--seconds", "0.3")


def run(folders: tuple[Path, Path], *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--model", str(folders[0]), "--judge", str(folders[1])])


def printed(folders: tuple[Path, Path], *arguments: str) -> dict[str, object]:
    result = run(folders, *arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("prompt", ["a", "?!", "house, masterpiece, no drums", "ジャズ"])
def test_any_prompt_is_linted(folders: tuple[Path, Path], prompt: str) -> None:
    found = printed(folders, "lint", prompt)
    assert found["findings"] and found["prediction"] is None
    shown = " ".join(run(folders, "lint", prompt).stdout.split())
    assert "The words" in shown and ("What to do next" in shown) == (prompt != "?!")


def test_a_prompt_of_twenty_thousand_characters_is_linted(folders: tuple[Path, Path]) -> None:
    assert "20,000 characters" in " ".join(run(folders, "lint", "x" * 20_000).stdout.split())


def test_a_repair_is_made_and_written(folders: tuple[Path, Path], tmp_path: Path) -> None:
    asked = ("suggest", "house with piano", "--budget", str(FEWEST_TAKES), *SHORT)
    out = tmp_path / "out"
    result = run(folders, *asked, "--intended", "smooth jazz", "--out", str(out))
    assert result.exit_code == 0, result.output
    found = json.loads((out / "suggestion.json").read_text())
    assert found["intended"] == "smooth jazz" and found["takes"] <= FEWEST_TAKES
    assert (out / "report.html").is_file() and list((out / "audio").iterdir())
    assert found["sentence"][:20] in " ".join(result.stdout.split())


def test_two_prompts_are_contrasted(folders: tuple[Path, Path]) -> None:
    found = printed(folders, "contrast", "house with piano", "house with drums", "--takes", "2", *SHORT)
    assert len(found["layers"]) == 3 and found["phrases"]  # type: ignore[arg-type]


def test_a_steering_file_is_applied_to_its_own_model(folders: tuple[Path, Path], tmp_path: Path) -> None:
    generator = load_generator(str(folders[0]), "cpu", "float32", None)
    path = tmp_path / "steering.json"
    Steering(
        made="2026-01-01",
        model=generator.name,
        generator=generator.fingerprint(),
        units=["decoder.1.mlp:5"],
        factor=0.0,
        prompt="house",
        intended="house",
    ).save(path)
    found = printed(folders, "diagnose", "house", "--quick", "--takes", "2", *SHORT, "--steer", str(path))
    assert found["model"]["name"].endswith("+ steering")  # type: ignore[index]
    assert_refused(run(folders, "lint", "house", "--steer", str(folders[0] / "config.json")), "is no steering file")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("lint", " "), "prompt is empty"),
        (("lint", "house", "--intended", "gamelan"), "does not know “gamelan”"),
        (("suggest", "house", "--budget", "3"), f"{FEWEST_TAKES} are the fewest"),
        (("suggest", "house", "--budget", "3000"), f"ask for {FEWEST_TAKES} to 2000"),
        (("suggest", "a lovely song"), "--intended"),
        (("suggest", "?!"), "has no word"),
        (("suggest", "x" * 20_000), "20000 characters"),
        (("contrast", "house", "house"), "both prompts are the same"),
        (("contrast", "house", "techno", "--takes", "1"), "2 takes or more"),
        (("contrast", "house"), "missing argument"),
        (("predictor", "--prompts", "5", "--takes", "1", *SHORT), "cannot be fitted on"),
    ],
    ids=lambda given: given if isinstance(given, str) else " ".join(given)[:30],
)
def test_case_what_cannot_be_done_is_refused_in_a_sentence(
    folders: tuple[Path, Path], arguments: tuple[str, ...], told: str
) -> None:
    assert_refused(run(folders, *arguments), told)


def test_the_app_is_opened_on_models_as_any_command_opens_them(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = load_generator(str(folders[0]), "cpu", "float32", None)
    path = tmp_path / "steering.json"
    Steering(
        made="2026-01-01",
        model="m",
        generator=generator.fingerprint(),
        units=["decoder.1.mlp:5"],
        factor=2.0,
        prompt="house",
        intended="house",
    ).save(path)
    opened: list[str] = []
    monkeypatch.setattr(server, "launch", lambda session, **_: opened.append(session.generator.name))
    workspace = ("--workspace", str(tmp_path / "kept"), "--port", "0")
    result = run(folders, "ui", "--steer", str(path), "--calibration", "none", *workspace)
    assert result.exit_code == 0, result.output
    assert opened[0].endswith("+ steering")
    refused = run(folders, "ui", "--denoising-steps", "8", *workspace)
    assert refused.exit_code == 2 and "has no denoising steps to choose" in refused.stderr
    assert_refused(run(folders, "ui", "--shift", "1000", *workspace), "ask for 0.1 to 100")


def test_suggest_in_python_looks_for_steering_where_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(find_steering, "suggest_or_steer", lambda *_, steering, **__: asked.append(steering))
    tiny.session().suggest("house", steering=True)
    assert asked == [True]
