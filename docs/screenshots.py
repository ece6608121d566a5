"""Pictures of every page and state, wide and narrow, light and dark, in a real browser.

python -m docs.screenshots FOLDER [--stored] [--states first done …] [--takes 2 --seconds 2] [--model … --judge …]

``--stored`` shows a diagnosis that was made up, on tiny random models, so that the look can be seen in a minute.
``--workspace FOLDER`` keeps what was diagnosed for the pictures, so that they can be taken again without playing anew.
``--kept`` takes the few that README and docs show, small enough to be kept with the code.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.workspace import Workspace
from tonescope.ui.components.told_errors import DISK_FULL
from tonescope.ui.server import ServerOptions, launch
from tonescope.ui.web.owners import COOKIE, visitor_of

SIZES = {"wide": {"width": 1200, "height": 900}, "narrow": {"width": 390, "height": 844}}
PROMPT = "lo-fi beats with accordion"
LONGEST = 600_000  # ms that a diagnosis may take
SHORTLY = 60_000  # ms
LISTED = ".run-list li"
MOST_BYTES = 200_000  # of a picture that is kept
COLOURS = (256, 128, 64, 32)  # of such a one: the most that are small enough


@dataclass(frozen=True)
class State:
    """A page in a state: its address, and what is done there.

    ``{done}``, ``{edited}`` and ``{failed}`` in the address are the names of runs. ``stops``: whether a run goes on
    afterwards; ``is_new``: whether somebody looks who was never here.
    """

    path: str = ""
    act: Callable[[Any], None] = lambda page: page.get_by_label("Prompt", exact=True).wait_for()
    stops: bool = False
    is_new: bool = False


@dataclass(frozen=True)
class Shot:
    """One picture: a state, how wide, in which colours; ``tallest``: pixels of the page that are in it."""

    state: str
    size: str
    dark: bool
    tallest: int | None = None

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"{self.state}-{self.size}-{'dark' if self.dark else 'light'}.png"


@dataclass(frozen=True)
class Plan:
    """What is done: pictures and where they go; what is typed for the diagnosis, or whether one is made up; where runs
    are kept, if they are."""

    folder: Path
    shots: Sequence[Shot]
    typed: dict[str, str]
    made_up: bool
    workspace: Path | None


def ended(page: Any, state: str = "done", patience: int = SHORTLY) -> None:
    """Wait until the run that is shown has ended so."""
    page.locator(f'#run-view[data-state="{state}"]').wait_for(timeout=patience)


def ask(page: Any, **typed: str) -> None:
    """Start a run."""
    page.get_by_label("Prompt", exact=True).fill(PROMPT)
    if typed:
        page.get_by_role("button", name="Advanced").click()
        for name, value in typed.items():
            page.locator(f"#field-{name} :is(input, textarea)").fill(value)
        page.get_by_role("button", name="Advanced").click()
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


def _beside(page: Any) -> None:
    page.locator(".run-side").nth(1).locator(".ts-play").first.wait_for(timeout=SHORTLY)


def _ticked(page: Any) -> None:
    page.locator(LISTED).nth(1).wait_for()
    for row in range(2):
        page.locator(f"{LISTED} input").nth(row).check()


STATES = {
    "first": State(is_new=True),
    "advanced": State(act=lambda page: page.get_by_role("button", name="Advanced").click()),
    "refused": State(act=_refused),
    "running": State(act=ask, stops=True),
    "heard": State(act=_heard, stops=True),
    "stopped": State(act=_stopped),
    "failed": State("run/{failed}", lambda page: ended(page, "failed")),
    "done": State("run/{done}", ended),
    "opened": State("run/{done}", _opened),
    "edited": State("?run={edited}&from={done}", ended),
    "unknown": State("?run=nothing", lambda page: page.get_by_text("there is no run").wait_for()),
    "library": State("library", lambda page: page.locator(LISTED).first.wait_for()),
    "empty": State("library", lambda page: page.get_by_text("No run is here yet").wait_for(), is_new=True),
    "ticked": State("library", _ticked),
    "compare": State("compare?a={done}&b={edited}", _beside),
    "confusion": State("confusion", lambda page: page.locator("#field-genres").wait_for()),
    "audit": State("audit", lambda page: page.locator("#design textarea").wait_for()),
    "listen": State("listen", lambda page: page.locator(".run-drop").wait_for()),
    "map": State("microscope", lambda page: page.locator(".scope-map").first.wait_for()),
    "location": State("microscope/decoder.1.mlp", lambda page: page.locator(".scope-grid").wait_for()),
    "unit": State(
        "microscope/decoder.1.mlp:3", lambda page: page.locator("#scope-runs .run-list, #scope-runs .soft").wait_for()
    ),
    "embedded": State("microscope/decoder.1.mlp:3?embed", lambda page: page.locator(".frame-source").wait_for()),
    "guide": State("guide", lambda page: page.locator(".frame-reading").wait_for()),
}
KEPT = [
    Shot("first", "wide", False),
    Shot("advanced", "wide", False),
    Shot("done", "wide", False, 1560),
    Shot("done", "narrow", True, 1900),
    Shot("library", "wide", False),
    Shot("compare", "wide", False, 1200),
    Shot("guide", "wide", True),
]
"""What README and docs show."""


def _named(page: Any) -> str:
    """The run that a page shows."""
    return str(page.url.partition("run=")[2].partition("&")[0])


def _diagnosed(page: Any, typed: dict[str, str]) -> str:
    """A whole diagnosis."""
    ask(page, **typed)
    ended(page, patience=LONGEST)
    return _named(page)


def _edited(page: Any) -> str:
    """An edit of the diagnosis that is shown, of the unit that stands there."""
    page.get_by_role("button", name="Mute", exact=True).click()
    page.wait_for_url("**from=**")
    ended(page, patience=LONGEST)
    return _named(page)


def _made_up(visitor: Any, folder: Path, *names: str) -> dict[str, str]:
    """Runs that nobody computed, as of this visitor; one that failed among them."""
    from tests.browser import stored_run

    mark = next(cookie["value"] for cookie in visitor.cookies() if cookie["name"] == COOKIE)
    with Workspace.open(folder) as workspace:
        about: dict[str, dict[str, Any]] = {name: {} for name in names}
        if "edited" in about:
            about["edited"] = {"prompt": "mellow jazz fusion"}
        about["failed"] = {"state": "failed", "problem": DISK_FULL[:1].upper() + DISK_FULL[1:]}
        return {name: stored_run.kept(workspace, visitor_of(mark), **given) for name, given in about.items()}


def _prepared(visitor: Any, url: str, folder: Path, typed: dict[str, str], *, made_up: bool) -> dict[str, str]:
    """The names of the runs that are shown; of those that a workspace has from before, if it has."""
    told = folder / "pictures.json"
    if told.exists():
        before = json.loads(told.read_text(encoding="utf-8"))
        visitor.clear_cookies()
        visitor.add_cookies([{"name": COOKIE, "value": before["visitor"], "url": url}])
        return dict(before["names"])
    page = visitor.new_page()
    page.goto(url)
    names = _made_up(visitor, folder, *(("edited", "done") if made_up else ()))
    if not made_up:
        names["done"] = _diagnosed(page, typed)
        names["edited"] = _edited(page)
    mark = next(cookie["value"] for cookie in visitor.cookies() if cookie["name"] == COOKIE)
    told.write_text(json.dumps({"visitor": mark, "names": names}), encoding="utf-8")
    return names


def main(session: Session, plan: Plan) -> None:
    """Take the pictures of what is diagnosed, or of what was made up."""
    from playwright.sync_api import sync_playwright

    plan.folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as passing, sync_playwright() as playwright:
        kept = plan.workspace or Path(passing) / "runs"
        options = ServerOptions(workspace=kept)
        with launch(session, port=0, open_browser=False, wait=False, options=options) as served:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            visitor = browser.new_context(viewport=SIZES["wide"])
            names = _prepared(visitor, served.url, kept, plan.typed, made_up=plan.made_up)
            for shot in plan.shots:
                context = browser.new_context(viewport=SIZES[shot.size], color_scheme="dark" if shot.dark else "light")
                state = STATES[shot.state]
                if not state.is_new:
                    context.add_cookies(visitor.cookies())
                _take(context.new_page(), served.url + state.path.format(**names), shot, plan.folder)
                context.close()
            browser.close()


def _take(page: Any, address: str, shot: Shot, folder: Path) -> None:
    """One picture."""
    state = STATES[shot.state]
    page.set_default_timeout(SHORTLY)
    page.goto(address)
    state.act(page)
    page.wait_for_timeout(700)
    path = folder / shot.name
    page.screenshot(path=path, full_page=True)
    if shot.tallest:
        _shorten(path, shot.tallest)
    if state.stops and page.locator(".run-stop").is_visible():
        page.locator(".run-stop").click()


def _shorten(path: Path, tallest: int) -> None:
    """Keep the upper part of a picture."""
    from PIL import Image

    with Image.open(path) as picture:
        cut = picture.convert("RGB").crop((0, 0, picture.width, min(tallest, picture.height)))
    cut.save(path)


def shrink(path: Path) -> None:
    """Make a picture small enough to be kept, by fewer colours."""
    from PIL import Image

    with Image.open(path) as picture:
        whole = picture.convert("RGB")
    for colours in COLOURS:
        whole.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            return


def _session(given: argparse.Namespace) -> Session:
    if given.stored:
        from tests import tiny

        return tiny.session()
    return Session.open(*filter(None, (given.model, given.judge)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("out") / "screenshots")
    parser.add_argument("--stored", action="store_true")
    parser.add_argument("--kept", action="store_true")
    parser.add_argument("--states", nargs="+", choices=list(STATES), default=list(STATES))
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--takes")
    parser.add_argument("--seconds")
    parser.add_argument("--model")
    parser.add_argument("--judge")
    given = parser.parse_args()
    typed = {name: value for name in ("takes", "seconds") if (value := getattr(given, name))}
    every = [Shot(*each) for each in product(given.states, SIZES, (False, True))]
    shots = [shot for shot in KEPT if shot.state in given.states] if given.kept else every
    main(_session(given), Plan(given.folder, shots, typed, given.stored, given.workspace))
    if given.kept:
        for shot in shots:
            shrink(given.folder / shot.name)
