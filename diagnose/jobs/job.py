"""What a job is: parameters in, a result and its evidence out, and the views that show it.

Diagnosis, experiment, reports and techniques are all jobs. The command line, the JSON schema, the page and the output
folder are made from this one object, so that a new job is one file and one row of
:mod:`tonescope.diagnose.jobs.job_registry`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel

from tonescope.diagnose.jobs.parameters import check_ranges

if TYPE_CHECKING:
    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.progress import Progress
    from tonescope.models.generator import Takes


Needs = Literal["models", "judge", "bare judge", "nothing"]
"""What a job is run on: a session of a generator and a judge, a judge alone, one that hears as it was made to (no
calibration of it is looked for), or no model at all."""


class Evidence(Protocol):
    """What is behind a result and too large for it: sound by the name of its set.

    It may also have ``tensors`` by name, and a ``trace``, which are kept beside the result; and ``player``, the
    generator whose takes they are, where that is not the session's.
    """

    @property
    def sounds(self) -> Mapping[str, Takes]:
        """Sets of takes by name, as :class:`tonescope.diagnose.report.view.Sound` names them."""


@dataclass(frozen=True)
class Watch:
    """Who watches a job, and what they want of it. Without anybody it runs silently and keeps what its result needs.

    Attributes:
        progress: told what is being done, and how much of the whole is done.
        announce: told views as soon as they are known, long before the job ends.
        expect: told about how many seconds the rest will take, as soon as that was measured, and again whenever that
            is known better.
        played: told sets of takes by name, as :attr:`Evidence.sounds` names them, as soon as they are there: before
            the first announcement, where that speaks of them.
        counted: told how many takes of how many are played and kept, by jobs that go on where they were.
        keeps: whether evidence goes into a folder, so that what only a folder holds is worth recording.
        workspace: the folder whose bookmarks and runs are looked at; absent, the user's own.
        owner: whose runs; absent, everybody's, as for who has the machine.
    """

    progress: Progress | None = None
    announce: Callable[[Sequence[View]], None] = lambda views: None
    expect: Callable[[float], None] = lambda seconds: None
    played: Callable[[Mapping[str, Takes]], None] = lambda sets: None
    counted: Callable[[int, int], None] = lambda done, total: None
    keeps: bool = False
    workspace: Path | None = None
    owner: str | None = None

    def beside(self, other: Watch) -> Watch:
        """Both, told the same: this one first."""
        watching = [watch.progress for watch in (self, other) if watch.progress]

        def progress(what: str, done: float) -> None:
            for tell in watching:
                tell(what, done)

        def announce(views: Sequence[View]) -> None:
            self.announce(views)
            other.announce(views)

        def expect(seconds: float) -> None:
            self.expect(seconds)
            other.expect(seconds)

        def played(sets: Mapping[str, Takes]) -> None:
            self.played(sets)
            other.played(sets)

        def counted(done: int, total: int) -> None:
            self.counted(done, total)
            other.counted(done, total)

        return Watch(
            progress if watching else None,
            announce,
            expect,
            played,
            counted,
            keeps=self.keeps or other.keeps,
            workspace=self.workspace if self.workspace is not None else other.workspace,
            owner=self.owner if self.owner is not None else other.owner,
        )


@dataclass(frozen=True)
class Outcome:
    """What a job found."""

    result: BaseModel
    evidence: Any


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes:
        parameters: what can be asked (see :mod:`tonescope.diagnose.jobs.parameters`).
        result: gives the schema of what is found; a function, so that help and refusals need not import it.
        run: does it, on what it ``needs``: a :class:`~tonescope.diagnose.runtime.session.Session`, a
            :class:`~tonescope.diagnose.runtime.judge_session.JudgeSession`, or ``None``.
        views: shows it.
        check: refuses what no model could meet, before one is loaded; numbers out of their ranges, if nothing else.
        file: the name of its JSON file; the name of its row, if absent.
        duration: a sentence for its help that says how long it usually takes.
        needs: which models it is run on; a command has the options of those alone.
        places: what was asked about by name: sites, locations and units, refused before weights are loaded where the
            model's files tell that it has no such place.
        exit_code: of a command whose result says that something was asked for and not kept.
    """

    parameters: type[BaseModel]
    result: Callable[[], type[BaseModel]]
    run: Callable[[Any, Any, Watch], Outcome]
    views: Callable[[Any, Any], Sequence[View]]
    check: Callable[[Any], None] = check_ranges
    file: str | None = None
    duration: str = ""
    needs: Needs = "models"
    places: Callable[[Any], Sequence[str]] = lambda parameters: ()
    exit_code: Callable[[Any], int] = lambda result: 0
