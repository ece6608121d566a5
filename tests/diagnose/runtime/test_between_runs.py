"""Something small is done between runs: never in the way of one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.diagnose.report import shown
from tests.diagnose.runtime.gate import SOON, Gate
from tonescope.diagnose.runtime.between_runs import Aside
from tonescope.diagnose.runtime.run_queue import RunQueue
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError

pytestmark = pytest.mark.usefixtures("toy_row")


def test_something_small_is_done_between_runs_and_never_in_the_way_of_one(tmp_path: Path, gate: Gate) -> None:
    with Workspace.open(tmp_path) as workspace, RunQueue(shown.session(), workspace) as queue:
        assert queue.between_runs(Aside(lambda: 7)) == 7
        name = queue.submit("toy_run", {"prompt": "a"}).name
        gate.wait()
        assert queue.between_runs(Aside(lambda: 7)) is None
        gate.opened.set()
        assert queue.wait(name, SOON).state == "done"
        assert queue.between_runs(Aside(lambda: 8)) == 8


def test_a_run_that_comes_ends_what_is_done_between_runs(tmp_path: Path) -> None:
    session, begun = shown.session(), threading.Event()

    def endless() -> None:
        while True:
            begun.set()
            session.generator.generate(["house"], [1], 0.3)

    with Workspace.open(tmp_path) as workspace, RunQueue(session, workspace) as queue:
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(queue.between_runs(Aside(endless))))
        thread.start()
        assert begun.wait(SOON)
        name = queue.submit("toy_run", {"prompt": "a"}).name
        assert queue.wait(name, SOON).state == "done"
        thread.join(SOON)
        assert found == [None]


def test_what_goes_wrong_between_runs_is_raised_where_it_was_asked_and_the_queue_goes_on(tmp_path: Path) -> None:
    def refused() -> None:
        raise TonescopeError("no.")

    with Workspace.open(tmp_path) as workspace, RunQueue(shown.session(), workspace) as queue:
        with pytest.raises(TonescopeError, match="no"):
            queue.between_runs(Aside(refused))
        stopped = Aside(lambda: 7)
        stopped.stop.ask()
        assert queue.between_runs(stopped) is None
        name = queue.submit("toy_run", {"prompt": "a"}).name
        assert queue.wait(name, SOON).state == "done"
    assert queue.between_runs(Aside(lambda: 7)) is None
