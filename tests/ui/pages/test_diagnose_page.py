"""The page and its form, without a browser: every parameter has a field, and what is wrong stands beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from tests import tiny
from tests.diagnose.report import shown as views_of
from tonescope.diagnose.jobs.audit_job import AuditParameters
from tonescope.diagnose.jobs.confusion_job import ConfusionParameters
from tonescope.diagnose.jobs.contrast_job import ContrastParameters
from tonescope.diagnose.jobs.diagnosis_job import DiagnosisParameters
from tonescope.diagnose.jobs.experiment_job import ExperimentParameters
from tonescope.diagnose.jobs.listen_job import ListenParameters
from tonescope.diagnose.jobs.suggest_job import SuggestParameters
from tonescope.diagnose.report.view import Offer, View
from tonescope.diagnose.report.view_data import as_data
from tonescope.diagnose.runtime.run_queue import RunProgress
from tonescope.diagnose.store.run_files import RESULT, VIEWS, Content, StoredSound, StoredSounds, played_by
from tonescope.diagnose.store.run_list import Run
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError
from tonescope.ui import server
from tonescope.ui.components import asking, run_api, run_view
from tonescope.ui.components.job_form import JobForm
from tonescope.ui.components.kept_files import files_of
from tonescope.ui.pages import diagnose
from tonescope.ui.workshop import Workshop

ROOT = Path(__file__).parents[3]
UNREAD = ("negative",)  # by the tiny generator


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with Workspace.open(tmp_path_factory.mktemp("w") / "runs") as workspace:
        made = Workshop(tiny.session(), workspace, memory_gib=1e-7)
        yield made
        made.close()


@pytest.fixture(scope="module")
def submit(workshop: Workshop) -> Any:
    page = server.build(workshop)
    return next(block.fn for block in page.fns.values() if block.fn is not None and block.fn.__name__ == "submit_typed")


def form(*without: str) -> JobForm:
    with gr.Blocks():
        return JobForm.build(
            DiagnosisParameters,
            without=(*diagnose.ELSEWHERE, *without),
            choices={},
            most={"seconds": 2.0},
            parts=diagnose.PARTS,
        )


def typed(made: JobForm, **given: Any) -> list[Any]:
    return [given.get(field.name, field.typed.value) for field in made.fields]


def test_every_parameter_of_the_command_line_has_a_field() -> None:
    elsewhere = set(diagnose.ELSEWHERE) & DiagnosisParameters.model_fields.keys()
    assert {field.name for field in form().fields} | elsewhere == set(DiagnosisParameters.model_fields)


@pytest.mark.parametrize(
    ("parameters", "harmless"),
    [
        (
            DiagnosisParameters,
            "prompt intended takes seconds seed guidance negative temperature top_k foil quick candidates "
            "strongest_share rounds careful two_point_units tested_units tested_words doses",
        ),
        (
            ExperimentParameters,
            "prompt where kind value source between steps branch strength takes seconds seed guidance negative foil",
        ),
        (
            SuggestParameters,
            "prompt intended budget steering seconds seed guidance negative temperature top_k",
        ),
        (ContrastParameters, "first second takes seconds seed guidance negative temperature top_k foil"),
        (ConfusionParameters, "genres takes wordings explain seconds seed guidance temperature top_k"),
        (AuditParameters, "design takes_at_most dry_run depth sign seed guidance temperature top_k"),  # its YAML
        (ListenParameters, "prompt in_domain surrogate fresh"),  # the generator that is here
    ],
    ids=["diagnose", "edit", "suggest", "contrast", "confusion", "audit", "listen"],
)
def test_a_new_parameter_is_looked_at_before_visitors_can_set_it(parameters: Any, harmless: str) -> None:
    """Who may name a folder, a file or a model, makes the server open it."""
    assert set(parameters.model_fields) - set(asking.OF_THE_SERVER) == set(harmless.split())


def test_the_examples_show_what_was_measured() -> None:
    """Each was played by the embedded model in a benchmark whose result is kept."""
    kept = json.loads((ROOT / "benchmarks" / "results" / "causal.json").read_text(encoding="utf-8"))
    measured = {row["prompt"]: row["heard"] for row in kept["rows"]}
    measured |= {prompt: max(heard, key=heard.get) for prompt, heard in kept.get("passed_over", {}).items()}
    assert {prompt: measured[prompt] for prompt, _, _ in diagnose.OF_THE_EMBEDDED} == {
        prompt: heard for prompt, heard, _ in diagnose.OF_THE_EMBEDDED
    }


def test_every_parameter_stands_under_a_heading() -> None:
    placed = [name for names in diagnose.PARTS.values() for name in names]
    assert sorted(placed) == sorted(set(DiagnosisParameters.model_fields) - set(diagnose.ELSEWHERE))


def test_what_is_not_touched_is_what_is_usual() -> None:
    made = form()
    given = made.read(typed(made))
    assert not made.problems(given)
    asked = DiagnosisParameters(prompt="x", **given)
    assert asked == DiagnosisParameters(prompt="x", seconds=2.0)  # no longer than the model plays


@pytest.mark.parametrize(
    ("name", "value"), [("seed", "1" + 22 * "0"), ("takes", "many"), ("doses", "0, x"), ("guidance", "nan")]
)
def test_what_cannot_be_used_is_told_beside_its_field(name: str, value: str) -> None:
    made = form()
    problems = made.problems(made.read(typed(made, **{name: value})))
    assert list(problems) == [name]
    assert [bool(told) for told in made.shown(problems)] == [field.name == name for field in made.fields]


def test_several_values_are_typed_with_commas() -> None:
    made = form()
    assert made.read(typed(made, doses="0, 0.5"))["doses"] == ["0", "0.5"]


def test_a_bound_on_memory_holds_on_the_page(workshop: Workshop, submit: Any) -> None:
    name = submit(SimpleNamespace(), "house", "", None, *typed(form(*UNREAD), takes="1", seconds="0.5"))[0]
    assert "needs about" in workshop.queue.wait(name, 30).problem


@pytest.mark.parametrize(("in_the_form", "meant"), [("", "house"), ("smooth jazz", "smooth jazz")])
def test_the_genre_chosen_beside_the_feedback_is_meant_unless_the_form_says_another(
    workshop: Workshop, submit: Any, in_the_form: str, meant: str
) -> None:
    name = submit(SimpleNamespace(), "a song", "house", None, *typed(form(*UNREAD), takes="1", intended=in_the_form))[0]
    assert workshop.workspace.runs.get(name).parameters["intended"] == meant


def test_an_empty_prompt_is_told_under_it(submit: Any) -> None:
    name, told, *_ = submit(SimpleNamespace(), " ", "", None, *typed(form(*UNREAD)))
    assert name == "" and "prompt is empty" in told


def test_clips_are_kept_with_their_run_and_go_on_to_runs_made_of_it(
    workshop: Workshop, submit: Any, tmp_path: Path
) -> None:
    import numpy as np
    import soundfile

    soundfile.write(tmp_path / "a b;.WAV", np.random.default_rng(0).uniform(-0.5, 0.5, 32000), 16000, format="WAV")
    name, told, *_ = submit(
        SimpleNamespace(), "house", "", [str(tmp_path / "a b;.WAV")], *typed(form(*UNREAD), takes="1")
    )
    assert name and not told
    assert [clip.name for clip in files_of(workshop.workspace, name)] == ["clip-1.wav"]
    assert workshop.workspace.runs.get(name).parameters["known"] == str(files_of(workshop.workspace, name)[0].parent)
    again = asking.derived(workshop, run_api.NOBODY, name, "again", "").name
    assert again != name and [clip.name for clip in files_of(workshop.workspace, again)] == ["clip-1.wav"]
    for run in (name, again):
        workshop.queue.wait(run, 30)
        workshop.workspace.delete(run)
        assert not workshop.workspace.files(run).folder.exists()


def test_clips_of_a_run_that_is_refused_are_not_kept(workshop: Workshop, submit: Any, tmp_path: Path) -> None:
    before = set((workshop.workspace.folder / "runs").iterdir())
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    name, told, *_ = submit(SimpleNamespace(), "house", "", [str(tmp_path / "a.wav")], *typed(form(*UNREAD)))
    assert name == "" and "What was uploaded holds no sound that can be used" in told
    assert str(workshop.workspace.folder) not in told
    assert set((workshop.workspace.folder / "runs").iterdir()) == before


def test_a_label_with_markdown_is_no_image_on_the_page(tmp_path: Path) -> None:
    import numpy as np
    import soundfile

    views = views_of.toy_views(views_of.BEACON)
    assert as_data(views)
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio" / "1.flac", np.zeros(800), 1600)
    files = {key: StoredSound("audio/1.flac", 1) for key in played_by(views)}
    (tmp_path / VIEWS).write_text("{}")
    content = Content(tmp_path, views, StoredSounds(tmp_path, 1600, files), is_whole=False)
    text = run_view.html(Run("a" * 22, "toy", {}), content, "/run/a", run_view.Listener("judge", []))
    assert "<img" not in text and text.count("![x](https://example.org/x) &lt;img src=x&gt;") >= 8


@pytest.mark.parametrize(
    ("progress", "told"),
    [
        (RunProgress("queued", place=1, starts_in=20), "It is next; it starts in about 20 s."),
        (RunProgress("queued", place=3), "Place 3 in the queue."),
        (
            RunProgress("running", stage="attribute", share=0.5, seconds_left=200),
            "50 %, about 3 min left. Now: look for causes.",
        ),
        (
            RunProgress("running", stage="keep", share=0.99, seconds_left=0),
            "99 %, nearly done. Now: put it all together.",
        ),
        (
            RunProgress("failed", problem="It is full; free some."),
            "This run failed. It is full; free some. What was found until then is kept below.",
        ),
        (RunProgress("done"), ""),
    ],
)
def test_how_far_a_run_is_is_told_in_a_sentence(progress: RunProgress, told: str) -> None:
    assert run_view.progress_told(progress, is_found=progress.state == "failed") == told


def test_a_workspace_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TonescopeError, match="is a file"):
        server.opened(tiny.session(), server.ServerOptions(workspace=tmp_path / "file"))


def test_an_offered_prompt_brings_its_settings_and_a_steering_its_file(tmp_path: Path) -> None:
    view = View("card", "x", depth="first", offer=Offer("house", (("guidance", "6"),)))
    (tmp_path / RESULT).write_text("{}")
    content = Content(tmp_path, [view], StoredSounds(tmp_path, 1600, {}), is_whole=True)
    shown, side = (
        run_view.html(Run("a" * 22, "suggest", {}), content, "/run/a", run_view.Listener("judge", []), side)
        for side in ("", "a-")
    )
    assert """data-prompt="house" data-settings='{"guidance": "6"}'""" in shown and "data-settings" not in side
    assert "/run/a/report.html" in shown and "steering.json" not in shown
    (tmp_path / RESULT).write_text('{"steering": {"steering": {"factor": 2.0}}}')
    steered = replace(content)
    shown = run_view.html(Run("a" * 22, "suggest", {}), steered, "/run/a", run_view.Listener("judge", []))
    assert "/run/a/steering.json" in shown


def test_an_edit_of_a_unit_that_there_is_not_is_refused_before_it_waits(workshop: Workshop) -> None:
    with pytest.raises(TonescopeError, match="nowhere"):
        asking.submitted(workshop, run_api.NOBODY, "edit", {"prompt": "house", "where": ["nowhere.1.mlp:1"]})


def test_the_genres_that_are_asked_about_first_are_the_one_meant_and_the_likeliest() -> None:
    takes = [{"posterior": {"a": 0.1, "b": 0.3, "c": 0.6}}, {"posterior": {"a": 0.2, "b": 0.7, "c": 0.1}}]
    found = {"intended": {"label": "a"}, "contrast": {"target": "c"}, "takes": takes}
    asks = run_view._asks(Run("a" * 22, "diagnose", {}), found, ["a", "b", "c"])
    assert [ask.value for ask in asks["near"]] == ["a", "b"] and [ask.value for ask in asks["foil"]] == ["a", "b"]


def test_of_an_edit_its_units_are_asked_on_and_no_words(tmp_path: Path) -> None:
    run = Run("a" * 22, "edit", {"prompt": "house", "where": ["decoder.0.mlp:3", "decoder.1.mlp:2"]})
    asks = run_view._asks(run, {"edit": {}}, ["a"])
    assert [ask.value for ask in asks["unit"]] == ["decoder.0.mlp:3,decoder.1.mlp:2", *run.parameters["where"]]
    assert not asks["word"] and not asks["foil"]
    (tmp_path / RESULT).write_text('{"edit": {}}')
    content = Content(tmp_path, [View("edit", "x", depth="first")], StoredSounds(tmp_path, 1600, {}), is_whole=True)
    shown = run_view.html(run, content, "/run/a", run_view.Listener("judge", ["a"]))
    assert 'data-ask="double"' in shown and 'data-ask="word"' not in shown


def test_a_badge_in_a_list_is_one_of_four_and_no_other_text() -> None:
    assert "badge tested" in run_view.badge("tested") and run_view.badge("<b>") == run_view.badge("") == ""


def test_what_is_done_once_is_done_before_the_first_verdict() -> None:
    run_view.prepare()
    assert run_view._template.cache_info().currsize == 1
