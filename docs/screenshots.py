"""Pictures of every page and state, wide and narrow, light and dark, in a real browser.

python docs/screenshots.py FOLDER [MODEL JUDGE]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from tonescope.diagnose.runtime.session import Session
from tonescope.ui.server import ServerOptions, launch

SIZES = {"wide": {"width": 1200, "height": 900}, "narrow": {"width": 390, "height": 844}}
PROMPT = "mellow jazz fusion with saxophone"
LONGEST = 600_000  # ms that a diagnosis may take


def _advanced(page: Any) -> None:
    page.get_by_role("button", name="Advanced").click()


def _ask(page: Any) -> None:
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_role("button", name="Diagnose", exact=True).click()
    page.locator(".run-stop:not([hidden])").wait_for(timeout=60_000)


def _stopped(page: Any) -> None:
    _ask(page)
    page.locator(".run-stop").click()
    page.locator('#run-view[data-state="stopped"]').wait_for(timeout=60_000)


def _refused(page: Any) -> None:
    page.get_by_role("button", name="Diagnose", exact=True).click()
    page.locator(".run-error").first.wait_for()


STATES: dict[str, tuple[str, Callable[[Any], None] | None]] = {
    "first": ("", None),
    "advanced": ("", _advanced),
    "refused": ("", _refused),
    "running": ("", _ask),
    "stopped": ("", _stopped),
    "done": ("run/{done}", lambda page: page.locator('#run-view[data-state="done"]').wait_for(timeout=60_000)),
    "library": ("library", lambda page: page.locator(".run-list li").first.wait_for()),
    "guide": ("guide", None),
}


def main(folder: Path, session: Session) -> None:
    """Take the pictures."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as kept, sync_playwright() as playwright:
        options = ServerOptions(workspace=Path(kept) / "runs")
        with launch(session, port=0, open_browser=False, wait=False, options=options) as served:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            visitor = browser.new_context(viewport=SIZES["wide"])
            page = visitor.new_page()
            page.goto(served.url)
            _ask(page)
            page.locator('#run-view[data-state="done"]').wait_for(timeout=LONGEST)
            done, cookies = page.url.partition("run=")[2], visitor.cookies()
            for (state, (path, act)), (size, viewport), dark in product(STATES.items(), SIZES.items(), (False, True)):
                context = browser.new_context(viewport=viewport, color_scheme="dark" if dark else "light")
                context.add_cookies(cookies)
                page = context.new_page()
                page.goto(served.url + path.format(done=done))
                page.locator(".block, .frame-reading").first.wait_for()
                if act:
                    act(page)
                page.wait_for_timeout(500)
                page.screenshot(path=folder / f"{state}-{size}-{'dark' if dark else 'light'}.png", full_page=True)
                if state == "running":
                    page.locator(".run-stop").click()
                context.close()
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/screenshots"), Session.open(*sys.argv[2:4]))
