"""The views of a confusion report, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from tonescope.diagnose.judging.verdict import UNSURE
from tonescope.diagnose.report import confusion_sentences as said
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.matrix import Matrix, MatrixCell
from tonescope.diagnose.report.sentences import Q_VALUES
from tonescope.diagnose.report.view import Command, Sound, Table, Tone, View

if TYPE_CHECKING:
    from tonescope.diagnose.confusion.confusion import ConfusionEvidence
    from tonescope.diagnose.confusion.confusion_schema import AttractorRow, ConfusedPair, ConfusionReport, GenreRow
    from tonescope.diagnose.schema import Badge

SMALL_ROWS, SMALL_COLUMNS = 7, 4  # of the matrix that fits a terminal
LEAD_PAIRS, LEAD_ATTRACTORS = 10, 6
NEXT_STEPS = 2
UNCLEAR = "unclear"
EXAMPLES = "examples"


def views(report: ConfusionReport, evidence: ConfusionEvidence | None) -> list[View]:
    """Everything that a report found; ``evidence`` may be absent, where nothing is to be heard."""
    heard = _sounds(report) if evidence is not None else {}
    found = [
        _headline(report, heard),
        _why(report),
        _next(report),
        _genres(report),
        pairs(report),
        _shared(report),
        attractors(report),
        shared_views.agreement(report.agreement, "takes"),
        View("scale", "How to read the numbers", [(text, None) for text in (said.correction(report), Q_VALUES)]),
        shared_views.caveats(report.caveats),
        _provenance(report),
    ]
    return [view for view in found if view]


def _headline(report: ConfusionReport, heard: Mapping[tuple[str, str], Sound]) -> View:
    drifted = bool(report.flagged)
    tone: Tone = "bad" if drifted else "good" if all(row.verdict == "match" for row in report.rows) else "unclear"
    told: list[tuple[str, Badge | None]] = [(said.headline(report), "observed")]
    told += [(said.attractor(row), row.badge) for row in report.attractors if row.sure][:1]
    title = f"{len(report.rows)} genre{'s' * (len(report.rows) != 1)} asked of {report.model.name}"
    shown = matrix(report, heard)
    return View("confusion", title, told, _small(report), matrices=[shown], depth="first", tone=tone)


# --- matrices ---------------------------------------------------------------------------------------------------------


def _small(report: ConfusionReport) -> list[Table]:
    """The genres that do not come as asked, the worst first, by what is heard most instead."""
    rows = sorted((row for row in report.rows if _missed(row)), key=lambda row: row.matched.value)[:SMALL_ROWS]
    if not rows:
        return []
    instead: dict[str, int] = {}
    for row in rows:
        for label, count in row.heard.items():
            if label != row.asked:
                instead[label] = instead.get(label, 0) + count
    columns = sorted(instead, key=lambda label: -instead[label])[:SMALL_COLUMNS]
    table = []
    for row in rows:
        others = sum(count for label, count in row.heard.items() if label not in (*columns, row.asked)) + row.unsure
        own = str(row.matched.count)
        counts = ["·" if label == row.asked else _count(row.heard.get(label, 0)) for label in columns]
        table.append((row.asked, own, *counts, _count(others)))
    title = f"Takes heard as … ({_totals(report)})"
    return [Table(("asked for", "as asked", *columns, "other"), tuple(table), title=title)]


def _totals(report: Counted) -> str:
    totals = {row.matched.total for row in report.rows}
    low, high = min(totals), max(totals)
    return f"of {low} each" if low == high else f"of {low} to {high} each"


def _missed(row: GenreRow) -> bool:
    return row.verdict != "match"


def _count(count: int) -> str:
    return str(count) if count else ""


class Counted(Protocol):
    """Takes by what was asked for and what is heard: a confusion report, or files whose prompts are known."""

    rows: list[GenreRow]
    heard_labels: list[str]
    pairs: list[ConfusedPair]
    attractors: list[AttractorRow]

    @property
    def flagged(self) -> list[ConfusedPair]:
        """The pairs that are sure."""


def matrix(report: Counted, heard: Mapping[tuple[str, str], Sound], what: str = "Takes") -> Matrix:
    """All genres asked for, by all that are asked for or heard, in the order of the judge's labels."""
    asked = {row.asked for row in report.rows}
    anywhere = {label for row in report.rows for label in row.heard}
    columns = [label for label in report.heard_labels if label in asked | anywhere]
    unsure = any(row.unsure for row in report.rows)
    flagged = {(pair.asked, pair.heard) for pair in report.flagged}
    cells = []
    for row in report.rows:
        counts = {label: row.heard.get(label, 0) for label in columns} | ({UNCLEAR: row.unsure} if unsure else {})
        cells.append(
            tuple(
                _cell(row, label, count, (row.asked, label) in flagged, heard.get((row.asked, label)))
                for label, count in counts.items()
            )
        )
    names = (*columns, *([UNCLEAR] if unsure else []))
    return Matrix(
        f"{what} by the genre asked for (rows) and the genre heard (columns), {_totals(report)}",
        "asked ↓ heard →",
        tuple(row.asked for row in report.rows),
        names,
        tuple(cells),
    )


def _cell(row: GenreRow, label: str, count: int, marked: bool, sound: Sound | None) -> MatrixCell:
    total = row.matched.total
    if not count:
        return MatrixCell(wanted=label == row.asked)
    heard = "without a clear genre" if label == UNCLEAR else f"heard as {label}"
    told = f"asked for {row.asked}: {count} of {total} takes {heard}"
    return MatrixCell(str(count), count / max(total, 1), told, label == row.asked, marked, sound)


