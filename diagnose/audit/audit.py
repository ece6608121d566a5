"""The audit: a declared design of prompts, played by an engine, heard, measured, tested and reported.

The stages: what would be played, and what it could show; playing; what is heard, measured and found; what can be
listened to.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from tonescope.diagnose.audit import audit_genres, audit_sound
from tonescope.diagnose.audit.audit_caveats import audit_caveats, limits
from tonescope.diagnose.audit.audit_command import command
from tonescope.diagnose.audit.audit_data import AuditData
from tonescope.diagnose.audit.audit_evidence import AuditEvidence, examples, passage_examples
from tonescope.diagnose.audit.audit_findings import findings, held, thresholds
from tonescope.diagnose.audit.audit_passages import compared
from tonescope.diagnose.audit.audit_schema import AuditReport, AuditSettings, DesignRecord, Signature
from tonescope.diagnose.audit.design import Design, prompt_of, read_design
from tonescope.diagnose.audit.known_folders import Known, hear_known, read_library
from tonescope.diagnose.audit.power import Forecast, forecast, power_of
from tonescope.diagnose.audit.prompt_cells import PromptCells, prompt_cells
from tonescope.diagnose.confusion.confusion_results import Genre, Listener, Results
from tonescope.diagnose.confusion.confusion_schema import Work
from tonescope.diagnose.confusion.second_opinions import second_opinions
from tonescope.diagnose.jobs.audit_job import JOB, AuditParameters
from tonescope.diagnose.jobs.caveats import foreign
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.parameters import made
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.judging.intent import choose_label
from tonescope.diagnose.judging.verdict import sure_enough
from tonescope.diagnose.report import audit_views
from tonescope.diagnose.runtime.engine import Pace, Production, telling
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.runtime.timed_engine import TimedEngine
from tonescope.diagnose.runtime.work_items import Keep, TakeSetting, Wanted, first_seed
from tonescope.diagnose.store import provenance
from tonescope.diagnose.store.measured_takes import AuditTakes, MeasuredTakes, PromptSeeds
from tonescope.diagnose.store.take_shards import TakeShards
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Symbolic
from tonescope.models.played_with import usual_guidance

PLAYED_SHARE = 0.9  # of the progress
WORTH_TELLING = 20.0  # seconds left, of which a forecast is told
TRIED_TAKES, FIRST_TRIED = 8, 2  # of a dry run: what tells how long a take takes, once models are warm
NUMBERS = ("tempo", "tempo_clarity", "key", "key_clear", "embedding", "depth")
MEASURED = ("embedding", "landmarks", "levels")
ASKED = {"tempos": "tempo", "keys": "key"}  # what is measured where a factor asks for it


@dataclass
class _Run:
    """An audit under way."""

    session: Session
    parameters: AuditParameters
    watch: Watch
    design: Design
    played: PromptCells
    shards: TakeShards
    names: dict[str, str]
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def keep(self) -> Keep:
        asked = tuple(measure for factor, measure in ASKED.items() if factor in self.played.factors)
        depth = ("depth",) if self.parameters.depth else ()
        symbolic = isinstance(self.session.generator, Symbolic)
        return Keep("all" if symbolic else "examples", (*MEASURED, *asked, *depth))

    @property
    def wanted(self) -> list[Wanted]:
        """All takes, seed after seed, so that a run that is stopped has some of every prompt."""
        most = max(cell.takes for cell in self.played.cells)
        seeds = {each.prompt: each.seeds for each in self.seeds}
        return [
            Wanted(cell.prompt, seeds[cell.prompt][number], cell.genre or "neutral")
            for number in range(most)
            for cell in self.played.cells
            if number < cell.takes
        ]

    @property
    def seeds(self) -> list[PromptSeeds]:
        firsts = [first_seed(cell.prompt, self.parameters.seed) for cell in self.played.cells]
        return [
            PromptSeeds(cell.prompt, range(first, first + cell.takes), cell.genre, cell.kind)
            for first, cell in zip(firsts, self.played.cells, strict=True)
        ]

    def timed(self, name: str, started: float) -> None:
        self.timings[name] = round(time.perf_counter() - started, 3)


def audit(session: Session, *, watch: Watch | None = None, **asked: Any) -> tuple[AuditReport, AuditEvidence]:
    """What a generator plays over a whole design of prompts.

    >>> report, evidence = tonescope.audit(Session.open(), design="design.yaml")
    >>> for finding in report.findings: print(finding.sentence)

    Args:
        session: the models.
        watch: who watches.
        asked: the options of ``tonescope audit``, by the names in
            :class:`tonescope.diagnose.jobs.audit_job.AuditParameters`.

    Raises:
        TonescopeError: it cannot be done; the message says why.
    """
    parameters = made(AuditParameters, asked)
    JOB.check(parameters)
    return make_audit(session, parameters, watch or Watch())


def make_audit(session: Session, parameters: AuditParameters, watch: Watch) -> tuple[AuditReport, AuditEvidence]:
    """Plan, tell the plan, play, measure, find. Raises :class:`TonescopeError`."""
    session = session.with_second(parameters.second_judge)
    if parameters.guidance is None:
        parameters = parameters.model_copy(update={"guidance": usual_guidance(session.generator)})
    run = _prepared(session, parameters, watch)
    report = _planned(run)
    if parameters.dry_run:
        report.forecast = _tried(run)
        return _finished(run, report, None, None, []), AuditEvidence(session.generator, run.shards)
    watch.announce([audit_views.declared(report)])
    library, notes = read_library(parameters.library) if parameters.library else (None, [])
    started = time.perf_counter()
    known = _known(run)
    if known:
        run.timed("hear known recordings", started)
    pace = _play(run, report)
    started = time.perf_counter()
    source = AuditTakes(run.shards, run.seeds, session.judge.labels, sure_enough(session.judge))
    data = AuditData(run.design, run.played, source.read(NUMBERS), source, session.models)
    if not data.confusion.totals.any():
        raise TonescopeError(
            f"in none of {len(data.takes)} takes anything can be heard: they are silent, or not made of numbers; load "
            "the model in float32, or check its weights."
        )
    _tell(run, "count and test", PLAYED_SHARE)
    report = _heard(run, report, data, known)
    report.work = _work(run, pace)
    run.timed("count and test", started)
    started = time.perf_counter()
    _tell(run, "look for what comes again", 0.95)
    passages = compared(data, library)
    report.passages, report.library = list(passages.told), dict(passages.library)
    run.timed("look for what comes again", started)
    report = _finished(run, report, data.takes, known, notes)
    report.examples, chosen = examples(data, report)
    report.passage_examples, spans = passage_examples(data, passages)
    if watch.progress:
        watch.progress("done", 1.0)
    return report, AuditEvidence(session.generator, run.shards, source, tuple(chosen), tuple(spans))


def _tell(run: _Run, what: str, done: float) -> None:
    if run.watch.progress:
        run.watch.progress(what, done)


# --- what is asked ----------------------------------------------------------------------------------------------------


def _prepared(session: Session, parameters: AuditParameters, watch: Watch) -> _Run:
    design = read_design(parameters.design)
    names = _genres(session, design)
    if isinstance(shares := design.reference.shares, dict):
        for name in shares:
            choose_label(name, session.models.taxonomy, session.judge.labels)
    played = prompt_cells(design, names, parameters.takes_at_most)
    settings = parameters.playing(design.seconds, design.takes)
    words = {name: max(levels, key=len) for name, levels in design.words.items()}
    longest = max(
        (prompt_of(design, name, place, words) for name in names.values() for place in range(len(design.wordings))),
        key=len,
    )
    Request(longest, settings).check(session.models)
    for prompt in design.neutral:
        Request(prompt, settings).check(session.models)
    setting = TakeSetting.of(session, design.seconds, Request("", settings).sampling)
    shards = TakeShards(setting, parameters.shards and parameters.shards.expanduser())
    return _Run(session, parameters, watch, design, played, shards, names)


def _genres(session: Session, design: Design) -> dict[str, str]:
    """How genres are named in prompts, by the judge's label. Raises :class:`TonescopeError` for two of one label."""
    found: dict[str, str] = {}
    for name in design.genres if design.genres is not None else session.judge.labels:
        label = choose_label(name, session.models.taxonomy, session.judge.labels)
        if label in found:
            raise TonescopeError(
                f"“{found[label]}” and “{name}” are one genre for the judge ({label}), and takes would count twice; "
                "name one of them."
            )
        found[label] = name
    return found


