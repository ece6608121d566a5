"""Figures: plotly takes them, and names stand in them as they are."""

from __future__ import annotations

import json

import plotly.graph_objects as go
import pytest

from tests.diagnose.report import shown
from tonescope.diagnose.jobs.diagnosis import Evidence
from tonescope.diagnose.report import plots
from tonescope.diagnose.report.diagnosis_views import views
from tonescope.diagnose.report.view import Figure
from tonescope.diagnose.schema import Diagnosis


@pytest.fixture(scope="module")
def found() -> tuple[Diagnosis, Evidence]:
    return shown.diagnosed()


@pytest.fixture(scope="module")
def figures(found: tuple[Diagnosis, Evidence]) -> list[Figure]:
    return [figure for view in views(*found) for figure in view.figures]


def test_plotly_takes_every_figure(figures: list[Figure]) -> None:
    assert len(figures) == 6
    for figure in figures:
        assert go.Figure(figure.plot).data
        assert json.loads(json.dumps(figure.plot, allow_nan=False)) == figure.plot


def test_every_figure_is_told_in_a_sentence(figures: list[Figure]) -> None:
    assert all(figure.title and figure.alt.endswith(".") for figure in figures)


def test_words_that_come_twice_have_bars_of_their_own(found: tuple[Diagnosis, Evidence]) -> None:
    names = plots.words(found[0]).plot["data"][0]["y"]
    assert len(names) == 3 == len(set(names))


def test_long_words_that_begin_alike_have_bars_of_their_own(found: tuple[Diagnosis, Evidence]) -> None:
    odd = found[0].model_copy(deep=True)
    for row, end in zip(odd.drivers.words, "abc", strict=True):
        row.word = "x" * 200 + end
    names = plots.words(odd).plot["data"][0]["y"]
    assert len(set(names)) == 3 and max(map(len, names)) <= plots.LONGEST_NAME


def test_names_that_look_like_numbers_are_names(found: tuple[Diagnosis, Evidence]) -> None:
    odd = found[0].model_copy(deep=True)
    for row, word in zip(odd.drivers.words, ("78", "90", "1999"), strict=True):
        row.word = word
    plot = plots.words(odd).plot
    assert plot["layout"]["yaxis"]["type"] == "category"
    assert sorted(plot["layout"]["yaxis"]["categoryarray"]) == sorted(["78", "90", "1999"])


def test_plots_show_names_as_they_are(found: tuple[Diagnosis, Evidence]) -> None:
    odd, evidence = found[0].model_copy(deep=True), found[1]
    tag = "<b>a</b>"
    odd.drivers.words[0].word = tag
    odd.contrast.target, odd.contrast.foil = evidence.labels[0], evidence.labels[1]
    marked = Evidence(**{**vars(evidence), "labels": (tag, "<i>b</i>", *evidence.labels[2:])})
    odd.contrast.target, odd.contrast.foil = marked.labels[:2]
    odd.intended.label = odd.perceived.label = tag
    for figure in (plots.words(odd), plots.units(odd), plots.heard(odd, marked), plots.timeline(odd, marked)):
        drawn = json.dumps(figure.plot)
        assert "<b>" not in drawn and "<i>" not in drawn
    assert "&lt;b&gt;a" in json.dumps(plots.words(odd).plot["data"])


def test_what_a_label_is_held_against_is_drawn_over_time(found: tuple[Diagnosis, Evidence]) -> None:
    met, evidence = found[0].model_copy(deep=True), found[1]
    met.contrast.foil = None
    traces = plots.timeline(met, evidence).plot["data"]
    one, other = (trace["y"] for trace in traces if trace.get("mode") == "lines+markers")
    assert [a + b for a, b in zip(one, other, strict=True)] == pytest.approx([1.0] * len(one))
