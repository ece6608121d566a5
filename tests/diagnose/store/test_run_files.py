"""The files of a run: what was shown comes back identical, without a model, and a broken file is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from tests import tiny
from tests.diagnose.report import shown
from tonescope.diagnose.report import diagnosis_views, experiment_views, render_html
from tonescope.diagnose.report.sounds import Players, Sounds
from tonescope.diagnose.report.view import Sound, View
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.store.run_files import RunFiles, played_by
from tonescope.models.errors import TonescopeError

ROOT = Path(__file__).parents[3]
OPENING = """
import sys
from pathlib import Path
from tonescope.diagnose.report import render_html
from tonescope.diagnose.store.run_files import RunFiles
content = RunFiles(Path(sys.argv[1])).read()
html = render_html.page("Run", content.views, content.sounds)
assert not {"torch", "transformers"} & sys.modules.keys(), "a model is needed"
sys.stdout.buffer.write(html.encode())
"""


@pytest.fixture(scope="module")
def sounds() -> Sounds:
    return Sounds(shown.session().generator)


def kept(folder: Path, sounds: Sounds) -> tuple[RunFiles, list[View], Players]:
    """A diagnosis, written."""
    found, evidence = shown.diagnosed()
    views, files = diagnosis_views.views(found, evidence), RunFiles(folder)
    files.write(found.model_dump_json(), views, evidence.sounds, sounds)
    return files, views, Players(sounds, evidence.sounds)


def test_a_page_of_what_was_kept_is_that_of_what_was_found(sounds: Sounds, tmp_path: Path) -> None:
    files, views, players = kept(tmp_path / "run", sounds)
    content = files.read()
    page = render_html.page("Run", views, players)
    assert page.count("data:audio/") > 10 and "<tonescope-score" in page
    assert render_html.page("Run", content.views, content.sounds) == page
    assert content.is_whole and content.result is not None
    assert Diagnosis.model_validate(content.result) == shown.diagnosed()[0]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    opened = subprocess.run(
        [sys.executable, "-c", OPENING, str(tmp_path / "run")], env=environment, capture_output=True
    )
    assert opened.returncode == 0, opened.stderr.decode()
    assert opened.stdout.decode() == page


def test_an_edit_comes_back_as_well(sounds: Sounds, tmp_path: Path) -> None:
    found, played = shown.edited()
    views, files = experiment_views.views(found, played), RunFiles(tmp_path / "run")
    files.write(found.model_dump_json(), views, played.sounds, sounds)
    content = files.read()
    players = Players(sounds, played.sounds)
    assert render_html.page("Run", content.views, content.sounds) == render_html.page("Run", views, players)


def test_sounds_are_to_the_sample_what_was_played(sounds: Sounds, tmp_path: Path) -> None:
    files, views, players = kept(tmp_path / "run", sounds)
    content = files.read()
    for row in (row for view in views for row in view.sounds):
        for sound in row:
            assert content.sounds.title(sound) == players.title(sound)
            assert np.abs(content.sounds.samples(sound) - players.samples(sound)).max() <= 1 / 32767
            assert content.sounds.path(sound).is_file()
    written = list((files.final / "audio").iterdir())
    assert len(written) == len(played_by(views)) and content.sounds.rate == players.rate


def test_stereo_stays_stereo(tmp_path: Path) -> None:
    generator = tiny.generator("stereo")
    takes = generator.generate(["house"] * 2, [1, 2], 0.5)
    views, files = [View("hear", "Hear", sounds=[[Sound("a", "takes", 1)]])], RunFiles(tmp_path / "run")
    files.write("{}", views, {"takes": takes}, Sounds(generator))
    sound, players = views[0].sounds[0][0], Players(Sounds(generator), {"takes": takes})
    content = files.read()
    assert content.sounds.samples(sound).shape == players.samples(sound).shape and players.samples(sound).ndim == 2
    assert content.sounds.uri(sound) == players.uri(sound) and content.sounds.title(sound) == "Take 2"


def test_nothing_typed_becomes_part_of_a_path(sounds: Sounds, tmp_path: Path) -> None:
    takes = shown.session().generator.generate(["house"], [1], 0.5)
    name = "../../../evil:<b>\0"
    files = RunFiles(tmp_path / "deep" / "run")
    files.write("{}", [View("a", "A", sounds=[[Sound("t", name, 0)]])], {name: takes}, sounds)
    inside = {path.relative_to(tmp_path / "deep" / "run").as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert "result/audio/1.flac" in inside and not any("evil" in path for path in inside)


def test_what_is_known_early_is_read_while_the_run_goes_on(sounds: Sounds, tmp_path: Path) -> None:
    files = RunFiles(tmp_path / "run")
    assert files.read().views == [] and not files.read().is_whole
    takes = shown.session().generator.generate(["house"] * 2, [1, 2], 0.5)
    listen = View("early", "Listen", sounds=[[Sound("a", "takes", row)] for row in range(2)])
    files.write_early([listen], {"takes": takes}, sounds)
    first = RunFiles(tmp_path / "run").read()
    assert [view.key for view in first.views] == ["early"] and first.sounds.samples(listen.sounds[0][0]).shape == (800,)
    assert first.result is None and not first.is_whole
    files.write_early([View("verdict", "V", [("Polka.", "observed")]), listen], {"takes": takes}, sounds)
    assert [view.key for view in files.read().views] == ["verdict", "early"]
    kept(tmp_path / "run", sounds)
    assert files.read().is_whole and not (tmp_path / "run" / "early").exists()


def test_a_full_disk_leaves_no_half_result(sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, views, _ = kept(tmp_path / "run", sounds)
    before = (files.final / "views.json").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    found, evidence = shown.diagnosed()
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(TonescopeError, match="No space left"):
        files.write(found.model_dump_json(), views, evidence.sounds, sounds)
    monkeypatch.undo()
    assert (files.final / "views.json").read_bytes() == before and files.read().is_whole
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(TonescopeError, match="No space left"):
        RunFiles(tmp_path / "other").write_early(views, evidence.sounds, sounds)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "views": 3, "sounds": [], "rate": 1}'])
def test_files_that_were_changed_are_told_in_one_sentence(sounds: Sounds, tmp_path: Path, text: str) -> None:
    files, _, _ = kept(tmp_path / "run", sounds)
    (files.final / "views.json").write_text(text)
    with pytest.raises(TonescopeError, match="not as they were written"):
        files.read()


def test_files_of_a_newer_version_are_told(sounds: Sounds, tmp_path: Path) -> None:
    files, _, _ = kept(tmp_path / "run", sounds)
    data = json.loads((files.final / "views.json").read_text())
    (files.final / "views.json").write_text(json.dumps(data | {"format": 2}))
    with pytest.raises(TonescopeError, match="newer Tonescope"):
        files.read()


@pytest.mark.parametrize(
    "file", ["../../../secret", "/etc/passwd", "audio/../views.json", "views.json", "audio/x.flac"]
)
def test_sounds_that_lead_elsewhere_are_refused(sounds: Sounds, tmp_path: Path, file: str) -> None:
    files, _, _ = kept(tmp_path / "run", sounds)
    data = json.loads((files.final / "views.json").read_text())
    data["sounds"][0]["file"] = file
    (files.final / "views.json").write_text(json.dumps(data))
    with pytest.raises(TonescopeError, match="no file of a sound"):
        files.read()


def test_a_sound_that_is_missing_or_broken_is_told(sounds: Sounds, tmp_path: Path) -> None:
    files, views, _ = kept(tmp_path / "run", sounds)
    sound = next(view.sounds[0][0] for view in views if view.sounds)
    path = files.read().sounds.path(sound)
    for damage in (lambda: path.write_bytes(b"fLaC nothing"), path.unlink):
        damage()
        for play in (files.read().sounds.uri, files.read().sounds.samples):
            with pytest.raises(TonescopeError, match="cannot be read"):
                play(sound)


def test_views_whose_sounds_were_not_played_are_a_defect(sounds: Sounds, tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        RunFiles(tmp_path / "run").write("{}", shown.toy_views(), {}, sounds)
    assert not (tmp_path / "run" / "result").exists()


class Empty(BaseModel):
    """A result without anything."""


def test_a_run_without_sounds_is_kept(sounds: Sounds, tmp_path: Path) -> None:
    files = RunFiles(tmp_path / "run")
    files.write(Empty().model_dump_json(), [View("a", "A")], {}, sounds)
    assert files.read().result == {} and [view.key for view in files.read().views] == ["a"]
