"""Many people, one model: runs wait in a fair order, and one thread works them off.

A run that fails ends alone, with the reason in one sentence; the thread goes on. Nothing of a run is held once it is
written.
"""

from __future__ import annotations

import gc
import math
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.jobs.job import Job
from tonescope.diagnose.jobs.parameters import made
from tonescope.diagnose.runtime.between_runs import Aside
from tonescope.diagnose.runtime.out_of_memory import RAN_OUT, ran_out
from tonescope.diagnose.runtime.run_record import RunRecord, new_run
from tonescope.diagnose.runtime.stopping import Stop, Stopped, stoppable
from tonescope.diagnose.runtime.waiting import Durations, Effort, fair_order
from tonescope.diagnose.store.run_list import Run, State
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session
    from tonescope.diagnose.store.workspace import Workspace

MOST_WAITING = 50  # runs of one owner
MOST_SHARE = 0.99  # done, of what is not over
DEFECT = "defect.txt"  # beside the run


@dataclass(frozen=True)
class RunProgress:
    """How far a run is.

    Attributes:
        state: as of :class:`tonescope.diagnose.store.run_list.Run`.
        place: of a run that waits: 1 is next.
        starts_in: seconds until it starts; absent where nothing like what is before it was seen yet.
        stage: what is done, and ``share``, how much of the whole.
        seconds_left: that the rest takes; absent where that is not known.
        sentence: what was found, as soon as it is known; ``problem``, why it failed.
    """

    state: State
    place: int | None = None
    starts_in: float | None = None
    stage: str = ""
    share: float = 0.0
    seconds_left: float | None = None
    sentence: str = ""
    problem: str = ""


@dataclass
class _Task:
    """A run that waits or is under way."""

    run: Run
    job: Job
    parameters: BaseModel
    effort: Effort
    stop: Stop = field(default_factory=Stop)
    record: RunRecord | None = None
    started: float = 0.0
    share: float = 0.0
    foretold: tuple[float, float] | None = None

    def share_done(self, left: float | None) -> float:
        """How much of the whole is done: by the time that it takes, once that is known, for stages are of any length.
        It goes on from what was told before. ``left``: seconds that the rest takes."""
        elapsed = time.monotonic() - self.started
        if left is None:
            self.share = self.record.progress.share if self.record else 0.0
            return self.share
        share, since = self.foretold = self.foretold or (self.share or elapsed / max(elapsed + left, 1e-3), elapsed)
        gone = elapsed - since
        self.share = max(self.share, min(share + (1 - share) * gone / max(gone + left, 1e-3), MOST_SHARE))
        return self.share


