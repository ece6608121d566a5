"""What a reader of an audit has to know before believing it, and what cannot be concluded from it at all."""

from __future__ import annotations

from collections.abc import Callable

from tonescope.diagnose.audit.audit_schema import AuditReport
from tonescope.diagnose.audit.audit_sound import ALL, FOLLOWS
from tonescope.diagnose.audit.known_folders import Known
from tonescope.diagnose.jobs.caveats import MEASURED_SHARE, foreign, foreign_caveat
from tonescope.diagnose.jobs.request import Models
from tonescope.models import versions
from tonescope.models.generator import Symbolic

NAMED = 3  # genres in one sentence
Caveat = Callable[[AuditReport, Models], str | None]


def _untested(*_: object) -> str | None:
    return versions.notice()


def _foreign(_: AuditReport, models: Models) -> str | None:
    return f"{foreign_caveat(models)} Nothing is flagged by what it hears." if foreign(models) else None


def _correction(report: AuditReport, _: Models) -> str | None:
    return report.correction.reason if report.correction else None


def _unmeasured(report: AuditReport, models: Models) -> str | None:
    names = [row.genre for row in report.representation if not row.measured]
    if not names or foreign(models):
        return None
    return (
        f"Nothing is said to be heard too seldom of {_some(names)}: how often {models.judge.name} mishears "
        f"{'it' if len(names) == 1 else 'them'} was not measured (--known FOLDER)."
    )


def _some(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more genres" if more > 0 else "")


def _short(report: AuditReport, models: Models) -> str | None:
    judge, seconds = models.judge, report.settings.seconds
    if judge.record is None or seconds >= MEASURED_SHARE * judge.window_seconds:
        return None
    return (
        f"How often {judge.name} mishears was measured on {judge.window_seconds:g} s of music; in {seconds:g} s it "
        "hears less, and errs more than the report allows for."
    )


def _excluded(report: AuditReport, _: Models) -> str | None:
    if not report.exclusions:
        return None
    told = ", ".join(f"{count} {reason}" for reason, count in report.exclusions.items())
    return f"{sum(report.exclusions.values())} of {report.design.takes} takes are left out of everything: {told}."


def _part(report: AuditReport, _: Models) -> str | None:
    design = report.design
    if design.played >= design.combinations:
        return None
    return (
        f"{design.played:,} of {design.combinations:,} combinations of words were played, every level and pair of "
        "levels about equally often; what three words do together was not looked at."
    )


def _undecided(report: AuditReport, _: Models) -> str | None:
    open_ones = [row.title for row in report.thresholds if row.outcome == "undecided"]
    if not open_ones:
        return None
    return f"So many takes cannot decide: {'; '.join(open_ones)}. More takes can (takes, takes_at_most)."


def _no_symbols(report: AuditReport, models: Models) -> str | None:
    if report.planned_only or isinstance(models.generator, Symbolic):
        return None
    return (
        f"{models.generator.name} is not made of symbols, so passages that come again were looked for by their sound "
        "alone, which finds fewer."
    )


def _deaf(report: AuditReport, _: Models) -> str | None:
    if not report.follows or report.follows[0].genre != ALL or report.follows[0].faster.interval.low >= FOLLOWS:
        return None
    return "No genre clearly follows tempo words, so none is said to ignore them unless it does the contrary."


def _damaged(report: AuditReport, _: Models) -> str | None:
    count = report.work.damaged if report.work else 0
    return (
        f"{count} files of earlier takes were damaged and set aside; these takes were played again." if count else None
    )


CAVEATS: tuple[Caveat, ...] = (
    _untested,
    _foreign,
    _correction,
    _unmeasured,
    _short,
    _excluded,
    _part,
    _undecided,
    _deaf,
    _no_symbols,
    _damaged,
)


def audit_caveats(report: AuditReport, models: Models, known: Known | None, notes: list[str]) -> list[str]:
    """Every sentence that applies; ``notes`` are about files that were read."""
    told = [said for caveat in CAVEATS if (said := caveat(report, models))]
    return [*told, *(known.notes if known else ()), *notes]


def limits(report: AuditReport, models: Models) -> list[str]:
    """What cannot be concluded, whatever was found."""
    names = ", ".join(report.design.declared["factors"])
    return [
        f"Nothing follows for prompts of other kinds than these factors ({names}) and wordings.",
        f"Genres are what {models.judge.name} hears; where people would disagree with it, no take of this audit tells.",
        "A passage that comes again says nothing of where it comes from: the training set is not known here.",
        "Takes of one model and setting say nothing of another version, sampler, length or language.",
    ]
