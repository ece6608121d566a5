"""The pages on runs that are done, with sound that a browser decodes: play, seek, A/B, the score, library, compare."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.browser import made_take, stored_run
from tests.browser.conftest import NARROW, WIDE, until
from tests.browser.test_frame import violations
from tests.ui.serving import serving
from tonescope.diagnose.report.matrix import Matrix, MatrixCell
from tonescope.diagnose.report.view import Sound, Table, View
from tonescope.diagnose.store.workspace import Workspace
from tonescope.ui.server import ServerOptions
from tonescope.ui.web.owners import COOKIE, visitor_of

Show = Callable[..., Any]
PLAYER = "document.querySelector('#run-hear tonescope-ab')"
DONE = "document.getElementById('run-view')?.dataset.state === 'done'"
PRESSES = """() => { window.presses = []; new MutationObserver(all => {
  for (const {target} of all) window.presses.push([target.textContent, target.ariaPressed]);
}).observe(document.querySelector(".matrix"), {subtree: true, attributeFilter: ["aria-pressed"]}); }"""
TICK = "#library input[type=checkbox]"
LARGE = 200 * 2**20  # bytes of an upload


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored") / "runs"


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[str]:
    """The address of an app on that workspace."""
    with serving(ServerOptions(workspace=folder)) as served:
        yield served.url


@pytest.fixture(scope="module")
def workspace(app: str, folder: Path) -> Iterator[Workspace]:
    with Workspace.open(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def name(workspace: Workspace) -> str:
    return stored_run.kept(workspace, "visitor:somebody")


def owner(page: Any) -> str:
    """In whose name a page asks."""
    mark = next(each["value"] for each in page.context.cookies() if each["name"] == COOKIE)
    return visitor_of(mark)


def opened(show: Show, app: str, name: str, **how: Any) -> Any:
    page = show(f"{app}run/{name}", **how)
    until(page, DONE, 60)
    until(page, f"!!{PLAYER}?.data", 60)
    return page


def test_a_take_plays_seeks_and_changes_over_with_one_playhead(show: Show, app: str, name: str) -> None:
    page = opened(show, app, name)
    page.locator("#run-hear .ts-play").click()
    until(page, f"{PLAYER}.transport.playing && {PLAYER}.transport.time > 0.1")
    for key, version in (("b", 1), ("3", 2), ("a", 0)):
        before = page.evaluate(f"{PLAYER}.transport.time")
        page.keyboard.press(key)
        after = page.evaluate(f"{PLAYER}.transport.time")
        assert page.evaluate(f"{PLAYER}.data.takes[0].versions.indexOf({PLAYER}.version)") == version
        assert page.evaluate(f"{PLAYER}.transport.playing") and 0 <= after - before < 0.5
    page.locator("#run-hear .ts-play").click()
    over = page.locator("#run-hear-score .ts-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    assert page.evaluate(f"{PLAYER}.transport.time") == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_whole_run_holds_by_axe_and_does_not_scroll_sideways(
    show: Show, app: str, name: str, dark: bool, size: dict[str, int]
) -> None:
    page = opened(show, app, name, dark=dark, size=size)
    page.evaluate("document.querySelectorAll('#run-view details').forEach(part => { part.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert violations(page) == []


def test_first_a_sentence_then_sound_then_picture_then_numbers(show: Show, app: str, name: str) -> None:
    page = opened(show, app, name)
    places = [
        page.locator(selector).bounding_box()["y"]
        for selector in (
            "#run-verdict",
            "#run-why",
            "#run-hear",
            "#run-next",
            "#run-hear-score",
            "#run-ask",
            "#run-words",
        )
    ]
    assert places == sorted(places)
    assert page.locator("#run-why .badge").locator("visible=true").count() == 1


def test_what_to_type_instead_fills_the_prompt_or_is_diagnosed_at_once(show: Show, app: str, name: str) -> None:
    page = opened(show, app, name)
    prompt = page.get_by_label("Prompt", exact=True)
    assert prompt.input_value() == stored_run.PROMPT
    page.get_by_role("button", name="Use this prompt").click()
    assert prompt.input_value() == "lo-fi beats"
    page.get_by_role("button", name="Diagnose “lo-fi beats”").click()
    until(page, "location.search.includes('from=')")
    until(page, "document.getElementById('run-view').dataset.state !== 'done'")
    page.get_by_role("button", name="Stop").click()
    until(page, "document.getElementById('run-view').dataset.state === 'stopped'", 30)


def test_a_unit_in_a_table_is_changed_by_a_click(show: Show, app: str, name: str) -> None:
    page = opened(show, app, name)
    page.locator("#run-words > summary").click()
    page.locator("#run-unit").fill("")
    page.locator("#run-words .run-named").first.click()
    assert page.locator("#run-unit").input_value() == stored_run.UNIT
    page.locator("#run-unit").fill("decoder.0.mlp:3")
    page.locator("#run-factor").fill("0.25")
    page.get_by_role("button", name="Scale").click()
    until(page, "location.search.includes('from=')")
    until(page, "['done', 'failed'].includes(document.getElementById('run-view').dataset.state)", 60)
    assert page.locator("#run-unit").input_value() == "decoder.0.mlp:3"  # and from there on
    page.get_by_role("button", name="Mute", exact=True).click()
    until(page, f"!location.search.includes({page.url.partition('run=')[2].partition('&')[0]!r} + '&')")
    until(page, "['done', 'failed'].includes(document.getElementById('run-view').dataset.state)", 60)
    page.get_by_role("link", name="Back to the run before").click()
    until(page, DONE, 60)
    page.go_back()
    page.go_back()
    until(page, "location.search.includes('from=')")
    until(page, DONE, 60)
    page.get_by_role("link", name="Back to the run before").click()
    until(page, DONE, 60)


def test_all_that_an_edit_can_be_asked_is_under_other_changes(show: Show, app: str, name: str) -> None:
    page = opened(show, app, name)
    page.locator("#run-edit > summary").click()
    page.locator("#run-unit").fill("decoder.0.mlp:3, decoder.1.mlp:2")
    page.get_by_label("What becomes of them").select_option("set")
    press = page.get_by_role("button", name="Play this change")
    press.click()
    told = page.locator("#run-edit .run-beside")
    told.wait_for()  # what is missing is told where it is missing
    assert "needs a value" in told.inner_text() and "from=" not in page.url
    for field, value in (("Factor, or value", "2"), ("Only between these seconds", "0, 0.3"), ("Takes", "1")):
        page.get_by_label(field, exact=True).fill(value)
    press.click()
    until(page, "location.search.includes('from=')")
    until(page, "['done', 'failed'].includes(document.getElementById('run-view').dataset.state)", 60)
    shown = page.request.get(f"{app}run/{page.url.partition('run=')[2].partition('&')[0]}/state").json()
    asked = {"kind": "set", "value": 2.0, "between": [0.0, 0.3], "where": ["decoder.0.mlp:3", "decoder.1.mlp:2"]}
    assert shown["state"] == "done" and asked.items() <= shown["parameters"].items()


def test_a_label_in_a_table_is_asked_about_by_a_click(show: Show, app: str, workspace: Workspace) -> None:
    table = Table(("seed", "heard as"), (("1", "house"), ("2", "no label")))
    views = [*made_take.views(), View("labels", "Labels", tables=[table])]
    page = opened(show, app, stored_run.kept(workspace, views=views))
    page.locator("#run-labels > summary").click()
    assert page.locator("#run-labels .run-named").all_inner_texts() == ["house"]
    page.locator("#run-labels .run-named").click()
    assert page.get_by_label("Any other genre").input_value() == "house"


def test_the_cells_of_a_matrix_are_played(show: Show, app: str, workspace: Workspace) -> None:
    cells = [MatrixCell(f"{at}", 0.5, f"cell {at}", sound=Sound("", "tested", at)) for at in range(2)]
    matrix = Matrix("What came", "asked for", ("house", "jazz"), ("polka",), tuple((cell,) for cell in cells))
    told = View("confusion", "All genres", [("Polka comes.", "observed")], depth="first", tone="bad", matrices=[matrix])
    page = show(f"{app}run/{stored_run.kept(workspace, views=[told], job='confusion', title='confusion')}", size=NARROW)
    until(page, DONE, 60)
    page.evaluate(PRESSES)
    for cell in ("0", "1"):
        with page.expect_response("**/audio/result/*.flac") as fetched:
            page.get_by_role("button", name=f"cell {cell}").click()
        assert fetched.value.ok
    until(page, "window.presses.at(-1).join() === '1,false'", 30)  # it has ended
    assert page.evaluate("window.presses.map(String)") == ["0,true", "0,false", "1,true", "1,false"]  # one at a time
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"] and violations(page) == []


def test_another_label_is_asked_about(show: Show, app: str, name: str) -> None:
    page = opened(show, app, name)
    page.get_by_label("Any other genre").select_option("house")
    page.get_by_role("button", name="Ask", exact=True).click()
    until(page, "location.search.includes('from=')")
    until(page, "document.getElementById('run-view').dataset.state !== 'done'")
    shown = page.request.get(f"{app}run/{page.url.partition('run=')[2].partition('&')[0]}/state").json()
    assert shown["parameters"]["foil"] == "house"
    page.get_by_role("button", name="Stop").click()
    until(page, "document.getElementById('run-view').dataset.state === 'stopped'", 30)


def test_the_library_pages_searches_and_keeps_to_its_owner(show: Show, app: str, workspace: Workspace) -> None:
    page = show(f"{app}library", size=NARROW)
    page.get_by_text("No run is here yet").wait_for()
    for number in range(25):
        stored_run.kept(workspace, owner(page), f"piano number {number}")
    page.reload()
    until(page, "document.querySelectorAll('.run-list li').length === 20")
    page.get_by_role("button", name="Show older ones").click()
    until(page, "document.querySelectorAll('.run-list li').length === 25")
    assert page.get_by_role("button", name="Show older ones").is_hidden()
    assert page.locator(".run-list .badge.observed").count() == 25
    page.get_by_label("Search").fill("number 17")
    until(page, "document.querySelectorAll('.run-list li').length === 1")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert violations(page) == []


def test_two_that_are_ticked_are_compared(show: Show, app: str, workspace: Workspace) -> None:
    page = show(f"{app}library")
    page.get_by_text("No run is here yet").wait_for()
    for prompt in ("first piano", "second piano"):
        stored_run.kept(workspace, owner(page), prompt)
    page.reload()
    page.locator(TICK).nth(0).check()
    assert page.get_by_role("button", name="Compare").is_hidden()
    page.locator(TICK).nth(1).check()
    page.get_by_role("button", name="Compare").click()
    until(page, "document.querySelectorAll('#compare tonescope-ab').length >= 2")
    assert page.locator(".run-side").count() == 2 and page.locator("#run-ask").count() == 0
    names = page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id).filter(Boolean)")
    assert len(set(names)) == len(names)
    assert page.locator("#compare-start").is_hidden()  # nothing else is compared beside them
    assert violations(page) == []


def test_two_folders_are_compared_from_the_page(show: Show, app: str, tmp_path: Path) -> None:
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        for take in range(2):
            wave = np.random.default_rng(take).uniform(-0.3, 0.3, 32_000)
            soundfile.write(tmp_path / side / f"{take}.wav", wave, 16_000)
    page = show(f"{app}compare", size=NARROW)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.locator(".run-error").first.wait_for()  # nothing was named
    for name, value in (("first", tmp_path / "a"), ("second", tmp_path / "b")):
        page.locator(f"#field-{name} :is(input, textarea)").fill(str(value))
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"] and violations(page) == []
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url("**?run=*")
    until(page, "['done', 'failed'].includes(document.getElementById('run-view')?.dataset.state)", 60)
    assert "heard as" in page.locator("#run-comparison").inner_text()


def test_runs_are_deleted_after_it_was_asked_again(show: Show, app: str, workspace: Workspace) -> None:
    page = show(f"{app}library")
    page.get_by_text("No run is here yet").wait_for()
    kept = [stored_run.kept(workspace, owner(page), prompt) for prompt in ("piano", "drums", "house")]
    page.reload()
    for row in (0, 2):
        page.locator(TICK).nth(row).check()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Keep").click()
    assert page.locator(".run-list li").count() == 3
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete for good").click()
    page.get_by_text("2 runs are deleted.").wait_for()
    assert page.locator(".run-list li").count() == 1
    assert [workspace.runs.find(each) is None for each in kept] == [True, False, True]


def test_a_run_goes_out_as_a_file_and_comes_in_again(show: Show, app: str, name: str, tmp_path: Path) -> None:
    page = opened(show, app, name)
    with page.expect_download() as download:
        page.get_by_role("link", name="Run as a file").click()
    download.value.save_as(tmp_path / "run.zip")
    page.goto(f"{app}library")
    page.get_by_text("No run is here yet").wait_for()
    page.locator("input[type=file]").set_input_files(tmp_path / "run.zip")
    page.get_by_text("is in your library now").wait_for()
    assert page.locator(".run-list li").count() == 1


def test_a_file_that_is_no_run_is_told_by_its_own_name(show: Show, app: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mine <b>.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    page = show(f"{app}library")
    page.get_by_text("No run is here yet").wait_for()
    page.locator("input[type=file]").set_input_files(tmp_path / "mine <b>.zip")
    page.locator(".run-error").wait_for()
    assert "/tmp" not in page.locator(".run-error").inner_text()


def test_an_upload_of_200_mb_is_told_to_be_too_large(show: Show, app: str, tmp_path: Path) -> None:
    with (tmp_path / "large.wav").open("wb") as file:
        file.truncate(LARGE)
    page = show(app)
    page.get_by_role("button", name="Advanced").click()
    page.locator("input[type=file]").set_input_files(tmp_path / "large.wav")
    page.get_by_text("exceed the maximum allowed size").first.wait_for()


def test_other_words_are_offered_folded_above_a_verdict_and_unfolded_for_a_new_prompt(
    show: Show, app: str, name: str
) -> None:
    page = opened(show, app, name, size=NARROW)
    offered = page.get_by_role("button", name="Find a better prompt")
    assert offered.is_hidden()
    assert page.locator("#run-verdict").bounding_box()["y"] < NARROW["height"] / 2 + 100
    page.get_by_label("Prompt", exact=True).fill("house with piano")
    offered.wait_for()
    page.get_by_label("Prompt", exact=True).fill(stored_run.PROMPT)
    offered.wait_for(state="hidden")


def test_an_address_that_leads_nowhere_leads_back(show: Show, app: str) -> None:
    page = show(f"{app}nothing-here", dark=True)
    page.get_by_role("link", name="Open Tonescope").click()
    page.get_by_label("Prompt", exact=True).wait_for()


def test_what_there_is_not_is_told_where_it_would_be(show: Show, app: str) -> None:
    page = show(f"{app}?run={'a' * 22}")
    page.get_by_text("there is no run").wait_for()
    page.goto(f"{app}compare?a={'a' * 22}&b=<b>x</b>")
    page.get_by_text("there is no run").first.wait_for()
    assert page.locator("#compare b").count() == 0
