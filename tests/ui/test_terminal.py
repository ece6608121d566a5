"""Views in the terminal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from tests.diagnose.report import shown
from tonescope.diagnose.report.diagnosis_views import verdict, views
from tonescope.diagnose.report.view import Command, Figure, Sound, Table, Tone, View
from tonescope.diagnose.schema import Badge
from tonescope.ui.first_screen import show_first
from tonescope.ui.printable import printable
from tonescope.ui.terminal import BADGES, TONES, show_views

HOSTILE = "jazz \x1b[2J\x1b]0;owned\x07 \x9b31m \u202eesrever\u2066 \x08\r\nerror: all is lost"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


def test_a_report_that_no_code_knows_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show_views(shown.toy_views())
    text = capsys.readouterr().out
    for part in ("Audit of tempo", "tempo comes in time.", "tempo on a card.", "A note on tempo.", "asked", "101"):
        assert part in text
    assert "in numbers" not in text
    show_views(shown.toy_views(), numbers=True)
    assert "tempo in numbers." in capsys.readouterr().out


def test_a_diagnosis_is_printed_as_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found, evidence = shown.diagnosed()
    show_views(views(found, evidence))
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert " ".join(found.verdict.sentence.split()) in text
    for part in ("house (asked)", "Why ", "below zero", "2 fresh takes", "random"):
        assert part in text, part
    assert re.search(r"… and \d+ more", text)
    for caveat in found.caveats:
        assert caveat in text


def test_what_is_only_drawn_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    figure = Figure("A figure", {"data": []}, "It rises.", "observed")
    show_views([View("drawn", "Drawn", figures=[figure]), View("heard", "Heard", sounds=[[Sound("a", "b", 0)]])])
    text = capsys.readouterr().out
    assert "Drawn" in text and "It rises." in text and "observed" in text and "takes to hear" in text


def test_long_tables_end_with_how_much_more_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(("a", "share"), tuple((str(row), "0.50") for row in range(9)), kinds=("text", "share"), lead=2)
    show_views([View("long", "Long", tables=[table])])
    text = capsys.readouterr().out
    assert "… and 7 more" in text and text.count("0.50") == 2 and text.count("█" * 12 + "·" * 12) == 2


def views_with_commands() -> list[View]:
    """Views of a first screen with text from outside everywhere."""
    steps = [Command(HOSTILE, HOSTILE)]
    return [
        View("headline", HOSTILE, [(HOSTILE, "observed")], depth="first", tone="bad"),
        View("next", HOSTILE, [(HOSTILE, None)], commands=steps, depth="first"),
        View("hear", HOSTILE, sounds=[[Sound("a", "b", 0)]], commands=steps, depth="first"),
        View("caveats", HOSTILE, [(HOSTILE, None)]),
    ]


def test_control_characters_of_a_prompt_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    found, _ = shown.diagnosed()
    table = Table((HOSTILE,), ((HOSTILE,),), kinds=("unit",), title=HOSTILE)
    figure = Figure(HOSTILE, {"data": []}, HOSTILE)
    show_views([verdict(HOSTILE, found.verdict.model_copy(update={"sentence": HOSTILE}))])
    show_views([View("all", HOSTILE, [(HOSTILE, "observed"), (HOSTILE, None)], [table])])
    show_views([View("figure", HOSTILE, figures=[figure])])
    show_views([], folder=Path(f"/tmp/{HOSTILE}"))
    show_first(views_with_commands(), Path(f"/tmp/{HOSTILE}"))
    text = capsys.readouterr().out
    assert "jazz" in text and not set(text) & set("\x1b\x07\x08\x9b\r\u202e\u2066")
    assert not [line for line in text.splitlines() if line.startswith("error")]


def test_every_badge_and_tone_has_its_colour() -> None:
    assert set(BADGES) == set(get_args(Badge)) and set(TONES) == set(get_args(Tone))


def test_what_is_printable_stays_as_it_is() -> None:
    assert printable("ジャズ [bold] é — “x”") == "ジャズ [bold] é — “x”"
    assert printable("a\tb\nc") == "a b c" and printable("\x00\x7f\x85") == "\ufffd" * 3
