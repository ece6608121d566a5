"""Numbers say what is good and what is bad: of audits beforehand, of tags, of files beside what was asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tonescope.diagnose.elsewhere import summary
from tonescope.diagnose.elsewhere.listen_schema import Listening
from tonescope.diagnose.report import audit_sentences, listen_views
from tonescope.diagnose.stats import share


@pytest.mark.parametrize(
    ("gap", "told"), [(0.05, "fine"), (0.1, "fine"), (0.2, "medium"), (0.3, "coarse"), (0.5, "coarse")]
)
def test_how_fine_a_comparison_is_is_said(gap: float, told: str) -> None:
    assert audit_sentences.how_fine(gap) == told


@pytest.mark.parametrize(
    ("likely", "told"),
    [
        ((0.46, 0.24), "The tags’ own probabilities are 0.24 to 0.46 of 1: weak, and no more than a hint."),
        ((0.9, 0.24), "The tags’ own probabilities are 0.24 to 0.90 of 1."),
        ((0.3,), "Each tag’s own probability is 0.30 of 1: weak, and no more than a hint."),
    ],
)
def test_case_how_weak_tags_are_is_said(likely: tuple[float, ...], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "genre_tag", lambda heard: ("ambient", heard))
    files: Any = [SimpleNamespace(heard=value) for value in likely]
    assert summary._how_likely(files) == told


@pytest.mark.parametrize(
    ("obeyed", "told"),
    [
        (
            ["as asked", "not as asked", "cannot be told", "cannot be told"],
            "The genre, of 4 files: 1 as asked, 1 not, 2 unclear. Of those that are clear, ",
        ),
        (["as asked", "as asked"], "The genre, of 2 files: 2 as asked, 0 not. Of many such files, "),
    ],
)
def test_case_of_how_many_files_what_is_told_is_said(obeyed: list[str], told: str) -> None:
    rows = [SimpleNamespace(aspect="genre", obeyed=one) for one in obeyed]
    kept = [one for one in obeyed if one != "cannot be told"]
    found = Listening.model_construct(
        files=[SimpleNamespace(adherence=[row]) for row in rows],
        obeyed={"genre": share(kept.count("as asked"), len(kept))},
        heard={"house": share(1, 1)},
    )
    assert listen_views._obeyed("genre", found).startswith(told)
