"""A diagnosis as views: each finding once, in the order of reading."""

from __future__ import annotations

from typing import get_args

import pytest

from tests.diagnose.report import shown
from tonescope.diagnose.jobs.diagnosis import Evidence
from tonescope.diagnose.judging.verdict import Kind
from tonescope.diagnose.report import diagnosis_views, sentences, shared_views
from tonescope.diagnose.report.labels import label
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
    order = "verdict group blame takes timeline contrast words strengths units audio_quality fresh_takes seconds"
    assert [key for key in keys if key != "blame"] == [*(order.replace("blame ", "").split()), "caveats", "provenance"]


def test_the_verdict_alone_is_the_first_view(found: tuple[Diagnosis, Evidence], views: dict[str, View]) -> None:
    assert diagnosis_views.verdict(found[0].prompt, found[0].verdict) == views["verdict"]
    assert set(diagnosis_views.TONES) == set(get_args(Kind))


def test_the_strongest_units_are_told_with_the_badge_of_their_test(
    found: tuple[Diagnosis, Evidence], views: dict[str, View]
) -> None:
    group = found[0].drivers.group
    assert group is not None
    assert views["group"].findings == [(sentences.group(found[0], group), group.badge)]


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
    assert len(view.notes) == 1 and "cannot tell" in view.notes[0]


def test_every_sound_of_a_view_is_in_the_evidence(found: tuple[Diagnosis, Evidence], views: dict[str, View]) -> None:
    sets = found[1].sounds
    rows = [row for view in views.values() for row in view.sounds]
    assert len(rows) == 2 + 2
    for row in rows:
        seeds = {sets[sound.takes].seeds[sound.row] for sound in row}
        assert len(seeds) == 1  # what stands together shares its noise
    assert [sound.title for sound in views["fresh_takes"].sounds[0][:3]] == [
        "fresh, untouched",
        "strongest units muted",
        "random units muted",
    ]


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
    assert not keys & {"group", "blame", "words", "strengths", "units", "audio_quality"}


def test_where_the_time_went_is_a_view(found: tuple[Diagnosis, Evidence]) -> None:
    rows = shared_views.timings(found[0].timings).tables[0].rows
    assert [name for name, _ in rows] == list(found[0].timings)
