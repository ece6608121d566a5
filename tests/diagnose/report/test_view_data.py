"""Views as JSON and back, and the refusal of what only looks like a view."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.diagnose.report import made_up, shown
from tonescope.diagnose.report import diagnosis_views, render_html
from tonescope.diagnose.report.pasteable import prompt_word
from tonescope.diagnose.report.view import Command, Figure, Offer, Table, View
from tonescope.diagnose.report.view_data import as_data, check_foreign, from_data
from tonescope.diagnose.schema import Diagnosis
from tonescope.models.errors import TonescopeError

LINES = (
    'tonescope diagnose "lo-fi beats with accordion"',
    "tonescope edit dark decoder.3.mlp:117 --value 2",
    f"tonescope diagnose {prompt_word('it’s rock ’n’ roll, isn$t it')}",
    "tonescope diagnose 'it'\"'\"'s $HOME'",
    "tonescope diagnose $'a\\nb\\'c'",
    "tonescope",
)
FOREIGN_LINES = (
    "rm -rf ~",
    "tonescope; rm -rf ~",
    "tonescope diagnose $(rm -rf ~)",
    'tonescope diagnose "$(rm -rf ~)"',
    'tonescope diagnose "a`id`"',
    "tonescope diagnose a\nrm -rf ~",
    "tonescope diagnose 'a\nb'",
    "tonescope diagnose a > /etc/passwd",
    "tonescope diagnose \\$(id)",
    "tonescopes",
    "tonescope diagnose 'open",
)


def around(views: list[View]) -> list[View]:
    """The same by way of text."""
    return from_data(json.loads(json.dumps(as_data(views))))


def test_views_come_back_as_they_were() -> None:
    for views in (shown.toy_views(), shown.toy_views(shown.BEACON), diagnosis_views.views(*shown.diagnosed())):
        assert json.dumps(as_data(around(views))) == json.dumps(as_data(views))
        for before, after in zip(views, around(views), strict=True):
            for fragment in (render_html.text, render_html.said, render_html.tables):
                assert fragment(after) == fragment(before)
            assert (after.findings, after.notes, after.tone, after.depth) == (
                before.findings,
                before.notes,
                before.tone,
                before.depth,
            )


def test_an_offer_comes_back_as_it_was() -> None:
    view = View("card", "A card", offer=Offer("house", (("guidance", "6"),)))
    assert around([view])[0].offer == view.offer
    old = as_data([view])[0]
    del old["offer"]  # a run of before
    assert from_data([old])[0].offer is None
    for wrong in ({"prompt": 3, "settings": []}, {"prompt": "x", "settings": [["a", "b", "c"]]}, "house"):
        with pytest.raises(ValueError, match=r"not views|no text|unpack"):
            from_data([old | {"offer": wrong}])


@pytest.mark.parametrize("finding", made_up.ALL, ids=lambda finding: finding.__name__)
def test_what_tonescope_tells_first_is_not_foreign(finding: Callable[[], Diagnosis]) -> None:
    views = diagnosis_views.told_first(finding())
    assert any(view.commands for view in views)
    check_foreign(around(views))


def test_a_whole_diagnosis_is_not_foreign() -> None:
    views = diagnosis_views.views(*shown.diagnosed())
    assert sum(len(view.figures) for view in views) >= 5
    check_foreign(views)


@pytest.mark.parametrize("line", LINES)
def test_lines_that_start_tonescope_are_shown(line: str) -> None:
    check_foreign([View("next", "Next", commands=[Command("Try:", line)])])


@pytest.mark.parametrize("line", FOREIGN_LINES)
def test_a_line_that_does_more_than_start_tonescope_is_refused(line: str) -> None:
    with pytest.raises(TonescopeError, match="not written by Tonescope"):
        check_foreign([View("next", "Next", commands=[Command("Try:", line)])])


@pytest.mark.parametrize(
    "plot",
    [
        {"data": [], "layout": {"images": [{"source": "https://example.org/x.png"}]}},
        {"data": [{"type": "scattermapbox"}], "layout": {}},
        {"data": [{"type": "bar", "hovertemplate": "<a href='https://example.org'>x</a>"}]},
        {"data": [{"type": "bar", "y": ["<img src=x>"]}]},
        {"data": "x"},
        {"data": [3]},
    ],
)
def test_a_figure_that_fetches_or_leads_elsewhere_is_refused(plot: dict[str, Any]) -> None:
    with pytest.raises(TonescopeError, match="would load something"):
        check_foreign([View("one", "One", figures=[Figure("f", plot, "alt")])])


@pytest.mark.parametrize(
    "views",
    [
        [View("one", "One"), View("one", "Two")],
        [View("a b", "One")],
        [View("x" * 81, "One")],
        [View("one", "One", tables=[Table(("a",), (("much",),), kinds=("share",))])],
        [View("one", "One", tables=[Table(("a",), (("nan",),), kinds=("share",))])],
    ],
)
def test_what_nobody_could_show_is_refused(views: list[View]) -> None:
    with pytest.raises(TonescopeError, match="not written by Tonescope"):
        check_foreign(views)


def _changed(**about: Any) -> Any:
    return [as_data([shown.toy_views()[2]])[0] | about]


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        [3],
        [{}],
        _changed(depth="deep"),
        _changed(tone="loud"),
        _changed(title=3),
        _changed(sentences=[["told", "proven"]]),
        _changed(sentences=["told"]),
        _changed(
            tables=[{"columns": ["a"], "rows": [["1", "2"]], "badges": [], "kinds": [], "lead": None, "title": ""}]
        ),
        _changed(figures=[{"title": "f", "plot": "x", "alt": "", "badge": None}]),
        _changed(sounds=[[{"title": "a", "takes": "b", "row": -1, "heard": ""}]]),
        _changed(sounds=[[{"title": "a", "takes": "b", "row": "../x", "heard": ""}]]),
        _changed(sounds=[[{"title": "a", "takes": "b", "row": 0, "heard": "", "lanes": [{"kind": "new"}]}]]),
        _changed(sounds=[[{"title": "a", "takes": "b", "row": 0, "heard": "", "lanes": 3}]]),
        _changed(commands=["tonescope"]),
    ],
)
def test_what_is_no_view_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_data(data)


def test_lanes_come_back_as_they_were() -> None:
    views = diagnosis_views.views(*shown.diagnosed())
    lanes = [sound.lanes for view in views for row in view.sounds for sound in row]
    assert any(lanes) and lanes == [sound.lanes for view in around(views) for row in view.sounds for sound in row]
    json.dumps(as_data(views), allow_nan=False)


def test_a_view_that_is_changed_is_not_the_same_data() -> None:
    view = shown.toy_views()[0]
    assert as_data([replace(view, title="other")]) != as_data([view])
