"""Figures: plotly takes them, and names stand in them as they are."""

from __future__ import annotations

import json

import plotly.graph_objects as go
import pytest

from tests.diagnose.report import made_up, shown
from tonescope.diagnose.jobs.evidence import Evidence
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
    assert len(figures) == 6  # words, set, units, doses, heard, over time
    for figure in figures:
        assert go.Figure(figure.plot).data
        assert json.loads(json.dumps(figure.plot, allow_nan=False)) == figure.plot


def test_every_figure_is_told_in_a_sentence(figures: list[Figure]) -> None:
    assert all(figure.title and figure.alt.endswith(".") for figure in figures)


def of_words(*words: str) -> Diagnosis:
    """A diagnosis of these words, each a letter after the one before; all but the last were left out."""
    rows = [made_up.word(word).model_copy(update={"start": at}) for at, word in enumerate(words)]
    rows = [row.model_copy(update={"verified": made_up.trial(1, {"polka": 3})}) for row in rows[:-1]] + rows[-1:]
    return made_up.diagnosis(words=rows)


def test_words_that_come_twice_have_bars_of_their_own() -> None:
    for plot in (
        plots.words(of_words("house", "house", "piano")),
        plots.turned(of_words("house", "house", "piano", "x")),
    ):
        names = plot.plot["data"][0]["y"]
        assert len(names) == 3 == len(set(names))


def test_long_words_that_begin_alike_have_bars_of_their_own() -> None:
    words = ["x" * 200 + end for end in "abc"]
    for names in (
        plots.words(of_words(*words)).plot["data"][0]["y"],
        plots.turned(of_words(*words, "d")).plot["data"][0]["y"],
    ):
        assert len(set(names)) == 3 and max(map(len, names)) <= plots.LONGEST_NAME + len(" (2)")


def test_names_that_look_like_numbers_are_names() -> None:
    plot = plots.words(of_words("78", "90", "1999")).plot
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


def test_how_many_takes_turn_is_drawn_beside_random_units() -> None:
    (bars,) = plots.turned(made_up.single_unit()).plot["data"]
    assert dict(zip(bars["y"], bars["x"], strict=True)) == {
        "decoder.4.mlp:577 muted": 1.0,
        "random ones muted": 0.0,
        "without “accordion”": 0.0,
    }
    assert bars["error_x"]["arrayminus"][0] == pytest.approx(0.49, abs=0.01)  # as wide as four takes leave it


def test_no_takes_to_turn_are_no_share() -> None:
    assert plots.turned(made_up.all_different()).plot["data"][0]["x"] == [0.0]


def test_an_axis_of_effects_says_which_way_is_which() -> None:
    layout = plots.words(made_up.single_unit()).plot["layout"]
    assert layout["xaxis"]["title"]["text"] == "← towards “lo-fi hip hop”<br>towards “polka” →"
    assert "title" not in layout
