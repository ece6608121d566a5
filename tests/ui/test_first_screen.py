"""What everybody wants to know stands on one screen of a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.diagnose.report import made_up, shown
from tonescope.diagnose.report import diagnosis_views, next_steps, shared_views
from tonescope.diagnose.report.view import Command, Sound, View
from tonescope.diagnose.schema import Diagnosis
from tonescope.ui.first_screen import SCREEN_LINES, show_first

WIDTH = 80
FOLDER = Path("out/a folder")


@pytest.fixture(autouse=True)
def _usual_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))


def views(found: Diagnosis) -> list[View]:
    """As :func:`diagnosis_views.views` gives, for a diagnosis without evidence."""
    heard = [[Sound("as it is", "tested", row)] for row in range(len(found.drivers.tested))]
    hear = View("hear", "Hear it", sounds=heard, commands=[next_steps.to_hear(found)], depth="first")
    scale = View("scale", "How to read the numbers", [("log-odds", None)])
    return [*diagnosis_views.told_first(found), hear, scale, shared_views.caveats(found.caveats)]


def lines(text: str) -> int:
    """Lines of a terminal; those that are too long for it are broken."""
    return sum(max(1, -(-len(line) // WIDTH)) for line in text.splitlines())


@pytest.mark.parametrize("folder", [None, FOLDER], ids=["unwritten", "written"])
@pytest.mark.parametrize("made", made_up.ALL, ids=lambda made: made.__name__)
def test_a_diagnosis_is_told_in_24_lines(
    made: Callable[[], Diagnosis], folder: Path | None, capsys: pytest.CaptureFixture[str]
) -> None:
    found = made()
    show_first(views(found), folder)
    text = capsys.readouterr().out
    assert lines(text) <= SCREEN_LINES == 24
    assert "What to try next" in text and "Where to listen" in text and "all the rest" in text
    assert not re.search(r"log-odds|\bq\b|margin", text)
    if folder:
        assert "Written to out/a folder: open out/a folder/report.html in a browser." in " ".join(text.split())
    assert {step.line for step in next_steps.next_steps(found)} <= {line.strip() for line in text.splitlines()} | {""}


def test_a_diagnosis_that_was_made_is_told_in_24_lines(capsys: pytest.CaptureFixture[str]) -> None:
    found, evidence = shown.diagnosed()
    show_first(diagnosis_views.views(found, evidence), None)
    text = capsys.readouterr().out
    assert lines(text) <= SCREEN_LINES
    assert f"“{found.prompt}”" in text and "To keep in mind" not in text.replace("to keep", "To keep", 0)


def test_a_verdict_that_was_printed_before_is_not_printed_again(capsys: pytest.CaptureFixture[str]) -> None:
    found = made_up.set_of_three()
    show_first(views(found), None, printed={"verdict"})
    text = capsys.readouterr().out
    assert "You asked for" not in text and lines(text) <= SCREEN_LINES - 4


def test_caveats_fill_what_room_there_is_and_the_others_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    show_first(views(made_up.match()), None)
    assert "4 takes give a rough figure" in capsys.readouterr().out
    show_first(views(made_up.long_prompt()), None)
    text = capsys.readouterr().out
    assert "and 6 things to keep in mind" in text and "A very long sentence" not in text


def test_the_last_sentences_give_way_first(capsys: pytest.CaptureFixture[str]) -> None:
    sentences = [
        (f"Sentence {number} is as long as a line of a terminal is wide, or longer.", None) for number in range(40)
    ]
    show_first([View("why", "Why", sentences, commands=[Command("Then:", "run it")], depth="first")], None)
    text = capsys.readouterr().out
    assert lines(text) <= SCREEN_LINES and "Sentence 0" in text and "Sentence 39" not in text
    assert "  run it\n" in text  # never what can be pasted


def test_a_line_to_be_pasted_is_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    line = "tonescope diagnose " + "x" * 150
    show_first([View("next", "Next", commands=[Command("Try:", line)], depth="first")], None)
    assert f"  {line}\n" in capsys.readouterr().out


def test_a_report_of_details_alone_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    show_first([View("all", "All of it", [("It is told.", "observed")])], None)
    text = capsys.readouterr().out
    assert "All of it" in text and "It is told." in text and "--details" not in text
