"""Pictures of README and docs are there, shown somewhere, and small."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.screenshots import KEPT, MOST_BYTES

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = [
    (page, page.parent / path) for page in PAGES for path in re.findall(r"!\[[^]]+\]\(([^)]+)\)", page.read_text())
]


@pytest.mark.parametrize(("page", "picture"), SHOWN, ids=lambda path: path.name)
def test_what_a_page_shows_is_there(page: Path, picture: Path) -> None:
    assert picture.is_file() and picture.read_bytes().startswith(b"\x89PNG")


def test_every_picture_that_is_kept_is_small_shown_and_made_by_the_script() -> None:
    kept = sorted(PICTURES.glob("*"))
    assert [path.name for path in kept] == sorted(shot.name for shot in KEPT)
    assert not [path.name for path in kept if path.stat().st_size > MOST_BYTES]
    assert set(kept) <= {picture for _, picture in SHOWN}
