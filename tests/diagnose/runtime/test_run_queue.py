"""The queue: fair, honest about waiting, stoppable, and alive whatever a run does."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.diagnose.report import shown
from tests.diagnose.runtime import toy_run
from tests.diagnose.runtime.gate import SOON, Gate
from tonescope.diagnose.jobs.diagnosis_job import DiagnosisParameters
from tonescope.diagnose.jobs.job import Outcome, Watch
from tonescope.diagnose.report import render_html
from tonescope.diagnose.report.view_data import as_data, from_data
from tonescope.diagnose.runtime.run_queue import MOST_WAITING, RunQueue
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.store.run_list import Run, State, new_name
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError

pytestmark = pytest.mark.usefixtures("toy_row")


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[RunQueue]:
    with Workspace.open(tmp_path / "w") as workspace, RunQueue(shown.session(), workspace) as made:
        yield made


def submit(queue: RunQueue, prompt: str = "polka", owner: str = "me", **about: object) -> str:
    return queue.submit("toy_run", {"prompt": prompt, **about}, owner).name


def ended(queue: RunQueue, name: str) -> Run:
    run = queue.wait(name, SOON)
    assert run.is_finished, run
    return run


def test_a_run_is_worked_off_and_kept(queue: RunQueue) -> None:
    name = submit(queue, "swing jazz", steps=3, takes=2)
    run = ended(queue, name)
    assert (run.state, run.title, run.sentence, run.owner) == ("done", "swing jazz", "swing jazz was heard.", "me")
    assert run.share == 1 and run.seconds is not None and run.problem == "" and run.seconds_left is None
    content = queue.workspace.content(name)
    assert content.result == {"prompt": "swing jazz", "steps": 3} and content.is_whole
    assert "data:audio/" in render_html.page("Run", content.views, content.sounds)
    told = queue.progress(name)
    assert (told.state, told.share, told.place, told.sentence) == ("done", 1.0, None, run.sentence)


def test_a_diagnosis_can_be_run_again_with_what_was_kept_of_it(queue: RunQueue) -> None:
    parameters = DiagnosisParameters(prompt="house piano", takes=2, seconds=0.5, quick=True, tested_words=1)
    first = ended(queue, queue.submit("diagnose", parameters).name)
    assert first.state == "done", first.problem
    second = ended(queue, queue.submit(first.job, first.parameters).name)
    found = [Diagnosis.model_validate(queue.workspace.content(run.name).result) for run in (first, second)]
    assert found[0].verdict == found[1].verdict and found[0].takes == found[1].takes
    assert first.sentence == found[0].verdict.sentence and first.title == "house piano"
    assert first.models == "tiny mono, heard by tiny judge"
    assert queue.workspace.content(first.name).views[0].findings[0][0] == first.sentence


def test_verdict_and_takes_can_be_seen_and_heard_while_the_run_goes_on(queue: RunQueue, gate: Gate) -> None:
    name = submit(queue, "polka", takes=2)
    gate.wait()
    content = queue.workspace.content(name)
    assert not content.is_whole and content.result is None
    assert as_data(content.views[:1]) == as_data(from_data(as_data([toy_run.verdict("polka")])))
    assert len(content.views[1].sounds) == 2 and len(content.sounds.samples(content.views[1].sounds[1][0])) > 100
    told = queue.progress(name)
    assert (told.state, told.stage, told.sentence) == ("running", "step 0", "polka was heard.")
    with Workspace.open(queue.workspace.folder) as elsewhere:  # as another process sees it
        assert elsewhere.runs.get(name).state == "running" and elsewhere.runs.get(name).stage == "step 0"
    gate.opened.set()
    assert ended(queue, name).state == "done" and queue.workspace.content(name).is_whole


def test_a_diagnosis_hands_out_its_takes_before_it_ends(queue: RunQueue) -> None:
    early: list[tuple[list[str], int]] = []
    write = queue.workspace.files

    class Seen(type(write(new_name()))):  # type: ignore[misc]
        def write_early(self, views, sets, sounds):  # type: ignore[no-untyped-def]
            super().write_early(views, sets, sounds)
            content = self.read()
            early.append(([view.key for view in content.views], len(content.sounds.files)))

    queue.workspace.files = lambda name: Seen(write(name).folder)  # type: ignore[method-assign]
    parameters = DiagnosisParameters(prompt="house", takes=2, seconds=0.5, quick=True, tested_words=0)
    assert ended(queue, queue.submit("diagnose", parameters).name).state == "done"
    assert early == [(["early_sounds"], 2), (["verdict", "early_sounds"], 2)]


def test_owners_take_turns_and_each_knows_the_place(queue: RunQueue, gate: Gate) -> None:
    submit(queue, "first", "a")
    gate.wait()
    names = {prompt: submit(queue, prompt, prompt[0]) for prompt in ("a1", "a2", "a3", "b1", "b2", "c1")}
    expected = ["b1", "c1", "a1", "b2", "a2", "a3"]  # a was just served
    places = {prompt: queue.progress(name).place for prompt, name in names.items()}
    assert places == {prompt: place for place, prompt in enumerate(expected, 1)}
    gate.opened.set()
    for name in names.values():
        ended(queue, name)
    runs = sorted((queue.workspace.runs.get(name) for name in names.values()), key=lambda run: run.started or 0)
    order = [run.title for run in runs]
    assert order == expected


def test_how_long_it_takes_until_a_run_starts_is_told_within_a_quarter(queue: RunQueue) -> None:
    alike: dict[str, Any] = {"steps": 4, "pause": 0.2}
    ended(queue, submit(queue, **alike))
    names = [submit(queue, f"prompt {at}", f"owner {at % 2}", **alike) for at in range(4)]
    asked = time.time()
    told = {name: queue.progress(name).starts_in for name in names[1:]}
    for name in names:
        ended(queue, name)
    for name, seconds in told.items():
        waited = (queue.workspace.runs.get(name).started or 0) - asked
        assert seconds is not None and abs(seconds - waited) <= 0.25 * waited, (seconds, waited)


def test_what_is_not_known_of_waiting_is_not_made_up(queue: RunQueue, gate: Gate) -> None:
    submit(queue)
    gate.wait()
    told = queue.progress(submit(queue))
    assert told.place == 1 and told.starts_in is None


def test_a_run_is_stopped_alone_and_twice_is_harmless(queue: RunQueue, gate: Gate) -> None:
    running, waiting, other = (submit(queue, prompt, steps=500, pause=0.01) for prompt in ("a", "b", "c"))
    gate.wait()
    for _ in range(2):
        queue.cancel(waiting)
        queue.cancel(running)
    assert queue.workspace.runs.get(waiting).state == "stopped"  # at once, while it waits
    assert queue.progress(other).place == 1
    gate.opened.set()
    assert ended(queue, running).state == "stopped"
    queue.cancel(running)
    queue.cancel(other)
    states = [ended(queue, name).state for name in (running, waiting, other)]
    assert states == ["stopped"] * 3
    assert queue.workspace.content(running).views[0].key == "verdict"  # what was known stays
    queue.workspace.delete(running)
    with pytest.raises(TonescopeError, match="there is no run"):
        queue.cancel(running)


def test_a_link_stops_and_deletes_nothing(queue: RunQueue, gate: Gate) -> None:
    name = submit(queue, owner="me")
    gate.wait()
    with pytest.raises(TonescopeError, match="somebody else"):
        queue.cancel(name, "you")
    gate.opened.set()
    assert ended(queue, name).state == "done"
    with pytest.raises(TonescopeError, match="somebody else"):
        queue.workspace.delete(name, "you")
    queue.workspace.delete(name, "me")


def test_a_diagnosis_stops_within_a_second(queue: RunQueue) -> None:
    parameters = DiagnosisParameters(prompt="house piano", takes=8, seconds=3.0, candidates=1000)
    name = queue.submit("diagnose", parameters).name
    deadline = time.monotonic() + SOON
    while queue.progress(name).stage != "generate" and time.monotonic() < deadline:
        time.sleep(0.01)
    asked = time.monotonic()
    queue.cancel(name)
    while queue.progress(name).state == "running" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert time.monotonic() - asked < 1.0 and ended(queue, name).state == "stopped"
    after = ended(queue, queue.submit("diagnose", parameters.model_copy(update={"takes": 1, "quick": True})).name)
    assert after.state == "done", after.problem


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ("refused", "this cannot be done"),
        ("memory", "ran out of memory"),
        ("defect", "KeyError"),
        ("exit", "SystemExit"),
    ],
)
def test_a_run_fails_alone_and_the_next_is_worked_off(queue: RunQueue, ends: str, told: str) -> None:
    failing, after = submit(queue, ends=ends), submit(queue, "after")
    run = ended(queue, failing)
    assert run.state == "failed" and told in run.problem and "\n" not in run.problem
    assert queue.progress(failing).problem == run.problem
    assert run.sentence == "polka was heard." and not queue.workspace.content(failing).is_whole
    assert ended(queue, after).state == "done"
    kept = queue.workspace.files(failing).folder / "defect.txt"
    assert kept.exists() == (ends in ("defect", "exit"))
    assert not kept.exists() or "toy_run.py" in kept.read_text()


def test_a_disk_that_is_full_at_the_end_is_told(queue: RunQueue, monkeypatch: pytest.MonkeyPatch, gate: Gate) -> None:
    name = submit(queue)
    gate.wait()

    def full(*_: object, **__: object) -> None:
        raise TonescopeError("the disk is full; free some space.")

    monkeypatch.setattr(queue.workspace.runs, "update", full)
    gate.opened.set()
    queue.wait(name, SOON)
    told = queue.progress(name)
    assert told.state == "failed" and "the disk is full" in told.problem
    monkeypatch.delattr(queue.workspace.runs, "update")  # the class has one
    assert ended(queue, submit(queue, "after")).state == "done"


def test_what_no_model_could_do_is_refused_before_it_waits(queue: RunQueue) -> None:
    for job, given in (("dream", {}), ("toy_run", {"prompt": " "}), ("toy_run", {"prompt": "a", "steps": 0})):
        with pytest.raises(TonescopeError):
            queue.submit(job, given)
    with pytest.raises(TonescopeError):
        queue.submit("toy_run", {"prompt": "a", "colour": "red"})
    assert queue.workspace.runs.page().total == 0


def test_nobody_fills_the_queue(queue: RunQueue, gate: Gate) -> None:
    submit(queue)
    gate.wait()
    names = [submit(queue) for _ in range(MOST_WAITING)]
    with pytest.raises(TonescopeError, match="waiting already"):
        submit(queue)
    names.append(submit(queue, owner="you"))
    for name in names:
        queue.cancel(name)


def test_eight_people_at_once_get_their_own(queue: RunQueue) -> None:
    names: dict[str, list[str]] = {f"owner {at}": [] for at in range(8)}

    def person(owner: str) -> None:
        for at in range(3):
            names[owner].append(submit(queue, f"{owner} asks {at}", owner, takes=int(at == 0)))
            time.sleep(0.005)

    people = [threading.Thread(target=person, args=(owner,)) for owner in names]
    for each in people:
        each.start()
    for each in people:
        each.join()
    for owner, mine in names.items():
        for at, name in enumerate(mine):
            run, content = ended(queue, name), queue.workspace.content(name)
            assert (run.state, run.owner, run.sentence) == ("done", owner, f"{owner} asks {at} was heard.")
            assert content.result == {"prompt": f"{owner} asks {at}", "steps": 2}
            assert content.views[0].title == f"“{owner} asks {at}”"
        assert {run.name for run in queue.workspace.runs.page(owner).runs} == set(mine)


def test_nothing_of_a_run_is_held_once_it_is_written(queue: RunQueue) -> None:
    held: list[weakref.ref[object]] = []
    session, play = queue.session, queue.session.generator.generate

    def watched(*given, **more):  # type: ignore[no-untyped-def]
        takes = play(*given, **more)
        held.append(weakref.ref(takes.waveform))
        return takes

    session.generator.generate = watched  # type: ignore[method-assign]
    try:
        for name in [submit(queue, takes=2, ends=ends) for ends in ("well", "defect", "well")]:
            ended(queue, name)
    finally:
        del session.generator.generate
    gc.collect()
    assert len(held) == 3 and [each() for each in held] == [None] * 3


def test_what_is_ended_with_the_queue_is_interrupted(tmp_path: Path, gate: Gate) -> None:
    with Workspace.open(tmp_path / "w") as workspace:
        queue = RunQueue(shown.session(), workspace)
        names = [submit(queue, steps=100, pause=0.01) for _ in range(2)]
        gate.wait()
        gate.opened.set()
        queue.close()
        states: list[State] = [workspace.runs.get(name).state for name in names]
        assert states == ["interrupted"] * 2 and not list((tmp_path / "w" / "workers").iterdir())
        with pytest.raises(TonescopeError, match="takes no more runs"):
            submit(queue)


def test_another_process_run_is_seen_and_not_stopped(queue: RunQueue) -> None:
    worker = queue.workspace.worker()
    run = queue.workspace.runs.add(
        Run(new_name(), "toy_run", {}, state="running", stage="far away", worker=worker.name)
    )
    assert queue.progress(run.name).stage == "far away"
    with pytest.raises(TonescopeError, match="another program"):
        queue.cancel(run.name)
    worker.release()
    assert queue.progress(run.name).state == "interrupted"


def test_a_run_is_told_the_workspace_that_it_is_kept_in_and_whose_it_is(
    queue: RunQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[Watch] = []
    really = toy_run.JOB.run

    def run(session: Session, parameters: toy_run.ToyParameters, watch: Watch) -> Outcome:
        watched.append(watch)
        return really(session, parameters, watch)

    monkeypatch.setattr(toy_run, "JOB", replace(toy_run.JOB, run=run))
    for owner in ("me", ""):
        ended(queue, submit(queue, owner=owner))
    assert [watch.workspace for watch in watched] == [queue.workspace.folder] * 2
    assert [watch.owner for watch in watched] == ["me", None]


def test_who_watches_first_says_which_workspace() -> None:
    one, other = Watch(workspace=Path("a"), owner="me"), Watch(workspace=Path("b"))
    assert one.beside(other).workspace == Path("a") and Watch().beside(other).workspace == Path("b")
    assert Watch().beside(one).owner == "me" and Watch().beside(Watch()).workspace is None


def test_the_time_left_is_told_by_the_run_itself_once_most_of_it_is_done(queue: RunQueue) -> None:
    def left(share: float) -> float | None:
        progress = SimpleNamespace(seconds_left=10.0, share=share)
        record = SimpleNamespace(progress=progress, is_counting=False)
        task = SimpleNamespace(record=record, effort=None, started=time.monotonic() - 100)
        return queue._left(task)  # type: ignore[arg-type]

    queue._durations = SimpleNamespace(expected=lambda effort: 1000.0)  # type: ignore[assignment]
    early, late = left(0.0), left(0.99)
    assert early is not None and late is not None and early > 800 and late < 20
