"""Fixtures of the tests about loading."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def copies(folders: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Folders of generator and judge that may be ruined."""
    generator, judge = (Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in folders)
    return generator, judge
