"""The examples run."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples import mute_a_group
from tests import tiny


def test_mute_a_group(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mute_a_group, "SECONDS", 0.5)
    mute_a_group.main(tiny.session(), "house with piano", tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.wav"))) == 6
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["untouched", "muted", "random units muted"]  # fmt: skip
