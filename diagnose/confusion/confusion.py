"""The confusion report: genres asked for in several wordings, what is heard, and why.

Takes are played and heard by an engine and kept as shards; counted from those, corrected for the judge's own
mishearing, and tested; and the surest confusions are explained by a diagnosis of one of their prompts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tonescope.diagnose.confusion import pair_explanations
from tonescope.diagnose.confusion.confusion_caveats import confusion_caveats
from tonescope.diagnose.confusion.confusion_results import Genre, Listener, Results
from tonescope.diagnose.confusion.confusion_schema import CellExample, ConfusionReport, ConfusionSettings, Work
from tonescope.diagnose.confusion.second_opinions import second_opinions
from tonescope.diagnose.context import Context
from tonescope.diagnose.genre_statistics.confusion_counts import ConfusionCounts
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.jobs.confusion_job import JOB, ConfusionParameters
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.parameters import made
from tonescope.diagnose.jobs.request import Models, Request
from tonescope.diagnose.judging.intent import choose_label
from tonescope.diagnose.judging.verdict import SURE_ENOUGH, UNSURE, sure_enough
from tonescope.diagnose.prompts.genre_prompts import genre_prompts
from tonescope.diagnose.runtime.engine import Pace, Production, telling
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.runtime.take_worker import restored
from tonescope.diagnose.runtime.work_items import Keep, TakeSetting, Wanted, first_seed
from tonescope.diagnose.store import provenance
from tonescope.diagnose.store.take_queries import Asked, Example, TakeTable, take_table
from tonescope.diagnose.store.take_shards import TakeShards
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Takes
from tonescope.models.played_with import usual_guidance

PLAYED_SHARE = 0.9  # of the progress, where nothing is explained
MOST_EXAMPLES = 80  # cells that can be heard, of those that came as asked and of the others
PLAYED_TOGETHER = 8  # examples whose state was not kept


@dataclass
class ConfusionEvidence:
    """What is behind a report: takes of its cells to listen to, and all takes as a table.

    Sound is made when it is asked for.
    """

    generator: Generator
    shards: TakeShards
    asked: Sequence[Asked]
    cells: Sequence[Example]
    enough: float = SURE_ENOUGH
    markdown = True  # a report is passed on as text, too

    @cached_property
    def sounds(self) -> dict[str, Takes]:
        """The examples, in the order of the report's: from their states, or played again where none was kept."""
        kept = [(row.prompt, row.seed, row.state) for row in self.cells if row.state is not None]
        others = [row for row in self.cells if row.state is None]
        parts = [restored(self.generator, kept)] if kept else []
        if others:
            setting = self.shards.setting
            context = Context(self.generator, sampling=setting.sampling, seconds=setting.seconds)
            context = context.with_batches(played=PLAYED_TOGETHER)
            parts.append(play(context, [row.prompt for row in others], [row.seed for row in others]))
        return {"examples": Takes.join(parts)} if parts else {}

    def save(self, folder: Path) -> None:
        """Write every take, with what it asked for and what is heard, to ``takes.parquet``."""
        with take_table(self.shards, self.asked, self.enough) as table:
            table.export(folder / "takes.parquet")


@dataclass
class _Run:
    """A report under way."""

    session: Session
    parameters: ConfusionParameters
    watch: Watch
    genres: tuple[Genre, ...]
    shards: TakeShards
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def models(self) -> Models:
        return self.session.models

    @cached_property
    def asked(self) -> list[Asked]:
        """Every prompt, with noise of its own: takes of one genre in several wordings that shared theirs would count
        as more takes than there are."""
        return [
            Asked(genre.label, prompt, range(first, first + self.parameters.takes))
            for genre in self.genres
            for prompt in genre.prompts
            for first in [first_seed(prompt, self.parameters.seed)]
        ]

    def timed(self, name: str, started: float) -> None:
        self.timings[name] = round(time.perf_counter() - started, 3)


