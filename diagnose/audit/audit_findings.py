"""From the rows of an audit to its findings, thresholds and checklist: what is surely not as it should be."""

from __future__ import annotations

from dataclasses import replace

from scipy.special import bdtrc

from tonescope.diagnose.audit import audit_command
from tonescope.diagnose.audit.audit_genres import DEFAULT_SHARE
from tonescope.diagnose.audit.audit_schema import (
    AuditReport,
    Defaults,
    Finding,
    FollowRow,
    InstrumentRow,
    PassageRow,
    RepresentationRow,
    Value,
    WordRow,
)
from tonescope.diagnose.audit.checklist import About, ChecklistRow, checklist
from tonescope.diagnose.audit.obedience import EVEN
from tonescope.diagnose.audit.thresholds import Measured, ThresholdRow, Thresholds, decide
from tonescope.diagnose.confusion.confusion_schema import ConfusedPair
from tonescope.diagnose.report.sentences import percent
from tonescope.diagnose.stats import share

UNHEARD = ("largest_excluded",)  # thresholds that rest on nothing that a judge hears


def findings(report: AuditReport) -> list[Finding]:
    """Everything that is sure, kind by kind."""
    return [
        *map(_confusion, report.flagged_pairs),
        *(_under(row, report.design.declared["reference"]["name"]) for row in report.representation if row.flagged),
        *(_word(row) for row in report.words if row.flagged),
        *_default(report.defaults),
        *(_tempo(row) for row in report.follows if row.flagged),
        *(_instrument(row) for row in report.instruments if row.flagged),
        *(_passage(row) for row in report.passages if row.flagged),
    ]


def _confusion(pair: ConfusedPair) -> Finding:
    judge = f"; known recordings: {pair.judge}" if pair.judge else ""
    return Finding(
        kind="confusion",
        where=pair.asked,
        heard=pair.heard,
        sentence=f"Asked for {pair.asked}, it plays {pair.heard} in {pair.share} clearly heard takes{judge}.",
        effect=Value.of(pair.share),
        q=pair.q,
    )


def _under(row: RepresentationRow, reference: str) -> Finding:
    low, high = row.ratio.interval.low, row.ratio.interval.high
    return Finding(
        kind="under-represented",
        where=row.genre,
        sentence=f"{_upper(row.genre)} is heard {row.ratio.value:.2f} times as often as it should be "
        f"({low:.2f} to {high:.2f}; {reference}).",
        effect=row.ratio,
        q=row.q,
    )


def _word(row: WordRow) -> Finding:
    return Finding(
        kind="misleading word",
        where=row.word,
        heard=row.heard,
        sentence=f"“{row.word}” brings {row.heard}, whatever genre is asked for: {row.share} takes with it, "
        f"{row.without} without.",
        effect=row.difference,
        q=row.q,
    )


def _default(found: Defaults | None) -> list[Finding]:
    if found is None or found.top is None or not found.flagged:
        return []
    return [
        Finding(
            kind="default",
            where="neutral prompts",
            heard=found.top,
            sentence=f"Asked for no genre, it plays {found.top}: {found.top_share} takes.",
            effect=Value.of(found.top_share),
            q=float(bdtrc(found.top_share.count - 1, found.top_share.total, DEFAULT_SHARE)),
        )
    ]


def _tempo(row: FollowRow) -> Finding:
    how = "turns tempo words round" if row.faster.interval.high < EVEN else "does not follow tempo words"
    return Finding(
        kind="ignored tempo",
        where=row.genre,
        sentence=f"{_upper(row.genre)} {how}: a take that asks for the fast one is the faster in "
        f"{_of_pairs(row.faster)}.",
        effect=row.faster,
        q=row.q,
    )


def _instrument(row: InstrumentRow) -> Finding:
    brings = "hardly brings it" if row.nearer.interval.low > EVEN else "does not surely bring it"
    return Finding(
        kind="absent instrument",
        where=row.instrument,
        sentence=f"Asking for {row.instrument} {brings}, by this judge's embeddings: such a take is nearer to the word "
        f"than another in {_of_pairs(row.nearer)}.",
        effect=row.nearer,
        q=row.q,
    )


