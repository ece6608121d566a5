"""Feedback while a prompt is typed, and repairs as cards, in a real browser."""

from __future__ import annotations

import dataclasses
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.browser import made_take
from tests.browser.conftest import NARROW, until
from tests.browser.test_frame import violations
from tests.browser.test_run_page import STATE, Show, ended
from tests.ui.serving import serving
from tonescope.diagnose.report.view import Offer, Sound, View
from tonescope.diagnose.report.view_data import as_data
from tonescope.diagnose.store.run_files import AUDIO, FORMAT, RESULT, VIEWS
from tonescope.diagnose.store.run_list import Run, new_name
from tonescope.diagnose.store.workspace import Workspace
from tonescope.ui.server import Serving

TOLD = "document.querySelector('#feedback .feedback-told').textContent"
OFFERED = "house, “so” & 'to' say"


@pytest.fixture(scope="module")
def app() -> Iterator[Serving]:
    with serving() as served:
        yield served


def field(page: Any) -> Any:
    found = page.get_by_label("Prompt", exact=True)
    found.wait_for()
    return found


def typed(page: Any, prompt: str, told: str) -> None:
    """Type key by key until the feedback says something."""
    field(page).press_sequentially(prompt, delay=5)
    until(page, f"{TOLD}.includes({told!r})", 20)


def test_feedback_comes_while_one_types_and_goes_with_the_prompt(show: Show, app: Serving) -> None:
    page = show(app.url, size=NARROW)
    assert page.locator("#feedback").is_hidden()
    typed(page, "house without drums, masterpiece", "says nothing about the music")
    shown = page.locator("#feedback")
    assert "refuses something by naming it" in shown.inner_text() and "tonescope predictor" in shown.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    field(page).fill("")
    shown.wait_for(state="hidden")


def test_a_finding_is_left_out_by_a_click_and_says_why(show: Show, app: Serving) -> None:
    page = show(app.url)
    typed(page, "house, masterpiece", "says nothing about the music")
    page.locator("#feedback summary").first.click()
    assert "prompts for pictures" in page.locator("#feedback").inner_text()
    page.get_by_role("button", name="Leave it out").click()
    assert field(page).input_value() == "house"
    until(page, f"!{TOLD}.includes('masterpiece')")


def test_the_last_answer_alone_is_shown(show: Show, app: Serving) -> None:
    page = show(app.url)
    asked: list[str] = []

    def slow(route: Any) -> None:
        asked.append(route.request.post_data_json["prompt"])
        if len(asked) == 1:
            time.sleep(0.6)
        route.continue_()

    page.route("**/feedback", slow)
    field(page).fill("masterpiece")
    page.wait_for_timeout(200)
    field(page).fill("house without drums")
    until(page, f"{TOLD}.includes('refuses')", 20)
    page.wait_for_timeout(700)
    assert "masterpiece" not in page.evaluate(TOLD) and asked[0] == "masterpiece"


def test_what_is_about_to_be_played_is_not_guessed_at(show: Show, app: Serving) -> None:
    page = show(app.url)
    field(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("feedback") else None)
    page.evaluate("""() => {
        const field = document.querySelector("#prompt textarea, #prompt input");
        field.value = "house";
        field.dispatchEvent(new Event("input", {bubbles: true}));
        document.querySelector("#diagnose").dispatchEvent(new Event("pointerdown", {bubbles: true}));
    }""")
    page.wait_for_timeout(1200)  # longer than a pause, and than one after which all is said
    assert asked == []


def test_of_a_word_that_is_being_typed_nothing_is_said_before_the_typing_pauses(show: Show, app: Serving) -> None:
    page = show(app.url)
    told: list[str] = []
    page.on("response", lambda answer: told.append(answer.json()["html"]) if answer.url.endswith("feedback") else None)
    field(page).fill("a song wi")
    until(page, f"{TOLD}.includes('names no genre')", 20)
    assert told and "names no genre" not in told[0]


