"""The page: click to verdict beside the command line's way, eight people at once, memory over many runs, first paint.

Each part keeps what it measured at once, in ``out/page/``, and is left out the next time; the last one writes
``results/page.json``.

    python -m benchmarks.page [--parts click people memory paint] [--tiny]
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil

from benchmarks.kept_results import keep
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.ui.server import ServerOptions, Serving, launch

PARTS = Path("out") / "page"
PEOPLE, RUNS, REPEATS = 8, 50, 5
PROMPTS = ("house music with piano", "swing jazz with trumpet", "lo-fi beats", "a song")
SHORT = {"takes": 2, "seconds": 1.0, "quick": True}
WARM = 5  # runs before memory is looked at


@contextmanager
def served(session: Session) -> Iterator[Serving]:
    """The app with an empty workspace."""
    with tempfile.TemporaryDirectory() as folder:
        options = ServerOptions(workspace=Path(folder) / "runs")
        with launch(session, port=0, open_browser=False, wait=False, options=options) as running:
            yield running


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
    first: float | None = None
    started: float | None = None
    while True:
        now = called(client, "status", name)
        elapsed = time.monotonic() - asked
        if now["state"] == "queued" and first is None and now["starts_in"] is not None:
            first = elapsed + now["starts_in"]
        if now["state"] != "queued" and started is None:
            started = elapsed
        if now["state"] not in ("queued", "running"):
            found = called(client, "result", name)["result"] or {}
            ok = now["state"] == "done"
            return {"ok": ok, "mixed": ok and found.get("prompt") != prompt, "told": first, "started": started}
        time.sleep(0.1)


def click(session: Session) -> dict[str, Any]:
    """From the click to the verdict on the page, over the same without a page, turn by turn."""
    from playwright.sync_api import sync_playwright

    def alone(prompt: str) -> float:
        began, heard = time.monotonic(), list[float]()
        settings = Settings(quick=True)
        session.diagnose(prompt, settings, announce=lambda *_: heard.append(time.monotonic() - began))
        return heard[0]

    def clicked(page: Any, url: str, prompt: str) -> float:
        page.goto(url)
        page.get_by_label("Prompt", exact=True).fill(prompt)
        began = time.monotonic()
        page.get_by_role("button", name="Diagnose", exact=True).click()
        page.locator("#run-verdict").wait_for(timeout=600_000)
        took = time.monotonic() - began
        page.locator(".run-stop").click()
        page.locator('#run-view:is([data-state="stopped"], [data-state="done"])').wait_for(timeout=60_000)
        return took

    ratios = []
    with served(session) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        for turn in range(REPEATS):
            prompt = PROMPTS[turn % len(PROMPTS)]
            ratios.append(clicked(page, running.url, prompt) / alone(prompt))
        browser.close()
    return {"click_ratio": median(ratios), "click_ratios": ratios}


def people(session: Session) -> dict[str, Any]:
    """Many at once on one model."""
    rows: list[dict[str, Any]] = []
    with served(session) as running:
        with visitor(running) as client:
            followed(client, PROMPTS[0])  # how long one takes is learned from it

        def one(number: int) -> None:
            with visitor(running) as client:
                try:
                    rows.append(followed(client, f"{PROMPTS[number % len(PROMPTS)]} number {number}"))
                except (RuntimeError, httpx.HTTPError):
                    rows.append({"ok": False, "mixed": False, "told": None, "started": None})

        threads = [threading.Thread(target=one, args=(number,)) for number in range(PEOPLE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    off = [abs(row["told"] / row["started"] - 1) for row in rows if row["told"] and row["started"]]
    errors, mixed = sum(not row["ok"] for row in rows), sum(row["mixed"] for row in rows)
    return {"people": PEOPLE, "errors": errors, "mixed": mixed, "waiting_off": max(off, default=None)}


def memory(session: Session) -> dict[str, Any]:
    """Resident memory over many runs, in MiB."""
    process, found = psutil.Process(), list[float]()
    with served(session) as running, visitor(running) as client:
        for turn in range(RUNS):
            followed(client, PROMPTS[turn % len(PROMPTS)])
            found.append(process.memory_info().rss / 2**20)
    return {"runs": RUNS, "memory_growth_mib": found[-1] - median(found[WARM : WARM + 5]), "memory_mib": found[-1]}


def paint(session: Session) -> dict[str, Any]:
    """Milliseconds to the first paint, and kilobytes that a first visit loads."""
    from playwright.sync_api import sync_playwright

    paints, sizes = [], list[int]()
    with served(session) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(REPEATS):
            context = browser.new_context()
            page = context.new_page()
            page.goto(running.url)
            page.get_by_label("Prompt", exact=True).wait_for()
            paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"))
            sizes.append(
                page.evaluate("performance.getEntriesByType('resource').reduce((n, e) => n + e.transferSize, 0)")
            )
            context.close()
        browser.close()
    return {"first_paint_ms": median(paints), "page_kb": median(sizes) / 1000}


MEASURES: dict[str, Callable[[Session], dict[str, Any]]] = {
    "click": click,
    "people": people,
    "memory": memory,
    "paint": paint,
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
            print(part, MEASURES[part](tiny.session()))
        return
    PARTS.mkdir(parents=True, exist_ok=True)
    session = Session.open()
    for part in given.parts:
        if not (path := PARTS / f"{part}.json").exists():
            path.write_text(json.dumps(MEASURES[part](session)))
    done = {part: PARTS / f"{part}.json" for part in MEASURES}
    if all(path.exists() for path in done.values()):
        rows = [{"part": part, **json.loads(path.read_text())} for part, path in done.items()]
        about = {key: value for row in rows for key, value in row.items() if key not in ("part", "click_ratios")}
        keep("page", rows, about, packages=("gradio", "playwright"))


if __name__ == "__main__":
    main()
