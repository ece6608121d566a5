"""One look for all figures, and what is a figure's own on top of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tonescope.diagnose.report.figure_look import as_written, plotted, titled

ROOT = Path(__file__).parents[3]


def test_what_is_an_axis_own_is_added_to_the_look_and_stands_before_it() -> None:
    layout = plotted([{"type": "bar"}], 90, titled("seconds") | {"automargin": False}, {})["layout"]
    assert layout["xaxis"]["title"]["text"] == "seconds" and layout["xaxis"]["automargin"] is False
    assert layout["yaxis"]["automargin"] is True and layout["xaxis"]["gridcolor"] == layout["yaxis"]["gridcolor"]
    assert layout["height"] == 90 and layout["paper_bgcolor"].endswith(",0)")  # seen through


def test_tags_in_a_text_are_text() -> None:
    assert as_written("<b>bold</b> & co") == "&lt;b&gt;bold&lt;/b&gt; &amp; co"


def test_no_other_file_has_a_look_of_its_own() -> None:
    listed = subprocess.run(
        ["git", "grep", "-l", "paper_bgcolor", "--", "diagnose", "ui"], cwd=ROOT, capture_output=True, text=True
    )
    assert listed.stdout.split() == ["diagnose/report/figure_look.py"]
