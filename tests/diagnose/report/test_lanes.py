"""Lanes as data: what a new report adds is drawn without a line of script."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError

from tests.browser import made_take
from tests.diagnose.report import shown
from tonescope.diagnose import schema
from tonescope.diagnose.attribution.time_occlusion import Timeline
from tonescope.diagnose.attribution.tracks import Tracks
from tonescope.diagnose.report import diagnosis_views, experiment_views, lanes
from tonescope.diagnose.report.lanes import Curves, Heat, Score, Stretches
from tonescope.diagnose.report.player_data import listening
from tonescope.diagnose.report.take_lanes import Reading

LABELS = ("polka", "lo-fi hip hop", "house")


def reading() -> Reading:
    """Four windows of 1 s over 2.5 s of one take: polka, polka, lo-fi hip hop, house."""
    posterior = torch.eye(3)[[0, 0, 1, 2]][:, None] * 0.8 + 0.05
    heard = {"untouched": Timeline([0.0, 0.5, 1.0, 1.5], 1.0, posterior)}
    row = torch.linspace(-1, 1, 5)[None]
    return Reading(
        Tracks(2.5, LABELS, heard, {"accordion": row.abs()}, {"decoder.3.mlp:1": row}),
        target="polka",
        asked="lo-fi hip hop",
        clean="untouched",
    )


def test_what_is_heard_covers_the_take_without_gap_or_overlap() -> None:
    lane = reading().untouched(0)[0]
    assert isinstance(lane, Stretches)
    borders = [(part.start, part.end) for part in lane.stretches]
    assert borders == [(0.0, 0.75), (0.75, 1.25), (1.25, 1.75), (1.75, 2.5)]
    assert [part.text for part in lane.stretches] == ["polka", "polka", "lo-fi hip hop", "house"]
    assert [part.meant for part in lane.stretches] == ["target", "target", "asked", "other"]
    assert lane.stretches[0].more == "lo-fi hip hop 5 %" and not lane.stretches[2].more
    assert lane.stretches[0].share == pytest.approx(0.85)


def test_a_changed_take_says_what_was_changed_and_which_lanes_are_of_another() -> None:
    drawn = reading().changed("muted", 0, "decoder.3.mlp:1 muted", (1.0, 9.0))
    assert [lane.title for lane in drawn] == [
        "What was changed",  # nothing is known of what is heard in it
        "Words attended to (in the take as it is)",
        "What the units do (in the take as it is)",
    ]
    assert isinstance(drawn[0], Stretches) and (drawn[0].stretches[0].start, drawn[0].stretches[0].end) == (1.0, 2.5)


def test_what_a_diagnosis_lets_people_hear_has_lanes() -> None:
    found, evidence = shown.diagnosed()
    hear = next(view for view in diagnosis_views.views(found, evidence) if view.key == "hear")
    for row in hear.sounds:
        assert all(sound.lanes for sound in row)
        kinds = [lane.kind for lane in row[0].lanes]
        assert kinds[0] == "stretches" and {"heat", "curves"} <= set(kinds)
        assert [lane.title for lane in row[1].lanes][:2] == ["What the judge hears", "What was changed"]


def test_an_edit_for_some_seconds_is_drawn_where_it_was() -> None:
    found, played = shown.edited()
    edit = found.edit.model_copy(update={"seconds": (0.1, 0.3)})
    views = experiment_views.views(found.model_copy(update={"edit": edit}), played)
    row = next(view for view in views if view.key == "takes").sounds[0]
    changed = next(lane for lane in row[1].lanes if lane.title == "What was changed")
    assert isinstance(changed, Stretches)
    (part,) = changed.stretches
    assert (part.start, part.end) == (0.1, 0.3) and part.text == "decoder.1.mlp:5 set to 30"
    assert not any(lane.title == "What was changed" for lane in row[0].lanes)


def test_badges_are_those_of_results() -> None:
    assert lanes.Badge == schema.Badge  # written twice, for a page is shown where no model is


def test_lanes_survive_json_and_are_told_apart_by_their_kind() -> None:
    score = listening(made_take.rows(1), made_take.MadePlays()).takes[0].versions[0].score
    assert score is not None
    again = Score.model_validate_json(score.model_dump_json())
    assert again == score and hash(again) == hash(score)
    assert [type(lane) for lane in again.lanes] == [Stretches, Stretches, Heat, Curves]
    with pytest.raises(ValidationError):
        Score.model_validate(
            score.model_dump() | {"lanes": [{"kind": "heat", "title": "x", "rows": [], "script": "x"}]}
        )


def test_everything_that_is_drawn_is_a_number() -> None:
    found, evidence = shown.diagnosed()
    hear = next(view for view in diagnosis_views.views(found, evidence) if view.key == "hear")
    rows = [
        line
        for sound in hear.sounds[0]
        for lane in sound.lanes
        if not isinstance(lane, Stretches)
        for line in lane.rows
    ]
    assert rows and all(math.isfinite(value) and -1 <= value <= 1 for line in rows for value in line.values)