def _sounds(report: ConfusionReport) -> dict[tuple[str, str], Sound]:
    """What each cell plays: the take of it that was kept."""
    return {
        (take.asked, UNCLEAR if take.heard == UNSURE else take.heard): Sound(
            f"asked for {take.asked}", EXAMPLES, place, take.heard
        )
        for place, take in enumerate(report.examples)
    }


# --- why, and what next -----------------------------------------------------------------------------------------------


def _why(report: ConfusionReport) -> View | None:
    """What diagnoses of the surest confusions found."""
    told: list[tuple[str, Badge | None]] = []
    for pair in report.flagged:
        if pair.why is None:
            continue
        if pair.why.problem:
            told.append((f"Why {pair.asked} is {pair.heard} could not be found out: {pair.why.problem}", None))
        sentences = pair.why.told
        if sentences:
            first, badge = sentences[0]
            told.append((f"{pair.asked} as {pair.heard}, by “{pair.why.prompt}”: {first}", badge))
            told += sentences[1:]
    told += [(said.in_common(row), "observed") for row in report.shared_units]
    return View("why", "Why", told, depth="first") if told else None


def _shared(report: ConfusionReport) -> View | None:
    """Which units two verified sets have in common."""
    if not report.shared_units:
        return None
    rows = tuple((unit, *row.pairs) for row in report.shared_units for unit in row.units)
    table = Table(("unit", "in the set of", "and of"), rows, kinds=("unit", "text", "text"), lead=LEAD_PAIRS)
    return View("shared_units", "Units in several sets", tables=[table])


def _next(report: ConfusionReport) -> View | None:
    """Lines that go on from here."""
    commands = [
        Command(
            f"All that was found about {pair.asked} as {pair.heard}, and its sound:", f"{pair.why.command} --out why"
        )
        for pair in report.flagged
        if pair.why and pair.why.command
    ][:NEXT_STEPS]
    return View("next", "What to try next", commands=commands, depth="first") if commands else None


# --- tables -----------------------------------------------------------------------------------------------------------


def _genres(report: ConfusionReport) -> View:
    table = Table(
        ("asked for", "verdict", "heard as asked", "corrected", "so", "most heard instead", "unclear", "left out"),
        tuple(
            (
                row.asked,
                said.verdict(row),
                said.interval(row.matched),
                said.corrected(row.corrected),
                said.corrected_verdict(row),
                f"{row.instead} ({row.heard[row.instead]})" if row.instead else "–",
                _count(row.unsure) or "–",
                _count(sum(row.excluded.values())) or "–",
            )
            for row in report.rows
        ),
        tuple(row.badge for row in report.rows),
    )
    told: list[tuple[str, Badge | None]] = [(said.asked_in(report), None)]
    if overruled := said.overruled(report.rows):
        told.append((overruled, "observed"))
    return View("genres", "Genre by genre", told, [table])


def pairs(report: Counted) -> View | None:
    """Which genres are confused."""
    if not report.pairs:
        return None
    table = Table(
        ("asked for", "heard as", "relation", "of clear takes", "corrected", "judge's own mistakes", "q", "sure"),
        tuple(_pair_row(pair) for pair in report.pairs),
        tuple(pair.badge for pair in report.pairs),
        lead=max(LEAD_PAIRS, len(report.flagged)),
    )
    told: list[tuple[str, Badge | None]] = [(said.pair(pair), pair.badge) for pair in report.flagged]
    return View("pairs", "Confused pairs", told, [table])


def _pair_row(pair: ConfusedPair) -> tuple[str, ...]:
    return (
        pair.asked,
        pair.heard,
        pair.relation,
        said.interval(pair.share),
        said.corrected(pair.corrected),
        said.interval(pair.judge) if pair.judge else "–",
        f"{pair.q:.2g}",
        "yes" if pair.flagged else "no",
    )


def attractors(report: Counted) -> View | None:
    """Which genres draw takes that asked for others."""
    if not report.attractors:
        return None
    table = Table(
        ("heard", "of takes that asked for others", "from genres", "95 % over genres", "chance", "judge's own", "q"),
        tuple(
            (
                row.label,
                f"{row.share.count} of {row.share.total}",
                str(row.genres),
                f"{100 * row.interval.low:.0f}–{100 * row.interval.high:.0f} %",
                f"{100 * row.chance:.1f} %",
                said.interval(row.judge) if row.judge else "–",
                f"{row.q:.2g}",
            )
            for row in report.attractors
        ),
        tuple(row.badge for row in report.attractors),
        lead=LEAD_ATTRACTORS,
    )
    sure = [(said.attractor(row), row.badge) for row in report.attractors if row.sure]
    told: list[tuple[str, Badge | None]] = [*sure] or [("No genre surely draws takes that asked for others.", None)]
    told += [(said.doubted(row), row.badge) for row in report.attractors if row.doubt]
    return View("attractors", "Where takes drift to", told, [table])


def _provenance(report: ConfusionReport) -> View:
    model, judge, asked = report.model, report.judge, report.settings
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    second = report.second
    told = [
        f"Model {model.name} ({model.description}, {model.fingerprint}); judge {judge.name} ({judge.description}, "
        f"{judge.fingerprint}{f'; {judge.calibration}' if judge.calibration else ''}).",
        f"{asked.takes} takes of {asked.seconds:g} s in {asked.wordings} wordings, with noise of its own for every "
        f"prompt (seed {asked.seed}), guidance {asked.guidance:g}, temperature {asked.temperature:g}, top-k "
        f"{asked.top_k}.",
        *([f"Second judge {second.name} ({second.description}, {second.calibration})."] if second else []),
        said.work(report),
        f"Made {report.made} with {versions}. Schema {report.schema_version}.",
    ]
    return View("provenance", "How this was made", [(text, None) for text in told], depth="numbers")
