"""A calibration as views: of the report that made it, and of the calibration that a judge hears with."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tonescope.diagnose.judging.told_calibration import told_calibration
from tonescope.diagnose.judging.verdict import SURE_ENOUGH
from tonescope.diagnose.report import calibration_figures, shared_views
from tonescope.diagnose.report.matrix import Matrix, MatrixCell
from tonescope.diagnose.report.view import Table, Tone, View
from tonescope.diagnose.stats import Share, share
from tonescope.models.judges.two_towers import TwoTowers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.calibrating.calibrate_schema import CalibrationReport
    from tonescope.diagnose.schema import Badge
    from tonescope.diagnose.taxonomy import Taxonomy
    from tonescope.models.judges.fitted_calibration import CalibrationCard
    from tonescope.models.judges.judge import Judge

LEAD_LABELS, LEAD_SKIPPED, LEAD_FAMILIES = 12, 8, 20
SOURCES = {
    "column": "by the metadata file",
    "names": "by the names of the files",
    "own": "each file on its own",
}
Said = list[tuple[str, "Badge | None"]]


def views(report: CalibrationReport) -> list[View]:
    """Everything that clips of known labels say about a judge."""
    card = report.calibration
    found = [
        View(
            "calibration",
            f"{report.judge.name} on {_clips(sum(card.clips))} of {card.source}",
            _headline(report),
            [_worst(report)] if any(row.mistaken_for for row in report.labels) else [],
            matrices=[_matrix(card)],
            depth="first",
            tone="good" if report.clear.value >= 1 - card.target_error else "unclear",
        ),
        View("labels", "Label by label", tables=[_labels(report)]),
        View(
            "probabilities",
            "Are its probabilities true?",
            _fitted(report),
            figures=[calibration_figures.reliability(report), calibration_figures.coverage(report)],
        ),
        _skipped(card),
        shared_views.caveats(report.caveats),
        _provenance(report),
    ]
    return [view for view in found if view]


def views_of_judge(judge: Judge, taxonomy: Taxonomy) -> list[View]:
    """What a judge chooses between, and how it is calibrated."""
    fitted = judge.fitted if isinstance(judge, TwoTowers) else None
    told: Said = [(f"{judge.name}: {judge.description}, {told_calibration(judge)}.", "observed")]
    if judge.domain:
        told.append((f"It knows {judge.domain}.", None))
    if isinstance(judge, TwoTowers):
        wordings = judge.calibration.templates
        several = f"{len(wordings)} wordings" if len(wordings) > 1 else "one wording"
        told.append((f"A label is asked for in {several}: {', '.join(wordings)}.", None))
    families: dict[str, list[str]] = {}
    for genre in taxonomy.genres:
        families.setdefault(genre.family, []).append(genre.label)
    rows = tuple((family, ", ".join(labels)) for family, labels in families.items())
    tone: Tone = "good" if judge.record else "open"
    shown = [View("judge", judge.name, told, [Table(("family", "labels"), rows, lead=LEAD_FAMILIES)], tone=tone)]
    if fitted is None:
        return shown
    card = fitted.card
    shown.append(View("card", f"Calibrated on {_clips(sum(card.clips))} of {card.source}", _card(card), [_pairs(card)]))
    return shown + [view for view in [_skipped(card)] if view]


# --- in sentences -----------------------------------------------------------------------------------------------------


def _clips(count: int) -> str:
    return f"{count:,} clip{'s' * (count != 1)}"


def _share(value: Share) -> str:
    return f"{value.count} of {value.total} ({100 * value.low:.0f}–{100 * value.high:.0f} %)"


def _headline(report: CalibrationReport) -> Said:
    card, labels = report.calibration, len(report.labels)
    how = "a probe trained on them" if card.probed else "the names of the labels"
    told: Said = [
        (
            f"By {how}, {report.judge.name} hears {_share(report.accuracy)} rightly, of {labels} labels, in clips that "
            f"it was not fitted on; before, {_share(report.accuracy_before)}.",
            "observed",
        ),
        (
            f"Its probabilities are off by {card.error_after:.3f} on average (ECE); before, by "
            f"{card.error_before:.3f}.",
            "observed",
        ),
        (
            f"From a probability of {card.threshold:.2f} on it hears a label clearly: of {report.clear.total} such "
            f"answers {report.clear.count} are right ({100 * report.clear.low:.0f}–{100 * report.clear.high:.0f} %).",
            "observed",
        ),
    ]
    if report.stored:
        told.append(("It hears so from now on (--calibration none to do without).", None))
    return told


def _fitted(report: CalibrationReport) -> Said:
    """What was fitted, and what it does."""
    card, gain = report.calibration, report.bias_gain
    fitted = "fitted to the clips" if report.settings.temperature == "fit" else "the judge's own"
    told: Said = [(f"Temperature {card.temperature:.3g}, {fitted}.", None)]
    if gain is not None:
        does = f"makes held-out clips {'more' if gain > 0 else 'less'} probable, by {abs(gain):.3f} nats"
        used = "it is subtracted" if card.bias else "it is left out"
        told.append((f"What labels get in noise and tones {does}: {used}.", None))
    if card.measured_threshold is not None:
        told.append(
            (
                f"Above {card.measured_threshold:.2f} no more than {card.target_error:.0%} of the answers are wrong; "
                f"takes may be of no label at all, so less than {SURE_ENOUGH:g} is never clear.",
                None,
            )
        )
    if report.condition is not None:
        told.append(
            (
                f"Reports correct for its mistakes: the condition number of its confusion is {report.condition:.2f}.",
                None,
            )
        )
    elif report.not_inverted:
        told.append((report.not_inverted, None))
    return told


def _of_sources(card: CalibrationCard) -> str:
    """Of how many recordings the clips are."""
    same = card.groups == sum(card.clips)
    return ", each of a recording of its own" if same else f" of {card.groups} recordings"


def _card(card: CalibrationCard) -> Said:
    after = f", as they are and after the codec of {card.through}" if card.through else ""
    total = sum(map(sum, card.record.counts))
    right = sum(row[at] for at, row in enumerate(card.record.counts))
    return [
        (
            f"{right} of {total} clear answers are right, and its probabilities are off by "
            f"{100 * card.error_after:.1f} percentage points on average (ECE; before, {100 * card.error_before:.1f}; "
            f"0 would be perfect). Made {card.made} from {_clips(sum(card.clips))}{_of_sources(card)}{after}.",
            "observed",
        ),
        (
            f"A label counts as clearly heard from a probability of {card.threshold:.2f} on. To make probabilities "
            f"true, the judge's scores are divided by {card.temperature:.3g} (temperature); what labels get in mere "
            f"noise is {'taken off (bias)' if card.bias else 'not taken off (no bias)'}; it hears by "
            f"{'a classifier trained on the clips (probe)' if card.probed else 'the names of labels (no probe)'}.",
            None,
        ),
    ]


# --- tables -----------------------------------------------------------------------------------------------------------


def _pairs(card: CalibrationCard) -> Table:
    """What it mishears, the most frequent first."""
    labels = card.judge.labels
    found = [
        (count, labels[row], labels[column], sum(counts))
        for row, counts in enumerate(card.record.counts)
        for column, count in enumerate(counts)
        if count and row != column
    ]
    rows = tuple((label, heard, f"{count} of {of}") for count, label, heard, of in sorted(found, reverse=True))
    return Table(("clips of", "heard as", "clips"), rows, lead=LEAD_LABELS, title="What it mishears")


def _worst(report: CalibrationReport) -> Table:
    rows = sorted((row for row in report.labels if row.mistaken_for), key=lambda row: row.right.value)[:5]
    return Table(
        ("clips of", "heard rightly", "mistaken most for"),
        tuple((row.label, _share(row.right), _mistaken(row.mistaken_for)) for row in rows),
        title="What it mishears most",
    )


def _mistaken(pair: tuple[str, int] | None) -> str:
    return f"{pair[0]} ({pair[1]})" if pair else "–"


def _labels(report: CalibrationReport) -> Table:
    rows = tuple(
        (
            row.label,
            row.family,
            str(row.clips),
            _share(row.right),
            str(row.abstained or "–"),
            _mistaken(row.mistaken_for),
        )
        for row in report.labels
    )
    columns = ("label", "family", "clips", "heard rightly, of clear ones", "not clear", "mistaken most for")
    return Table(columns, rows, tuple(row.badge for row in report.labels), lead=LEAD_LABELS)


def _matrix(card: CalibrationCard) -> Matrix:
    """Labels that have clips, by all that are heard."""
    labels, table = card.judge.labels, card.record.counts
    rows = [at for at, count in enumerate(card.clips) if count]
    columns = [at for at in range(len(labels)) if at in rows or any(table[row][at] for row in rows)]
    cells = tuple(tuple(_cell(labels, table[row], row, column) for column in columns) for row in rows)
    return Matrix(
        "Clips by what they are (rows) and what is clearly heard in them (columns)",
        "is ↓ heard →",
        tuple(labels[row] for row in rows),
        tuple(labels[column] for column in columns),
        cells,
    )


def _cell(labels: Sequence[str], counts: Sequence[int], row: int, column: int) -> MatrixCell:
    count, total = counts[column], sum(counts)
    if not count:
        return MatrixCell(wanted=row == column)
    told = f"{count} of {total} clear clips of {labels[row]} are heard as {labels[column]}"
    sure = share(count, total).low > 0.1 and row != column
    return MatrixCell(str(count), count / max(total, 1), told, row == column, sure)


def _skipped(card: CalibrationCard) -> View | None:
    if not card.skipped:
        return None
    rows = tuple((clip.name, clip.reason) for clip in card.skipped)
    reasons = Counter(clip.reason for clip in card.skipped)
    told = "; ".join(f"{count} {reason}" for reason, count in reasons.most_common(4))
    title = f"{_clips(len(rows))} left out"
    return View("left_out", title, [(f"{told}.", None)], [Table(("file", "why"), rows, lead=LEAD_SKIPPED)])


def _provenance(report: CalibrationReport) -> View:
    card, asked = report.calibration, report.settings
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    parts = f"in {report.folds} parts that share none" if report.folds else "too few to hold any out"
    told = [
        f"Judge {report.judge.name} ({report.judge.description}, weights {card.judge.weights}), "
        f"{len(card.judge.labels)} labels in {len(card.judge.wordings)} wordings.",
        f"{card.groups} sources, {SOURCES[report.sources]}, {parts}. Clips {card.digest}.",
        f"Bias {asked.bias}, temperature {asked.temperature}, probe {'yes' if asked.probe else 'no'}, at most "
        f"{asked.error:.0%} wrong.",
        f"Kept in {report.stored}." if report.stored else "Not kept.",
        f"Made {report.made} with {versions}. Schema {report.schema_version}.",
    ]
    return View("provenance", "How this was made", [(text, None) for text in told], depth="numbers")
