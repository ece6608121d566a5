"""``compare`` as a job: two models (checkpoints, or a base and its adapter), or two folders of takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Positional, Range, check_ranges
from tonescope.diagnose.settings import Guidance, Seconds, Seed, check_prompt
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.compare.compare_models import CompareWish
    from tonescope.diagnose.report.view import View

MOST_PROMPTS = 200


class CompareParameters(JobParameters):
    """Which two, and how."""

    first: Annotated[
        str, Positional("A"), Field(description="A model (embedded, a folder, a Hub id), or a folder of takes.")
    ]
    second: Annotated[
        str, Positional("B"), Field(description="Another; a folder that holds an adapter alone is put on A.")
    ]
    adapter: Annotated[
        str | None, Flag("--adapter", metavar="HUB_ID|FOLDER"), Field(description="An adapter that B has on top.")
    ] = None
    prompt: Annotated[
        list[str],
        Flag("--prompt", "-p", metavar="PROMPT"),
        Field(
            default_factory=list,
            description="What both play; may be given several times. (default: genres, alone, slow and fast)",
        ),
    ]
    genre: Annotated[
        list[str],
        Flag("--genre", "-g", metavar="GENRE"),
        Field(default_factory=list, description="Those genres instead; may be given several times."),
    ]
    takes: Annotated[
        int, Range(1, 64, "{} takes cannot be played", "2 to 4 are usual"), Field(description="Takes of each prompt.")
    ] = 2
    seconds: Seconds = 4.0
    guidance: Guidance = None
    seed: Seed = 1
    tested: Annotated[
        int,
        Range(1, 8, "{} places cannot be tested", "2 is usual"),
        Field(description="How many places are tested in fresh takes, at most."),
    ] = 2
    outside: Annotated[
        bool, Field(description="Compare what is heard alone; neither units nor weights are looked at.")
    ] = False

    @property
    def wish(self) -> CompareWish:
        """As the comparison takes it."""
        from tonescope.diagnose.compare.compare_models import CompareWish

        return CompareWish(
            prompts=tuple(self.prompt),
            genres=tuple(self.genre),
            takes=self.takes,
            seconds=self.seconds,
            seed=self.seed,
            guidance=self.guidance,
            tested=self.tested,
            inside=not self.outside,
        )


def _result() -> type[BaseModel]:
    from tonescope.diagnose.compare.compare_schema import Comparison

    return Comparison


def _check(parameters: CompareParameters) -> None:
    from tonescope.diagnose.compare.sides import named_sides

    check_ranges(parameters)
    named_sides(parameters.first, parameters.second, parameters.adapter)
    if parameters.prompt and parameters.genre:
        raise TonescopeError("--prompt says what is played, and so does --genre; give one of the two.")
    for prompt in parameters.prompt:
        check_prompt(prompt)
    if len(parameters.prompt) > MOST_PROMPTS:
        raise TonescopeError(
            f"{len(parameters.prompt)} prompts were given and {MOST_PROMPTS} are the most; leave some out."
        )
    if any(not genre.strip() for genre in parameters.genre):
        raise TonescopeError("--genre was given nothing; name a genre, or leave it out.")


def _run(session: Any, parameters: CompareParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.compare.compare_folders import compare_folders
    from tonescope.diagnose.compare.compare_models import compare_models
    from tonescope.diagnose.compare.sides import named_sides

    first, second = named_sides(parameters.first, parameters.second, parameters.adapter)
    if first.folder is not None and second.folder is not None:
        return Outcome(*compare_folders(first.folder, second.folder, session, watch))
    device = str(session.judge.device)
    models = first.opened(device), second.opened(device)
    result, evidence = compare_models(*models, session, parameters.wish, watch, workspace=watch.workspace)
    named = [
        result.first.model_copy(update={"name": first.name}),
        result.second.model_copy(update={"name": second.name}),
    ]
    return Outcome(result.model_copy(update={"first": named[0], "second": named[1]}), evidence)


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.compare import compare_views

    return compare_views.views(result, evidence)


DURATION = (
    "Both models play all prompts (48 takes each, if nothing else is asked for), each place whose "
    "weights differ is put into the other on finished takes, and the best are played again."
)
JOB = Job(
    CompareParameters,
    _result,
    _run,
    _views,
    _check,
    file="comparison",
    duration=DURATION,
    needs="judge",
)
