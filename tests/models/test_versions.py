"""What was tested is what pyproject.toml says, and whoever runs something else is told so once, in a sentence."""

from __future__ import annotations

import tomllib
import warnings
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tonescope.models import versions
from tonescope.models.loading import load_generator
from tonescope.models.versions import UntestedVersion

ROOT = Path(__file__).parents[2]


def _running(monkeypatch: pytest.MonkeyPatch, **others: str) -> None:
    monkeypatch.setattr(versions, "running", lambda: {"transformers": "5.23.0", "torch": "2.14.1+cpu", **others})


def test_the_ranges_are_those_of_the_project() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    ranges = {requirement.name: requirement.specifier for requirement in map(Requirement, listed)}
    assert versions.tested() == {name: ranges[name] for name in versions.WATCHED}


def test_what_runs_here_was_tested() -> None:
    assert versions.notice() is None and "report" in versions.remedy()


@pytest.mark.parametrize("version", ["5.99.0", "5.99.0.dev0", "6.0.0", "4.57.6"])
def test_another_release_is_told_in_one_sentence(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _running(monkeypatch, transformers=version)
    told = versions.notice()
    assert told and f"is running on {version}" in told and told.startswith("Tonescope was tested with transformers >=5")
    assert "torch" not in told and told.endswith(".") and told.count(". ") == 0
    assert 'run `pip install "transformers>=' in told


def test_two_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    _running(monkeypatch, transformers="9.0", torch="3.0")
    told = versions.notice()
    assert told and "running on 9.0 and 3.0" in told and told.count("pip install") == 1


def test_loading_a_model_warns(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UntestedVersion)
        load_generator(str(folders[0]))
    _running(monkeypatch, transformers="9.0")
    with pytest.warns(UntestedVersion, match=r"running on 9\.0"):
        load_generator(str(folders[0]))
