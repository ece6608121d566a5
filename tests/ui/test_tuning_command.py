from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import tiny
from tests.ui.test_index_command import run


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    generator, judge = tiny.save(tmp_path_factory.mktemp("models"))
    return ["--model", str(generator), "--judge", str(judge)]


def test_curves_of_a_unit_are_told(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONESCOPE_CACHE", str(tmp_path))
    asked = ["tuning", "judge.0.mlp:3", *models, "--family", "kick", "--family", "loudness", "--instances", "4"]
    assert run(*asked, "--seconds", "0.5", "--json", "--quiet") == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["family"] for row in found["curves"]} == {"kick", "loudness"} and not found["dead"]
    assert run(*asked, "--seconds", "0.5", "--out", str(tmp_path / "out")) == 0
    assert "judge.0.mlp:3" in capsys.readouterr().out and (tmp_path / "out" / "report.html").is_file()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["decoder.1.mlp"], "is no unit"),
        (["decoder.1.mlp:99"], "units 0 to 39"),
        (["decoder.1.mlp:3", "--family", "colour"], "no family of stimuli"),
        (["text.1.mlp:3", "--family", "kick"], "no sound reaches it"),
        (["text.1.mlp:3", "--clip", "a.wav"], "no sound reaches it"),
        (["decoder.1.mlp:3", "--clip", "no.wav"], "cannot be used as a clip"),
        (["decoder.1.mlp:3", "--prompt", "  "], "prompt"),
        (["decoder.1.mlp:3", "--instances", "1"], "ask for 4 to 64"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    models: list[str], capsys: pytest.CaptureFixture[str], asked: list[str], told: str
) -> None:
    assert run("tuning", *asked, *models) == 2
    assert told in capsys.readouterr().err
