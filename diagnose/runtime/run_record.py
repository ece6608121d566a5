"""What a job tells of itself, kept in a workspace while it goes on, and what it found at its end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import Positional, marked
from tonescope.diagnose.report.labels import LABELS, label
from tonescope.diagnose.report.view import Sound, View
from tonescope.diagnose.runtime.stopping import Stop
from tonescope.diagnose.store.run_list import Run, State, new_name
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.judge_session import JudgeSession
    from tonescope.diagnose.runtime.session import Session
    from tonescope.diagnose.store.workspace import Workspace
    from tonescope.models.generator import Takes

    AnySession = Session | JudgeSession | None

TOLD_EVERY = 0.5  # seconds; progress comes much more often, and each time it is kept costs a write
KEEPING = "keep"  # the stage in which all is written
EARLY_SOUNDS, STANDING = "early_sounds", "standing"  # keys of views


@dataclass(frozen=True)
class Progress:
    """How far a run is: what is done, how much of the whole, and about how many seconds the rest takes."""

    stage: str = ""
    share: float = 0.0
    seconds_left: float | None = None


def new_run(job: str, parameters: BaseModel, session: AnySession, *, owner: str = "", worker: str, state: State) -> Run:
    """A run that is to be put on the list."""
    return Run(
        name=new_name(),
        job=job,
        parameters=parameters.model_dump(mode="json"),
        models=_models(session),
        owner=owner,
        title=title(parameters) or job,
        state=state,
        started=time.time() if state == "running" else None,
        worker=worker,
    )


def title(parameters: BaseModel) -> str:
    """What a run is called: as its parameters say (``called``); else its arguments that are text, which are the prompt,
    or the two that are compared; or the first of a list of files."""
    if called := getattr(parameters, "called", ""):
        return str(called)
    about = type(parameters).model_fields.items()
    named = [getattr(parameters, name) for name, field in about if marked(field, Positional)]
    if named and isinstance(named[0], list) and named[0]:
        first, *others = named[0]
        return f"{first} and {len(others)} more" if others else str(first)
    return " and ".join(value for value in named if isinstance(value, str))


def _models(session: AnySession) -> str:
    """Which models a run is computed with."""
    judge, generator = getattr(session, "judge", None), getattr(session, "generator", None)
    parts = [generator.name if generator else "", f"heard by {judge.name}" if judge else ""]
    return ", ".join(filter(None, parts))


def found_first(views: Sequence[View]) -> dict[str, str]:
    """What views say first, and how sure it is: the verdict of a diagnosis, the effect of an edit."""
    text, badge = next((finding for view in views for finding in view.findings), ("", ""))
    return {"sentence": text, "badge": badge}


class RunRecord:
    """A run under way, as a workspace keeps it.

    Args:
        workspace: where.
        run: which, on the list already.
        session: what it is computed with.
        stop: looked for whenever something is told.
    """

    def __init__(self, workspace: Workspace, run: Run, session: AnySession, stop: Stop | None = None) -> None:
        from tonescope.diagnose.report.sounds import Sounds

        self.name, self._runs, self._files = run.name, workspace.runs, workspace.files(run.name)
        self._workspace, self._owner = workspace.folder, run.owner or None
        self._session, self._sounds, self._stop = session, Sounds.of(session), stop or Stop()
        self._told = Lock()
        self._stage, self._share, self._kept_at = "", 0.0, 0.0
        self._until: float | None = None
        self.is_counting = False  # takes, of which some may be there from before: runs like it tell nothing of its time
        self._views: dict[str, View] = {}
        self._sets: dict[str, Takes] = {}

    @property
    def watch(self) -> Watch:
        """What a job is given, so that everything it tells is kept."""
        return Watch(
            self._progress,
            self._announce,
            self._expect,
            self._played,
            self._counted,
            workspace=self._workspace,
            owner=self._owner,
        )

    @property
    def progress(self) -> Progress:
        """How far it is, for any thread."""
        with self._told:
            left = None if self._until is None else max(0.0, self._until - time.time())
            return Progress(self._stage, self._share, left)

    def begin(self) -> None:
        """It is computed from now on."""
        self._runs.update(self.name, state="running", started=time.time())

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Keep what was found. Raises :class:`TonescopeError` where the disk refuses; the run goes on then."""
        self._progress(KEEPING, 1.0)
        views = job.views(outcome.result, outcome.evidence)
        from tonescope.diagnose.report.sounds import Sounds

        sets: Mapping[str, Takes] = getattr(outcome.evidence, "sounds", {})
        sounds, save = Sounds.of(self._session, outcome.evidence), getattr(outcome.evidence, "save", None)
        self._files.write(outcome.result.model_dump_json(), views, sets, sounds, save)
        self.end("done", **found_first(views), share=1.0)

    def end(self, state: State, **changed: Any) -> None:
        """It is over, with what is known early; ``changed`` is more to be kept of it."""
        changed.setdefault("until", None)
        if problem := changed.get("problem"):
            changed["problem"] = self._files.nameless(problem)
        self._runs.update(self.name, state=state, ended=time.time(), **changed)
        self._views, self._sets = {}, {}

    # --- what a job tells ---------------------------------------------------------------------------------------------

    def _progress(self, what: str, done: float) -> None:
        self._stop.check()
        with self._told:
            self._stage, self._share, is_new = what, float(done), what != self._stage
        if is_new or time.monotonic() - self._kept_at > TOLD_EVERY:
            self._keep_progress()

    def _expect(self, seconds: float) -> None:
        self._stop.check()
        with self._told:
            self._until = time.time() + seconds
        self._keep_progress()

    def _keep_progress(self) -> None:
        self._kept_at = time.monotonic()
        with suppress(TonescopeError):  # it is told again soon, and to observers in this process in any case
            self._runs.update(self.name, stage=self._stage, share=self._share, until=self._until)

    def _played(self, sets: Mapping[str, Takes]) -> None:
        self._stop.check()
        self._sets |= sets
        rows = [[Sound(_label(name), name, row)] for name, takes in self._sets.items() for row in range(len(takes))]
        self._views[EARLY_SOUNDS] = View(EARLY_SOUNDS, "Listen", sounds=rows, depth="first")
        self._keep_early()

    def _counted(self, done: int, total: int) -> None:
        self._stop.check()
        self.is_counting = True
        told = f"{done:,} of {total:,} takes are played and heard. They are kept: a stopped run goes on from there."
        self._views[STANDING] = View(STANDING, "Takes", [(told, None)], depth="first")
        self._keep_early()

    def _announce(self, views: Sequence[View]) -> None:
        self._stop.check()
        listen = self._views.pop(EARLY_SOUNDS, None)
        self._views |= {view.key: view for view in views}
        if listen:
            self._views[EARLY_SOUNDS] = listen
        self._keep_early()
        found = found_first(list(self._views.values()))
        if found["sentence"]:
            self._runs.update(self.name, **found)

    def _keep_early(self) -> None:
        """All that is known; views whose sounds are not there yet are shown without."""
        views = [_playing(view, self._sets) for view in self._views.values()]
        self._files.write_early(views, self._sets, self._sounds)


@contextmanager
def recorded(workspace: Workspace, job: str, parameters: BaseModel, session: AnySession) -> Iterator[RunRecord]:
    """Put what is computed in the block on the list, under way; how it ends there is kept.

    Raises :class:`TonescopeError` where the workspace refuses.
    """
    worker = workspace.worker()
    try:
        run = workspace.runs.add(new_run(job, parameters, session, worker=worker.name, state="running"))
        record = RunRecord(workspace, run, session)
        try:
            yield record
        except BaseException as error:
            is_told = isinstance(error, TonescopeError)
            state: State = "failed" if isinstance(error, Exception) else "stopped"  # by Ctrl-C
            with suppress(TonescopeError):  # what ended it is what has to be told
                record.end(state, problem=str(error) if is_told else "")
            raise
    finally:
        worker.release()


def _label(name: str) -> str:
    return label(name) if name.partition(":")[0] in LABELS else name


def _playing(view: View, sets: Mapping[str, Takes]) -> View:
    """A view with those rows of its sounds that are there."""
    rows = [row for row in view.sounds if all(sound.takes in sets for sound in row)]
    return view if len(rows) == len(view.sounds) else replace(view, sounds=rows)