def _planned(run: _Run) -> AuditReport:
    """The report before anything was played."""
    parameters, design, models = run.parameters, run.design, run.session.models
    record = models.judge.record
    clips = min((sum(row) for row in record.counts), default=0) if record else 0
    kinds = [cell.kind for cell in run.played.cells]
    assert parameters.guidance is not None
    playing = AuditSettings(
        seconds=design.seconds,
        seed=parameters.seed,
        guidance=parameters.guidance,
        temperature=parameters.temperature,
        top_k=parameters.top_k,
    )
    return AuditReport(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        model=provenance.of_generator(models.generator),
        judge=provenance.of_judge(models.judge),
        second=None if models.second is None else provenance.of_judge(models.second),
        design=DesignRecord(
            name=design.name,
            hash=run.played.hash(design, playing.model_dump()),
            source=str(parameters.design) if parameters.design else "the default design",
            declared=design.model_dump(mode="json"),
            prompts={kind: kinds.count(kind) for kind in ("plain", "neutral", "words")},
            combinations=run.played.combinations,
            played=run.played.played,
            takes=run.played.takes,
            declared_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        ),
        settings=playing,
        power=power_of(run.played, len(models.judge.labels), clips),
        forecast=None,
        planned_only=parameters.dry_run,
        command=command(parameters, run.session.spec),
    )


# --- playing ----------------------------------------------------------------------------------------------------------


