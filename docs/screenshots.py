"""Pictures of every page and state, wide and narrow, light and dark, in a real browser.

python -m docs.screenshots FOLDER [--stored] [--states first done …] [--model MODEL --judge JUDGE]

``--stored`` shows a diagnosis that was made up, on tiny random models, so that the look can be seen in a minute.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.workspace import Workspace
from tonescope.ui.server import ServerOptions, launch
from tonescope.ui.web.owners import COOKIE, visitor_of

SIZES = {"wide": {"width": 1200, "height": 900}, "narrow": {"width": 390, "height": 844}}
PROMPT = "lo-fi beats with accordion"
LONGEST = 600_000  # ms that a diagnosis may take
SHORTLY = 60_000  # ms
LISTED = ".run-list li"


@dataclass(frozen=True)
class State:
    """A page in a state: its address, and what is done there.

    ``{done}`` and ``{failed}`` in the address are the names of runs. ``stops``: whether a run goes on afterwards.
    """

    path: str = ""
    act: Callable[[Any], None] = lambda page: page.get_by_label("Prompt", exact=True).wait_for()
    stops: bool = False


def ended(page: Any, state: str = "done", patience: int = SHORTLY) -> None:
    """Wait until the run that is shown has ended so."""
    page.locator(f'#run-view[data-state="{state}"]').wait_for(timeout=patience)


def ask(page: Any) -> None:
    """Start a run."""
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    page.get_by_role("button", name="Diagnose", exact=True).click()
    page.locator(".run-stop:not([hidden])").wait_for(timeout=SHORTLY)


def _heard(page: Any) -> None:
    ask(page)
    page.locator("#run-verdict").wait_for(timeout=LONGEST)


def _stopped(page: Any) -> None:
    ask(page)
    page.locator(".run-stop").click()
    ended(page, "stopped")


def _refused(page: Any) -> None:
    page.get_by_label("Prompt", exact=True).fill("house")
    page.get_by_role("button", name="Advanced").click()
    page.locator("#field-seed :is(input, textarea)").fill("1" + 22 * "0")
    page.get_by_role("button", name="Diagnose", exact=True).click()
    page.locator(".run-error").nth(1).wait_for()


def _opened(page: Any) -> None:
    ended(page)
    page.evaluate("document.querySelectorAll('#run-view details').forEach(part => { part.open = true; })")


def _ticked(page: Any) -> None:
    page.locator(LISTED).nth(1).wait_for()
    for row in range(2):
        page.locator(f"{LISTED} input").nth(row).check()


STATES = {
    "first": State(),
    "advanced": State(act=lambda page: page.get_by_role("button", name="Advanced").click()),
    "refused": State(act=_refused),
    "running": State(act=ask, stops=True),
    "heard": State(act=_heard, stops=True),
    "stopped": State(act=_stopped),
    "failed": State("run/{failed}", lambda page: ended(page, "failed")),
    "done": State("run/{done}", ended),
    "opened": State("run/{done}", _opened),
    "library": State("library", lambda page: page.locator(LISTED).first.wait_for()),
    "ticked": State("library", _ticked),
    "compare": State("compare?a={done}&b={done}", lambda page: page.locator("#b-hear-player .ts-play").wait_for()),
    "guide": State("guide", lambda page: page.locator(".frame-reading").wait_for()),
}


def _named(page: Any) -> str:
    """The run that a page shows."""
    return str(page.url.partition("run=")[2].partition("&")[0])


def _diagnosed(page: Any) -> str:
    """A whole diagnosis."""
    ask(page)
    ended(page, patience=LONGEST)
    return _named(page)


def _kept(visitor: Any, folder: Path) -> str:
    """One that was made up, as of this visitor."""
    from tests.browser import stored_run

    mark = next(cookie["value"] for cookie in visitor.cookies() if cookie["name"] == COOKIE)
    with Workspace.open(folder) as workspace:
        stored_run.kept(workspace, visitor_of(mark), "mellow jazz fusion")
        return stored_run.kept(workspace, visitor_of(mark))


def main(folder: Path, session: Session, states: list[str], stored: bool) -> None:
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
            names = {"done": _kept(visitor, Path(kept) / "runs") if stored else _diagnosed(page)}
            page.goto(f"{served.url}run/{names['done']}")
            ended(page)
            page.locator("#run-unit").fill("nowhere.0.mlp:1")
            page.get_by_role("button", name="Mute", exact=True).click()
            ended(page, "failed")
            names["failed"] = _named(page)
            for name, (size, viewport), dark in product(states, SIZES.items(), (False, True)):
                context = browser.new_context(viewport=viewport, color_scheme="dark" if dark else "light")
                context.add_cookies(visitor.cookies())
                page, state = context.new_page(), STATES[name]
                page.goto(served.url + state.path.format(**names))
                state.act(page)
                page.wait_for_timeout(700)
                page.screenshot(path=folder / f"{name}-{size}-{'dark' if dark else 'light'}.png", full_page=True)
                if state.stops and page.locator(".run-stop").is_visible():
                    page.locator(".run-stop").click()
                context.close()
            browser.close()


def _session(given: argparse.Namespace) -> Session:
    if given.stored:
        from tests import tiny

        return tiny.session()
    return Session.open(*filter(None, (given.model, given.judge)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("out") / "screenshots")
    parser.add_argument("--stored", action="store_true")
    parser.add_argument("--states", nargs="+", choices=list(STATES), default=list(STATES))
    parser.add_argument("--model")
    parser.add_argument("--judge")
    given = parser.parse_args()
    main(given.folder, _session(given), given.states, given.stored)
