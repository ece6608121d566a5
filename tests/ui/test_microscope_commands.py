"""The techniques of the microscope as commands: what they print and write, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from tests.ui.test_cli import assert_refused
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.runtime.cache import cache_folder
from tonescope.diagnose.store.artifacts import ArtifactStore
from tonescope.ui.cli import app

SHORT = ("--steps", "3", "--seconds", "0.5")


@pytest.fixture(autouse=True)
def _short_real_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Microscope, "of", classmethod(_of))


def _of(kind: type[Microscope], session: object, progress: object = None) -> Microscope:
    store = ArtifactStore(cache_folder() / "artifacts")
    return kind(session.generator, session.judge, store, real_seconds=0.4)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("clips") / "clip.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 8000), 8000)
    return str(path)


def run(folders: tuple[Path, Path], *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--model", str(folders[0]), "--judge", str(folders[1])])


def printed(folders: tuple[Path, Path], *arguments: str) -> dict[str, object]:
    result = run(folders, *arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    schema = json.loads(CliRunner().invoke(app, ["schema", arguments[0]]).stdout)
    assert set(found) == set(schema["properties"])
    return found


def test_a_unit_is_visualized(folders: tuple[Path, Path], tmp_path: Path) -> None:
    asked = ("visualize", "decoder.1.mlp:3", *SHORT, "--side", "both", "--samples", "1")
    found = printed(folders, *asked)
    assert found["unit"] == "decoder.1.mlp:3" and len(found["renderings"]) == 2  # type: ignore[arg-type]
    again = run(folders, *asked, "--out", str(tmp_path / "out"))
    assert again.exit_code == 0, again.output
    shown = " ".join(again.stdout.replace("│", "").split())
    assert "decoder.1.mlp:3 is driven up to" in shown and "driven down to" in shown
    kept = json.loads((tmp_path / "out" / "visualization.json").read_text())
    assert kept["from_store"] and kept["artifact"] == found["artifact"] and kept["renderings"] == found["renderings"]
    assert len(list((tmp_path / "out" / "audio").iterdir())) == 2
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:audio/") == 2 and "What the unit does" in page and found["artifact"] in page  # type: ignore[operator]


def test_a_location_dreams(folders: tuple[Path, Path], clip: str) -> None:
    found = printed(folders, "dream", "judge.1.mlp", *SHORT, "--clip", clip)
    assert found["found"]["location"] == "judge.1.mlp" and found["asked"]["start"] == "clip"  # type: ignore[index]
    assert not any("another seed" in caveat for caveat in found["caveats"])  # type: ignore[attr-defined]
    neutral = printed(folders, "dream", "judge.1.mlp", *SHORT)
    assert any("one take, of seed 1: another seed" in caveat for caveat in neutral["caveats"])  # type: ignore[attr-defined]
    shown = run(folders, "dream", "codec.2.encoder", *SHORT, "--from", "noise", "--details")
    assert shown.exit_code == 0 and "From noise" in " ".join(shown.stdout.split()), shown.output


def test_a_clip_is_caricatured(folders: tuple[Path, Path], clip: str) -> None:
    found = printed(folders, "caricature", "decoder.1.residual", *SHORT, "--clip", clip, "--samples", "2")
    assert len(found["found"]["samples"]) == 2  # type: ignore[index,arg-type]


def test_a_prompt_is_heard_layer_by_layer(folders: tuple[Path, Path], tmp_path: Path) -> None:
    found = printed(folders, "layers", "house with piano", "--takes", "2", "--seconds", "0.5")
    assert len(found["found"]["layers"]) == 3 and found["stems"] is None  # type: ignore[index,arg-type]
    assert 0 <= found["found"]["agree"] <= found["found"]["takes"] == 2  # type: ignore[index]
    out = str(tmp_path / "out")
    assert run(folders, "layers", "house with piano", "--takes", "2", "--seconds", "0.5", "--out", out).exit_code == 0
    assert len(list((tmp_path / "out" / "audio").iterdir())) == 6


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("visualize", "decoder.1.mlp"), "is no unit"),
        (("visualize", "decoder.1.mlp:999"), "has units 0 to 39"),
        (("visualize", "judge.9.mlp:0"), "has no location judge.9.mlp"),
        (("visualize", "text.0.mlp:1"), "reads words"),
        (("visualize", "decoder.1.self:0", "--side", "negative"), "no negative side"),
        (("visualize", "decoder.1.mlp:3", "--by", "sound"), "plays and does not hear"),
        (("visualize", "decoder.1.mlp:3", "--seconds", "0"), "0 seconds cannot be made"),
        (("visualize", "decoder.1.mlp:3", "--steps", "0"), "0 steps cannot be gone"),
        (("visualize", "decoder.1.mlp:3", "--objective", "mean"), "cannot be read at"),
        (
            ("visualize", "decoder.1.mlp:3", "--objective", "decoder.1.mlp:4 + decoder.1.mlp:5"),
            "has no decoder.1.mlp:3",
        ),
        (("visualize", "decoder.1.mlp:3", "--prompt", " "), "--prompt was given nothing"),
        (("dream", "decoder.mlp"), "is no location"),
        (("dream", "decoder.1.mlp", "--strength", "2"), "a strength of 2"),
        (("dream", "decoder.1.mlp", "--clip", "/none.wav"), "cannot be used as a clip"),
        (("dream", "decoder.1.mlp", "--clip", "/none.wav", "--from", "noise"), "leave one out"),
        (("caricature", "decoder.1.mlp"), "missing option '--clip'"),
        (("caricature", "decoder.1.mlp", "--clip", "/"), "cannot be used as a clip"),
        (("layers", " "), "the prompt is empty"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    folders: tuple[Path, Path], arguments: tuple[str, ...], told: str
) -> None:
    assert_refused(run(folders, *arguments), told)


def test_the_places_of_the_judge_are_listed(folders: tuple[Path, Path]) -> None:
    listed = CliRunner().invoke(app, ["units", "judge", "--judge", str(folders[1]), "--json"])
    assert listed.exit_code == 0, listed.output
    rows = {row["location"]: row["units"] for row in json.loads(listed.stdout)}
    assert list(rows) == ["judge.0.mlp", "judge.1.mlp", "judge.0.residual", "judge.1.residual"]
    assert rows["judge.0.mlp"] == 2 * rows["judge.0.residual"]
    told = CliRunner().invoke(app, ["units", "judge.7.mlp", "--judge", str(folders[1])])
    assert_refused(told, "has no location judge.7.mlp")


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("visualize", ("--objective", "neuron")),
        ("visualize", ("--objective", "decoder.1.mlp:3 - decoder.1.mlp:5")),
        ("visualize", ("--diversity", "2")),
        ("visualize", ("--naturalness", "1")),
        ("visualize", ("--start", "noise")),
        ("visualize", ("--seed", "7")),
        ("dream", ("--strength", "0.9")),
        ("dream", ("--octaves", "2")),
        ("dream", ("--ratio", "2")),
        ("dream", ("--naturalness", "1")),
        ("caricature", ("--power", "1")),
        ("caricature", ("--within", "0.5")),
        ("caricature", ("--naturalness", "1")),
    ],
    ids=lambda given: given if isinstance(given, str) else given[0],
)
def test_every_option_reaches_what_is_rendered(
    folders: tuple[Path, Path], clip: str, command: str, options: tuple[str, ...]
) -> None:
    about = {"visualize": ("decoder.1.mlp:3",), "dream": ("decoder.1.mlp",)}
    asked = (command, *about.get(command, ("decoder.1.mlp", "--clip", clip)), "--steps", "1", "--seconds", "0.3")
    plain, other = printed(folders, *asked), printed(folders, *asked, *options)
    assert plain["artifact"] != other["artifact"] and not other["from_store"]
