"""A diagnosis as views: each finding once, in the order of reading."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from tests.diagnose.report import made_up, shown
from tonescope.diagnose.jobs.evidence import Evidence
from tonescope.diagnose.judging.verdict import Kind
from tonescope.diagnose.report import diagnosis_views, sentences, shared_views, unit_views, why
from tonescope.diagnose.report.labels import label, stage_told
from tonescope.diagnose.report.view import View
from tonescope.diagnose.schema import Diagnosis, Exclusion
from tonescope.diagnose.stats import share


@pytest.fixture(scope="module")
def found() -> tuple[Diagnosis, Evidence]:
    return shown.diagnosed()


@pytest.fixture(scope="module")
def views(found: tuple[Diagnosis, Evidence]) -> dict[str, View]:
    return {view.key: view for view in diagnosis_views.views(*found)}


def test_every_view_is_there_once_and_in_the_order_of_reading(found: tuple[Diagnosis, Evidence]) -> None:
    keys = [view.key for view in diagnosis_views.views(*found)]
    first, details = (
        "verdict why next hear",
        "words set sufficiency units strengths takes timeline seconds scale caveats",
    )
    assert [key for key in keys if key != "blame"] == [*first.split(), *details.split(), "audio_quality", "provenance"]
    shown_first = [view.key for view in diagnosis_views.views(*found) if view.depth == "first"]
    assert shown_first == first.split()


def test_the_verdict_alone_is_the_first_view(found: tuple[Diagnosis, Evidence], views: dict[str, View]) -> None:
    assert diagnosis_views.verdict(found[0].prompt, found[0].verdict) == views["verdict"]
    assert set(diagnosis_views.TONES) == set(get_args(Kind))


def test_the_set_is_told_with_the_badge_of_its_test_and_every_unit_by_name(
    found: tuple[Diagnosis, Evidence], views: dict[str, View]
) -> None:
    group = found[0].drivers.group
    assert group is not None
    assert views["set"].findings[0] == (sentences.group(found[0], group), group.badge)
    table = views["set"].tables[0]
    assert [row[0] for row in table.rows][: group.units] == group.names and table.kind(0) == "unit"


def test_a_set_that_is_not_sure_has_no_title_that_says_what_does_it() -> None:
    unsure, sure = made_up.no_small_set(), made_up.single_unit()
    titles = [unit_views.set_view(made, made.drivers.group).title for made in (unsure, sure) if made.drivers.group]
    assert "is not sure to do it: " in titles[0] and titles[1].startswith("What does it: ")


def test_what_each_member_does_alone_and_whether_the_set_needs_it_is_in_a_table() -> None:
    made = made_up.set_of_three(needed=2)
    group = made.drivers.group
    assert group is not None
    view = unit_views.set_view(made, group)
    (table,) = view.tables
    assert table.columns == ("unit", "muted alone", "a random one instead", "the others without it", "needed")
    rows = [("0 of 4", "0 of 4", "0 of 4", "yes"), ("0 of 4", "0 of 4", "4 of 4", "no")]
    assert [row[1:] for row in table.rows[1:3]] == rows and "more is stronger" in table.title
    assert table.rows[3][0] == "decoder.5.mlp:7"  # which stands in for a member
    assert any("decoder.5.mlp:7 stands in" in text for text, _ in view.findings)


def test_what_an_alternate_does_in_the_place_of_a_member_is_told_with_its_own_badge() -> None:
    made = made_up.set_of_three()
    group, other = made.drivers.group, made.drivers.units[-1]
    assert group is not None and other.role == "alternate"
    for trial, told, badge in (
        (None, "did the same, in the takes of the search", other.badge),
        (made_up.trial(3, {}), "3 of 4 takes turn back", "verified"),
        (made_up.trial(1, {}, q=made_up.UNSURE), "1 of 4 takes turn back", "tested"),
    ):
        swapped = other.model_copy(update={"in_place": trial})
        drivers = made.drivers.model_copy(update={"units": [*made.drivers.units[:-1], swapped]})
        view = unit_views.set_view(made.model_copy(update={"drivers": drivers}), group)
        ((text, shown),) = [row for row in view.findings if f"{other.unit} stands in" in row[0]]
        assert told in text and shown == badge
        (table,) = view.tables
        assert ("in the place of one" in table.columns) is (trial is not None)
        assert trial is None or f"{trial.flips} of 4" in table.rows[-1]


def test_when_it_is_decided_is_a_table_and_a_figure_from_the_start_on() -> None:
    made = made_up.single_unit()
    group = made.drivers.group
    assert group is not None
    view = unit_views.cut_points(made, group)
    assert view is not None and view.findings == [why.decided(made)]
    assert [row[1] for row in view.tables[0].rows] == ["4 of 4", "1 of 4", "0 of 4", "0 of 4"]
    (line,) = view.figures[0].plot["data"]
    assert line["x"] == [0.0, 0.5, 1.0, 2.0] and line["y"] == [1.0, 0.25, 0.0, 0.0]


def test_where_no_take_could_turn_nothing_is_drawn_over_time() -> None:
    """A figure without a point is none: the whole report failed on it."""
    made = made_up.single_unit()
    nothing = [cut.model_copy(update={"trial": made_up.trial(0, {}, of=0)}) for cut in made_up.cuts(0, 0, 0)]
    drivers = made.drivers.model_copy(update={"cut_points": nothing})
    group = drivers.group
    assert group is not None
    view = unit_views.cut_points(made.model_copy(update={"drivers": drivers}), group)
    assert view is not None and not view.figures and view.tables


def test_tables_hold_every_row_with_its_badge(found: tuple[Diagnosis, Evidence], views: dict[str, View]) -> None:
    drivers = found[0].drivers
    for key, rows in (("words", drivers.words), ("units", drivers.units), ("seconds", drivers.seconds)):
        table = views[key].tables[0]
        assert len(table.rows) == len(rows) and table.badges == tuple(row.badge for row in rows)
    assert [row[0] for row in views["units"].tables[0].rows] == [row.unit for row in drivers.units]
    assert views["units"].tables[0].kind(0) == "unit"


def test_what_came_of_naming_a_thing_to_exclude_it_is_told_with_its_badge(found: tuple[Diagnosis, Evidence]) -> None:
    diagnosis, evidence = found
    told = [
        Exclusion(thing="polka", how="label", label="polka", named=share(7, 8), left_out=share(2, 8), p=0.06),
        Exclusion(thing="drums", how="unheard"),
    ]
    word = diagnosis.drivers.words[0].model_copy(update={"word": "no polka", "exclusions": told})
    drivers = diagnosis.drivers.model_copy(update={"words": [word, *diagnosis.drivers.words[1:]]})
    shown_now = diagnosis_views.views(diagnosis.model_copy(update={"drivers": drivers}), evidence)
    view = next(view for view in shown_now if view.key == "words")
    ((heard, badge),) = view.findings
    assert "polka is heard in 7 of 8 takes; without the words in 2 of 8" in heard and badge == "tested"
    assert len(view.notes) == 2 and "cannot hear “drums”" in view.notes[0]


def test_every_sound_of_a_view_is_in_the_evidence(found: tuple[Diagnosis, Evidence], views: dict[str, View]) -> None:
    sets = found[1].sounds
    rows = [row for view in views.values() for row in view.sounds]
    assert len(rows) == 2 + 2 + 2
    for row in rows:
        seeds = {sets[sound.takes].seeds[sound.row] for sound in row}
        assert len(seeds) == 1  # what stands together shares its noise
    titles = [sound.title for sound in views["hear"].sounds[0]]
    assert titles[0] == "as it is" and titles[1].endswith("muted")
    assert re.fullmatch(r"with \d+ random units muted instead", titles[-1])
    assert titles[2].startswith("without “") and views["hear"].commands[0].line.startswith("tonescope diagnose ")


def test_every_variant_has_a_label_and_no_two_the_same(found: tuple[Diagnosis, Evidence]) -> None:
    labels = [label(key) for key in found[1].sounds]
    assert len(set(labels)) == len(labels) >= 8
    assert label("without_word:7:a:b {0}") == "without “a:b {0}”"
    assert label("without_unit:decoder.3.mlp:117") == "without decoder.3.mlp:117"
    with pytest.raises(KeyError):
        label("nothing")


def test_a_diagnosis_without_a_group_or_words_has_no_empty_views(found: tuple[Diagnosis, Evidence]) -> None:
    bare = found[0].model_copy(deep=True)
    bare.drivers.group, bare.drivers.words, bare.drivers.units = None, [], []
    bare.blame.where = "nowhere"
    keys = {view.key for view in diagnosis_views.views(bare, found[1])}
    assert not keys & {"set", "cut_points", "sufficiency", "blame", "words", "strengths", "units", "audio_quality"}
    assert {"verdict", "why", "next", "hear"} <= keys


def test_case_where_nothing_was_changed_the_takes_of_the_verdict_are_heard_first_with_their_score(
    found: tuple[Diagnosis, Evidence],
) -> None:
    bare = found[0].model_copy(deep=True)
    bare.drivers.group, bare.drivers.words = None, []
    hear = next(view for view in diagnosis_views.views(bare, found[1]) if view.key == "hear")
    first = [row[0] for row in hear.sounds[: len(bare.takes)]]
    assert [sound.takes for sound in first] == ["takes"] * len(bare.takes) and all(sound.lanes for sound in first)


def test_where_the_time_went_is_a_view(found: tuple[Diagnosis, Evidence]) -> None:
    rows = shared_views.timings(found[0].timings).tables[0].rows
    assert [name for name, _ in rows] == [stage_told(name) for name in found[0].timings]
