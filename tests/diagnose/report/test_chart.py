"""Figures as HTML: every figure of a diagnosis is drawn without a library, with its numbers where they belong."""

from __future__ import annotations

import pytest

from tests.browser import made_take
from tests.diagnose.report import made_up, shown
from tonescope.diagnose.report import plots, render_html
from tonescope.diagnose.report.chart import Bars, Lines, chart
from tonescope.diagnose.report.diagnosis_views import views
from tonescope.diagnose.report.view import Figure


def test_every_figure_of_a_diagnosis_needs_no_library() -> None:
    found, evidence = shown.diagnosed()
    figures = [figure for view in views(found, evidence) for figure in view.figures]
    assert len(figures) == 6 and all(chart(figure.plot) for figure in figures)
    made = [plots.turned(case()) for case in made_up.ALL] + [plots.words(case()) for case in made_up.ALL]
    assert all(isinstance(chart(figure.plot), Bars) for figure in made)


def test_bars_stand_on_zero_and_carry_their_number() -> None:
    bars = chart(made_take.PLOT)
    assert isinstance(bars, Bars)
    left, right = (row.marks[0] for row in bars.rows)
    assert left.left + left.width == pytest.approx(bars.zero, abs=0.02) and right.left == pytest.approx(bars.zero)
    assert (left.text, right.text) == ("−8.20", "+1.50") and [len(row.marks) for row in bars.rows] == [1, 2]
    assert left.low is not None and left.high is not None and left.low < left.left < left.high
    per_unit = left.width / 8.2
    assert left.high - left.low == pytest.approx(4 * per_unit, abs=0.05)
    assert bars.ends == ["← towards “lo-fi hip hop”", "towards “polka” →"]
    assert bars.legend == [("left out: verified", "var(--target)"), ("estimated", "var(--faint)")]


def test_shares_are_told_as_they_were_counted() -> None:
    bars = chart(plots.turned(made_up.single_unit()).plot)
    assert isinstance(bars, Bars)
    assert [(row.name, row.marks[0].text) for row in bars.rows][:2] == [
        ("decoder.4.mlp:577 muted", "4 of 4"),
        ("random ones muted", "0 of 4"),
    ]
    assert [text for _, text in bars.ticks][::2] == ["0 %", "50 %", "100 %"]


def test_lines_go_where_their_numbers_are() -> None:
    lines = chart(made_take.LINES)
    assert isinstance(lines, Lines)
    (polka, lofi), (band,) = lines.series, lines.bands
    assert [dot[0] for dot in polka.dots] == [0, 50, 100] and polka.dots[0][1] == pytest.approx(
        100 * 0.7 / 1.02, abs=0.01
    )
    assert polka.dots[1][2] == "1.5: 90 %" and (polka.name, lofi.colour) == ("polka", "var(--asked)")
    assert band[0].startswith("M0.0,") and band[0].endswith("Z") and lines.titles == ("seconds", "probability")


def test_blocks_stand_where_their_windows_are() -> None:
    bars = [
        {"type": "bar", "name": "house", "x": [0.5, 1.5], "width": [1, 1], "y": [0.5, 1.0]},
        {"type": "bar", "name": "polka", "x": [3.0], "width": [2], "y": [0.25]},
    ]
    lines = chart({"data": bars, "layout": {}})
    assert isinstance(lines, Lines) and not lines.series
    assert [block[:2] for block in lines.blocks] == [(0, 25), (25, 25), (50, 50)]
    assert lines.blocks[1][3] == pytest.approx(4 * lines.blocks[2][3], abs=0.02)
    assert lines.blocks[2][5] == "polka 2–4: 0.25" and {block[2] for block in lines.blocks} == {0}
    assert lines.legend == [("house", "var(--target)"), ("polka", "var(--asked)")]


def test_numbers_that_are_all_alike_have_a_scale() -> None:
    still = {"type": "scatter", "mode": "lines", "x": [1, 1], "y": [0, 0], "name": "still"}
    lines = chart({"data": [still], "layout": {}})
    assert isinstance(lines, Lines) and lines.series[0].dots[0][:2] == (50, 50)
    bars = chart({"data": [{"type": "bar", "orientation": "h", "x": [0.0], "y": ["a"]}], "layout": {}})
    assert isinstance(bars, Bars) and bars.zero == 50


def test_names_with_tags_are_text() -> None:
    plot = plots.words(made_up.diagnosis(words=[made_up.word("<b>a</b>")])).plot
    drawn = render_html.figure(Figure("Words", plot, "Words."))
    assert drawn is not None and "&lt;b&gt;a&lt;/b&gt;" in drawn and "<b>a" not in drawn and "&amp;lt;" not in drawn


def test_a_colour_is_a_colour_and_no_style() -> None:
    plot = {
        "data": [{"type": "bar", "orientation": "h", "x": [1.0], "y": ["a"], "marker": {"color": "red;x:url(//y)"}}]
    }
    drawn = chart(plot | {"layout": {}})
    assert isinstance(drawn, Bars) and drawn.rows[0].marks[0].colour == "var(--heat)"


@pytest.mark.parametrize(
    "trace",
    [
        {"type": "heatmap", "z": [[1, 2], [3, 4]]},
        {"type": "bar", "x": ["a"], "y": [1]},
        {"type": "scatter", "mode": "lines", "x": ["2026-01-01"], "y": [1]},
    ],
)
def test_other_figures_are_left_to_plotly(trace: dict[str, object]) -> None:
    figure = Figure("Other", {"data": [trace], "layout": {}}, "Other.")
    assert chart(figure.plot) is None and render_html.figure(figure) is None
