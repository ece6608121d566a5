"""The report in a browser: wide and narrow, light and dark, with labels that nobody should trust."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import made_take
from tests.browser.conftest import NARROW, WIDE

OPEN = "document.querySelectorAll('details').forEach(part => { part.open = true; })"
HOSTILE = (
    '<img src=x onerror="window.broken=1"></script><script>window.broken=1</script> ![x](https://example.org/x) {{7*7}}'
)


@pytest.fixture(scope="module")
def report(folder: Path) -> Path:
    path = folder / "whole.html"
    path.write_text(made_take.report(), encoding="utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_contrast_and_labels_hold_by_axe(
    show: Callable[..., Any], axe: Callable[..., list[str]], report: Path, dark: bool, size: dict[str, int]
) -> None:
    page = show(report.as_uri(), dark=dark, size=size)
    page.evaluate(OPEN)
    assert axe(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_case_at_390_px_nothing_scrolls_sideways_and_badges_are_seen(
    show: Callable[..., Any], report: Path, dark: bool
) -> None:
    page = show(report.as_uri(), dark=dark, size=NARROW)
    page.evaluate(OPEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    outside = page.evaluate(
        """[...document.querySelectorAll("p, td, .badge, .bar-name, .bar-line > span, button, .lines-across span, h2")]
        .filter(part => part.offsetParent).filter(part => {
          const {left, right} = part.getBoundingClientRect();
          return right > 390 || left < 0;
        })
        .map(part => part.outerHTML.slice(0, 90))"""
    )
    assert outside == []
    badges = page.locator("td .badge")
    assert badges.count() == 3 and all(badges.nth(at).is_visible() for at in range(3))


def test_case_in_the_dark_figures_are_dark(show: Callable[..., Any], report: Path) -> None:
    page = show(report.as_uri(), dark=True)
    page.evaluate(OPEN)
    papers = page.eval_on_selector_all("figure", "all => all.map(one => getComputedStyle(one).backgroundColor)")
    assert len(papers) == 2 and all(max(map(int, paper[4:-1].split(","))) < 60 for paper in papers)
    ink = page.eval_on_selector(".bar-name", "one => getComputedStyle(one).color")
    assert min(map(int, ink[4:-1].split(","))) > 200


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_case_labels_with_html_or_markdown_are_text_everywhere(
    show: Callable[..., Any], folder: Path, size: dict[str, int]
) -> None:
    path = folder / "hostile.html"
    path.write_text(made_take.report(HOSTILE), encoding="utf-8")
    page = show(path.as_uri(), size=size)
    page.evaluate(OPEN)
    for version in range(4):
        page.click(f"#hear-player .ts-version >> nth={version}")
        page.hover("tonescope-score .ts-over")
    assert page.evaluate("window.broken") is None and page.locator("img").count() == 0
    assert HOSTILE in page.inner_text("tonescope-score .ts-lanes") and HOSTILE in page.inner_text("#hear-player")
    assert HOSTILE in page.inner_text("tonescope-score .ts-readout")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_an_address_that_is_a_script_is_no_link(show: Callable[..., Any], report: Path) -> None:
    page = show(report.as_uri())
    for address in ("javascript:alert(1)", " JavaScript:alert(1)", "data:text/html;base64,PGI+"):
        page.evaluate(
            """address => { const player = document.querySelector("#hear-player"), data = structuredClone(player.data);
            data.takes[0].versions[0].address = address; player.data = data; }""",
            address,
        )
        assert page.get_attribute("#hear-player a[download]", "href") == "#"


def test_what_can_be_heard_comes_before_what_to_try(show: Callable[..., Any], report: Path) -> None:
    page = show(report.as_uri())
    assert page.eval_on_selector_all("main > section", "all => all.map(one => one.id)") == [
        "verdict",
        "why",
        "hear",
        "next",
    ]
    assert page.locator("main > details:not([open])").count() == 4
    assert "This page is 1." in page.inner_text(".size")
    page.emulate_media(reduced_motion="reduce")
    assert page.eval_on_selector(".ts-small", "one => getComputedStyle(one).transitionDuration") in ("0s", "")
