"""A version that was not tested is told to whoever uses the command line, before and beside the result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tonescope.models import versions
from tonescope.ui.cli import app


@pytest.mark.parametrize("command", [["diagnose", "house", "--rounds", "1"], ["edit", "house", "decoder.0.mlp:1"]])
def test_an_untested_version_is_told(
    command: list[str], folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "running", lambda: {"transformers": "9.0", "torch": "2.14.1"})
    small = ["--model", str(folders[0]), "--judge", str(folders[1]), "--takes", "1", "--seconds", "0.5", "--json"]
    result = CliRunner().invoke(app, [*command, *small])
    assert result.exit_code == 0, result.output
    told = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert len(told) == 1 and "running on 9.0" in told[0]
    assert told[0].removeprefix("warning: ") in json.loads(result.stdout)["caveats"]
