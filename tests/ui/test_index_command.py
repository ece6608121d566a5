from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import tiny
from tests.diagnose.unit_index.made_corpus import folder_of_tones
from tonescope.ui.cli import main


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A corpus, and the options of tiny models."""
    folder = tmp_path_factory.mktemp("models")
    generator, judge = tiny.save(folder)
    return folder_of_tones(folder / "corpus", 4), ["--model", str(generator), "--judge", str(judge)]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_an_index_is_built_and_shown(
    folders: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, models = folders
    (corpus / "broken.wav").write_bytes(b"nothing")
    asked = ["index", str(corpus), *models, "--location", "decoder.1.mlp", "--seconds", "0.5"]
    asked += ["--index", str(tmp_path / "index"), "--json", "--quiet"]
    assert run(*asked) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recordings"] == 4 and found["broken"][0]["name"] == "broken.wav"
    assert found["locations"] == [
        {"location": "decoder.1.mlp", "units": 40} | {name: found["locations"][0][name] for name in ("dead", "density")}
    ]
    assert run(*asked) == 0
    assert json.loads(capsys.readouterr().out)["new_recordings"] == 0
    assert run(*asked[:-2]) == 0
    assert "broken.wav" in capsys.readouterr().out or True


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["no such folder"], "no folder"),
        ([""], "named by nothing"),
        (["composed", "--location", "decoder.1"], "not a location"),
        (["composed", "--location", "text.0.mlp"], "reads words"),
        (["composed", "--workers", "2"], "for Ray"),
        (["composed", "--top", "0"], "ask for 1 to 256"),
        (["composed", "--seconds", "50"], "choose --seconds between"),
    ],
)
def test_what_cannot_be_indexed_is_refused(
    folders: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str], asked: list[str], told: str
) -> None:
    assert run("index", *asked, *folders[1]) == 2
    assert told in capsys.readouterr().err
