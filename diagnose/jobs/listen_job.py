"""``listen`` as a job: what it can be asked, and what is refused before anything heavy is imported."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Positional
from tonescope.diagnose.settings import SecondJudge, check_prompt, check_second
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.audio_files.collecting import Collection
    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.judge_session import JudgeSession


class ListenParameters(JobParameters):
    """What ``listen`` can be asked: files, what they were made from, and who else listens."""

    files: Annotated[
        list[str],
        Positional("FILE"),
        Field(default_factory=list, description="Sound files, or folders of them (folders within too)."),
    ]
    prompt: Annotated[str | None, Field(description="What all of them were made from.")] = None
    metadata: Annotated[
        Path | None,
        Flag(metavar="FILE"),
        Field(description="A CSV or JSONL file with a column file_name and one called prompt, a row a file."),
    ] = None
    variants: Annotated[
        Path | None,
        Flag(metavar="FOLDER|CSV"),
        Field(description="The answers to a plan (tonescope plan): tests the words of its prompt from outside."),
    ] = None
    library: Annotated[
        Path | None,
        Flag(metavar="FOLDER"),
        Field(description="Sound files of yours: passages of the files are looked for in them."),
    ] = None
    second_judge: SecondJudge = None
    in_domain: Annotated[
        bool,
        Field(description="The files are of the sounds that the judge knows, so that its verdict counts."),
    ] = False
    surrogate: Annotated[
        str | None,
        Flag(metavar="embedded|HUB_ID|FOLDER"),
        Field(
            description="Put the files through this open generator: which of its units respond. Not the one that "
            "made them."
        ),
    ] = None
    fresh: Annotated[bool, Field(description="Hear again what was heard before, rather than what was kept of it.")] = (
        False
    )

    @property
    def called(self) -> str:
        """What a run of it is called: its first file, by its own name."""
        named = [*self.files, *(str(path) for path in (self.metadata, self.variants) if path is not None)]
        first, *others = [Path(name).name for name in named] or ["nothing"]
        return f"{first} and {len(others)} more" if others else first

    @cached_property
    def collection(self) -> Collection:
        """The files that are meant. Raises :class:`tonescope.models.errors.TonescopeError`."""
        from tonescope.diagnose.audio_files.collecting import collect

        if self.variants is not None:
            if self.files or any(given is not None for given in (self.metadata, self.prompt, self.library)):
                raise TonescopeError(
                    "--variants names files and prompts by its table, and takes of one seed share passages by "
                    "themselves, so nothing else can be named beside it; leave files, --prompt, --metadata and "
                    "--library out."
                )
            from tonescope.diagnose.elsewhere.request_plan import table_of

            return collect((), table_of(self.variants))
        if self.prompt is not None and self.metadata is not None:
            raise TonescopeError("--prompt and --metadata both say what the files were made from; give one of them.")
        if any(not name.strip() for name in self.files):
            raise TonescopeError(
                "a file was named by nothing (a variable of the shell that is empty?); name sound files, or a folder."
            )
        return collect([Path(name) for name in self.files], self.metadata)


def _result() -> type[BaseModel]:
    from tonescope.diagnose.elsewhere.listen_schema import Listening

    return Listening


def _check(parameters: ListenParameters) -> None:
    from tonescope.diagnose.audio_files.collecting import nothing_heard
    from tonescope.diagnose.audit.known_folders import check_folder

    check_second(parameters.second_judge)
    if parameters.library is not None:
        check_folder(parameters.library, "--library")
    if parameters.surrogate is not None and not parameters.surrogate.strip():
        raise TonescopeError("--surrogate was given nothing; give it a value, or leave it out.")
    if parameters.prompt is not None:
        check_prompt(parameters.prompt)
    if not (found := parameters.collection).files and parameters.variants is None:
        raise nothing_heard(found.left_out)


def _run(session: JudgeSession, parameters: ListenParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.elsewhere.heard_files import HeardFiles
    from tonescope.diagnose.jobs.listen import ListenRequest, run

    heard = run(ListenRequest.of(parameters), session, watch)
    # A folder needs no copies of files that its reader has.
    return Outcome(heard, None if watch.keeps else HeardFiles.of(heard, parameters.collection))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.report import listen_views

    return listen_views.views(result, evidence)


DURATION = (
    "How long the rest will take is said while it listens; what was heard once is kept, so that a run that was stopped "
    "goes on where it was."
)
JOB = Job(ListenParameters, _result, _run, _views, _check, file="listening", duration=DURATION, needs="judge")
