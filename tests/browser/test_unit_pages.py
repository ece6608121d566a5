"""The pages of units in a real browser: there at once, parts come in, nothing is wider than the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import NARROW, WIDE, until
from tests.browser.test_frame import violations
from tests.diagnose.unit_index.planted_index import KICK, PLACE, planted_index
from tests.ui.serving import serving
from tonescope.diagnose.unit_index.index_place import index_root
from tonescope.ui.server import Serving

UNIT = f"{PLACE}:{KICK}"
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"


@pytest.fixture(scope="module")
def app(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TONESCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))  # as every test has it
        if not (index_root() / "planted").exists():
            index_root().mkdir(parents=True, exist_ok=True)
            planted_index(index_root() / "planted")
        with serving() as running:
            yield running


def test_a_unit_is_reached_from_the_map(app: Serving, show: Callable[..., Any]) -> None:
    page = show(app.url + "microscope")
    page.locator(f".scope-tile[href$='/{PLACE}']").click()
    page.get_by_role("link", name="mean", exact=True).click()
    assert page.locator(".scope-grid .scope-tile").first.get_attribute("href").endswith(f":{KICK}")
    page.locator(".scope-grid .scope-tile").first.click()
    until(page, "!document.querySelector('#scope-runs .scope-part').textContent.includes('Looking')")
    assert page.locator(".prompt").inner_text() == UNIT
    assert "None of your runs" in page.locator("#scope-runs").inner_text()
    page.locator("[rel=next]").click()
    assert page.locator(".prompt").inner_text() == f"{PLACE}:{KICK + 1}"


@pytest.mark.parametrize(("size", "dark"), [(WIDE, False), (NARROW, True)], ids=["wide", "narrow"])
@pytest.mark.parametrize(
    "path", ["microscope", f"microscope/{PLACE}", f"microscope/{UNIT}", f"microscope/{UNIT}?embed"]
)
def test_pages_hold_by_axe_and_nothing_is_wider_than_the_page(
    app: Serving, show: Callable[..., Any], path: str, size: dict[str, int], dark: bool
) -> None:
    page = show(app.url + path, size=size, dark=dark)
    page.locator(".scope").wait_for()
    assert not page.evaluate(WIDER)
    assert violations(page) == []


def test_a_unit_is_bookmarked_and_a_lens_is_started_and_refused(app: Serving, show: Callable[..., Any]) -> None:
    page = show(f"{app.url}microscope/{UNIT}")
    page.locator(".scope-bookmark summary").click()
    page.locator(".scope-bookmark [name=name]").fill("kick")
    page.locator(".scope-bookmark").get_by_role("button", name="Keep").click()
    page.locator(".scope-bookmark[data-kept]").wait_for()
    page.locator(".scope-bookmark summary").click()
    page.get_by_role("button", name="Drop").click()
    page.locator(".scope-bookmark:not([data-kept])").wait_for()
    page.locator("[data-lens=visualize]").get_by_role("button", name="Start").click()
    page.wait_for_url("**/?run=*")


def test_bookmarks_are_searched_sent_and_received(app: Serving, show: Callable[..., Any], tmp_path: Path) -> None:
    page = show(f"{app.url}microscope/{UNIT}")
    page.locator(".scope-bookmark summary").click()
    page.locator(".scope-bookmark [name=name]").fill("the kick")
    page.locator(".scope-bookmark").get_by_role("button", name="Keep").click()
    page.locator(".scope-bookmark[data-kept]").wait_for()
    page = show(f"{app.url}microscope")
    saved = page.locator("#scope-bookmarks")
    saved.locator("[name=bookmarks]").fill("kick")
    saved.get_by_role("button", name="Search").click()
    page.wait_for_url("**/microscope?bookmarks=kick*")
    with page.expect_download() as sent:
        saved.get_by_role("button", name="Export these as JSON").click()
    sent.value.save_as(tmp_path / "sent.json")
    saved.locator("[type=file]").set_input_files(tmp_path / "sent.json")
    saved.get_by_role("button", name="Import", exact=True).click()
    saved.get_by_text("1 left as they are").wait_for()  # said once the page is there again
    assert not page.evaluate(WIDER)


def test_the_page_stands_in_another(app: Serving, served: str, show: Callable[..., Any], folder: Any) -> None:
    outside = f'<iframe src="{app.url}microscope/{UNIT}?embed" width="700" height="500"></iframe>'
    (folder / "outside.html").write_text(outside)
    page = show(f"{served}/outside.html")
    inside = page.frame_locator("iframe")
    inside.locator(".prompt").wait_for()
    assert inside.locator("form, nav").count() == 0
    assert inside.locator(".frame-source a[target]").count() == 1
