"""Label sets: what comes with Tonescope, what users write, and what is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonescope.diagnose.label_set_files import BUILT_IN, COMMON, LARGEST, open_label_set
from tonescope.models.errors import TonescopeError

GOOD = """
title = "ours"
templates = ["{}", "{} music"]
[families.electronic]
house = ["house music"]
techno = []
[families.jazz]
"smooth jazz" = []
"""


def written(folder: Path, text: str) -> str:
    path = folder / "ours.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def refusal(named: str) -> str:
    with pytest.raises(TonescopeError) as refused:
        open_label_set(named)
    told = str(refused.value)
    assert "\n" not in told and told.endswith(".") and "Traceback" not in told
    return told


def test_the_default_has_sixty_genres_in_fifteen_families_and_several_wordings() -> None:
    common = open_label_set(COMMON)
    families = {genre.family for genre in common.taxonomy.genres}
    assert len(common.taxonomy.labels) >= 60 and len(families) >= 15 and len(common.templates) >= 5


@pytest.mark.parametrize("name", BUILT_IN)
def test_names_of_the_sets_that_come_with_it_mean_one_label_each(name: str) -> None:
    found = open_label_set(name)
    names = [name.lower() for genre in found.taxonomy.genres for name in (genre.label, *genre.aliases)]
    assert len(names) == len(set(names)) and all(template.count("{}") == 1 for template in found.templates)


def test_a_file_is_read_as_families_genres_and_their_names(tmp_path: Path) -> None:
    found = open_label_set(written(tmp_path, GOOD))
    assert (found.name, found.title, found.templates) == ("ours.toml", "ours", ("{}", "{} music"))
    assert found.taxonomy.labels == ("house", "techno", "smooth jazz")
    assert found.taxonomy.family("techno") == "electronic" and found.taxonomy.find("House Music") == "house"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[families.a]\nhouse = []\n", "it has 1 label"),
        ("[families.a]\nhouse = []\nhouse = []\n", "more than once"),
        ("[families.a]\nhouse = []\n[families.b]\nHouse = []\n", "“house” is there more than once"),
        ("[families.a]\nhouse = ['x']\ntechno = ['x']\n", "“x” is a name of “house” and of “techno”"),
        ("[famlies.a]\nhouse = []\ntechno = []\n", "“famlies” is no key of a label set"),
        ("title = 'ours'\n", "it has no families"),
        ("templates = ['music']\n[families.a]\nhouse = []\ntechno = []\n", "where the label goes"),
        ("[families.a]\nhouse = 'x'\ntechno = []\n", "families.a.house"),
        ("[families.a\n", "it is no TOML"),
        ("[families.a]\n'' = []\nhouse = []\n", "families"),
    ],
    ids=lambda text: text[:30],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(tmp_path: Path, text: str, told: str) -> None:
    assert told in refusal(written(tmp_path, text)) and "ours.toml" in refusal(written(tmp_path, text))


def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path) -> None:
    assert "no such file" in refusal(str(tmp_path / "none.toml"))
    assert "common, broad" in refusal(str(tmp_path))
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "no text in UTF-8" in refusal(str(binary))
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (LARGEST + 1))
    assert "larger" in refusal(str(large))
