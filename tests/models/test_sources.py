"""Names lead to folders or to the Hub, and no name is a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonescope.models.sources import folder, hub_id


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder(str(tmp_path)) == tmp_path and folder("~") == tmp_path


@pytest.mark.parametrize("name", ["", " ", "nowhere", "~nosuchuser/x", "x" * 5000, "a\0b"])
def test_no_folders(name: str) -> None:
    assert folder(name) is None


def test_hub_ids() -> None:
    assert hub_id("facebook/musicgen-small") == ("facebook/musicgen-small", None)
    assert hub_id("owner/name@main") == ("owner/name", "main")


@pytest.mark.parametrize("name", ["", "name", "/owner/name", "./name", "~/name", "a/b/c", "owner/", "/name", "@x"])
def test_no_hub_ids(name: str) -> None:
    assert hub_id(name) is None
