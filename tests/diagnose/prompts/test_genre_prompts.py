"""Every wording asks for the genre, each otherwise."""

from __future__ import annotations

from tonescope.diagnose.prompts.genre_prompts import MOST_WORDINGS, genre_prompts, wordings


def test_wordings_name_the_genre_once_and_differ() -> None:
    assert len(wordings()) == len(set(wordings())) == MOST_WORDINGS
    assert all(wording.count("{genre}") == 1 for wording in wordings()) and wordings()[0] == "{genre}"


def test_names_with_signs_stay_as_they_are() -> None:
    assert genre_prompts("r&b {x}", 2) == ["r&b {x}", "r&b {x} music"]
