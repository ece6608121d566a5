"""A real browser: Playwright's client with the Chromium of the system. Without either these tests are skipped, and say
so; `make browser` brings what it can."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).parents[2] / ".browser" / "axe.min.js"
WIDE, NARROW = {"width": 1200, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: `make browser`")
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        pytest.skip("there is no chromium: `make browser`, or apt-get install chromium")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def show(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address in a fresh context. What goes wrong in its scripts fails the test."""
    contexts, wrong = [], []

    def open_page(address: str, *, dark: bool = False, size: dict[str, int] = WIDE) -> Any:
        contexts.append(browser.new_context(viewport=size, color_scheme="dark" if dark else "light"))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url) if _outside(request.url) else None)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong


def until(page: Any, expression: str, seconds: float = 30.0) -> None:
    """Wait until an expression holds. A page whose policy forbids to evaluate strings lets nobody wait within it."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never so: {expression}"
        time.sleep(0.02)


def _outside(address: str) -> bool:
    return not address.startswith(("file:", "data:", "blob:", "http://127.0.0.1:"))


class _Plain(SimpleHTTPRequestHandler):
    """A server that knows nothing of byte ranges."""

    def do_GET(self) -> None:
        del self.headers["Range"]
        super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pages lie."""
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="session")
def served(folder: Path) -> Iterator[str]:
    """The address of that folder on a server without byte ranges."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Plain, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def axe() -> Callable[..., list[str]]:
    """What axe-core finds wrong in a page, in words."""
    if not AXE.is_file():
        pytest.skip("axe-core is not there: `make browser`")

    def violations(page: Any) -> list[str]:
        page.add_script_tag(path=str(AXE)) if page.url.startswith("http") else page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{rule['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    return violations
