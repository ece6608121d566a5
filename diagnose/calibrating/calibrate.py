"""Calibrating a judge: hear clips of known labels, fit, measure on clips that had no part in it, keep what follows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
from torch import Tensor

from tonescope.diagnose.calibrating import reliability
from tonescope.diagnose.calibrating.calibrate_schema import (
    CalibrationReport,
    CalibrationSettings,
    CoverageRow,
    LabelRow,
    ReliabilityBin,
)
from tonescope.diagnose.calibrating.calibration_store import keep
from tonescope.diagnose.calibrating.fitting import Examples, Fit, FitOptions, fit
from tonescope.diagnose.calibrating.heard_clips import HeardClips, hear_labelled, hear_neutral, two_towers
from tonescope.diagnose.calibrating.labelled_clips import LabelledClips, check_enough, read_labelled
from tonescope.diagnose.genre_statistics.judge_correction import clip_counts, condition, why_too_poor
from tonescope.diagnose.jobs.calibrate_job import JOB, CalibrateParameters
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.parameters import made
from tonescope.diagnose.judging.verdict import SURE_ENOUGH
from tonescope.diagnose.runtime.judge_session import JudgeSession
from tonescope.diagnose.stats import share
from tonescope.diagnose.store import provenance
from tonescope.models import loading
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.fitted_calibration import FILE, CalibrationCard, FittedCalibration, SkippedClip
from tonescope.models.judges.two_towers import TwoTowers

HEARING = 0.9  # of the whole
USEFUL_CLIPS = 10  # of a label
CHANCE = "a judge that hears no better than chance would hear worse with it than without"
SHOWN_POINTS = 60  # of the curve of risk and coverage


@dataclass
class CalibrationEvidence:
    """What is behind a report: the calibration itself, to be kept beside it."""

    fitted: FittedCalibration
    markdown = True

    def save(self, folder: Path) -> None:
        """Write it into the folder of the report, to be named with ``--calibration``."""
        self.fitted.save(folder / FILE)


def calibrate_judge(
    session: JudgeSession,
    folder: str | Path,
    *,
    options: FitOptions = FitOptions(),
    error: float = 0.1,
    through: str | None = None,
    keeps: bool = True,
    watch: Watch | None = None,
) -> tuple[CalibrationReport, CalibrationEvidence]:
    """Calibrate a judge on a folder of clips of known labels; it hears as calibrated from then on.

    Args:
        session: the judge.
        folder: a folder for each label, or a metadata file; see
            :mod:`tonescope.diagnose.calibrating.labelled_clips`.
        options: what is fitted.
        error: the share of clear answers that may be wrong.
        through: the name of a generator whose codec the clips pass as well.
        keeps: whether it is kept for this judge, and used from then on whenever it is opened; one of a judge that may
            hear no better than chance is not.
        watch: who watches.

    Raises:
        TonescopeError: it cannot be done; the message says why.
    """
    asked = {**vars(options), "folder": Path(folder), "error": error, "through": through}
    parameters = made(CalibrateParameters, asked)
    JOB.check(parameters)
    report, evidence = make_calibration(session, parameters, watch or Watch(), keeps=keeps)
    two_towers(session.judge).calibrate(evidence.fitted)
    return report, evidence


def make_calibration(
    session: JudgeSession, parameters: CalibrateParameters, watch: Watch, *, keeps: bool = True
) -> tuple[CalibrationReport, CalibrationEvidence]:
    """Hear, fit, measure, keep. The judge of the session, which others may be using, stays as it is.

    Raises :class:`TonescopeError`.
    """
    judge = copy(two_towers(session.judge))
    judge.forget_fitted()
    clips = read_labelled(parameters.folder, session.taxonomy)
    started = time.perf_counter()
    heard = _heard(judge, clips, parameters.through, watch)
    spent = {"listen": round(time.perf_counter() - started, 3)}
    examples = _examples(judge, heard)
    options = FitOptions(parameters.bias, parameters.temperature, parameters.probe)
    started = time.perf_counter()
    found = fit(examples, options)
    measured = _Measured.of(judge, clips, heard, examples, found, parameters)
    fitted = FittedCalibration(measured.card, found.probe)
    spent["fit"] = round(time.perf_counter() - started, 3)
    judge.calibrate(fitted)
    report = measured.report(session)
    if keeps:
        report.stored, refused = (None, CHANCE) if _by_chance(report) else _kept(fitted)
    else:
        refused = ""
    report.caveats = _caveats(report, clips, refused)
    report.timings = spent
    if watch.progress:
        watch.progress("done", 1.0)
    return report, CalibrationEvidence(fitted)


def _by_chance(report: CalibrationReport) -> bool:
    """Whether the judge may hear the labels no better than chance; such a calibration is not kept."""
    return report.accuracy.low <= 1 / len(report.labels)


def _kept(fitted: FittedCalibration) -> tuple[str | None, str]:
    """The file that it is kept in, or why it is in none."""
    try:
        return str(keep(fitted)), ""
    except TonescopeError as error:
        return None, str(error).rstrip(".")


def _heard(judge: TwoTowers, clips: LabelledClips, through: str | None, watch: Watch) -> HeardClips:
    generator = None if through is None else loading.load_generator(through, str(judge.device))
    total, started = len(clips.clips), time.perf_counter()

    def told(name: str, place: int) -> None:
        if watch.progress:
            watch.progress(f"listen to {name} ({place + 1} of {total})", HEARING * place / total)
        if place:
            watch.expect((time.perf_counter() - started) / place * (total - place))

    found = hear_labelled(judge, clips.clips, generator, told)
    check_enough(
        LabelledClips(clips.folder, found.clips, (*clips.left_out, *found.left_out), clips.sources)
    )  # of those that could be heard
    return found


def _examples(judge: TwoTowers, heard: HeardClips) -> Examples:
    """Every clip as it is and, where it passed a codec, after that: two rows of one source."""
    parts = [heard.clean] if heard.coded is None else [heard.clean, heard.coded]
    right = torch.tensor([judge.labels.index(clip.label) for clip in heard.clips])
    embeddings = torch.cat(parts)
    return Examples(
        embeddings=embeddings,
        similarity=_similarity(judge, embeddings),
        right=right.repeat(len(parts)),
        sources=tuple(clip.source for clip in heard.clips) * len(parts),
        neutral=_similarity(judge, hear_neutral(judge)),
        own=judge.calibration,
    )


@torch.no_grad()
def _similarity(judge: TwoTowers, embeddings: Tensor) -> Tensor:
    return judge.label_similarity(embeddings.to(judge.device, judge.dtype)).float().cpu()


@dataclass(frozen=True)
class _Measured:
    """A judge's hearing in held-out clips, without and with what was fitted."""

    judge: TwoTowers
    examples: Examples
    found: Fit
    before: Tensor
    curve: Sequence[reliability.CoveragePoint]
    card: CalibrationCard
    settings: CalibrationSettings
    sources: str

    @classmethod
    def of(
        cls,
        judge: TwoTowers,
        clips: LabelledClips,
        heard: HeardClips,
        examples: Examples,
        found: Fit,
        parameters: CalibrateParameters,
    ) -> _Measured:
        labels, right, after = len(judge.labels), examples.right, found.probabilities
        with torch.no_grad():
            before = judge.scores(examples.embeddings.to(judge.device, judge.dtype)).softmax(1).float().cpu()
        curve = reliability.coverage_curve(after, right)
        measured = reliability.abstention_threshold(curve, len(right), parameters.error)
        # Takes may be of no label at all, which these clips never are: less than this is never clear.
        threshold = max(SURE_ENOUGH, measured or 0.0)
        clear, count = after.max(1).values >= threshold, len(heard.clips)

        def table(rows: slice) -> tuple[tuple[int, ...], ...]:
            sure = clear[rows]
            return reliability.confusion(after[rows].argmax(1)[sure], right[rows][sure], labels)

        last = slice(len(right) - count, len(right))  # of what the codec left, where there is one
        unsure = torch.bincount(right[last][~clear[last]], minlength=labels)
        card = CalibrationCard(
            judge=judge.identity,
            made=date.today().isoformat(),
            versions=provenance.versions(),
            source=clips.folder,
            digest=LabelledClips(clips.folder, heard.clips, (), clips.sources).digest,
            through=parameters.through,
            temperature=found.temperature,
            bias=found.bias,
            probed=found.probe is not None,
            clean=table(slice(0, count)),
            reconstructed=() if heard.coded is None else table(last),
            abstained=tuple(unsure.tolist()),
            threshold=threshold,
            measured_threshold=measured,
            target_error=parameters.error,
            error_before=min(1.0, reliability.calibration_error(before, right)),
            error_after=min(1.0, reliability.calibration_error(after, right)),
            accuracy_before=float((before.argmax(1) == right).float().mean()),
            accuracy_after=float((after.argmax(1) == right).float().mean()),
            clips=tuple(torch.bincount(right[last], minlength=labels).tolist()),
            groups=len({clip.source for clip in heard.clips}),
            skipped=tuple(SkippedClip(name=name, reason=why) for name, why in (*clips.left_out, *heard.left_out)),
        )
        settings = CalibrationSettings(
            bias=parameters.bias,
            temperature=parameters.temperature,
            probe=parameters.probe,
            error=parameters.error,
        )
        return cls(judge, examples, found, before, curve, card, settings, clips.sources)

    def report(self, session: JudgeSession) -> CalibrationReport:
        """Everything but caveats, times, and where it is kept."""
        right, after, before = self.examples.right, self.found.probabilities, self.before
        last = slice(len(right) - sum(self.card.clips), None)  # each clip once: after the codec, where there is one
        hit, hit_before = after.argmax(1) == right, before.argmax(1) == right
        clear = after.max(1).values[last] >= self.card.threshold
        rows = self._labels(session)
        measured = tuple(row.label for row in rows)
        counted = clip_counts(self.card.record, measured)
        poor = why_too_poor(counted, measured)
        return CalibrationReport(
            made=self.card.made,
            versions=self.card.versions,
            judge=provenance.of_judge(self.judge),
            settings=self.settings,
            calibration=self.card,
            stored=None,
            sources=self.sources,  # type: ignore[arg-type]
            folds=self.found.folds,
            labels=rows,
            unmeasured=len(self.judge.labels) - len(rows),
            bias_gain=self.found.bias_gain,
            accuracy=share(int(hit[last].sum()), sum(self.card.clips)),
            accuracy_before=share(int(hit_before[last].sum()), sum(self.card.clips)),
            clear=share(int(hit[last][clear].sum()), int(clear.sum())),
            condition=None if counted is None or poor else condition(counted),
            not_inverted=poor,
            reliability=[ReliabilityBin(**vars(each)) for each in reliability.reliability(after, right)],
            reliability_before=[ReliabilityBin(**vars(each)) for each in reliability.reliability(before, right)],
            coverage=_thinned([CoverageRow(**vars(point)) for point in self.curve]),
            caveats=[],
        )

    def _labels(self, session: JudgeSession) -> list[LabelRow]:
        table, card = self.card.record.counts, self.card
        rows = []
        for at, label in enumerate(self.judge.labels):
            if not card.clips[at]:
                continue
            others = [(count, self.judge.labels[to]) for to, count in enumerate(table[at]) if to != at and count]
            most = max(others, key=lambda pair: pair[0], default=None)
            rows.append(
                LabelRow(
                    label=label,
                    family=session.taxonomy.family(label),
                    clips=card.clips[at],
                    right=share(table[at][at], sum(table[at])),
                    abstained=card.abstained[at],
                    mistaken_for=(most[1], most[0]) if most else None,
                )
            )
        return rows


