"""Confusion, Audit and Listen in a real browser: start, watch, play a cell, narrow, stop, go on, download."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import stored_run
from tests.browser.conftest import NARROW, WIDE, until
from tests.browser.test_frame import violations
from tests.synthetic import chords, write
from tests.ui.serving import serving
from tonescope.diagnose.report.matrix import Matrix, MatrixCell
from tonescope.diagnose.report.view import Sound, Table, View
from tonescope.diagnose.store.workspace import Workspace
from tonescope.ui.server import ServerOptions

Show = Callable[..., Any]
DESIGN = """
name: mine
factors: {genres: [house, smooth jazz]}
wordings: ["{genre}"]
takes: 6
seconds: 0.4
"""
GENRES = tuple(f"genre {letter}" for letter in "abcdefghij")
DROPPED = """([sound, name]) => { const dropped = new DataTransfer();
  const bytes = Uint8Array.from(atob(sound), letter => letter.charCodeAt(0));
  dropped.items.add(new File([bytes], name, {type: "audio/wav"})); return dropped; }"""
SIDEWAYS = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs") / "runs"


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[str]:
    """The address of an app on that workspace."""
    with serving(ServerOptions(workspace=folder)) as served:
        yield served.url


def ended(page: Any, state: str = "done") -> None:
    until(page, f"document.getElementById('run-view')?.dataset.state === {state!r}", 120)


def fill(page: Any, **fields: str) -> None:
    for name, value in fields.items():
        page.locator(f"#field-{name} :is(input, textarea)").first.fill(value)


def choose(page: Any, *genres: str) -> None:
    field = page.locator("#field-genres input")
    for genre in genres:
        field.fill(genre)
        field.press("Enter")
    field.press("Escape")


def asked(page: Any, size: dict[str, int] = WIDE) -> None:
    """A small confusion report, started."""
    page.locator("#field-genres").wait_for()
    choose(page, "house", "smooth jazz")
    fill(page, takes="2", wordings="1", explain="0", seconds="0.3")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/confusion?run=*")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_genres_become_a_map_that_plays_and_numbers_to_take_along(show: Show, app: str, dark: bool) -> None:
    page = show(f"{app}confusion", size=NARROW, dark=dark)
    asked(page)
    ended(page)
    assert page.locator("#job-form").is_hidden() and page.evaluate(SIDEWAYS) <= NARROW["width"]
    cell = page.locator(".matrix button[data-plays]").first
    with page.expect_response("**/audio/result/*.flac") as fetched:
        cell.click()
    heads, cells = (page.locator(f".matrix {row}").first.bounding_box()["x"] for row in ("thead th:nth-child(2)", "td"))
    assert abs(heads - cells) < 3  # each genre stands above its column
    assert fetched.value.ok
    with page.expect_download() as download:
        page.get_by_role("link", name="All numbers").click()
    assert len(json.loads(Path(download.value.path()).read_text())["rows"]) == 2
    with page.expect_download() as download:
        page.get_by_role("link", name="All takes").click()
    assert Path(download.value.path()).read_bytes().startswith(b"PAR1")
    page.evaluate("document.querySelectorAll('#run-view details').forEach(part => { part.open = true; })")
    assert page.evaluate(SIDEWAYS) <= NARROW["width"] and violations(page) == []
    page.get_by_role("link", name="New confusion report").click()
    page.locator("#runs-before .run-list li").first.wait_for()
    assert page.locator("#job-form").is_visible()


def test_a_report_is_stopped_and_goes_on(show: Show, app: str) -> None:
    page = show(f"{app}confusion")
    page.locator("#field-genres").wait_for()
    fill(page, takes="48", wordings="3", explain="0", seconds="2")
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator("#run-standing").wait_for()
    page.get_by_role("button", name="Stop").click()
    ended(page, "stopped")
    page.locator("#runs-before .run-list li").filter(has_text="stopped").first.wait_for()  # listed anew
    assert "takes are played and heard" in page.locator("#run-standing").inner_text()
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**from=*")
    page.get_by_role("button", name="Stop").click()
    ended(page, "stopped")
    page.get_by_role("link", name="Back to the run before").click()
    ended(page, "stopped")


def test_what_cannot_be_asked_is_told_and_the_form_stays(show: Show, app: str) -> None:
    page = show(f"{app}confusion", size=NARROW)
    page.locator("#field-genres").wait_for()
    choose(page, "house", "zydeco")
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator(".run-error").wait_for()
    assert "zydeco" in page.locator(".run-error").inner_text() and "run=" not in page.url
    assert page.evaluate(SIDEWAYS) <= NARROW["width"] and violations(page) == []


def test_a_design_is_opened_forecast_and_audited(show: Show, app: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(DESIGN)
    page = show(f"{app}audit", size=NARROW)
    design = page.locator("#design textarea")
    design.wait_for()
    assert "name: default" in design.input_value()
    page.locator("input[type=file]").set_input_files(tmp_path / "mine.yaml")
    until(page, "document.querySelector('#design textarea').value.includes('name: mine')")
    page.get_by_role("button", name="Forecast").click()
    page.wait_for_url("**/audit?run=*")
    ended(page)
    assert "takes to play: " in page.locator("#run-audit").inner_text()
    assert page.evaluate(SIDEWAYS) <= NARROW["width"] and violations(page) == []
    page.get_by_role("button", name="Start this audit").click()
    page.wait_for_url("**from=*")
    ended(page)
    assert "Audit of" in page.locator("#run-audit").inner_text()
    page.evaluate("document.querySelectorAll('#run-view details').forEach(part => { part.open = true; })")
    assert page.evaluate(SIDEWAYS) <= NARROW["width"] and violations(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="All numbers").click()
    assert json.loads(Path(download.value.path()).read_text())["design"]["name"] == "mine"


def test_a_file_that_is_no_design_is_told(show: Show, app: str, tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_bytes(b"x" * 300_000)
    page = show(f"{app}audit")
    page.locator("#design textarea").wait_for()
    page.locator("input[type=file]").set_input_files(tmp_path / "large.yaml")
    page.get_by_text("is too large").wait_for()
    page.locator("#design textarea").fill("factors: [")
    page.get_by_role("button", name="Start the audit").click()
    page.get_by_text("is no YAML").wait_for()
    page.get_by_role("button", name="The default design").click()
    assert "name: default" in page.locator("#design textarea").input_value()


def test_files_are_dropped_heard_and_played(show: Show, app: str, tmp_path: Path) -> None:
    names = [f"{name}.wav" for name in ("one", "two")]
    for at, name in enumerate(names):
        write(tmp_path / name, chords(at, False, 3.0))
    page = show(f"{app}listen", size=NARROW)
    page.locator(".run-drop").wait_for()
    page.locator("#job-form input[type=file]").set_input_files(tmp_path / names[0])
    page.get_by_text(names[0], exact=True).wait_for()
    sound = base64.b64encode((tmp_path / names[1]).read_bytes()).decode()
    page.locator(".run-drop").dispatch_event("drop", {"dataTransfer": page.evaluate_handle(DROPPED, [sound, names[1]])})
    page.get_by_text(names[1], exact=True).wait_for()
    fill(page, prompt="house in C major")
    assert page.evaluate(SIDEWAYS) <= NARROW["width"] and violations(page) == []
    page.get_by_role("button", name="Listen", exact=True).click()
    page.wait_for_url("**/listen?run=*")
    ended(page)
    player = "document.querySelector('#run-files tonescope-ab')"
    until(page, f"!!{player}?.data")
    assert page.locator("#run-files .ts-takes button").all_inner_texts() == names
    page.locator("#run-files .ts-play").click()
    until(page, f"{player}.transport.playing && {player}.transport.time > 0.1")
    page.locator("#run-files .ts-play").click()
    page.evaluate("document.querySelectorAll('#run-view details').forEach(part => { part.open = true; })")
    assert page.evaluate(SIDEWAYS) <= NARROW["width"] and violations(page) == []


def test_a_map_of_many_genres_is_narrowed_by_the_keyboard(show: Show, app: str, folder: Path) -> None:
    def cell(row: int, column: int) -> MatrixCell:
        there = column in (row, (row + 1) % len(GENRES))
        return (
            MatrixCell("3", 0.5, f"{row} as {column}: 3 takes", sound=Sound("", "tested", 0)) if there else MatrixCell()
        )

    cells = tuple(tuple(cell(row, column) for column in range(len(GENRES))) for row in range(len(GENRES)))
    matrix = Matrix("What came", "asked for", GENRES, GENRES, cells)
    table = Table(("asked for", "heard"), tuple((name, "3") for name in GENRES))
    views = [
        View("confusion", "All genres", [("Some.", "observed")], depth="first", tone="bad", matrices=[matrix]),
        View("genres", "Genre by genre", tables=[table]),
    ]
    with Workspace.open(folder) as workspace:
        name = stored_run.kept(workspace, views=views, job="confusion", title="confusion", parameters={})
    page = show(f"{app}run/{name}", size=NARROW)
    page.wait_for_url("**/confusion?run=*")
    ended(page)
    page.locator(".run-fold > summary").first.click()
    field = page.get_by_label("Show only rows with")
    field.focus()
    page.keyboard.type("genre c")
    shown = page.locator(".matrix tbody th").locator("visible=true")
    assert shown.all_inner_texts() == ["genre b", "genre c"]  # what was asked for, and what is heard as it
    assert page.locator(".matrix thead th").locator("visible=true").count() == 1 + 3
    assert page.locator("#run-genres tbody tr").locator("visible=true").count() == 1
    assert page.get_by_text("3 of 20 rows").is_visible()
    assert page.evaluate(SIDEWAYS) <= NARROW["width"] and violations(page) == []
    field.fill("")
    assert page.locator(".matrix tbody th").locator("visible=true").count() == len(GENRES)
