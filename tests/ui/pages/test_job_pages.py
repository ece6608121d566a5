"""Confusion, Audit and Listen without a browser: from the form to parameters, refusals, downloads, going on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from tests import tiny
from tests.synthetic import chords, clicks, write
from tonescope.diagnose.audit.design import design_of, read_design
from tonescope.diagnose.runtime.run_record import STANDING
from tonescope.diagnose.store.run_archive import export_run, import_run
from tonescope.diagnose.store.run_files import TAKES
from tonescope.diagnose.store.run_list import Run
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models import loading
from tonescope.models.errors import TonescopeError
from tonescope.ui.components import asking, run_api, run_view
from tonescope.ui.components.kept_files import files_of
from tonescope.ui.pages import audit_page, confusion_page, listen_page
from tonescope.ui.web.run_addresses import RunLayer
from tonescope.ui.workshop import Workshop

GENRES = ["house", "smooth jazz"]
SMALL: dict[str, Any] = {"genres": GENRES, "takes": "2", "wordings": "1", "explain": "0", "seconds": "0.3"}
DESIGN = """
name: mine
factors: {genres: [house, smooth jazz]}
wordings: ["{genre}"]
takes: 3
seconds: 0.3
"""
TAKES_OF_DESIGN = 2 * 3 + 2 * 3


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with Workspace.open(tmp_path_factory.mktemp("w") / "runs") as workspace:
        made = Workshop(tiny.session(), workspace)
        yield made
        made.close()


class Page:
    """A page, and its buttons as a visitor presses them."""

    def __init__(self, workshop: Workshop, module: ModuleType) -> None:
        with gr.Blocks() as blocks:
            module.build(workshop)
        self.functions = [each for each in blocks.fns.values() if each.fn is not None]
        self.starts = [each for each in self.functions if each.name == "start"]
        self.ids = ["dropped" if isinstance(each, gr.State) else each.elem_id for each in self.starts[0].inputs]

    @property
    def fields(self) -> set[str]:
        return {str(each).removeprefix("field-") for each in self.ids}

    def press(self, button: int = 0, **typed: Any) -> tuple[str, str, list[str]]:
        """The name of the run, what is wrong, and what is told beside fields."""
        start = self.starts[button]
        named = [str(each).removeprefix("field-") for each in self.ids]
        given = [typed.get(name, each.value) for name, each in zip(named, start.inputs, strict=True)]
        assert set(typed) <= self.fields and start.fn is not None
        name, told, *beside = start.fn(SimpleNamespace(), *given)
        return name, told, [each for each in beside if each]


def done(workshop: Workshop, name: str) -> Run:
    run = workshop.queue.wait(name, 120)
    assert run.state == "done", run.problem
    return run


def layer(workshop: Workshop) -> RunLayer:
    return RunLayer(None, workshop, {"audit": "audit"})  # type: ignore[arg-type]


def downloaded(workshop: Workshop, name: str, part: str) -> bytes:
    return layer(workshop)._answer(name, part, "", "http://here")[0]


def shown(workshop: Workshop, name: str) -> str:
    return str(layer(workshop)._shown(name, "")["html"])


@pytest.fixture(autouse=True)
def _no_taggers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MUSICNN", ())


# --- confusion --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def confused(workshop: Workshop) -> str:
    name, told, beside = Page(workshop, confusion_page).press(**SMALL)
    assert not told and not beside
    return done(workshop, name).name


def test_chosen_genres_become_parameters(workshop: Workshop, confused: str) -> None:
    run = workshop.workspace.runs.get(confused)
    asked = {"genres": "house,smooth jazz", "takes": 2, "wordings": 1, "explain": 0, "seconds": 0.3}
    assert run.job == "confusion" and asked.items() <= run.parameters.items()
    assert run.title == "confusion of house, smooth jazz"
    assert workshop.workspace.content(confused).views[0].matrices[0].rows == ("house", "smooth jazz")


def test_no_genre_stands_for_all(workshop: Workshop) -> None:
    name, told, _ = Page(workshop, confusion_page).press(**SMALL | {"genres": []})
    assert not told and workshop.workspace.runs.get(name).parameters["genres"] is None
    workshop.queue.cancel(name)


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"genres": ["house", "zydeco"]}, "zydeco"),
        ({"genres": ["house", "house"]}, "“genres” names “house” twice"),
        ({"takes": "many"}, "many"),
        ({"wordings": "99"}, "99 wordings"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(workshop: Workshop, typed: dict[str, Any], problem: str) -> None:
    name, told, _ = Page(workshop, confusion_page).press(**SMALL | typed)
    assert not name and problem in told and "--" not in told and told.count("<p") == 1


def test_its_report_numbers_and_takes_are_given_away(workshop: Workshop, confused: str, tmp_path: Path) -> None:
    found = json.loads(downloaded(workshop, confused, "result.json"))
    assert [row["asked"] for row in found["rows"]] == GENRES
    report = downloaded(workshop, confused, "report.html").decode()
    assert "<tonescope-narrow>" in report and "data-plays" in report
    (tmp_path / TAKES).write_bytes(downloaded(workshop, confused, "takes.parquet"))
    import duckdb

    count = duckdb.sql(f"SELECT count(*) FROM read_parquet('{tmp_path / TAKES}')").fetchall()
    assert count == [(4,)]
    html = shown(workshop, confused)
    assert all(f"{confused}/{part}" in html for part in ("report.html", "result.json", "takes.parquet"))


@pytest.mark.parametrize("part", ["takes.parquet", "result.json"])
def test_what_a_run_does_not_hold_is_told(workshop: Workshop, part: str) -> None:
    run = workshop.workspace.runs.add(Run("a" * 22, "diagnose", {}, state="stopped"))
    try:
        with pytest.raises(TonescopeError, match=r"no table of takes|no numbers"):
            downloaded(workshop, run.name, part)
    finally:
        workshop.workspace.delete(run.name)


# --- audit ------------------------------------------------------------------------------------------------------------


def test_a_forecast_leads_to_its_audit_which_goes_on_with_its_takes(workshop: Workshop) -> None:
    page = Page(workshop, audit_page)
    name, told, _ = page.press(0, design=DESIGN)
    assert not told
    run = done(workshop, name)
    assert run.parameters["dry_run"] and run.title == "forecast of an audit, design mine"
    html = shown(workshop, name)
    assert "takes to play: " in html and 'data-ask="start"' in html and "smallest difference" in html
    started = done(workshop, asking.derived(workshop, run_api.NOBODY, name, "start", "").name)
    found = workshop.workspace.content(started.name).result
    assert found is not None and found["design"]["name"] == "mine" and found["design"]["takes"] == TAKES_OF_DESIGN
    assert found["work"]["before"] == 8  # that the forecast played
    assert len(downloaded(workshop, started.name, "takes.parquet")) > 100
    with pytest.raises(TonescopeError, match="no forecast"):
        asking.derived(workshop, run_api.NOBODY, started.name, "start", "")


def test_the_default_design_is_no_file_of_the_run(workshop: Workshop) -> None:
    name, told, _ = Page(workshop, audit_page).press(1, takes_at_most="2000")
    assert not told and not files_of(workshop.workspace, name)
    assert workshop.workspace.runs.get(name).parameters["design"] is None
    workshop.queue.cancel(name)
    assert design_of(audit_page.default_design(), "the page") == read_design(None)


@pytest.mark.parametrize(
    ("design", "problem"),
    [
        (DESIGN.replace("genres:", "zodiac:"), "the design has the factor zodiac, which an audit does not know"),
        (DESIGN.replace("house,", "zydeco,"), "zydeco"),
        ("factors: [", "the design is no YAML"),
        ("x" * 1_000_001, "too long"),
        ("a: &a [x]\nb: *a", "aliases"),
        ("/etc/passwd", "holds no design"),
    ],
)
def test_a_design_that_is_none_is_one_sentence_and_leaves_nothing(
    workshop: Workshop, design: str, problem: str
) -> None:
    before = set((workshop.workspace.folder / "runs").iterdir())
    name, told, _ = Page(workshop, audit_page).press(1, design=design)
    assert not name and problem.lower() in told.lower() and str(workshop.workspace.folder) not in told
    assert set((workshop.workspace.folder / "runs").iterdir()) == before


def test_nothing_of_a_run_tells_where_the_machine_keeps_files(workshop: Workshop) -> None:
    name = done(workshop, Page(workshop, audit_page).press(1, design=DESIGN)[0]).name
    for part in ("state", "result.json", "report.html"):
        told = downloaded(workshop, name, part).decode()
        assert str(workshop.workspace.folder) not in told and "/cache" not in told
    result = workshop.workspace.content(name).result
    assert result is not None and result["design"]["name"] == "mine"


def test_a_stopped_report_says_how_far_it_is_and_goes_on(workshop: Workshop) -> None:
    watched = Page(workshop, confusion_page).press(**SMALL | {"takes": "30", "seconds": "1", "seed": "77"})[0]

    def standing() -> str:
        views = workshop.workspace.content(watched).views
        return next((view.sentences[0][0] for view in views if view.key == STANDING), "")

    while standing()[:2] in ("", "0 "):
        time.sleep(0.005)
    workshop.queue.cancel(watched)
    assert workshop.queue.wait(watched, 60).state == "stopped"
    there, total = map(int, standing().split(" takes")[0].split(" of "))
    assert 0 < there < total == 60
    assert layer(workshop)._shown(watched, "")["goes_on"]
    again = done(workshop, asking.derived(workshop, run_api.NOBODY, watched, "again", "").name)
    found = workshop.workspace.content(again.name).result
    assert found is not None and found["work"]["before"] >= there and found["work"]["takes"] == 60


def test_a_run_that_read_files_of_the_machine_is_not_started_without_them(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(DESIGN)
    run = workshop.queue.submit("audit", {"design": tmp_path / "d.yaml", "dry_run": True})
    done(workshop, run.name)
    with pytest.raises(TonescopeError, match="files of the machine"):
        asking.derived(workshop, run_api.NOBODY, run.name, "again", "")
    sent = export_run(workshop.workspace, run.name, tmp_path / "run.zip")
    assert str(tmp_path).encode() not in sent.read_bytes()
    with Workspace.open(tmp_path / "other") as other:
        assert import_run(other, sent).parameters["design"] == "elsewhere"


# --- listen -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    write(tmp_path / "My song <b>.wav", chords(9, True, 3.0))
    write(tmp_path / "b" / "My song <b>.wav", clicks(120, 3.0))
    return [str(tmp_path / "My song <b>.wav"), str(tmp_path / "b" / "My song <b>.wav")]


def test_dropped_files_are_heard_played_and_kept_with_their_run(workshop: Workshop, files: list[str]) -> None:
    name, told, _ = Page(workshop, listen_page).press(dropped=files, prompt="house in A minor")
    assert not told
    run = done(workshop, name)
    assert run.title == "My-song-b-2.wav and 1 more" and run.parameters["prompt"] == "house in A minor"
    result = workshop.workspace.content(name).result
    assert result is not None and {row["name"] for row in result["files"]} == {"My-song-b.wav", "My-song-b-2.wav"}
    html = shown(workshop, name)
    assert "tonescope-ab" in html and html.count("/audio/result/") == 2 and "<b>" not in html
    assert str(workshop.workspace.folder) not in json.dumps(layer(workshop)._shown(name, ""))
    assert downloaded(workshop, name, "report.html").count(b"data:audio/") == 2
    again = asking.derived(workshop, run_api.NOBODY, name, "again", "").name
    assert done(workshop, again).title == run.title
    for each in (name, again):
        workshop.workspace.delete(each)
        assert not workshop.workspace.files(each).folder.exists()


def test_files_go_through_the_generator_that_is_here(workshop: Workshop, files: list[str]) -> None:
    page, own = Page(workshop, listen_page), workshop.session.generator.name
    assert "surrogate" in page.fields
    name = done(workshop, page.press(dropped=files[:1], surrogate=own)[0]).name
    result = workshop.workspace.content(name).result
    assert result is not None and result["files"][0]["surrogate"]["units"]


def test_what_cannot_be_listened_to_is_one_sentence(workshop: Workshop, tmp_path: Path) -> None:
    page = Page(workshop, listen_page)
    assert "no file to listen to" in page.press()[1]
    assert "leave some out" in page.press(dropped=[f"{at}.wav" for at in range(51)])[1]
    (tmp_path / "empty.wav").touch()
    before = set((workshop.workspace.folder / "runs").iterdir())
    _, told, _ = page.press(dropped=[str(tmp_path / "empty.wav")])
    assert "nothing could be heard" in told.lower() and str(workshop.workspace.folder) not in told
    assert set((workshop.workspace.folder / "runs").iterdir()) == before


# --- all --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [confusion_page, audit_page, listen_page])
def test_no_field_names_a_file_a_model_or_an_address_of_the_machine(workshop: Workshop, module: ModuleType) -> None:
    assert not Page(workshop, module).fields & set(asking.OF_THE_SERVER)


@pytest.mark.parametrize("module", [confusion_page, audit_page, listen_page])
def test_a_page_lists_the_runs_of_its_job_alone(workshop: Workshop, confused: str, module: ModuleType) -> None:
    listed, *_ = [each.fn for each in Page(workshop, module).functions if each.name == "listed"]
    assert listed is not None
    assert (f"/run/{confused}" in listed(None)) == (module is confusion_page)


def test_an_address_leads_to_the_page_of_its_job(workshop: Workshop, confused: str) -> None:
    pages = RunLayer(None, workshop, {"confusion": "confusion"})  # type: ignore[arg-type]
    assert pages._where(confused, "from=abc&x=1") == f"/confusion?run={confused}&from=abc"
    assert pages._where("nothing", "") == "/?run=nothing"


def test_a_next_step_of_a_report_has_a_button_and_no_prompt_to_fill_in() -> None:
    from tonescope.diagnose.report.view import Command, View

    view = View("next", "Next", commands=[Command("Why:", "tonescope diagnose house --out why")])
    for job, offered in (("confusion", ""), ("diagnose", "house")):
        step = run_view._step(view, 0, Run("a" * 22, job, {}), run_view.Listener("judge", []), "")
        assert step.asks and step.prompt == offered
