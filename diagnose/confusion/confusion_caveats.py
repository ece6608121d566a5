"""What a reader of a confusion report has to know before believing it, in the order in which it matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tonescope.diagnose.confusion.confusion_schema import ConfusionReport
from tonescope.diagnose.jobs.caveats import MEASURED_SHARE, codec_caveat, foreign, foreign_caveat
from tonescope.diagnose.jobs.confusion_job import ConfusionParameters
from tonescope.diagnose.jobs.request import Models
from tonescope.diagnose.settings import USEFUL_TAKES
from tonescope.models import versions

Caveat = Callable[[ConfusionReport, Models, ConfusionParameters], str | None]


def _untested(*_: object) -> str | None:
    return versions.notice()


def _foreign(_: ConfusionReport, models: Models, __: ConfusionParameters) -> str | None:
    return f"{foreign_caveat(models)} Nothing is flagged." if foreign(models) else None


def _correction(report: ConfusionReport, _: Models, __: ConfusionParameters) -> str | None:
    return report.correction.reason


def _codec(_: ConfusionReport, models: Models, __: ConfusionParameters) -> str | None:
    return codec_caveat(models)


def _short(_: ConfusionReport, models: Models, parameters: ConfusionParameters) -> str | None:
    judge, seconds = models.judge, parameters.seconds
    if judge.record is None or seconds >= MEASURED_SHARE * judge.window_seconds:
        return None
    return (
        f"How often {judge.name} mishears was measured on {judge.window_seconds:g} s of music; in {seconds:g} s it "
        "hears less, and errs more than the report allows for."
    )


def _excluded(report: ConfusionReport, _: Models, __: ConfusionParameters) -> str | None:
    reasons: Counter[str] = Counter()
    for row in report.rows:
        reasons.update(row.excluded)
    if not reasons:
        return None
    told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    return f"{reasons.total()} of {report.work.takes} takes are left out of everything: {told}."


def _few(report: ConfusionReport, _: Models, parameters: ConfusionParameters) -> str | None:
    each = parameters.takes * parameters.wordings
    if each >= USEFUL_TAKES:
        return None
    return f"{each} take{'s' * (each != 1)} a genre give wide intervals; {USEFUL_TAKES} or more give useful ones."


def _wordings(report: ConfusionReport, _: Models, parameters: ConfusionParameters) -> str | None:
    if parameters.wordings == 1:
        return "Each genre was asked for in one wording; another may be played otherwise (--wordings 3)."
    return f"Intervals are over takes of these {parameters.wordings} wordings; other words may be played otherwise."


def _unexplained(report: ConfusionReport, _: Models, parameters: ConfusionParameters) -> str | None:
    left = len(report.flagged) - parameters.explain
    if left <= 0:
        return None
    return f"{left} further confusion{'s' * (left != 1)} {'was' if left == 1 else 'were'} not explained (--explain)."


def _half_precision(_: ConfusionReport, models: Models, __: ConfusionParameters) -> str | None:
    if models.generator.dtype.itemsize >= 4:
        return None
    return "The generator ran in half precision: the same take, played in another batch, may sound a little otherwise."


def _damaged(report: ConfusionReport, _: Models, __: ConfusionParameters) -> str | None:
    count = report.work.damaged
    return (
        f"{count} file{'s' * (count != 1)} of earlier takes were damaged and set aside; these takes were played again."
        if count
        else None
    )


CAVEATS: tuple[Caveat, ...] = (
    _untested,
    _foreign,
    _correction,
    _codec,
    _short,
    _excluded,
    _few,
    _wordings,
    _unexplained,
    _half_precision,
    _damaged,
)


def confusion_caveats(report: ConfusionReport, models: Models, parameters: ConfusionParameters) -> list[str]:
    """Every sentence that applies."""
    return [told for caveat in CAVEATS if (told := caveat(report, models, parameters))]