class RunQueue:
    """Works off runs on the models of a session. It is ended by :meth:`close`, or at the end of a ``with`` block.

    Args:
        session: the models; nobody else may use them meanwhile.
        workspace: where runs are kept.
    """

    def __init__(self, session: Session, workspace: Workspace) -> None:
        self.session, self.workspace = session, workspace
        self._changed = Condition()
        self._waiting: list[_Task] = []
        self._current: _Task | None = None
        self._aside: Aside | None = None
        self._lost: dict[str, RunProgress] = {}  # how runs ended, where the disk refused to keep that
        self._turns: dict[str, float] = {}
        self._durations = Durations(workspace.runs)
        self._closing = False
        self._worker = workspace.worker()
        self._thread = Thread(target=self._work, name="tonescope-runs", daemon=True)
        self._thread.start()

    # --- for everybody ------------------------------------------------------------------------------------------------

    def submit(
        self, job: str, parameters: BaseModel | Mapping[str, Any], owner: str = "", *, name: str | None = None
    ) -> Run:
        """Put a run in the queue.

        Args:
            job: a row of :mod:`tonescope.diagnose.jobs.job_registry`.
            parameters: the job's own, or what they are made of.
            owner: whose it is.
            name: what it is called, where something is kept for it already
                (:func:`~tonescope.diagnose.store.run_list.new_name`).

        Raises:
            TonescopeError: there is no such job, no model could do this, or the owner has too much waiting.
        """
        row = job_registry.find(job)
        if row is None:
            known = ", ".join(each.name for each in job_registry.ROWS)
            raise TonescopeError(f"“{job[:40]}” is nothing that can be run; ask for one of {known}.")
        loaded = row.load()
        asked = (
            parameters if isinstance(parameters, loaded.parameters) else made(loaded.parameters, _fields(parameters))
        )
        loaded.check(asked)
        with self._changed:
            if self._closing:
                raise TonescopeError("Tonescope is being ended, and takes no more runs; start it again.")
            mine = sum(task.run.owner == owner for task in self._waiting)
            if mine >= MOST_WAITING:
                raise TonescopeError(f"{mine} of your runs are waiting already; stop one, or wait for the first.")
            run = new_run(job, asked, self.session, owner=owner, worker=self._worker.name, state="queued")
            run = self.workspace.runs.add(run if name is None else replace(run, name=name))
            if not mine:
                self._turns[owner] = time.monotonic()
            self._waiting.append(_Task(run, loaded, asked, Effort.of(job, run.models, asked)))
            self._stop_aside()
            self._changed.notify_all()
        return run

    def between_runs(self, aside: Aside) -> Any:
        """Have something small done on the models, and wait for it: ``None`` where a run goes on, waits or comes
        meanwhile, and where it is stopped. Raises what doing it raises."""
        with self._changed:
            self._changed.wait_for(lambda: self._aside is None or self._is_busy)
            if self._is_busy or aside.stop.is_asked:
                return None
            self._aside = aside
            self._changed.notify_all()
            self._changed.wait_for(lambda: aside.is_over)
        if aside.error is not None:
            raise aside.error
        return aside.result

    def cancel(self, name: str, owner: str | None = None) -> None:
        """Stop a run, whether it waits or is under way; what ended is left as it is.

        Args:
            name: which.
            owner: who asks for it, where that is not who has the machine.

        Raises:
            TonescopeError: there is none, it is somebody else's, or another process works on it.
        """
        run = self.workspace.runs.get(name)
        run.check_owner(owner)
        with self._changed:
            for task in self._waiting:
                if task.run.name == name:
                    self._waiting.remove(task)
                    self._end(task, "stopped")
                    self._changed.notify_all()
                    return
            if self._current and self._current.run.name == name:
                self._current.stop.ask()
                return
        if not run.is_finished and run.worker != self._worker.name:
            raise TonescopeError(f"another program works on the run {name}; stop it there.")

    def progress(self, name: str) -> RunProgress:
        """How far a run is. Raises :class:`TonescopeError` where there is none."""
        with self._changed:
            run = self.workspace.runs.get(name)
            if lost := self._lost.get(name):
                return lost
            told = RunProgress(run.state, sentence=run.sentence, problem=run.problem)
            if not run.is_finished and self._current and self._current.run.name == name and self._current.record:
                left, stage = self._left(self._current), self._current.record.progress.stage
                share = self._current.share_done(left)
                return replace(told, state="running", stage=stage, share=share, seconds_left=left)
            if any(task.run.name == name for task in self._waiting):
                place, starts_in = self._place(name)
                return replace(told, state="queued", place=place, starts_in=starts_in)
        return replace(told, stage=run.stage, share=run.share, seconds_left=run.seconds_left)

    def wait(self, name: str, timeout: float | None = None) -> Run:
        """Wait for a run to end, and give it as it stands then, or after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._holds(name), timeout)
        return self.workspace.runs.get(name)

    def close(self, timeout: float = 10.0) -> None:
        """End what is under way, and all that waits, as interrupted; wait for that at most so many seconds."""
        with self._changed:
            self._closing = True
            for task in self._waiting:
                self._end(task, "interrupted")
            self._waiting.clear()
            if self._current:
                self._current.stop.ask()
            self._stop_aside()
            self._changed.notify_all()
        self._thread.join(timeout)
        if not self._thread.is_alive():
            self._worker.release()

    @property
    def is_ended(self) -> bool:
        """Whether nothing goes on any more, and nothing will."""
        return not self._thread.is_alive()

    def __enter__(self) -> RunQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- who waits, and how long --------------------------------------------------------------------------------------

    def _holds(self, name: str) -> bool:
        return any(task.run.name == name for task in (*self._waiting, *filter(None, [self._current])))

    def _ordered(self) -> list[_Task]:
        """Who waits, in the order in which they are served; whose run is under way has the last turn."""
        tasks = {task.run.name: task for task in self._waiting}
        turns = self._turns | ({self._current.run.owner: math.inf} if self._current else {})
        return [tasks[name] for name in fair_order(((n, t.run.owner) for n, t in tasks.items()), turns)]

    def _place(self, name: str) -> tuple[int, float | None]:
        """Place in the queue, and seconds until it starts, as far as that is known."""
        before = []
        for task in self._ordered():
            if task.run.name == name:
                break
            before.append(task)
        parts = [self._left(self._current)] if self._current else []
        under_way = self._under_way()
        parts += [self._durations.expected(task.effort, under_way) for task in before]
        known = [part for part in parts if part is not None]
        return len(before) + 1, sum(known) if len(known) == len(parts) else None

    def _left(self, task: _Task) -> float | None:
        """Seconds that the run under way still takes: by those that were like it in the beginning, and more and more
        by what it says itself."""
        told = task.record.progress.seconds_left if task.record else None
        usual, elapsed = self._durations.expected(task.effort), time.monotonic() - task.started
        if usual is None or (task.record and task.record.is_counting) or (elapsed >= usual and told is not None):
            return told
        left = max(0.0, usual - elapsed)
        if told is None:
            return left
        own = max(elapsed / usual, task.record.progress.share if task.record else 0.0)
        return (1 - own) * left + own * told

    def _under_way(self) -> tuple[Effort, float] | None:
        """The effort of the run under way, and how long it will have taken, where it says so."""
        task = self._current
        left = self._left(task) if task else None
        return None if task is None or left is None else (task.effort, time.monotonic() - task.started + left)

    # --- the thread ---------------------------------------------------------------------------------------------------

    @property
    def _is_busy(self) -> bool:
        return bool(self._closing or self._waiting or self._current)

    def _stop_aside(self) -> None:
        if self._aside:
            self._aside.stop.ask()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            if isinstance(task, Aside):
                task.do(self.session)
                self._end_aside()
                continue
            state, problem = self._run(task)
            if state != "done":
                self._end(task, state, problem)
            _give_back()
            with self._changed:
                now = time.monotonic()
                if state == "done":
                    self._durations.learn(task.effort, now - task.started)
                self._turns[task.run.owner], self._current = now, None
                self._changed.notify_all()
            del task

    def _end_aside(self) -> None:
        with self._changed:
            if self._aside:
                self._aside.is_over, self._aside = True, None
                self._changed.notify_all()

    def _next(self) -> _Task | Aside | None:
        """The next run, now the current one; what is done between runs, where none waits; nothing when the queue is
        closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing or self._aside)
            if self._aside and not self._is_busy:
                return self._aside
            self._end_aside()
            if self._closing:
                return None
            task = self._ordered()[0]
            self._waiting.remove(task)
            self._current, task.started = task, time.monotonic()
            return task

    def _run(self, task: _Task) -> tuple[State, str]:
        """Run one and keep what it found. Nothing that goes wrong gets out of here."""
        try:
            task.record = RunRecord(self.workspace, task.run, self.session, task.stop)
            task.record.begin()
            with stoppable(self.session, task.stop):
                outcome = task.job.run(self.session, task.parameters, task.record.watch)
            task.stop.check()
            task.record.finish(task.job, outcome)
            return "done", ""
        except BaseException as error:
            if isinstance(error, Stopped) or task.stop.is_asked:
                return ("interrupted" if self._closing else "stopped"), ""
            if isinstance(error, TonescopeError):
                return "failed", str(error)
            return "failed", RAN_OUT if ran_out(error) else self._defect(task, error)

    def _defect(self, task: _Task, error: BaseException) -> str:
        """Keep the traceback beside the run, and say so."""
        folder = self.workspace.files(task.run.name).folder
        with suppress(OSError):
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            report = "".join(traceback.format_exception(error))
            (folder / DEFECT).write_text(report, encoding="utf-8", errors="replace")
        said = str(error).strip().splitlines()
        kind = type(error).__name__ + (f": {said[0][:200].rstrip('.')}" if said else "")
        return (
            f"this is a defect of Tonescope and not of what you asked ({kind}); the details are in {DEFECT} beside the "
            "run, please report them."
        )

    def _end(self, task: _Task, state: State, problem: str = "") -> None:
        """Keep how a run ended; where the disk refuses even that, remember it."""
        try:
            if task.record:
                task.record.end(state, problem=problem)
            else:
                self.workspace.runs.update(task.run.name, state=state, problem=problem, ended=time.time())
        except TonescopeError as error:
            self._lost[task.run.name] = RunProgress(state, problem=problem or str(error))


def _fields(parameters: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    return parameters.model_dump() if isinstance(parameters, BaseModel) else dict(parameters)


def _give_back() -> None:
    """Free what a run left in cycles, and hand it back to the system."""
    from tonescope.diagnose.runtime.memory import give_back

    gc.collect()
    give_back()
