"""Files whose prompts name a genre are counted as takes of a confusion report are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.diagnose.confusion.planted_genres import LABELS, TonalJudge, record, session
from tests.diagnose.elsewhere.made_up_files import file, heard, judged
from tonescope.diagnose.elsewhere.asked_genres import asked_genres
from tonescope.diagnose.elsewhere.listen_schema import AskedGenres, FileResult
from tonescope.diagnose.judging.verdict import UNSURE
from tonescope.models.judges.calibration import ConfusionRecord

TAXONOMY = session().taxonomy


def files(**asked: dict[str, int]) -> list[FileResult]:
    """So many files by what they ask for and what is heard."""
    rows = [(label, what) for label, row in asked.items() for what, count in row.items() for _ in range(count)]
    return [
        file(f"{at}.wav", heard(judged(what)), asked=label, prompt=f"some {label}")
        for at, (label, what) in enumerate(rows)
    ]


def counted(found: list[FileResult], measured: ConfusionRecord | None = None) -> AskedGenres:
    made = asked_genres(found, TonalJudge(record=measured), TAXONOMY)  # type: ignore[arg-type]
    assert made is not None
    return made


def test_hits_and_confusions_are_counted_with_their_intervals() -> None:
    found = counted(
        files(jazz={"polka": 18, "jazz": 2}, house={"house": 20}, techno={"techno": 15, UNSURE: 5}), record()
    )
    rows = {row.asked: row for row in found.rows}
    assert list(rows) == ["house", "techno", "jazz"] and rows["jazz"].matched.count == 2
    assert rows["jazz"].matched.low < 0.1 < rows["jazz"].matched.high and rows["techno"].unsure == 5
    assert [(pair.asked, pair.heard) for pair in found.flagged] == [("jazz", "polka")]
    assert found.correction.used and rows["jazz"].prompts == ["some jazz"]
    flagged = {row.genre: row.flagged for row in found.representation}
    assert flagged == {"jazz": True, "house": False, "techno": False}
    assert all(row.ratio.interval.low < row.ratio.value < row.ratio.interval.high for row in found.representation[1:])


def test_a_genre_that_draws_files_is_an_attractor_and_not_where_the_judge_was_not_measured() -> None:
    drifting = files(**{label: {"ambient": 8, label: 12} for label in LABELS if label != "ambient"})
    assert [row.label for row in counted(drifting, record()).attractors if row.sure] == ["ambient"]
    (unmeasured,) = counted(drifting).attractors
    assert not unmeasured.sure and "was not measured" in unmeasured.doubt


def test_copies_count_once_and_too_few_files_say_nothing() -> None:
    twice = files(jazz={"jazz": 4})
    twice.append(twice[0].model_copy(update={"same_as": "0.wav"}))
    assert counted(twice).rows[0].matched.total == 4
    assert asked_genres(twice[:1], TonalJudge(), TAXONOMY) is None  # type: ignore[arg-type]
    unknown = [each.model_copy(update={"asked": None}) for each in twice]
    assert asked_genres(unknown, TonalJudge(), TAXONOMY) is None  # type: ignore[arg-type]


def test_what_the_judge_mishears_as_often_is_not_the_generators() -> None:
    found = counted(files(jazz={"polka": 20}, house={"house": 20}), record({("jazz", "polka"): 30}))
    assert not found.flagged and not any(row.flagged for row in found.representation)
    assert replace(record(), source="x").counts[0][0] == pytest.approx(30)