def confusion(
    session: Session, *, watch: Watch | None = None, **asked: Any
) -> tuple[ConfusionReport, ConfusionEvidence]:
    """Which genres a generator confuses, with statistics, and why.

    >>> report, evidence = tonescope.confusion(Session.open(), genres="house,techno", takes=8, explain=1)
    >>> print(report.rows[0].sentence)

    Args:
        session: the models.
        watch: who watches.
        asked: the options of ``tonescope confusion``, by the names in
            :class:`tonescope.diagnose.jobs.confusion_job.ConfusionParameters`; ``genres`` may be a list.

    Raises:
        TonescopeError: it cannot be done; the message says why.
    """
    if isinstance(asked.get("genres"), list | tuple):
        asked["genres"] = ",".join(asked["genres"])
    parameters = made(ConfusionParameters, asked)
    JOB.check(parameters)
    return make_report(session, parameters, watch or Watch())


def make_report(
    session: Session, parameters: ConfusionParameters, watch: Watch
) -> tuple[ConfusionReport, ConfusionEvidence]:
    """Play, listen, count, explain. Raises :class:`TonescopeError`."""
    session = session.with_second(parameters.second_judge)
    if parameters.guidance is None:
        parameters = parameters.model_copy(update={"guidance": usual_guidance(session.generator)})
    genres = _genres(session, parameters)
    settings = parameters.playing
    sampling = Request("", settings).sampling
    setting = TakeSetting.of(session, settings.seconds, sampling)
    run = _Run(
        session, parameters, watch, genres, TakeShards(setting, parameters.shards and parameters.shards.expanduser())
    )
    pace = _play(run, setting)
    started, enough = time.perf_counter(), sure_enough(session.judge)
    with take_table(run.shards, run.asked, enough) as table:
        counts = _counts(run, table)
        report = _report(run, table, counts, pace)
        chosen = {(pair.asked, pair.heard): table.by_prompt(pair.asked, pair.heard) for pair in report.flagged}
        listed, cells = _listed(table.examples(MOST_EXAMPLES))
    run.timed("count and test", started)
    _explain(run, report, chosen, pace)
    report = report.model_copy(
        update={
            "examples": listed,
            "shared_units": pair_explanations.shared_units(report.pairs, session.generator),
            "timings": run.timings,
        }
    )
    report.caveats = confusion_caveats(report, run.models, parameters)
    if watch.progress:
        watch.progress("done", 1.0)
    return report, ConfusionEvidence(session.generator, run.shards, run.asked, cells, enough)


# --- what is asked ----------------------------------------------------------------------------------------------------


def _genres(session: Session, parameters: ConfusionParameters) -> tuple[Genre, ...]:
    """The genres that are asked for, each once. Raises :class:`TonescopeError` for one that the judge cannot hear."""
    models, labels = session.models, session.judge.labels
    names = parameters.names or list(labels)
    found: dict[str, Genre] = {}
    for name in names:
        label = choose_label(name, models.taxonomy, labels)
        if label in found:
            raise TonescopeError(
                f"“{found[label].typed}” and “{name}” are one genre for the judge ({label}), and takes would count "
                "twice; name one of them."
            )
        found[label] = Genre(label, name, tuple(genre_prompts(name, parameters.wordings)))
    longest = max((prompt for genre in found.values() for prompt in genre.prompts), key=len)
    Request(longest, parameters.playing).check(models)
    return tuple(found.values())


# --- playing ----------------------------------------------------------------------------------------------------------


def _play(run: _Run, setting: TakeSetting) -> Pace:
    """All takes, one of every prompt after the other, so that a run that is stopped has some of every genre."""
    started, watch, parameters = time.perf_counter(), run.watch, run.parameters
    tell = telling(watch.progress, 0.0, _played_share(parameters))

    def told(pace: Pace) -> None:
        tell(pace)
        watch.counted(pace.done, pace.total)
        if (left := pace.seconds_left) is not None:
            watch.expect(left + parameters.explain * _explaining(parameters, pace))

    wanted = [Wanted(row.prompt, row.seeds[take], row.label) for take in range(parameters.takes) for row in run.asked]
    production = Production(run.shards, wanted, Keep(states="examples"), told)
    pace = production.make(parameters.make_engine(run.session, setting))
    run.timed("play and listen", started)
    return pace


def _played_share(parameters: ConfusionParameters) -> float:
    return PLAYED_SHARE / (1 + parameters.explain / 2)


def _explaining(parameters: ConfusionParameters, pace: Pace) -> float:
    """About how long one explanation takes; nothing is known of that where no take was played."""
    return pair_explanations.expected_seconds(parameters.playing, 60 / pace.per_minute) if pace.per_minute else 0.0


