"""The view of denoising time: in which denoising steps the set matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.report import plots
from tonescope.diagnose.report.view import Table, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.schema import Badge, Diagnosis, GroupTest, StepCut, Trial

NOTE = (
    "A diffusion model goes over the whole take in every denoising step, from noise to sound; this is not the time in "
    "the take."
)


def view(diagnosis: Diagnosis, test: GroupTest) -> View | None:
    """How many takes turn where the set is muted in a part of the steps; ``None`` where there are no steps."""
    cuts = diagnosis.drivers.step_cuts
    if not cuts:
        return None
    rows: list[tuple[str, Trial]] = [("in all steps", test.muted)]
    rows += [(f"from step {cut.step} on", cut.from_on) for cut in cuts]
    rows += [(f"until step {cut.step}", cut.until) for cut in cuts]
    table = Table(
        (f"muted, of {cuts[0].steps} steps", "takes that stop being so"),
        tuple((name, _counted(trial)) for name, trial in rows),
        (test.badge, *(trial.badge for _, trial in rows[1:])),
    )
    said = when(test, cuts)
    told: list[tuple[str, Badge | None]] = [*([said] if said else []), (NOTE, None)]
    drawn = [plots.step_cuts(diagnosis, test)] if any(trial.flippable for _, trial in rows) else ()
    return View("denoising_time", "When in the denoising it matters", told, [table], drawn)


def _counted(trial: Trial) -> str:
    return f"{trial.flips} of {trial.flippable}" + ", sound broke" * trial.sound.broke


def _turns(trial: Trial) -> bool:
    return not trial.sound.broke and 2 * trial.flips >= max(1, trial.flippable)


def when(test: GroupTest, cuts: Sequence[StepCut]) -> tuple[str, Badge] | None:
    """In which steps muting is enough, in a sentence; ``None`` where the set turns nothing, or the sound broke
    everywhere."""
    usable = [cut for cut in cuts if not (cut.from_on.sound.broke and cut.until.sound.broke)]
    if not test.turns or not usable:
        return None
    steps = usable[0].steps
    early = next((cut for cut in usable if _turns(cut.until)), None)
    late = next((cut for cut in reversed(usable) if _turns(cut.from_on)), None)
    if early and late and early.step <= late.step:
        sentence = (
            f"It can be taken away early or late: muted in the first {early.step} of {steps} denoising steps alone, "
            f"{_share(early.until)} turn back, and muted from step {late.step} on, {_share(late.from_on)}."
        )
        return sentence, early.until.badge
    if early:
        sentence = (
            f"It is decided early in the denoising: muted in the first {early.step} of {steps} steps alone, "
            f"{_share(early.until)} turn back."
        )
        return sentence, early.until.badge
    if late:
        sentence = (
            f"It is decided late in the denoising: muted from step {late.step} of {steps} on, and not before, "
            f"{_share(late.from_on)} turn back."
        )
        return sentence, late.from_on.badge
    first = usable[-1]
    sentence = (
        f"It needs the whole denoising: muted in the first {first.step} of {steps} steps, {_share(first.until)} turn "
        f"back, and muted in the others, {_share(first.from_on)}."
    )
    return sentence, first.until.badge


def _share(trial: Trial) -> str:
    return f"{trial.flips} of {trial.flippable} takes"
