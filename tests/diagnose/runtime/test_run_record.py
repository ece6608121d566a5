"""What a job tells of itself, kept while it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.diagnose.report import shown
from tests.diagnose.runtime.toy_run import ToyParameters, verdict
from tonescope.diagnose.jobs.audit_job import AuditParameters
from tonescope.diagnose.jobs.confusion_job import ConfusionParameters
from tonescope.diagnose.jobs.diagnosis_job import DiagnosisParameters
from tonescope.diagnose.jobs.experiment_job import ExperimentParameters
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.listen_job import ListenParameters
from tonescope.diagnose.jobs.parameters import JobParameters
from tonescope.diagnose.report.view import Sound, View
from tonescope.diagnose.runtime import run_record
from tonescope.diagnose.runtime.run_record import recorded, title
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "w")


def test_a_run_is_called_after_its_prompt() -> None:
    assert title(DiagnosisParameters(prompt="swing", takes=2)) == "swing"
    assert title(ExperimentParameters(prompt="jazz", where=["decoder.mlp"])) == "jazz"
    assert title(JobParameters()) == ""


def test_progress_is_kept_for_other_processes_and_not_at_every_word(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recorded(workspace, "toy_run", ToyParameters(prompt="polka"), shown.session()) as record:
        watch, written = record.watch, list[object]()
        assert watch.progress is not None
        update = workspace.runs.update

        def counted(name: str, **changed: Any) -> bool:
            written.append(changed)
            return update(name, **changed)

        monkeypatch.setattr(workspace.runs, "update", counted)
        monkeypatch.setattr(run_record, "TOLD_EVERY", 60.0)
        for step in range(100):
            watch.progress("search", step / 100)
        watch.expect(50.0)
        assert len(written) == 2 and record.progress.share == 0.99
        run = workspace.runs.get(record.name)
        assert (run.state, run.stage, run.share) == ("running", "search", 0.99)
        assert run.seconds_left == pytest.approx(50, abs=5)


def test_early_views_show_only_sounds_that_are_there(workspace: Workspace) -> None:
    takes = shown.session().generator.generate(["house"], [1], 0.3)
    hear = View("hear", "Hear", sounds=[[Sound("a", "takes", 0)], [Sound("b", "later", 0)]])
    with recorded(workspace, "toy_run", ToyParameters(prompt="polka"), shown.session()) as record:
        record.watch.announce([hear, verdict("polka")])
        assert [len(view.sounds) for view in workspace.content(record.name).views] == [0, 0]
        record.watch.played({"takes": takes, "odd name": takes})
        content = workspace.content(record.name)
        assert [(view.key, len(view.sounds)) for view in content.views] == [
            ("hear", 1),
            ("verdict", 0),
            ("early_sounds", 2),
        ]
        assert [row[0].title for row in content.views[2].sounds] == ["as generated", "odd name"]
        assert workspace.runs.get(record.name).sentence == "polka was heard."


@pytest.mark.parametrize(
    ("error", "state", "problem"),
    [
        (TonescopeError("it cannot be; do another."), "failed", "it cannot be; do another."),
        (KeyboardInterrupt(), "stopped", ""),
        (KeyError("x"), "failed", ""),
    ],
)
def test_how_a_run_ends_is_kept(workspace: Workspace, error: BaseException, state: str, problem: str) -> None:
    with (
        pytest.raises(type(error)),
        recorded(workspace, "toy_run", ToyParameters(prompt="polka"), shown.session()) as record,
    ):
        raise error
    run = workspace.runs.get(record.name)
    assert (run.state, run.problem) == (state, problem)


def test_two_watches_are_told_the_same() -> None:
    told: list[object] = []
    one = Watch(lambda *what: told.append(what), told.append, told.append, told.append)
    both = Watch(keeps=True).beside(one)
    assert both.progress is not None and both.keeps and Watch().beside(Watch()).progress is None
    both.progress("search", 0.5)
    both.announce([verdict("a")])
    both.expect(3.0)
    both.played({})
    assert told == [("search", 0.5), [verdict("a")], 3.0, {}]
    assert len(told) == 4 and len(one.beside(one).__dict__) == len(both.__dict__)


def test_how_many_takes_are_kept_is_shown_and_stays_when_it_is_stopped(workspace: Workspace) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        recorded(workspace, "toy_run", ToyParameters(prompt="polka"), shown.session()) as record,
    ):
        record.watch.counted(3, 2000)
        record.watch.beside(Watch()).counted(1200, 2000)
        raise KeyboardInterrupt
    (view,) = workspace.content(record.name).views
    assert view.key == run_record.STANDING and view.notes[0].startswith("1,200 of 2,000 takes are played and heard.")


def test_nothing_that_is_kept_tells_where_files_of_the_run_are(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONESCOPE_CACHE", str(tmp_path / "cäche"))
    with (
        pytest.raises(TonescopeError),
        recorded(workspace, "toy_run", ToyParameters(prompt="polka"), shown.session()) as record,
    ):
        clip = workspace.files(record.name).folder / "clips" / "mine.yaml"
        told = f"{clip}; {tmp_path / 'cäche' / 'takes'}"
        record.watch.announce([View("a", "A", [(told, None)])])
        raise TonescopeError(f"{clip} is no design.")
    assert workspace.content(record.name).views[0].notes == [f"mine.yaml; …{Path('/takes')}"]
    assert workspace.runs.get(record.name).problem == "mine.yaml is no design."


@pytest.mark.parametrize(
    ("parameters", "called"),
    [
        (ConfusionParameters(genres="house,  techno"), "confusion of house, techno"),
        (ConfusionParameters(), "confusion of all genres"),
        (AuditParameters(design=Path("/a/mine.yaml"), dry_run=True), "forecast of an audit, design mine"),
        (AuditParameters(), "audit, default design"),
        (ListenParameters(files=["/a/b.wav", "c.wav", "d.wav"]), "b.wav and 2 more"),
        (ListenParameters(files=[], metadata=Path("/a/table.csv")), "table.csv"),
    ],
)
def test_a_report_is_called_after_what_it_is_about_and_no_path(parameters: JobParameters, called: str) -> None:
    assert title(parameters) == called