def _tried(run: _Run) -> Forecast | None:
    """What the rest takes, from a few takes that are played (and kept) for that; nothing where all are there."""
    missing = Production(run.shards, run.wanted, run.keep).missing()
    if not missing:
        return None
    timed = TimedEngine(run.parameters.make_engine(run.session, run.shards.setting))
    Production(run.shards, missing[:TRIED_TAKES], run.keep, first=FIRST_TRIED).make(timed)
    return forecast(len(missing), timed.seconds_a_take, *_money(run))


def _money(run: _Run) -> tuple[float | None, str]:
    cost = run.design.cost
    return (cost.per_hour, cost.currency) if cost else (None, "")


def _play(run: _Run, report: AuditReport) -> Pace:
    """All takes; how long they will take is told, and stays in the report, as soon as some tell it."""
    started, watch = time.perf_counter(), run.watch
    tell = telling(watch.progress, 0.0, PLAYED_SHARE)

    def told(pace: Pace) -> None:
        tell(pace)
        long = (pace.seconds_left or 0.0) >= WORTH_TELLING
        if long and report.forecast is None and pace.done > pace.before:
            report.forecast = forecast(pace.total - pace.before, 60 / pace.per_minute, *_money(run))
            watch.announce([view for view in [audit_views.forecast(report)] if view])
        watch.counted(pace.done, pace.total)
        if (left := pace.seconds_left) is not None:
            watch.expect(left)

    production = Production(run.shards, run.wanted, run.keep, told)
    pace = production.make(run.parameters.make_engine(run.session, run.shards.setting))
    run.timed("play and listen", started)
    return pace


def _known(run: _Run) -> Known | None:
    folder, session = run.parameters.known, run.session
    if folder is None:
        return None
    return hear_known(folder, session.models.taxonomy, session.generator, session.judge, run.design.seconds)


# --- what is found ----------------------------------------------------------------------------------------------------


def _heard(run: _Run, report: AuditReport, data: AuditData, known: Known | None) -> AuditReport:
    """The report with everything that was heard and measured."""
    models, labels = run.session.models, run.session.judge.labels
    record = audit_genres.measured_record(models.judge.record, known, labels)
    results = Results.of(data.confusion, data.problems, Listener.of(models), record)
    control = audit_genres.control_rows(record, known, data.genres, str(run.parameters.known))
    opinions = second_opinions(data.source, models)
    embedded, words = audit_sound.Embedded(data), audit_genres.words(data)
    wordings = range(len(run.design.wordings))
    genres = [
        Genre(label, name, tuple(prompt_of(run.design, name, place, {}) for place in wordings))
        for label, name in run.names.items()
    ]
    return report.model_copy(
        update={
            "rows": [results.genre(genre) for genre in genres],
            "heard_labels": list(labels),
            "control": control,
            "control_source": audit_genres.control_source(control),
            "correction": results.correction,
            "pairs": [opinions.beside(pair) for pair in results.pairs()],
            "agreement": opinions.agreement,
            "attractors": results.attractors(),
            "representation": audit_genres.represented(data, results.clips),
            "gaps": audit_genres.gaps(data),
            "defaults": audit_genres.defaults(data),
            "words": words,
            "tempo": audit_sound.tempos(data),
            "follows": audit_sound.follows(data, words),
            "keys": audit_sound.keys(data),
            "unread": audit_sound.unread(data),
            "instruments": embedded.instruments(words),
            "diversity": embedded.diversity(),
            "depth": audit_sound.depth(data),
            "exclusions": data.exclusions,
            "unclear": audit_sound.unclear_share(data).count,
        }
    )


def _finished(
    run: _Run, report: AuditReport, takes: MeasuredTakes | None, known: Known | None, notes: Sequence[str]
) -> AuditReport:
    """The report with what follows from all the rest: findings, thresholds, limits, signature, checklist, caveats."""
    models = run.session.models
    if not report.planned_only:
        report.findings = findings(report)
        report.thresholds = thresholds(report, run.design.thresholds, judged=not foreign(models))
    report.limits = limits(report, models)
    if run.parameters.sign is not None:
        report.signature = Signature(
            name=run.parameters.sign,
            date=report.made,
            design=report.design.hash,
            model=report.model.fingerprint,
            judge=report.judge.fingerprint,
            takes=_digest(takes),
        )
    report.checklist = held(report, run.design.about)
    report.caveats = audit_caveats(report, models, known, list(notes))
    report.timings = run.timings
    return report


def _digest(takes: MeasuredTakes | None) -> str:
    """A hash of what was heard in every take; empty where none was played."""
    if takes is None:
        return ""
    columns = (takes.prompt, takes.seed, takes.heard)
    return hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()[:16]


def _work(run: _Run, pace: Pace) -> Work:
    return Work(
        engine=run.parameters.engine,
        takes=pace.total,
        before=pace.before,
        per_minute=round(pace.per_minute, 1),
        folder=str(run.shards.folder),
        damaged=run.shards.damaged,
    )
