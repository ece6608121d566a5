from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import tiny
from tests.ui.test_index_command import run
from tonescope.diagnose.store.bookmarks import Bookmark, Bookmarks
from tonescope.diagnose.store.workspace import Workspace


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    generator, judge = tiny.save(tmp_path_factory.mktemp("models"))
    return ["--model", str(generator), "--judge", str(judge)]


def test_a_unit_is_saved_listed_opened_sent_and_removed(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = ["--workspace", str(tmp_path / "space")]
    assert run("bookmarks", "add", "decoder.1.mlp:3", "the kick", "--tag", "drums", *models, *space) == 0
    capsys.readouterr()
    assert run("bookmarks", "list", "kick", *space, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["unit"], found["name"], found["tags"]) == ("decoder.1.mlp:3", "the kick", ["drums"])
    assert run("bookmarks", "open", "decoder.1.mlp:3", *models, *space) == 0
    assert "another model" not in capsys.readouterr().err
    assert run("bookmarks", "export", str(tmp_path / "a.json"), *space) == 0
    theirs = json.loads((tmp_path / "a.json").read_text())
    theirs["bookmarks"][0] |= {"fingerprint": "0" * 16, "model": "theirs"}
    (tmp_path / "b.json").write_text(json.dumps(theirs))
    assert run("bookmarks", "remove", "decoder.1.mlp:3", *space) == 0
    assert run("bookmarks", "import", str(tmp_path / "b.json"), *space) == 0
    assert "1 new" in capsys.readouterr().err
    assert run("bookmarks", "open", "decoder.1.mlp:3", *models, *space) == 0
    assert "another model" in capsys.readouterr().err


def test_case_of_one_unit_in_several_models_one_alone_is_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = ["--workspace", str(tmp_path / "space")]
    Workspace.open(tmp_path / "space").close()
    with Bookmarks(tmp_path / "space") as kept:
        for at, model in enumerate(("mine", "theirs")):
            kept.keep(Bookmark(unit="decoder.1.mlp:3", model=model, fingerprint=f"{at}" * 16, name=f"of {model}"))
    assert run("bookmarks", "remove", "decoder.1.mlp:3", *space) == 2
    told = capsys.readouterr().err
    assert "2 bookmarks are of decoder.1.mlp:3" in told and "theirs (11111111)" in told and "--of" in told
    assert run("bookmarks", "remove", "decoder.1.mlp:3", "--of", "abcd", *space) == 2
    assert run("bookmarks", "remove", "decoder.1.mlp:3", "--of", "1111", *space) == 0
    assert "of theirs, called of theirs, is no bookmark" in capsys.readouterr().err
    with Bookmarks(tmp_path / "space") as kept:
        assert [one.model for one in kept.all()] == ["mine"]
    assert run("bookmarks", "remove", "decoder.1.mlp:3", *space) == 0


def test_what_cannot_be_saved_is_refused(models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = ["--workspace", str(tmp_path / "space")]
    for asked, told in (
        (["add", "decoder.1.mlp", "x", *models], "is no unit"),
        (["add", "decoder.1.mlp:99", "x", *models], "units 0 to 39"),
        (["remove", "decoder.1.mlp:3"], "no bookmark here"),
        (["import", str(tmp_path / "none.json")], "cannot be read"),
    ):
        assert run("bookmarks", *asked, *space) == 2
        assert told in capsys.readouterr().err
