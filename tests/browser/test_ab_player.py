"""The A/B player in a browser: versions of a take with one playhead, changed over by click and by key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import made_take
from tests.browser.conftest import until

PLAYER = "#hear-player"
PRESSED = "[...document.querySelectorAll('#hear-player .ts-version')].findIndex(b => b.ariaPressed === 'true')"
TIME = "document.querySelector('#hear-player').transport.time"
PLAYING = "document.querySelector('#hear-player').transport.playing"


@pytest.fixture(scope="module")
def report(folder: Path) -> Path:
    path = folder / "report.html"
    path.write_text(made_take.report(), encoding="utf-8")
    return path


@pytest.fixture(params=["file", "served"])
def page(request: pytest.FixtureRequest, show: Callable[..., Any], report: Path) -> Any:
    """The report as a file, and from a server without byte ranges."""
    if request.param == "file":
        return show(report.as_uri())
    return show(f"{request.getfixturevalue('served')}/{report.name}")


def play(page: Any) -> None:
    page.click(f"{PLAYER} .ts-play")
    until(page, f"{PLAYING} && {TIME} > 0.1")


def test_a_take_plays_and_pauses(page: Any) -> None:
    play(page)
    assert page.get_attribute(f"{PLAYER} .ts-play", "aria-label") == "Pause"
    page.click(f"{PLAYER} .ts-play")
    stopped = page.evaluate(TIME)
    page.wait_for_timeout(120)
    assert not page.evaluate(PLAYING) and page.evaluate(TIME) == stopped > 0


def test_changing_over_keeps_the_moment(page: Any) -> None:
    play(page)
    for key, version in (("2", 1), ("d", 3), ("A", 0)):
        before = page.evaluate(TIME)
        page.keyboard.press(key)
        after = page.evaluate(TIME)
        assert page.evaluate(PRESSED) == version and page.evaluate(PLAYING)
        assert 0 <= after - before < 0.5  # as long as the two questions took
    page.click(f"{PLAYER} .ts-version >> nth=2")
    assert page.evaluate(PRESSED) == 2 and page.evaluate(PLAYING)


def test_case_the_space_bar_plays_after_a_version_was_clicked(page: Any) -> None:
    page.click(f"{PLAYER} .ts-version >> nth=1")
    page.keyboard.press("a")
    page.keyboard.press(" ")
    until(page, PLAYING)
    assert page.evaluate(PRESSED) == 0


def test_a_click_anywhere_in_the_player_is_enough_for_its_keys(page: Any) -> None:
    page.keyboard.press("2")
    assert page.evaluate(PRESSED) == 0
    page.click(f"{PLAYER} .ts-keys")
    page.keyboard.press("2")
    assert page.evaluate(PRESSED) == 1
    page.keyboard.press(" ")
    until(page, PLAYING)
    assert page.evaluate("scrollY") == 0


def test_versions_begin_together_and_one_is_heard(show: Callable[..., Any], report: Path) -> None:
    """Measured in what the browser decodes: all versions are as long, and as they were played, to a few samples."""
    page = show(report.as_uri())
    lengths, lag = page.evaluate(
        """async () => {
          const context = new OfflineAudioContext(1, 16000, 16000);
          const versions = document.querySelector("#hear-player").data.takes[0].versions;
          const decoded = await Promise.all(versions.map(async ({address}) =>
            context.decodeAudioData(bytesOf(address).buffer)));
          const first = decoded[0].getChannelData(0);
          let most = 0;
          while (Math.abs(first[most]) < 0.05) most++;
          return [decoded.map(buffer => buffer.length), most];
          function bytesOf(address) {
            return Uint8Array.from(atob(address.split(",")[1]), letter => letter.charCodeAt(0));
          }
        }"""
    )
    assert len(set(lengths)) == 1 and abs(lengths[0] - 64000) <= 64
    wave = made_take.MadePlays().samples(made_take.rows()[0][0])
    assert abs(lag - int((abs(wave) >= 0.05).argmax())) <= 160  # 10 ms


def test_another_take_begins_where_the_last_one_was(page: Any) -> None:
    page.evaluate("document.querySelector('#hear-player').transport.seek(1.5)")
    page.click(f"{PLAYER} .ts-version >> nth=1")
    page.click(f"{PLAYER} .ts-takes button >> nth=2")
    assert page.evaluate(TIME) == pytest.approx(1.5) and page.evaluate(PRESSED) == 1
    assert page.evaluate("document.querySelector('#hear-player').take.title") == "Take 7"


def test_the_wave_seeks_by_click_drag_and_key(page: Any) -> None:
    wave = page.locator(f"{PLAYER} .ts-wave")
    box = wave.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
    assert page.evaluate(TIME) == pytest.approx(2.0, abs=0.05)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 10, steps=4)
    page.mouse.up()
    assert page.evaluate(TIME) == pytest.approx(1.0, abs=0.05)
    for key, time in (("ArrowRight", 1.1), ("Shift+ArrowRight", 2.1), ("ArrowLeft", 2.0), ("Home", 0), ("End", 4)):
        wave.press(key)
        assert page.evaluate(TIME) == pytest.approx(time, abs=0.06)
    assert wave.get_attribute("aria-valuetext") == "4.00 s of 4.00 s"


def test_only_one_player_plays(page: Any) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    play(page)
    page.click("#takes-player .ts-play")
    until(page, "document.querySelector('#takes-player').transport.playing")
    assert not page.evaluate(PLAYING)


def test_looping_goes_on_and_an_end_ends(page: Any) -> None:
    page.evaluate("document.querySelector('#hear-player').transport.seek(3.7)")
    page.click(f"{PLAYER} .ts-play")
    until(page, f"!{PLAYING} && {TIME} === 4")
    page.keyboard.press("l")
    assert page.get_attribute(f"{PLAYER} .ts-transport .ts-small", "aria-pressed") == "true"
    page.evaluate("document.querySelector('#hear-player').transport.seek(3.8)")
    page.click(f"{PLAYER} .ts-play")
    until(page, f"{PLAYING} && {TIME} < 1")


def test_a_version_downloads_under_its_own_name(page: Any) -> None:
    page.keyboard.press("Tab")
    page.click(f"{PLAYER} .ts-version >> nth=1")
    with page.expect_download() as download:
        page.click(f"{PLAYER} a[download]")
    assert download.value.suggested_filename == "Take-5-with-decoder.3.mlp-117-muted.mp3"


def test_what_cannot_be_decoded_is_said(show: Callable[..., Any], report: Path) -> None:
    page = show(report.as_uri())
    page.evaluate(
        """() => { const player = document.querySelector("#hear-player"), data = structuredClone(player.data);
        data.takes[0].versions[0].address = "data:audio/mpeg;base64,AAAA"; player.data = data; }"""
    )
    page.click(f"{PLAYER} .ts-play")
    until(page, "document.querySelector('#hear-player .ts-note').textContent.includes('could not play')")
    assert page.get_attribute(f"{PLAYER} .ts-play", "aria-label") == "Play"
