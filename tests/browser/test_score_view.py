"""The score view in a browser: what is drawn, what is told at a moment, and how fast."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import pytest

from tests.browser import made_take
from tests.browser.conftest import NARROW, until

OVER, READOUT = "tonescope-score .ts-over", "tonescope-score .ts-readout"
TIME = "document.querySelector('#hear-player').transport.time"
FASTEST = 50.0  # ms, of every interaction


@pytest.fixture(scope="module")
def report(folder: Path) -> Path:
    path = folder / "score.html"
    path.write_text(made_take.report(), encoding="utf-8")
    return path


@pytest.fixture
def page(show: Callable[..., Any], report: Path) -> Any:
    return show(report.as_uri())


def over(page: Any, share: float, down: float = 0.5) -> tuple[float, float]:
    """A point of the score, in shares of its time and height."""
    page.locator(OVER).scroll_into_view_if_needed()
    box = page.locator(OVER).bounding_box()
    return box["x"] + share * box["width"], box["y"] + down * box["height"]


def test_every_lane_is_drawn_with_its_name_and_badge(page: Any) -> None:
    names = page.eval_on_selector_all("tonescope-score .ts-lane", "lanes => lanes.map(lane => lane.ariaLabel)")
    assert names == [lane.title for lane in made_take.lanes()]
    assert page.locator("tonescope-score .badge:visible").count() == 4
    labels = page.eval_on_selector_all("tonescope-score .ts-label", "found => found.map(one => one.textContent)")
    assert labels == ["polka", "house", "polka", "1 of 4", "1 of 4", "1 of 4"]  # a name that goes on is written once


def test_hovering_names_value_and_second(page: Any) -> None:
    page.mouse.move(*over(page, 0.25, 0.1))
    told = page.inner_text(READOUT)
    assert "1.00 s" in told and "polka 57 % (lo-fi hip hop 2 %)" in told and "accordion" in told
    assert "1 of 4 takes stop being polka" in told and "decoder.3.mlp:117" in told
    assert "Hz: " in told and " dB" in told  # over the spectrogram
    page.mouse.move(10, 10)
    assert "0.00 s" in page.inner_text(READOUT)


def test_a_click_and_a_drag_seek_in_the_player(page: Any) -> None:
    page.mouse.click(*over(page, 0.5))
    assert page.evaluate(TIME) == pytest.approx(2.0, abs=0.03)
    page.mouse.move(*over(page, 0.5))
    page.mouse.down()
    page.mouse.move(*over(page, 0.75), steps=3)
    page.mouse.up()
    assert page.evaluate(TIME) == pytest.approx(3.0, abs=0.03)
    assert page.evaluate("getComputedStyle(document.querySelector('tonescope-score .ts-needle')).left") != "0px"


def test_the_keyboard_moves_plays_and_tells(page: Any) -> None:
    slider = page.locator(OVER)
    slider.focus()
    for key, time in (("ArrowRight", 0.1), ("Shift+ArrowRight", 1.1), ("End", 4.0), ("Home", 0.0), ("PageUp", 1.0)):
        slider.press(key)
        assert page.evaluate(TIME) == pytest.approx(time, abs=0.03)
    said = slider.get_attribute("aria-valuetext")
    assert said.startswith("1.00 s; What the judge hears: polka") and slider.get_attribute("role") == "slider"
    assert page.get_attribute(READOUT, "aria-live") == "polite"
    slider.press("Space")
    until(page, "document.querySelector('#hear-player').transport.playing")
    until(page, f"{TIME} > 1.1")
    assert page.get_attribute(READOUT, "aria-live") == "off"  # nobody wants every frame read out
    slider.press("Space")
    assert not page.evaluate("document.querySelector('#hear-player').transport.playing")


def test_the_score_follows_the_version_and_the_take(page: Any) -> None:
    before = page.evaluate("document.querySelector('tonescope-score canvas').toDataURL()")
    page.locator(OVER).focus()
    page.keyboard.press("2")
    assert page.inner_text("tonescope-score .ts-lanes").count("What was changed") == 1
    assert page.evaluate("document.querySelector('tonescope-score canvas').toDataURL()") != before
    page.click("#hear-player .ts-takes button >> nth=3")
    page.mouse.click(*over(page, 0.5))
    assert page.evaluate(TIME) == pytest.approx(2.0, abs=0.03)


def test_the_spectrogram_takes_the_colours_of_the_theme(show: Callable[..., Any], report: Path) -> None:
    corner = "document.querySelector('tonescope-score canvas').getContext('2d').getImageData(240, 0, 1, 1).data"
    light, dark = (
        sum(show(report.as_uri(), dark=dark).evaluate(f"[...{corner}].slice(0, 3)")) for dark in (False, True)
    )
    assert light > 600 and dark < 150  # silence is the colour of the paper
    page = show(report.as_uri())
    page.emulate_media(color_scheme="dark")
    until(page, f"{corner}[0] < 60")


def test_a_score_alone_plays_its_own_sound(show: Callable[..., Any], folder: Path) -> None:
    page = show(write_alone(folder))
    page.click("tonescope-score .ts-play")
    until(page, "document.querySelector('tonescope-score').transport.time > 0.1")
    page.mouse.click(*over(page, 0.5))
    assert page.evaluate("document.querySelector('tonescope-score').transport.time") >= 1.9


def write_alone(folder: Path) -> str:
    """A page with a score that no player belongs to."""
    from tonescope.diagnose.report import render_html
    from tonescope.diagnose.report.player_data import listening

    data = listening([made_take.rows()[0][:1]], made_take.MadePlays()).model_dump_json()
    element = f'<tonescope-score data="{escape(data)}"></tonescope-score>'
    path = folder / "alone.html"
    path.write_text(f'<!doctype html>{render_html.head()}<main class="tonescope">{element}</main>', encoding="utf-8")
    return path.as_uri()


def test_lanes_of_an_unknown_kind_are_named_and_break_nothing(page: Any) -> None:
    page.evaluate(
        """() => { const player = document.querySelector("#hear-player"), data = structuredClone(player.data);
        data.takes[0].versions[0].score.lanes.push({kind: "of tomorrow", title: "Something new"});
        player.data = data; }"""
    )
    assert "Something new" in page.inner_text("tonescope-score .ts-lanes")


@pytest.mark.parametrize("size", [None, NARROW], ids=["wide", "narrow"])
def test_every_interaction_takes_at_most_50_ms(
    show: Callable[..., Any], report: Path, size: dict[str, int] | None
) -> None:
    """Script and layout of one event, the median of some: what a busy machine does beside it is not ours."""
    page = show(report.as_uri(), **({"size": size} if size else {}))
    found = page.evaluate(MEASURE)
    assert set(found) == {"hover", "seek", "key", "version", "take", "theme"}
    assert not {what: took for what, took in found.items() if took > FASTEST}


MEASURE = """() => {
  const player = document.querySelector("#hear-player"), score = document.querySelector("tonescope-score");
  const over = score.querySelector(".ts-over"), box = over.getBoundingClientRect();
  const at = share => ({clientX: box.left + share * box.width, clientY: box.top + 20, bubbles: true, button: 0});
  const middle = act => {
    const times = Array.from({length: 15}, (_, turn) => {
      const begun = performance.now();
      act(turn);
      document.body.getBoundingClientRect();
      score.offsetHeight;
      return performance.now() - begun;
    });
    return times.sort((one, other) => one - other)[7];
  };
  return {
    hover: middle(turn => over.dispatchEvent(new PointerEvent("pointermove", at(turn / 15)))),
    seek: middle(turn => over.dispatchEvent(new PointerEvent("pointerdown", at(turn / 15)))),
    key: middle(() => over.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft", bubbles: true}))),
    version: middle(turn => player.select(turn % 4)),
    take: middle(turn => player.choose(turn % 4)),
    theme: middle(() => { document.documentElement.classList.toggle("dark"); }),
  };
}"""


def test_an_app_that_patches_the_page_gets_the_new_takes(show: Callable[..., Any], report: Path) -> None:
    """As Gradio does: attributes are changed in place, and children that it does not know are taken away."""
    page = show(report.as_uri())
    page.evaluate(
        """() => {
          const player = document.querySelector("#hear-player"), score = document.querySelector("tonescope-score");
          const data = structuredClone(player.data);
          data.takes = [data.takes[2]];
          player.transport.play();
          player.setAttribute("data", JSON.stringify(data));
          player.replaceChildren();
          score.replaceChildren();
        }"""
    )
    until(page, "document.querySelectorAll('#hear-player .ts-version').length === 4")
    assert page.evaluate("document.querySelector('#hear-player').take.title") == "Take 7"
    assert page.locator("tonescope-score .ts-lane").count() == 4
    page.mouse.click(*over(page, 0.5))
    assert page.evaluate(TIME) == pytest.approx(2.0, abs=0.03)
