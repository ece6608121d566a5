"""How fast the score view answers in a real browser, from the input to the frame that shows it.

Real input through Chromium's own event queue: time from the event to the next frame by the browser's Event Timing
(in steps of 8 ms; events below 16 ms are not reported, and count as 16), and time in script and layout alone. The
report is that of the browser tests: 4 takes of 4 s in 4 versions.

    python -m benchmarks.score_view
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.kept_results import keep
from tests.browser import made_take
from tests.browser.conftest import CHROMIUM, NARROW, WIDE, until
from tests.browser.test_score_view import MEASURE

REPEATS = 20
UNREPORTED = 16.0  # ms
WATCH = """() => { window.seen = []; new PerformanceObserver(list => { for (const entry of list.getEntries())
  window.seen.push([entry.name, entry.duration]); }).observe({type: "event", durationThreshold: 16}); }"""


def frames(page: Any) -> dict[str, list[float]]:
    """Milliseconds from each input to its frame."""
    page.evaluate(WATCH)
    over = page.locator("tonescope-score .ts-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    acts = {
        "hover": lambda turn: page.mouse.move(box["x"] + box["width"] * (turn + 1) / (REPEATS + 2), box["y"] + 40),
        "seek": lambda turn: page.mouse.click(box["x"] + box["width"] * (turn + 1) / (REPEATS + 2), box["y"] + 40),
        "key": lambda turn: over.press("ArrowLeft"),
        "version": lambda turn: over.press("1234"[turn % 4]),
    }
    found: dict[str, list[float]] = {}
    for name, act in acts.items():
        found[name] = []
        for turn in range(REPEATS):
            page.evaluate("window.seen.length = 0")
            act(turn)
            page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 30)))")
            seen = [duration for _, duration in page.evaluate("window.seen")]
            found[name].append(max(seen, default=UNREPORTED))
    return found


def main() -> None:
    """Measure, print and keep."""
    from playwright.sync_api import sync_playwright

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        path.write_text(made_take.report(), encoding="utf-8")
        size_of_page, found = path.stat().st_size, next(filter(None, map(shutil.which, CHROMIUM)))
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        paints = []
        for name, size in (("wide", WIDE), ("narrow", NARROW)):
            page = browser.new_page(viewport=size)
            page.goto(path.as_uri())
            until(page, "document.querySelector('tonescope-score canvas').width > 1")
            paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"))
            script = page.evaluate(MEASURE)
            rows += [
                {"view": name, "interaction": what, "script_ms": script[what]}
                | {"to_frame_ms": median(took), "most_ms": max(took)}
                for what, took in frames(page).items()
            ]
        browser.close()
    about = {
        "interaction_ms": max(row["to_frame_ms"] for row in rows),
        "page_bytes": size_of_page,
        "first_paint_ms": max(filter(None, paints), default=None),
    }
    keep("score_view", rows, about, packages=("playwright",))


if __name__ == "__main__":
    main()
