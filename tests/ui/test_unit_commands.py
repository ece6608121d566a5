"""``show``, ``find`` and ``words`` as commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import tiny
from tests.diagnose.microscope.tiny_microscope import SECONDS
from tests.diagnose.unit_index.made_corpus import folder_of_tones
from tests.ui.test_index_command import run
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.runtime.cache import cache_folder
from tonescope.diagnose.store.artifacts import ArtifactStore
from tonescope.diagnose.store.workspace import Workspace


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """The options of tiny models, and those of their index."""
    folder = tmp_path_factory.mktemp("models")
    generator, judge = tiny.save(folder)
    models = ["--model", str(generator), "--judge", str(judge), "--quiet"]
    corpus, index = folder_of_tones(folder / "corpus", 20), folder / "index"
    assert (
        run("index", str(corpus), *models, "--location", "decoder.1.mlp", "--seconds", "0.5", "--index", str(index))
        == 0
    )
    return models, ["--index", str(index)]


@pytest.fixture(autouse=True)
def _short_real_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Microscope, "of", classmethod(_of))


def _of(kind: type[Microscope], session: object, progress: object = None) -> Microscope:
    store = ArtifactStore(cache_folder() / "artifacts")
    return kind(session.generator, session.judge, store, real_seconds=SECONDS)  # type: ignore[attr-defined]


def test_a_unit_is_shown(made: tuple[list[str], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models, index = made
    capsys.readouterr()
    Workspace.open(tmp_path / "space").close()
    assert run("show", "decoder.1.mlp:3", *models, *index, "--runs-of", str(tmp_path / "space"), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["address"] == "decoder.1.mlp:3" and len(found["unit"]["examples"]) == 12 + 4 + 5
    assert found["unit"]["runs"] == [] and found["map"] is None
    assert run("show", "decoder.1.mlp:3", *models, *index, "--out", str(tmp_path / "out")) == 0
    report = (tmp_path / "out" / "report.html").read_text()
    assert "no clear name" in report and "tone0" in report and "CC0" in report
    capsys.readouterr()
    assert run("show", "decoder.1.mlp", *models, *index, "--sort", "most", "--most", "3", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["location"]
    assert len(rows) == 3 and rows[0]["most"] >= rows[1]["most"] >= rows[2]["most"]
    assert run("show", *models, *index, "--json") == 0
    assert sum(row["indexed"] for row in json.loads(capsys.readouterr().out)["map"]) == 1


def test_units_are_found(made: tuple[list[str], list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    models, index = made
    capsys.readouterr()
    assert run("find", "sparsest", *models, *index, "--most", "3", "--json") == 0
    assert [row["by"] for row in json.loads(capsys.readouterr().out)["units"]] == ["statistic"] * 3


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["show", "decoder.1"], "neither a unit"),
        (["show", "decoder.1.mlp:1", "--runs-of", "nowhere"], "there is no workspace in"),
        (["show", "decoder.0.mlp:1"], "no index of"),
        (["show", "decoder.9.mlp:1"], "no location"),
        (["find", "  "], "nothing was asked for"),
        (["find", "how do you do"], "nothing is known"),
        (["find", "kick", "--location", "decoder"], "is no location"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    made: tuple[list[str], list[str]], capsys: pytest.CaptureFixture[str], asked: list[str], told: str
) -> None:
    models, index = made
    assert run(*asked, *models, *index) == 2
    assert told in capsys.readouterr().err


def test_case_without_an_index_a_unit_is_shown_with_all_else_that_is_known(
    made: tuple[list[str], list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models, unit = made[0], "decoder.2.mlp:3"
    monkeypatch.setenv("TONESCOPE_CACHE", str(tmp_path / "cache"))
    space = tmp_path / "space"
    asked = [
        "visualize",
        unit,
        *models,
        "--steps",
        "1",
        "--seconds",
        "0.4",
        "--samples",
        "1",
        "--prompt",
        "my own words",
    ]
    assert run(*asked) == 0
    assert (
        run(
            "bookmarks",
            "add",
            unit,
            "the kick",
            "--notes",
            "loud",
            "--tag",
            "drums",
            *models[:4],
            "--workspace",
            str(space),
        )
        == 0
    )
    capsys.readouterr()
    shown = ["show", unit, *models, "--workspace", str(space)]
    assert run(*shown, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (
        found["unit"]["corpus"] == "" and found["unit"]["wiring"]["writes"] and found["bookmark"]["name"] == "the kick"
    )
    assert [(row["technique"], row["title"]) for row in found["artifacts"]] == [
        ("visualize", "The sound that drives it")
    ]
    assert "my own words" in found["artifacts"][0]["asked"]
    assert run(*shown, "--details") == 0
    told = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for part in (
        "No index is over this location",
        "Bookmarked as “the kick”: loud; drums",
        "Whom it speaks to",
        "What was made",
    ):
        assert part in told
    assert run("show", "decoder.2.mlp", *models) == 2 and "no index was built" in capsys.readouterr().err


def test_a_folder_without_an_index_is_refused(
    made: tuple[list[str], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, told in ((tmp_path, "no index that is finished"), (tmp_path / "none", "there is no folder")):
        assert run("show", "decoder.1.mlp:3", *made[0], "--index", str(folder)) == 2
        assert told in capsys.readouterr().err


def test_words_that_drive_a_unit_are_told(
    made: tuple[list[str], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    models, _ = made
    asked = ["words", "decoder.1.mlp:3", *models, "--words", "piano, drums,slow", "--takes", "2", "--seconds", "0.4"]
    capsys.readouterr()
    assert run(*asked, "--shown", "2", "--length", "2", "--json") == 0
    found = json.loads(capsys.readouterr().out)["found"]
    assert {word for word, _ in found["scanned"]} == {"piano", "drums", "slow"}
    for wrong, told in ((["--words", " , "], "names no word"), (["--takes", "1"], "ask for 2 to 64")):
        assert run("words", "decoder.1.mlp:3", *models, *wrong) == 2
        assert told in capsys.readouterr().err


def test_case_a_place_that_is_none_is_refused_with_the_sites_of_this_model(
    made: tuple[list[str], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("units", "banana", *made[0][:2]) == 2
    told = capsys.readouterr().err
    assert "decoder.mlp" in told and "denoiser" not in told and "judge." not in told
