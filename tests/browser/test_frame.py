"""The frame in a browser: pages, colours, keyboard, narrow screens; nothing is fetched from anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.conftest import AXE, NARROW, WIDE
from tests.ui.serving import serving

PAGES = ("", "confusion", "audit", "listen", "library", "guide")
PAPER = "getComputedStyle(document.body).backgroundColor"
READY = ".gradio-container:not(:has(p.loading)) :is(.block, .frame-reading)"


@pytest.fixture(scope="module")
def app() -> Iterator[str]:
    """The address of the app of a tiny session."""
    with serving() as served:
        yield served.url


def violations(page: Any) -> list[str]:
    """What axe-core finds wrong. It comes in past the page's policy, which lets no script in that is not its own."""
    if not AXE.is_file():
        pytest.skip("axe-core is not there: `make browser`")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]


def luminance(page: Any) -> float:
    """How light the ground is, 0 to 1."""
    numbers = page.evaluate(PAPER).removeprefix("rgb(").removesuffix(")").split(",")
    return sum(map(float, numbers)) / 3 / 255


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_pages_load_hold_by_axe_and_do_not_scroll_sideways(
    show: Callable[..., Any], app: str, path: str, dark: bool, size: dict[str, int]
) -> None:
    page = show(app + path, dark=dark, size=size)
    page.wait_for_selector(READY)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert (luminance(page) < 0.3) == dark
    assert violations(page) == []


def test_pages_lead_to_one_another_and_back(show: Callable[..., Any], app: str) -> None:
    page = show(app)
    page.get_by_role("link", name="Guide").click()
    page.wait_for_selector(".frame-reading")
    assert page.title() == "Guide · Tonescope"
    assert page.get_by_role("link", name="Guide").get_attribute("aria-current") == "page"
    page.get_by_role("link", name="Diagnose").click()
    page.get_by_label("Prompt", exact=True).wait_for()
    assert page.title() == "Diagnose · Tonescope"
    page.go_back()
    page.wait_for_selector(".frame-reading")


def test_colours_are_kept_over_pages_and_reloads(show: Callable[..., Any], app: str) -> None:
    page = show(app, dark=False)
    page.get_by_role("radio", name="Dark").check()
    assert luminance(page) < 0.3
    page.goto(app + "guide")
    page.wait_for_selector(READY)
    assert luminance(page) < 0.3 and page.get_by_role("radio", name="Dark").is_checked()
    page.reload()
    page.wait_for_selector(READY)
    page.wait_for_timeout(300)  # gradio sets colours of its own when it has started
    assert luminance(page) < 0.3 and page.evaluate("document.body.classList.contains('dark')")
    page.get_by_role("radio", name="As the system").check()
    assert luminance(page) > 0.7
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(300)
    assert luminance(page) < 0.3


def test_every_part_of_the_frame_is_reached_by_keyboard_and_seen(show: Callable[..., Any], app: str) -> None:
    page = show(app + "guide")
    page.wait_for_selector(READY)
    reached = []
    for _ in range(11):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """(() => {
                const at = document.activeElement, seen = at.matches("input") ? at.nextElementSibling : at;
                const style = getComputedStyle(seen), place = seen.getBoundingClientRect();
                const marked = style.boxShadow !== "none" || style.outlineStyle !== "none" || at.matches(".frame-skip");
                return [at.textContent.trim() || at.value, marked && place.top >= 0 && place.width > 0];
            })()"""
            )
        )
    assert [name for name, _ in reached] == [
        "Skip to the content",
        "Tonescope",
        "Diagnose",
        "Microscope",
        "Confusion",
        "Audit",
        "Listen",
        "Library",
        "Compare",
        "Guide",
        "system",
    ]
    assert all(marked for _, marked in reached)
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("radio", name="Dark").is_checked()


def test_the_content_can_be_skipped_to(show: Callable[..., Any], app: str) -> None:
    page = show(app + "guide")
    page.wait_for_selector(READY)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content" and page.url.endswith("/guide")
