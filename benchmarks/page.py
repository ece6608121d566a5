"""The page: click to verdict beside the command line's way, many people at once, memory over many runs, first paint,
the score view.

Each part keeps what it measured at once, in ``out/page/``, and is left out the next time; when all are there,
``results/page.json`` is written. On the embedded model all of it takes about a quarter of an hour on two cores.

    python -m benchmarks.page [--parts click people memory paint score] [--tiny]
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil

from benchmarks.kept_results import keep
from benchmarks.score_view import frames
from tests.browser import stored_run
from tests.browser.conftest import CHROMIUM, until
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.store.workspace import Workspace
from tonescope.ui.server import ServerOptions, Serving, launch

PARTS = Path("out") / "page"
PEOPLE, RUNS, REPEATS = 8, 50, 5
PROMPTS = ("lo-fi beats with accordion", "swing jazz with trumpet", "gentle bossa nova", "slow music with piano")
SHORT = {"takes": 2, "seconds": 1.0, "quick": True}
WARM = 10  # runs before memory is looked at
TOLD_EVERY = 10  # runs, of those whose memory is listed
LOOKED_EVERY = 0.3  # seconds
LONG_WAIT = 5.0  # seconds; of a shorter wait, what was told is not held against what it was
ENDED = '#run-view:is([data-state="stopped"], [data-state="done"])'


class _Heard(Exception):
    """The verdict is there; the rest is not measured."""


@contextmanager
def served(session: Session) -> Iterator[tuple[Serving, Path]]:
    """The app with an empty workspace, and where that is."""
    with tempfile.TemporaryDirectory() as folder:
        options = ServerOptions(workspace=Path(folder) / "runs")
        with launch(session, port=0, open_browser=False, wait=False, options=options) as running:
            yield running, Path(folder) / "runs"


@contextmanager
def browsing() -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, CHROMIUM)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def visitor(running: Serving) -> httpx.Client:
    """Somebody with a cookie of their own."""
    made = httpx.Client(base_url=running.url.rstrip("/"), trust_env=False, timeout=600)
    made.get("/gradio_api/info")
    return made


def called(client: httpx.Client, name: str, *data: Any) -> Any:
    """Call a function of the app."""
    begun = client.post(f"/gradio_api/call/{name}", json={"data": list(data)}).json()["event_id"]
    last = client.get(f"/gradio_api/call/{name}/{begun}").text.strip().split("\n\n")[-1]
    event, _, told = last.partition("\n")
    if event != "event: complete":
        raise RuntimeError(told)
    return json.loads(told.removeprefix("data: "))[0]


def followed(client: httpx.Client, prompt: str) -> dict[str, Any]:
    """One run: how it ended, and seconds to its start, as told when it was asked for and as it was."""
    asked = time.monotonic()
    name = called(client, "submit", "diagnose", {"prompt": prompt} | SHORT)["run"]
    told: float | None = None
    started: float | None = None
    while True:
        now = client.get(f"/run/{name}/state?mark=none").json()
        status = called(client, "status", name) if told is None and now["state"] == "queued" else {}
        elapsed = time.monotonic() - asked
        if status.get("starts_in") is not None:
            told = elapsed + status["starts_in"]
        if now["state"] != "queued" and started is None:
            started = elapsed
        if now["state"] not in ("queued", "running"):
            found = called(client, "result", name)["result"] or {}
            ok = now["state"] == "done"
            mixed = ok and (found.get("prompt") != prompt or f"“{prompt}”" not in now["html"])
            return {"ok": ok, "mixed": mixed, "told_s": told, "started_s": started}
        time.sleep(LOOKED_EVERY)


def click(session: Session) -> list[dict[str, Any]]:
    """From the click to the verdict on the page, over the same without a page, turn by turn."""

    def alone(prompt: str) -> float:
        def heard(*_: Any) -> None:
            raise _Heard

        began = time.monotonic()
        with suppress(_Heard):
            session.diagnose(prompt, Settings(), announce=heard)
        return time.monotonic() - began

    def clicked(page: Any, url: str, prompt: str) -> float:
        page.goto(url)
        page.get_by_label("Prompt", exact=True).fill(prompt)
        began = time.monotonic()
        page.get_by_role("button", name="Diagnose", exact=True).click()
        page.locator("#run-verdict").wait_for(timeout=600_000)
        took = time.monotonic() - began
        if page.locator(".run-stop").is_visible():
            page.locator(".run-stop").click()
        page.locator(ENDED).wait_for(timeout=60_000)
        return took

    alone(PROMPTS[0])  # the first one also checks that clock and replay agree
    rows = []
    with served(session) as (running, _), browsing() as browser:
        page = browser.new_page()
        for turn in range(REPEATS):
            prompt = PROMPTS[turn % len(PROMPTS)]
            on_page, without = clicked(page, running.url, prompt), alone(prompt)
            rows.append({"on_page_s": on_page, "alone_s": without, "ratio": on_page / without})
    return rows


def people(session: Session) -> list[dict[str, Any]]:
    """Many at once on one model."""
    rows: list[dict[str, Any]] = []
    with served(session) as (running, _):
        with closing(visitor(running)) as client:
            followed(client, PROMPTS[0])  # how long one takes is learned from it

        def one(number: int) -> None:
            with closing(visitor(running)) as client:
                try:
                    rows.append(followed(client, f"{PROMPTS[number % len(PROMPTS)]} number {number}"))
                except (RuntimeError, httpx.HTTPError, KeyError):
                    rows.append({"ok": False, "mixed": False, "told_s": None, "started_s": None})

        threads = [threading.Thread(target=one, args=(number,)) for number in range(PEOPLE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return rows


def memory(session: Session) -> list[dict[str, Any]]:
    """Resident memory after each of many runs."""
    process, rows = psutil.Process(), list[dict[str, Any]]()
    with served(session) as (running, _), closing(visitor(running)) as client:
        for turn in range(RUNS):
            ok = followed(client, PROMPTS[turn % len(PROMPTS)])["ok"]
            rows.append({"run": turn + 1, "ok": ok, "memory_mib": process.memory_info().rss / 2**20})
    return rows


def paint(session: Session) -> list[dict[str, Any]]:
    """The first visit: milliseconds to the first paint and to a field that can be typed into, kilobytes loaded."""
    rows = []
    with served(session) as (running, _), browsing() as browser:
        for _ in range(REPEATS):
            context = browser.new_context()
            page = context.new_page()
            page.goto(running.url)
            page.get_by_label("Prompt", exact=True).wait_for()
            ready = page.evaluate("performance.now()")
            first = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
            entries = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
            size = page.evaluate(f"{entries}.reduce((all, each) => all + each.transferSize, 0)")
            rows.append({"first_paint_ms": first, "ready_ms": ready, "page_kb": size / 1000})
            context.close()
    return rows


def score(session: Session) -> list[dict[str, Any]]:
    """The score view of a run on the page: from each input to the frame that shows it."""
    with served(session) as (running, folder), browsing() as browser:
        with Workspace.open(folder) as workspace:
            name = stored_run.kept(workspace)
        page = browser.new_page()
        page.goto(f"{running.url}run/{name}")
        until(page, "document.querySelector('tonescope-score canvas')?.width > 1")
        return [
            {"interaction": what, "to_frame_ms": median(took), "most_ms": max(took)}
            for what, took in frames(page).items()
        ]


MEASURES: dict[str, Callable[[Session], list[dict[str, Any]]]] = {
    "click": click,
    "people": people,
    "memory": memory,
    "paint": paint,
    "score": score,
}


def claims(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """What is claimed, from the rows of all parts."""
    asked = [row for row in rows["people"] if row["told_s"] is not None and (row["started_s"] or 0) >= LONG_WAIT]
    grown = [row["memory_mib"] for row in rows["memory"][WARM:]]
    failed = sum(not row["ok"] for part in ("people", "memory") for row in rows[part])
    return {
        "click_ratio": median(row["ratio"] for row in rows["click"]),
        "click_s": median(row["on_page_s"] for row in rows["click"]),
        "people": len(rows["people"]),
        "errors": failed,
        "mixed": sum(row["mixed"] for row in rows["people"]),
        "waits": len(asked),
        "waiting_off": max((abs(row["told_s"] / row["started_s"] - 1) for row in asked), default=None),
        "runs": len(rows["memory"]),
        "memory_mib": median(grown[-5:]),
        "memory_growth_mib": median(grown[-5:]) - median(grown[:5]),
        "first_paint_ms": median(row["first_paint_ms"] for row in rows["paint"]),
        "ready_ms": median(row["ready_ms"] for row in rows["paint"]),
        "page_kb": median(row["page_kb"] for row in rows["paint"]),
        "score_ms": max(row["to_frame_ms"] for row in rows["score"]),
    }


def main() -> None:
    """Measure what is not there yet, print and keep."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=list(MEASURES), default=list(MEASURES))
    parser.add_argument("--tiny", action="store_true", help="random models: whether it runs, and nothing is kept")
    given = parser.parse_args()
    if given.tiny:
        from tests import tiny

        for part in given.parts:
            print(part, *MEASURES[part](tiny.session()), sep="\n")
        return
    PARTS.mkdir(parents=True, exist_ok=True)
    session = Session.open()
    for part in given.parts:
        if not (path := PARTS / f"{part}.json").exists():
            path.write_text(json.dumps(MEASURES[part](session)), encoding="utf-8")
    paths = {part: PARTS / f"{part}.json" for part in MEASURES}
    if all(path.exists() for path in paths.values()):
        rows = {part: json.loads(path.read_text(encoding="utf-8")) for part, path in paths.items()}
        told = [
            {"part": part, **row} for part, some in rows.items() for row in some if row.get("run", 0) % TOLD_EVERY == 0
        ]
        models = (session.generator, session.judge)
        keep("page", told, claims(rows), packages=("gradio", "playwright"), models=models)


if __name__ == "__main__":
    main()