def _passage(row: PassageRow) -> Finding:
    across = f" and of {len(row.genres) - 1} more" if len(row.genres) > 1 else ""
    chance = "; in no shuffled copy do so many share one" if row.by == "symbols and sound" else ""
    return Finding(
        kind="repetition",
        where=row.most_of,
        sentence=f"The same {row.seconds:g} s come again in {row.most_share} takes of {row.most_of}{across}, "
        f"found by {row.by}{chance}.",
        effect=Value.of(row.most_share),
    )


def _of_pairs(found: Value) -> str:
    low, high = found.interval.low, found.interval.high
    return f"{percent(found.value)} of pairs ({percent(low)} to {percent(high)})"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- thresholds -------------------------------------------------------------------------------------------------------


def thresholds(report: AuditReport, asked: Thresholds, *, judged: bool = True) -> list[ThresholdRow]:
    """Every threshold of the design, held against what was measured; one that cannot be measured is undecided.

    ``judged``: whether the judge knows such music, so that what it hears counts.
    """
    unknown = Measured(float("nan"), float("-inf"), float("inf"), "not measured: the judge knows other music")
    return [
        decide(name, limit, _measured(report, name) if judged or name in UNHEARD else unknown)
        for name, limit in asked.model_dump().items()
        if limit is not None
    ]


def _measured(report: AuditReport, name: str) -> Measured:
    """A number and its interval; of the worst of many groups, that whose interval reaches lowest."""
    if name == "lowest_adherence" and (told := [row for row in report.rows if row.matched.total]):
        worst = min(told, key=lambda row: row.matched.low)
        return _of_value(Value.of(worst.matched), worst.asked)
    if name == "largest_gap" and (genres := [row for row in report.gaps if row.by == "genre"]):
        gap = genres[0]
        return _of_value(gap.gap, f"{gap.best} and {gap.worst}")
    if name == "smallest_ratio" and (known := [row for row in report.representation if row.measured]):
        lowest = min(known, key=lambda row: row.ratio.interval.low)
        ratio = _of_value(lowest.ratio, lowest.genre)
        others = len(report.representation) - len(known)  # which the judge may mishear: they keep no limit for sure
        return replace(ratio, low=0.0, where=f"{lowest.genre}; {others} not measured") if others else ratio
    if name == "largest_default" and report.defaults is not None:
        return _of_value(Value.of(report.defaults.top_share), report.defaults.top or "")
    if name == "largest_excluded":
        return _counted(share(sum(report.exclusions.values()), report.design.takes).value, "all takes")
    if name == "most_findings":
        return _counted(float(len(report.findings)), "")
    return Measured(float("nan"), float("-inf"), float("inf"), "not measured")


def _of_value(found: Value, where: str) -> Measured:
    return Measured(found.value, found.interval.low, found.interval.high, where)


def _counted(value: float, where: str) -> Measured:
    """What is known of all takes needs no interval."""
    return Measured(value, value, value, where)


# --- checklist --------------------------------------------------------------------------------------------------------


def held(report: AuditReport, about: About) -> list[ChecklistRow]:
    """What a report has to hold, and whether this one does."""
    there = {
        "provenance": True,
        "signature": report.signature is not None,
        "design": True,
        "exclusions": not report.planned_only,
        "power": bool(report.power),
        "control": bool(report.control) and len(report.control) == len(report.rows),
        "unclear": not report.planned_only,
        "second judge": report.agreement is not None,
        "correction": report.correction is not None and report.correction.used,
        "adherence": bool(report.rows),
        "representation": bool(report.representation),
        "gap": bool(report.gaps),
        "diversity": bool(report.diversity),
        "defaults": report.defaults is not None,
        "words": bool(report.tempo or report.keys or report.instruments),
        "passages": not report.planned_only,
        "depth": report.depth is not None,
        "blame": False,
        "units": False,
        "limits": bool(report.limits),
        "thresholds": bool(report.thresholds),
        "reproduction": report.command != audit_command.NONE,
    }
    return checklist(about, {name for name, present in there.items() if present})
