"""Cards: pictures of the size that pages show, whatever is written on them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.browser import made_take
from tests.diagnose.report import made_up
from tonescope.diagnose.report import card_text, diagnosis_views
from tonescope.diagnose.report.card import GOOD, HEIGHT, WIDTH, Card, card, png
from tonescope.diagnose.report.view import View


def picture(shown: Card) -> Image.Image:
    return Image.open(io.BytesIO(png(shown))).convert("RGB")


def ink(image: Image.Image, box: tuple[int, int, int, int]) -> int:
    """How many dark pixels there are."""
    return int((np.asarray(image.crop(box)).sum(2) < 300).sum())


def test_a_card_says_what_was_heard_and_shows_a_take() -> None:
    shown = card(made_take.views(), made_take.MadePlays(), address="http://127.0.0.1:7860/run/x")
    assert shown is not None and shown.title == "“lo-fi beats with accordion”" and shown.tone == "bad"
    assert shown.verdict[1] == "observed" and shown.why is not None and shown.why[0].startswith("One neuron does it")
    assert shown.score is not None and shown.score.seconds == made_take.SECONDS
    image = picture(shown)
    assert image.size == (WIDTH, HEIGHT) and len(png(shown)) < 400_000
    assert ink(image, (52, 290, 1148, 500)) > 300 and ink(image, (52, 592, 600, 620)) > 100  # spectrogram, address
    badge = np.asarray(image.crop((52, 150, 1148, 290))) == np.frombuffer(bytes.fromhex(GOOD[1:]), np.uint8)
    assert int(badge.all(2).sum()) > 500  # verified


@pytest.mark.parametrize("made", made_up.ALL, ids=lambda made: made.__name__)
def test_every_finding_fits_on_a_card(made: object) -> None:
    found = made()  # type: ignore[operator]
    shown = card(diagnosis_views.told_first(found))
    assert shown is not None
    image = picture(shown)
    assert not ink(image, (WIDTH - 40, 0, WIDTH, HEIGHT)) and ink(image, (52, 30, 1148, 110)) > 300
    assert not ink(image, (52, 560, 1148, 582))  # nothing reaches the foot


def test_views_without_a_headline_make_no_card() -> None:
    assert card([View("one", "One", [("Told.", "observed")])]) is None


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "“”",
        "🎷🎺 ジャズ 爵士乐",
        "موسيقى الجاز",
        "a\x00b\x1b[31m\nc",
        "x" * 5000,
        "é" * 300,
        "👩‍👩‍👧 " * 90,
        "a " * 9000,
    ],
)
def test_any_prompt_makes_a_card(prompt: str) -> None:
    assert picture(Card(f"“{prompt}”", ("Told.", "observed"), "open")).size == (WIDTH, HEIGHT)


def test_long_text_is_wrapped_at_words_and_what_is_cut_says_so() -> None:
    lines = card_text.wrapped("“" + "a prompt of many words " * 40 + "”", 42, 1000, 2)
    assert len(lines) == 2 and lines[1].endswith("…”") and not lines[0].endswith("-")
    assert all(card_text.width(line, 42) <= 1000 for line in lines) and lines[0].split()[-1] in "a prompt of many words"
    assert card_text.wrapped("short", 42, 1000, 2) == ["short"]
    assert card_text.wrapped("ab" * 400, 30, 500, 3)[-1].endswith("…")


def test_what_people_see_as_one_character_is_not_cut_in_two() -> None:
    family = "👩‍👩‍👧"
    lines = card_text.wrapped(family * 200, 30, 400, 2)
    assert lines[0].replace(family, "") == "" and lines[1].removesuffix("…").replace(family, "") == ""


def test_control_characters_are_spaces() -> None:
    assert card_text.plain("a\x1b[0m\n\tb\u0000") == "a [0m b"