# --- counting and testing ---------------------------------------------------------------------------------------------


def _counts(run: _Run, table: TakeTable) -> ConfusionCounts:
    asked, labels = tuple(genre.label for genre in run.genres), run.session.judge.labels
    heard = np.zeros((len(asked), len(labels)), dtype=np.int64)
    unsure, excluded = np.zeros(len(asked), dtype=np.int64), np.zeros(len(asked), dtype=np.int64)
    for cell in table.cells():
        row = asked.index(cell.asked)
        if cell.heard is None:
            unsure[row] = cell.takes
        else:
            heard[row, labels.index(cell.heard)] = cell.takes
    for (label, _), count in table.problems().items():
        excluded[asked.index(label)] += count
    counts = ConfusionCounts(asked, tuple(labels), heard, unsure, excluded)
    if not counts.totals.any():
        raise TonescopeError(
            f"in none of {int(excluded.sum())} takes anything can be heard: they are silent, or not made of numbers; "
            "load the model in float32, or check its weights."
        )
    return counts


def _report(run: _Run, table: TakeTable, counts: ConfusionCounts, pace: Pace) -> ConfusionReport:
    """Everything but what takes long: explanations and examples."""
    models, parameters = run.models, run.parameters
    compared = second_opinions(table, models)
    results = Results.of(counts, table.problems(), Listener.of(models))
    return ConfusionReport(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        model=provenance.of_generator(models.generator),
        judge=provenance.of_judge(models.judge),
        settings=ConfusionSettings(**{name: getattr(parameters, name) for name in ConfusionSettings.model_fields}),
        rows=[results.genre(genre) for genre in run.genres],
        heard_labels=list(counts.labels),
        correction=results.correction,
        pairs=[compared.beside(pair) for pair in results.pairs()],
        agreement=compared.agreement,
        second=None if models.second is None else provenance.of_judge(models.second),
        attractors=results.attractors(),
        shared_units=[],
        examples=[],
        work=Work(
            engine=parameters.engine,
            takes=pace.total,
            before=pace.before,
            per_minute=round(pace.per_minute, 1),
            folder=str(run.shards.folder),
            damaged=run.shards.damaged,
        ),
        caveats=[],
    )


# --- why, and what can be heard ---------------------------------------------------------------------------------------


def _explain(run: _Run, report: ConfusionReport, cells: dict[tuple[str, str], dict[str, set[int]]], pace: Pace) -> None:
    """Put into the surest pairs why they are confused; only so many, as each takes long."""
    started, pairs = time.perf_counter(), report.flagged[: run.parameters.explain]
    first, seeds = _played_share(run.parameters), {row.prompt: row.seeds for row in run.asked}
    for number, pair in enumerate(pairs):
        run.watch.expect((len(pairs) - number) * _explaining(run.parameters, pace))
        prompt, seed = pair_explanations.chosen_prompt(cells[pair.asked, pair.heard], seeds)
        settings = run.parameters.playing.model_copy(update={"seed": seed})
        progress = _within(run, f"why {pair.asked} is {pair.heard}", first, number, len(pairs))
        pair.why = pair_explanations.explained(run.session, pair, prompt, settings, progress)
    if pairs:
        run.timed("explain", started)


def _within(run: _Run, what: str, first: float, number: int, of: int) -> Callable[[str, float], None] | None:
    tell = run.watch.progress
    if tell is None:
        return None
    base, part = first + (PLAYED_SHARE - first) * number / of, (PLAYED_SHARE - first) / of
    return lambda stage, share: tell(f"{what}: {stage}", base + part * share)


def _listed(found: Sequence[Example]) -> tuple[list[CellExample], list[Example]]:
    """The takes of cells as the report lists them, those whose state was kept first."""
    ordered = sorted(found, key=lambda row: row.state is None)
    listed = [
        CellExample(
            asked=row.asked,
            prompt=row.prompt,
            seed=row.seed,
            heard=row.heard or UNSURE,
            probability=row.probability,
            margin=float(np.log(row.probability / max(1 - row.probability, 1e-12))),
            posterior={row.heard: row.probability} if row.heard else {},
        )
        for row in ordered
    ]
    return listed, ordered
