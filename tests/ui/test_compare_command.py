"""``compare`` as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import tiny
from tests.diagnose.compare.changed_models import changed
from tests.ui.test_index_command import run

SHORT = ["--prompt", "house, slow", "--prompt", "house, fast", "--takes", "1", "--seconds", "0.6", "--quiet"]


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny generator with one place changed."""
    folder = tmp_path_factory.mktemp("changed")
    changed("mlp", by=20.0).model.save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return str(folder)


def test_two_models_are_compared_and_kept(
    folders: tuple[Path, Path], second: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["compare", str(folders[0]), second, "--judge", str(folders[1]), *SHORT]
    capsys.readouterr()
    assert run(*asked, "--json", "--workspace", str(tmp_path / "space")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["named"] == ["decoder.1.mlp"] and found["grafts"][0]["same"] == 2
    assert run(*asked, "--out", str(tmp_path / "out")) == 0
    report = (tmp_path / "out" / "report.html").read_text()
    assert "carries the change" in report and list((tmp_path / "out" / "audio").glob("*.wav"))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["embedded", "embedded"], "one and the same"),
        (["embedded", " "], "is empty"),
        (["embedded", "there/is-none/such"], "is empty|no "),
        (["embedded", "other", "--takes", "0"], "takes cannot be played"),
        (["embedded", "other", "--prompt", "a", "--genre", "house"], "one of the two"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    asked: list[str], told: str, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    assert run("compare", *asked, "--judge", str(folders[1]), "--quiet") == 2
    assert re.search(told, capsys.readouterr().err)
