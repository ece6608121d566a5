"""The views of an audit, in the order in which they are read: one page that a musician understands, then the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tonescope.diagnose.audit.audit_command import NONE
from tonescope.diagnose.report import audit_sentences as said
from tonescope.diagnose.report import confusion_sentences, shared_views
from tonescope.diagnose.report.sentences import Q_VALUES
from tonescope.diagnose.report.view import Command, Sound, Table, Tone, View

if TYPE_CHECKING:
    from tonescope.diagnose.audit.audit_evidence import AuditEvidence
    from tonescope.diagnose.audit.audit_schema import AuditExample, AuditReport
    from tonescope.diagnose.schema import Badge

SHOWN_FINDINGS = 4  # on the first screen of a terminal
LEAD = 12  # rows of a table that say enough where room is dear
EXAMPLES, PASSAGES = "examples", "passage_examples"
WORST_OF_MANY = ("lowest_adherence", "smallest_ratio")

Told = list[tuple[str, "Badge | None"]]


def views(report: AuditReport, evidence: AuditEvidence | None) -> list[View]:
    """Everything that an audit found; ``evidence`` may be absent, where nothing is to be heard."""
    if report.planned_only:
        found: list[View | None] = [_plan(report), _power(report, "first"), _design(report), _checklist(report)]
    else:
        found = [
            _summary(report),
            _thresholds(report),
            declared(report),
            forecast(report),
            _next(report),
            _findings(report),
            *(_listening(report) if evidence is not None else ()),
            _genres(report),
            _gaps(report),
            _representation(report),
            _defaults(report),
            _words(report),
            _tempo(report),
            _instruments(report),
            _diversity(report),
            _depth(report),
            _passages(report),
            shared_views.agreement(report.agreement, "takes"),
            _control(report),
            _power(report, "details"),
            _design(report),
            View("scale", "How to read the numbers", [(said.correction(report), None), (Q_VALUES, None)]),
            _checklist(report),
        ]
    found += [
        View("limits", "What cannot be concluded", [(text, None) for text in report.limits]),
        shared_views.caveats(report.caveats),
        _provenance(report),
    ]
    return [view for view in found if view]


# --- the first page ---------------------------------------------------------------------------------------------------


def _plan(report: AuditReport) -> View:
    told: Told = [(said.plan(report), None), *((text, None) for text in said.costs(report.forecast))]
    return View("audit", f"What an audit of {report.model.name} would ask", told, depth="first", tone="open")


def _summary(report: AuditReport) -> View:
    failed = any(row.outcome == "failed" for row in report.thresholds)
    clean = not report.findings and report.passed is not False
    tone: Tone = "bad" if report.findings or failed else "good" if clean else "unclear"
    table = Table(
        ("what", "where", "how much (95 %)"),
        tuple((row.kind, said.place(row), said.effect(row.effect)) for row in report.findings),
        tuple(row.badge for row in report.findings),
        lead=SHOWN_FINDINGS,
    )
    told: Told = [(said.headline(report), "observed")]
    told += [(f"{said.passed(report)}.", "observed")] if report.thresholds else []
    told.append((said.basis(report), None))
    tables = [table] if report.findings else []
    return View("audit", f"Audit of {report.model.name}", told, tables, depth="first", tone=tone)


def _thresholds(report: AuditReport) -> View | None:
    if not report.thresholds:
        return None
    table = Table(
        ("asked for", "limit", "measured (95 %)", "of", "outcome"),
        tuple(
            (row.title, f"{row.limit:g}", said.interval(row.value, row.low, row.high), row.where or "–", row.outcome)
            for row in report.thresholds
        ),
    )
    worst = any(row.name in WORST_OF_MANY for row in report.thresholds)
    told: Told = [(said.WORST, None)] if worst else []
    return View("thresholds", said.passed(report), told, [table])


def declared(report: AuditReport) -> View:
    """What is told before anything is played, and stays."""
    told: Told = [(said.declared(report), None), (said.power(report), None)]
    return View("declared", "Fixed before the run", told, depth="first")


def forecast(report: AuditReport) -> View | None:
    """How long it was going to take, as the first takes told."""
    if report.forecast is None:
        return None
    told = [(text, None) for text in said.costs(report.forecast)]
    return View("forecast", "What it takes", told, depth="first")


def _next(report: AuditReport) -> View | None:
    commands = [Command(text, line) for text, line in said.next_steps(report)]
    return View("next", "What to try next", commands=commands, depth="first") if commands else None


def _findings(report: AuditReport) -> View | None:
    """Every finding in a sentence."""
    if not report.findings:
        return None
    return View("findings", "What was found", [(row.sentence, row.badge) for row in report.findings])


def _listening(report: AuditReport) -> Iterator[View]:
    if report.examples:
        yield _heard("examples", "Hear it", report.examples, EXAMPLES)
    if report.passage_examples:
        yield _heard("passages_heard", "Passages that come again", report.passage_examples, PASSAGES)


def _heard(key: str, title: str, listed: Sequence[AuditExample], takes: str) -> View:
    rows = [[Sound(f"“{take.prompt}”", takes, place, take.heard)] for place, take in enumerate(listed)]
    told: Told = [(f"{number}. “{take.prompt}”: {take.about}", None) for number, take in enumerate(listed, start=1)]
    return View(key, title, told, sounds=rows)


# --- genres -----------------------------------------------------------------------------------------------------------


def _genres(report: AuditReport) -> View:
    plain = confusion_sentences
    table = Table(
        ("asked for", "verdict", "heard as asked", "corrected", "most heard instead", "unclear", "left out"),
        tuple(
            (
                row.asked,
                plain.verdict(row),
                plain.interval(row.matched),
                plain.corrected(row.corrected),
                f"{row.instead} ({row.heard[row.instead]})" if row.instead else "–",
                str(row.unsure or "–"),
                str(sum(row.excluded.values()) or "–"),
            )
            for row in report.rows
        ),
        tuple(row.badge for row in report.rows),
        lead=2 * LEAD,
    )
    told: Told = [(plain.pair(pair), pair.badge) for pair in report.flagged_pairs]
    told += [(plain.attractor(row), row.badge) for row in report.attractors if row.sure]
    told += [(plain.doubted(row), row.badge) for row in report.attractors if row.doubt]
    told.append((said.asked_in(report), None))
    return View("genres", "Genre by genre, asked for plainly", told, [table])


def _gaps(report: AuditReport) -> View | None:
    if not report.gaps:
        return None
    table = Table(
        ("groups", "worst", "heard as asked", "best", "heard as asked", "gap (95 %)"),
        tuple(
            (
                row.by,
                row.worst,
                confusion_sentences.interval(row.worst_share),
                row.best,
                confusion_sentences.interval(row.best_share),
                said.effect(row.gap),
            )
            for row in report.gaps
        ),
    )
    return View("gaps", "Worst and best group", [(said.GAPS, None)], [table])


def _representation(report: AuditReport) -> View | None:
    if not report.representation:
        return None
    table = Table(
        ("genre", "heard", "should be", "times as often (95 %)", "q", "too seldom"),
        tuple(
            (
                row.genre,
                f"{row.share.count} of {row.share.total}",
                f"{100 * row.reference:.1f} %",
                said.effect(row.ratio),
                f"{row.q:.2g}",
                "yes" if row.flagged else "no" if row.measured else "not known",
            )
            for row in report.representation
        ),
        lead=LEAD,
    )
    return View("representation", "How much of each genre is heard", [(said.reference(report), None)], [table])


def _defaults(report: AuditReport) -> View | None:
    found = report.defaults
    if found is None:
        return None
    table = Table(("heard", "takes"), tuple((name, str(count)) for name, count in found.heard.items()), lead=LEAD)
    return View("defaults", "What it plays when nobody asks", [(said.defaults(found), "observed")], [table])


def _control(report: AuditReport) -> View | None:
    if not report.control:
        return None
    table = Table(
        ("known recordings of", "heard as that", "heard instead"),
        tuple(
            (
                row.genre,
                confusion_sentences.interval(row.right),
                ", ".join(f"{name} {count}" for name, count in row.heard.items() if name != row.genre) or "–",
            )
            for row in report.control
        ),
        lead=LEAD,
    )
    return View("control", "The judge on known recordings", [(said.control(report), None)], [table], depth="numbers")


# --- words and sound --------------------------------------------------------------------------------------------------


def _words(report: AuditReport) -> View | None:
    if not report.words:
        return None
    table = Table(
        ("word", "brings", "with it", "without", "more, genre by genre (95 %)", "q", "sure"),
        tuple(
            (
                row.word,
                row.heard,
                confusion_sentences.interval(row.share),
                confusion_sentences.interval(row.without),
                said.effect(row.difference),
                f"{row.q:.2g}",
                "yes" if row.flagged else "no",
            )
            for row in report.words
        ),
        lead=LEAD,
    )
    return View("words", "What words bring, beside the genre", [(said.WORDS, None)], [table])


def _tempo(report: AuditReport) -> View | None:
    tables = []
    if report.tempo:
        rows = tuple(
            (
                row.word,
                row.meaning,
                confusion_sentences.interval(row.as_asked),
                str(row.counted_otherwise),
                str(row.otherwise),
                str(row.no_beat),
            )
            for row in report.tempo
        )
        tables.append(Table(("word", "means", "as asked", "if counted half or double", "otherwise", "no beat"), rows))
    if report.follows:
        followed = tuple((row.genre, said.effect(row.faster), "yes" if row.flagged else "no") for row in report.follows)
        tables.append(Table(("genre", "faster where faster is asked (95 %)", "ignores it"), followed, lead=LEAD))
    if report.keys:
        asked = tuple((row.word, confusion_sentences.interval(row.as_asked), str(row.unclear)) for row in report.keys)
        tables.append(Table(("key", "of clear keys as asked", "no clear key"), asked))
    told: Told = [(said.TEMPO, None)] if tables else []
    told += [(said.unread(report), None)] if report.unread else []
    return View("tempo", "Tempo and key", told, tables) if told else None


def _instruments(report: AuditReport) -> View | None:
    if not report.instruments:
        return None
    table = Table(
        ("instrument", "nearer to it where asked for (95 %)", "absent"),
        tuple((row.instrument, said.effect(row.nearer), "yes" if row.flagged else "no") for row in report.instruments),
    )
    told: Told = [(f"{said.INSTRUMENTS} Who listens: {report.instruments[0].listener}.", None)]
    return View("instruments", "Instruments", told, [table])


def _diversity(report: AuditReport) -> View | None:
    if not report.diversity:
        return None
    table = Table(
        ("genre", f"different takes of {report.diversity[0].takes} (95 %)"),
        tuple((row.genre, said.effect(row.vendi, ".1f")) for row in report.diversity),
        lead=LEAD,
    )
    return View("diversity", "How much takes of a genre differ", [(said.DIVERSITY, None)], [table])


def _depth(report: AuditReport) -> View | None:
    if report.depth is None:
        return None
    table = Table(
        ("layer", "genre told rightly", ""),
        tuple(
            (str(row.layer), confusion_sentences.interval(row.right), f"{row.right.value:.2f}")
            for row in report.depth.layers
        ),
        kinds=("text", "text", "share"),
    )
    return View("depth", "At which depth the genre is decided", [(said.depth(report.depth), "observed")], [table])


def _passages(report: AuditReport) -> View:
    told: Told = [(said.passages(report), "observed"), (said.NO_ORIGIN, None)]
    told += [(f"“{name}” shares a passage with {count} takes.", "observed") for name, count in report.library.items()]
    table = Table(
        ("passage", "seconds", "takes", "most in", "of its takes", "genres", "found by", "prompts"),
        tuple(
            (
                str(number),
                f"{row.seconds:g}",
                confusion_sentences.interval(row.share),
                row.most_of,
                confusion_sentences.interval(row.most_share),
                str(len(row.genres)),
                row.by,
                "; ".join(row.prompts),
            )
            for number, row in enumerate(report.passages, start=1)
        ),
        lead=LEAD,
    )
    return View("passages", "Material that comes again", told, [table] if report.passages else [])


# --- how it was made --------------------------------------------------------------------------------------------------


def _power(report: AuditReport, depth: str) -> View:
    table = Table(
        ("comparison", "takes", "against", "tests", "smallest difference that is found"),
        tuple(
            (
                row.comparison,
                str(row.first),
                "a fixed share" if row.second is None else str(row.second),
                str(row.tests),
                "none" if row.smallest_gap is None else f"{said.found(row)}, {said.how_fine(row.smallest_gap)}",
            )
            for row in report.power
        ),
    )
    shown = "first" if depth == "first" else "details"
    return View("power", "What so many takes can show", [(said.POWER, None)], [table], depth=shown)  # type: ignore[arg-type]


def _design(report: AuditReport) -> View:
    return View("design", "What was declared beforehand", [(text, None) for text in said.design(report)])


def _checklist(report: AuditReport) -> View:
    there = sum(row.there for row in report.checklist)
    table = Table(
        ("what a release team signs", "there", "where, or what is missing"),
        tuple((row.item, "yes" if row.there else "no", row.said) for row in report.checklist),
        lead=LEAD,
    )
    told: Told = [(f"{there} of {len(report.checklist)} items are in this report.", None)]
    return View("checklist", "What this report holds, and what is missing", told, [table])


def _provenance(report: AuditReport) -> View:
    told: Told = [(text, None) for text in said.provenance(report)]
    if report.command == NONE:
        return View("provenance", "How this was made", [*told, (f"{said.upper(NONE)}.", None)], depth="numbers")
    commands = [Command("The line that makes this report again:", report.command)]
    return View("provenance", "How this was made", told, commands=commands, depth="numbers")
