"""A job run from the command line: refusals first, then models, early findings, the folder, and what is printed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer
from pydantic import BaseModel

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.job_registry import Row
from tonescope.models.errors import TonescopeError
from tonescope.ui import console
from tonescope.ui.cli.model_options import AnyModels
from tonescope.ui.cli.output_options import OutputOptions

if TYPE_CHECKING:
    from tonescope.diagnose.report.folder_lock import FolderLock
    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.run_record import AnySession
    from tonescope.diagnose.store.workspace import Workspace


@dataclass
class _Run:
    """What is known of a run while it goes on."""

    row: Row
    job: Job
    output: OutputOptions
    reader: console.Reader
    started: float = field(default_factory=time.perf_counter)
    timings: dict[str, float] = field(default_factory=dict)
    announced: set[str] = field(default_factory=set)
    kept: str | None = None  # the name of the run in a workspace
    unkept: TonescopeError | None = None  # why it could not be kept there

    def mark(self, what: str, since: float | None = None) -> None:
        """Note how long something took, from the start of the run if nothing else is said."""
        self.timings[what] = round(time.perf_counter() - (self.started if since is None else since), 3)


def run_job(row: Row, parameters: BaseModel, models: AnyModels, output: OutputOptions) -> None:
    """Run a job and hand out what it finds.

    Raises :class:`TonescopeError` for what cannot be done; nothing is half written then.
    """
    run = _Run(row, row.load(), output, console.Reader(folder=output.out is not None))
    run.job.check(parameters)
    models.check_places(run.job.places(parameters))
    with _claim(output) as claim, _workspace(output) as workspace:
        loads = run.job.needs != "nothing" and not output.as_json
        with console.progress_shown(output.quiet, loads=loads) as progress:
            session = models.open()
            run.mark("import and load models")
            outcome = _outcome(run, session, parameters, _watch(run, progress), workspace)
        outcome = _timed(run, outcome)
        views = run.job.views(outcome.result, outcome.evidence)
        refused = None
        if claim:
            try:
                outcome = _written(run, claim, session, outcome, views)
            except TonescopeError as error:
                refused = error  # what was found is still worth showing
        _show(run, _timed(run, outcome), views, written=claim is not None and refused is None)
        if claim:
            _tell_kept(claim)
        if run.kept:
            console.tell(f"Kept in the workspace: {_to_show(run.kept, output)}")
    if lost := refused or run.unkept or run.reader.failed:
        raise lost
    if code := run.job.exit_code(outcome.result):
        raise typer.Exit(code)


def _claim(output: OutputOptions) -> AbstractContextManager[FolderLock | None]:
    if output.folder is None:
        return nullcontext()
    from tonescope.diagnose.report.atomic_folder import claimed_folder

    return claimed_folder(output.folder, output.overwrite)


def _workspace(output: OutputOptions) -> AbstractContextManager[Workspace | None]:
    if output.workspace is None:
        return nullcontext()
    from tonescope.ui.cli.workspace_options import open_workspace

    return open_workspace(output.workspace)


def _to_show(name: str, output: OutputOptions) -> str:
    """The line that shows what was kept."""
    from tonescope.diagnose.report.pasteable import quoted
    from tonescope.ui.cli.workspace_options import OWN

    named = output.workspace or OWN
    elsewhere = [] if named == OWN else ["--workspace", quoted(named)]
    return " ".join(["tonescope runs show", name, *elsewhere])


def _outcome(
    run: _Run, session: AnySession, parameters: BaseModel, watch: Watch, workspace: Workspace | None
) -> Outcome:
    if workspace is None:
        return run.job.run(session, parameters, watch)
    from tonescope.diagnose.runtime.run_record import recorded

    with recorded(workspace, run.row.name, parameters, session) as record:
        outcome = run.job.run(session, parameters, watch.beside(record.watch))
        try:
            record.finish(run.job, outcome)
            run.kept = record.name
        except TonescopeError as error:
            run.unkept = error  # what was found is still worth showing
            record.end("failed", problem=str(error))
    return outcome


def _watch(run: _Run, progress: console.Display) -> Watch:
    def announce(views: Sequence[View]) -> None:
        run.mark("until the first finding")
        run.announced |= {view.key for view in views}
        if not run.output.as_json:
            progress.above(lambda: _print(run, views))

    return Watch(
        progress.tell,
        announce,
        progress.expect,
        keeps=run.output.out is not None,
        workspace=run.output.workspace_folder,
    )


def _print(run: _Run, views: Sequence[View]) -> None:
    from tonescope.ui.terminal import show_views

    with run.reader.reads():
        show_views(views)


def _timed(run: _Run, outcome: Outcome) -> Outcome:
    """The result with the times that are known so far, where it has room for them."""
    run.mark("in all")
    if isinstance(own := getattr(outcome.result, "timings", None), dict):
        return Outcome(outcome.result.model_copy(update={"timings": {**own, **run.timings}}), outcome.evidence)
    return outcome


def _written(run: _Run, claim: FolderLock, session: AnySession, outcome: Outcome, views: Sequence[View]) -> Outcome:
    from tonescope.diagnose.report.output_folder import write
    from tonescope.diagnose.report.sounds import Sounds

    begun = time.perf_counter()
    name, sounds = run.job.file or run.row.name, Sounds.of(session, outcome.evidence)
    result = write(claim.folder, name, outcome.result, outcome.evidence, views, sounds)
    run.mark("write", begun)
    return Outcome(result, outcome.evidence)


def _show(run: _Run, outcome: Outcome, views: Sequence[View], written: bool) -> None:
    if run.output.as_json:
        with run.reader.reads():
            console.put(outcome.result.model_dump_json(indent=2))
        return
    from tonescope.diagnose.report.shared_views import timings
    from tonescope.ui.first_screen import show_first
    from tonescope.ui.terminal import show_views

    folder = run.output.folder if written else None
    with run.reader.reads():
        if run.output.details:
            show_views([view for view in views if view.key not in run.announced], folder=folder)
        else:
            show_first(views, folder, printed=run.announced)
        if run.output.timings:
            show_views([timings(getattr(outcome.result, "timings", run.timings))], numbers=True)


def _tell_kept(claim: FolderLock) -> None:
    if claim.kept:
        names = ", ".join(path.as_posix() for path in claim.kept[:5]) + (", …" if len(claim.kept) > 5 else "")
        console.tell(f"{claim.folder} keeps what Tonescope did not write: {names}.")
    for before, after in claim.moved.items():
        console.tell(f"{before} was changed since Tonescope wrote it, and is now {after}.")
