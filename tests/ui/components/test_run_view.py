"""A run as HTML: what stands at once, and what is folded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonescope.diagnose.report.escaped_templates import unbroken
from tonescope.diagnose.report.view import View
from tonescope.diagnose.store.run_files import Content, StoredSounds
from tonescope.diagnose.store.run_list import Run
from tonescope.ui.components import run_view


def test_of_why_one_sentence_stands_at_once_and_the_others_are_folded() -> None:
    said = ["One neuron does it.", "Because of the word “accordion”.", "It is decided in the first 2 s."]
    view = View("why", "Why?", [(sentence, "verified") for sentence in said], depth="first")
    content = Content(Path(), [view], StoredSounds(Path(), 1, {}), is_whole=False)
    html = run_view.html(Run("", "diagnose", {}), content, "", run_view.Listener("judge", ["house"]))
    at_once, _, folded = html.partition("<summary>More on why</summary>")
    assert [unbroken(sentence) in at_once for sentence in said] == [True, False, False]
    assert [unbroken(sentence) in folded for sentence in said] == [False, True, True]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("51–100 % of takes", "51–100\xa0% of takes"),
        ("in 2 s, at 4 kHz", "in 2\xa0s, at 4\xa0kHz"),
        ("2 songs, 4 minutes", "2 songs, 4 minutes"),
    ],
)
def test_numbers_stay_with_their_units(text: str, kept: str) -> None:
    assert unbroken(text) == kept