@pytest.mark.parametrize("prompt", ["a", "?!…", "ジャズ", "<img src=x onerror=window.broken=1>", "x" * 3000])
def test_case_any_prompt_gets_feedback_in_the_browser(show: Show, app: Serving, prompt: str) -> None:
    page = show(app.url)
    field(page).fill(prompt)
    until(page, f"{TOLD}.trim().length > 0", 20)
    assert page.locator("#feedback img").count() == 0 and page.evaluate("window.broken") is None


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_feedback_holds_by_axe(show: Show, app: Serving, dark: bool) -> None:
    page = show(app.url, dark=dark)
    typed(page, "house without drums, masterpiece", "says nothing about the music")
    assert not violations(page)


def test_without_a_genre_that_is_meant_a_better_prompt_is_not_looked_for(show: Show, app: Serving) -> None:
    page = show(app.url)
    field(page).fill("a lovely song")
    page.locator("#feedback-budget").select_option("60")
    page.get_by_role("button", name="Find a better prompt").click()
    until(page, f"{STATE} === 'failed'", 30)
    assert "say which genre is meant" in page.locator(".run-told").inner_text()


def test_case_a_refusal_goes_when_the_prompt_changes(show: Show, app: Serving) -> None:
    page = show(app.url)
    page.get_by_role("button", name="Diagnose", exact=True).click()
    refused = page.get_by_text("there is nothing to play")
    refused.wait_for()
    field(page).press_sequentially("house")
    refused.wait_for(state="hidden")


def test_a_box_that_is_ticked_can_be_seen(show: Show, app: Serving) -> None:
    page = show(app.url)
    typed(page, "a song", "names no genre")
    page.locator("#feedback-draft").check()
    assert page.evaluate("getComputedStyle(document.getElementById('feedback-draft')).appearance") == "auto"


def test_the_genre_that_is_meant_holds_for_the_diagnosis_and_its_feedback_steps_aside(show: Show, app: Serving) -> None:
    page = show(app.url)
    page.get_by_role("button", name="Advanced").click()
    for name, value in (("takes", "1"), ("seconds", "0.3")):
        page.locator(f"#field-{name} :is(input, textarea)").first.fill(value)
    typed(page, "a song", "names no genre")
    page.locator("#feedback-intended").select_option("house")
    field(page).press("Enter")  # the field keeps the focus
    page.locator("#feedback .feedback-told").wait_for(state="hidden", timeout=10_000)
    ended(page)
    assert page.locator("#feedback .feedback-told").is_hidden()
    run = page.request.get(f"{app.url}run/{page.url.partition('run=')[2]}/state").json()
    assert run["parameters"]["intended"] == "house" and "house" in page.locator("#run-verdict").inner_text()


def test_a_better_prompt_is_looked_for_from_the_page(show: Show, app: Serving) -> None:
    page = show(app.url)
    field(page).fill("a song with piano")
    page.get_by_role("button", name="Advanced").click()
    page.locator("#field-seconds :is(input, textarea)").fill("0.3")
    page.locator("#feedback-intended").select_option("house")
    page.locator("#feedback-budget").select_option("60")
    page.get_by_role("button", name="Find a better prompt").click()
    ended(page)
    assert "house" in page.locator("#run-suggestion").inner_text()
    assert page.locator("tonescope-ab").count() >= 1
    field(page).fill("a song with drums")
    page.get_by_role("button", name="Compare with the run below").click()
    until(page, "location.search.includes('from=')")
    ended(page)
    assert "On the same noise" in page.locator("#run-contrast").inner_text() or (
        "Both prompts" in page.locator("#run-contrast").inner_text()
    )


@pytest.fixture(scope="module")
def card(app: Serving) -> str:
    """The name of a repair whose card nobody computed, with sounds that a browser plays."""
    return kept_repair(app._server.workshop.workspace)


