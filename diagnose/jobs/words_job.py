"""``words`` as a job: which words and short prompts drive one unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.microscope_parameters import FirstSeed, Length, UnitName, check_unit, of_generator
from tonescope.diagnose.jobs.parameters import Flag, JobParameters, Range, check_ranges
from tonescope.diagnose.settings import check_prompt
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.session import Session

MOST_WORDS = 5000


class WordsParameters(JobParameters):
    """Which unit, which words."""

    unit: UnitName
    words: Annotated[
        str | None,
        Flag("--words", metavar="WORD,WORD,…"),
        Field(description="The words to scan, separated by commas. (default: instruments, moods, tempos and genres)"),
    ] = None
    length: Annotated[
        int,
        Range(1, 8, "prompts of {} words are not searched", "3 is usual"),
        Field(description="Words of a prompt, at most."),
    ] = 3
    shown: Annotated[
        int,
        Range(1, 64, "{} words cannot be measured", "8 is usual"),
        Field(description="How many words are measured."),
    ] = 8
    takes: Annotated[
        int,
        Range(2, 64, "{} takes cannot be compared", "4 to 8 are usual"),
        Field(description="Takes of every word that is measured."),
    ] = 6
    seconds: Length = 2.0
    seed: FirstSeed = 1

    @property
    def vocabulary(self) -> list[str] | None:
        """The words as they were typed; ``None`` for those of music at large."""
        if self.words is None:
            return None
        return list(dict.fromkeys(" ".join(part.split()) for part in self.words.split(",") if part.strip()))


def _result() -> type[BaseModel]:
    from tonescope.diagnose.microscope.words_views import WordsResult

    return WordsResult


def _check(parameters: WordsParameters) -> None:
    check_unit(parameters.unit.strip())
    check_ranges(parameters)
    words = parameters.vocabulary
    if words is None:
        return
    if not words:
        raise TonescopeError("--words names no word; write some, separated by commas, such as piano,drums.")
    if len(words) > MOST_WORDS:
        raise TonescopeError(f"--words names {len(words)} words, and {MOST_WORDS} are the most; leave some out.")
    for word in words:
        check_prompt(word, "word")


def _run(session: Session, parameters: WordsParameters, watch: Watch) -> Outcome:
    from tonescope.diagnose.microscope.microscope import Microscope
    from tonescope.diagnose.microscope.music_words import music_words
    from tonescope.diagnose.microscope.text_visualization import WordsWish, text_visualization
    from tonescope.diagnose.microscope.words_views import outcome

    scope = Microscope.of(session, watch.progress)
    unit = scope.unit(parameters.unit.strip())
    words = parameters.vocabulary or music_words(session.judge.labels, session.vocabulary)
    named = {name: getattr(parameters, name) for name in ("length", "shown", "takes", "seconds", "seed")}
    made = text_visualization(scope, unit, WordsWish(tuple(words), **named))
    return Outcome(*outcome(session, made))


def _views(result: Any, evidence: Any) -> Sequence[View]:
    from tonescope.diagnose.microscope import words_views

    return words_views.views(result, evidence)


JOB = Job(
    WordsParameters,
    _result,
    _run,
    _views,
    _check,
    duration="Of a unit of what plays, words are estimated before the best are played; of one of codec or judge, every "
    "word has to be played, which takes longer.",
    places=lambda parameters: of_generator(parameters.unit.strip()),
)
