"""A plan from Python, and its answers heard from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import tonescope
from tests.synthetic import chords, write
from tonescope.models import loading
from tonescope.models.errors import TonescopeError


def test_a_plan_is_made_written_and_its_answers_are_heard(
    tmp_path: Path, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MUSICNN", ())
    made = tonescope.plan("house with piano", service="lyria-2", takes=2, csv=tmp_path / "requests.csv")
    assert made.table == str(tmp_path / "requests.csv")
    assert {"whole", "without:1"} <= {row.variant for row in made.requests}
    for number, row in enumerate(made.requests):
        write(tmp_path / row.file, chords(number % 12, True, 2.0))
    found = tonescope.listen(variants=tmp_path, judge=str(folders[1]))
    assert found.words is not None and found.words.prompt == "house with piano" and found.words.words
    assert found.passages is None and found.genres is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"prompt": " "}, "prompt is empty"),
        ({"prompt": "house with piano", "takes": 0}, "0 takes cannot be made"),
        ({"prompt": "house with piano", "csv": "."}, "is a folder"),
        ({"prompt": "house with piano", "service": "nobody"}, "nobody"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_a_sentence(asked: dict[str, object], told: str) -> None:
    with pytest.raises(TonescopeError, match=told):
        tonescope.plan(**asked)  # type: ignore[arg-type]


def test_variants_name_their_files_themselves(tmp_path: Path) -> None:
    with pytest.raises(TonescopeError, match="nothing else can be named beside it"):
        tonescope.listen(["a.wav"], variants=tmp_path)