def kept_repair(workspace: Workspace) -> str:
    plays, name = made_take.MadePlays(), new_name()
    folder: Path = workspace.files(name).final
    (folder / AUDIO).mkdir(parents=True)
    first = next(sound for view in made_take.views() for sound in view.every_sound)
    told = []
    for number, key in enumerate(("untouched", "best"), start=1):
        buffer = io.BytesIO()
        soundfile.write(buffer, plays.samples(first), plays.rate, format="FLAC", subtype="PCM_16")
        (folder / AUDIO / f"{number}.flac").write_bytes(buffer.getvalue())
        told.append({"takes": key, "row": 0, "seed": 5, "file": f"{AUDIO}/{number}.flac"})
    views = [
        View("suggestion", "“house with piano”", [("It plays house.", "tested")], depth="first", tone="good"),
        View(
            "card-best",
            f"“{OFFERED}”",
            [("house is heard in 15 of 16 fresh takes.", "tested"), ("Tempo stays.", None)],
            sounds=[[Sound("before", "untouched", 0), Sound("after", "best", 0)]],
            depth="first",
            offer=Offer(OFFERED, (("guidance", "6"),)),
        ),
    ]
    data = {"format": FORMAT, "views": as_data(views), "sounds": told, "rate": plays.rate}
    (folder / VIEWS).write_text(json.dumps(data), encoding="utf-8")
    (folder / RESULT).write_text("{}", encoding="utf-8")
    run = Run(name, "suggest", {"prompt": "house with piano"}, title="house with piano", state="done", share=1.0)
    now = time.time()
    run = dataclasses.replace(run, sentence="It plays house.", created=now, started=now, ended=now, models="made up")
    workspace.runs.add(run)
    return name


def test_a_card_has_before_and_after_on_one_playhead_and_fills_prompt_and_settings_in(
    show: Show, app: Serving, card: str
) -> None:
    page = show(f"{app.url}?run={card}")
    ended(page)
    player = page.locator("#run-card-best tonescope-ab")
    assert player.get_by_role("button", name="before").count() and player.get_by_role("button", name="after").count()
    page.get_by_role("button", name="Use this prompt").click()
    assert field(page).input_value() == OFFERED
    until(page, "document.querySelector('#field-guidance :is(input, textarea)')?.value === '6'")
    until(page, f"{TOLD}.trim().length > 0", 20)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_card_holds_by_axe(show: Show, app: Serving, card: str, dark: bool) -> None:
    page = show(f"{app.url}?run={card}", dark=dark)
    ended(page)
    assert not violations(page)


def test_beside_a_run_of_the_same_prompt_feedback_steps_aside(show: Show, app: Serving, card: str) -> None:
    page = show(f"{app.url}?run={card}")
    ended(page)
    told, contrast = page.locator(".feedback-told"), page.get_by_role("button", name="Compare with the run below")
    page.locator("#feedback").wait_for()
    page.wait_for_timeout(1200)
    assert told.is_hidden() and contrast.is_hidden()
    field(page).fill("house with drums")
    told.wait_for()
    assert contrast.is_visible()


def test_a_draft_is_played_where_that_is_asked_for_and_goes_with_the_next_key(show: Show, app: Serving) -> None:
    page = show(app.url)
    drafted = page.locator("#feedback .feedback-drafted")
    typed(page, "house, masterpiece", "says nothing about the music")
    page.wait_for_timeout(1500)
    assert drafted.locator("audio").count() == 0  # off at first
    page.locator("#feedback-draft").check()
    drafted.locator("audio").wait_for(timeout=20_000)
    assert "one take says little" in drafted.inner_text() and "observed" in drafted.inner_text()
    field(page).press_sequentially("x")
    until(page, "!document.querySelector('#feedback .feedback-drafted audio')")


def test_a_better_prompt_is_looked_for_with_the_settings_of_the_form(show: Show, app: Serving) -> None:
    page = show(app.url)
    page.get_by_role("button", name="Advanced").click()
    wanted = {"seed": "7", "guidance": "5", "temperature": "0.9", "top_k": "100", "seconds": "0.3"}
    for name, value in wanted.items():
        page.locator(f"#field-{name} :is(input, textarea)").first.fill(value)
    typed(page, "house, masterpiece", "says nothing about the music")
    asked: list[Any] = []
    page.on("request", lambda request: asked.append(request.post_data_json) if "call/submit" in request.url else None)
    page.get_by_role("button", name="Find a better prompt").click()
    until(page, "location.search.includes('run=')", 30)
    job, given = asked[0]["data"][:2]
    assert job == "suggest" and {name: given[name] for name in wanted} == wanted
    page.request.post(f"{app.url}gradio_api/call/cancel", data=json.dumps({"data": [page.url.partition("run=")[2]]}))