def _thinned(points: list[CoverageRow]) -> list[CoverageRow]:
    if len(points) <= SHOWN_POINTS:
        return points
    step = (len(points) - 1) / (SHOWN_POINTS - 1)
    return [points[round(at * step)] for at in range(SHOWN_POINTS)]


def _caveats(report: CalibrationReport, clips: LabelledClips, refused: str) -> list[str]:
    """What a reader has to know before believing it."""
    card, told = report.calibration, []
    few = [row.label for row in report.labels if row.clips < USEFUL_CLIPS]
    if few:
        more = f" and {len(few) - 3} more" if len(few) > 3 else ""
        told.append(
            f"{', '.join(few[:3])}{more} {'has' if len(few) == 1 else 'have'} fewer than {USEFUL_CLIPS} clips, so how "
            "often they are misheard is hardly known."
        )
    if report.unmeasured:
        never = " and is never heard now" if card.probed else ""
        count = report.unmeasured
        told.append(
            f"{count} of {len(card.judge.labels)} labels of the judge {'has' if count == 1 else 'have'} no clip, so "
            f"how often {'it is' if count == 1 else 'they are'} misheard stays unknown{never}; --labels names fewer."
        )
    if _by_chance(report):
        told.append(
            f"It hears these {len(report.labels)} labels no better than chance, so nothing that it hears means much; "
            f"{'name another judge' if card.probed else 'name another judge, or train a probe (--probe)'}."
        )
    if not report.folds:
        told.append(
            "All clips are of one source, so everything was measured on the very clips that it was fitted on, which "
            "flatters it."
        )
    if clips.sources == "own":
        told.append(
            "What clips are cut from one recording is not known, so each counts as a source of its own; parts of one "
            "song flatter what is measured (a column called source in metadata.csv says it)."
        )
    if card.measured_threshold is None:
        told.append(
            f"Above no probability are only {card.target_error:.0%} of the answers wrong, so a label counts as clearly "
            f"heard from {card.threshold:g} on, as without a calibration."
        )
    if card.measured_threshold is not None:
        told.append(
            f"From which probability on a label counts as clearly heard ({card.threshold:g}) was chosen on the same "
            "clips that its clear answers are counted on, so new sound may be misheard a little more often."
        )
    if card.through is None:
        told.append(
            "The clips were heard as they are; takes have passed a codec, after which a judge may mishear more "
            "(--through names the generator)."
        )
    if refused:
        told.append(f"It is not kept for the next time: {refused}.")
    return told
