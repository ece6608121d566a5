"""What Python found is written as the command line writes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.diagnose.report import shown
from tonescope import save_report
from tonescope.diagnose.schema import Diagnosis
from tonescope.models.errors import TonescopeError


def test_page_picture_sounds_and_json_are_in_the_folder(tmp_path: Path) -> None:
    found, evidence = shown.diagnosed()
    named = save_report(shown.session(), found, evidence, tmp_path / "out")
    folder = tmp_path / "out"
    assert Diagnosis.model_validate_json((folder / "diagnosis.json").read_text(encoding="utf-8")) == named
    assert found.prompt in (folder / "report.html").read_text(encoding="utf-8")
    assert (folder / "card.png").read_bytes().startswith(b"\x89PNG") and list((folder / "audio").glob("*.wav"))
    with pytest.raises(TonescopeError, match="overwrite"):
        save_report(shown.session(), found, evidence, folder)
    assert save_report(shown.session(), found, evidence, folder, overwrite=True) == named


def test_what_no_job_finds_is_refused(tmp_path: Path) -> None:
    class Strange(BaseModel):
        """Nothing that a job finds."""

    with pytest.raises(ValueError, match="no job finds a Strange"):
        save_report(shown.session(), Strange(), None, tmp_path / "out")
    assert not (tmp_path / "out").exists()
