"""Steering for a prompt that no rewrite repairs: the set of causes that a diagnosis finds, multiplied while takes are
played, beside as many random units multiplied alike, in fresh takes.

What is measured is what a file does: the weights that read the units are multiplied, at all positions.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from tonescope.diagnose.context import Context, SeedPlan
from tonescope.diagnose.intervene.controls import matched_group
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.verification import Outcome, Played, heard_beside, verify
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.repair.steering import Steering, steered
from tonescope.diagnose.repair.suggest_schema import FIXED, SteeringTrial, Suggestion, surely_more
from tonescope.diagnose.repair.suggestion import BLOCK, SuggestEvidence, ToldEarly, suggest
from tonescope.diagnose.schema import Contrast
from tonescope.diagnose.stats import Effect, Share, effect, share
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes
from tonescope.models.units import Location, Unit

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.job import Watch
    from tonescope.diagnose.runtime.session import Session

DOSES = (0.0, 0.5, 1.5, 2.0)
CHOSEN_IN, PROVEN_IN = 4, 8  # takes in which the dose is chosen, and fresh ones in which it is told
STEERED, RANDOM = "steered", "random_steered"
TARGETS = tuple[Unit | Location, ...]


def suggest_or_steer(
    session: Session,
    request: Request,
    watch: Watch,
    *,
    budget: int,
    steering: bool,
    told_early: ToldEarly = lambda intended, heard, takes: None,
) -> tuple[Suggestion, SuggestEvidence]:
    """Look for a better prompt, and with ``steering``, where no rewrite helps, for units to steer by; see
    :func:`~tonescope.diagnose.repair.suggestion.suggest`."""
    found, evidence = suggest(session, request, watch, budget=budget, told_early=told_early)
    if steering and found.conclusion in ("no better", "genre missing"):
        return with_steering(session, request, found, evidence, watch)
    return found, evidence


def with_steering(
    session: Session, request: Request, found: Suggestion, evidence: SuggestEvidence, watch: Watch
) -> tuple[Suggestion, SuggestEvidence]:
    """The suggestion with a steering, or with why there is none.

    Raises:
        TonescopeError: see :meth:`tonescope.diagnose.runtime.session.Session.diagnose`.
    """
    started = time.perf_counter()
    diagnosis, _ = session.diagnose(request.prompt, request.settings, intended=found.intended, progress=watch.progress)
    group = diagnosis.drivers.group
    names = group.names if group is not None and group.convincing else []
    if not names:
        trial = SteeringTrial(told="No set of units was found that surely does it, so there is nothing to steer by.")
        return _added(found, evidence, trial, {}, started)
    if any(name.startswith("text.") for name in names):
        told = "What does it lies in the text encoder, which is not steered: the words are the place to change."
        return _added(found, evidence, SteeringTrial(told=told), {}, started)
    targets = tuple(session.generator.unit(name) if ":" in name else session.generator.location(name) for name in names)
    try:
        trial, sounds = _measured(session, request, found, targets)
    except TonescopeError as error:
        trial, sounds = SteeringTrial(told=f"What does it cannot be steered by: {error}"), {}
    return _added(found, evidence, trial, sounds, started)


def _added(
    found: Suggestion, evidence: SuggestEvidence, trial: SteeringTrial, sounds: Mapping[str, Takes], started: float
) -> tuple[Suggestion, SuggestEvidence]:
    evidence.steering = trial
    evidence.sounds |= sounds
    spent = round(time.perf_counter() - started, 1)
    about = {"steering": trial, "takes": found.takes + trial.takes, "seconds": round(found.seconds + spent, 1)}
    return found.model_copy(update={**about, "timings": {**found.timings, "steering": spent}}), evidence


@dataclass(frozen=True)
class _Bench:
    """Where doses are played: ``context`` and ``prompt``, and the contrast that is ``asked`` about."""

    context: Context
    prompt: str
    asked: Contrast

    def played(self, seeds: Sequence[int], doses: Mapping[str, tuple[TARGETS, float]]) -> Played:
        """The takes of ``seeds`` as they are, and with each group of units multiplied, by name."""
        found = verify(self.context, self.asked, self.prompt, seeds, [], strict=False)
        for name, (units, factor) in doses.items():
            with steered(self.context.generator, units, factor):
                takes = play(self.context, [self.prompt] * len(seeds), seeds)
            found = heard_beside(self.context, found, name, takes)
        return found


def _measured(
    session: Session, request: Request, found: Suggestion, targets: TARGETS
) -> tuple[SteeringTrial, dict[str, Takes]]:
    """The best dose of a few, chosen in some takes and told of others. Raises :class:`TonescopeError` for units that no
    file can steer."""
    request = request.normalized(session.generator)
    settings, context = request.settings, session.context(request.settings)
    seeds, meant = SeedPlan(settings.seed, BLOCK), found.intended
    assert context.means is not None
    sites = {(target.location if isinstance(target, Unit) else target).site.key for target in targets}
    activity = context.means.activity(session.generator, *sites)
    bench = _Bench(context, request.prompt, Contrast(target=meant))
    chosen_in = seeds.round(2)[:CHOSEN_IN]
    tried = bench.played(chosen_in, {f"{dose:g}": (targets, dose) for dose in DOSES})
    doses = {name: _matched(outcome, meant) for name, outcome in tried.outcomes.items()}
    best = max(DOSES, key=lambda dose: (doses[f"{dose:g}"].count, -abs(dose - 1)))
    proven_in = seeds.round(3)[:PROVEN_IN]
    random = tuple(matched_group(targets, activity, settings.seed))
    told = bench.played(proven_in, {STEERED: (targets, best), **({RANDOM: (random, best)} if random else {})})
    result = told.outcomes[STEERED]
    before, after = _matched(told.clean, meant), _matched(result, meant)
    control = _matched(told.outcomes[RANDOM], meant) if random else None
    change = effect(told.change(STEERED))
    trial = SteeringTrial(
        told="",
        doses=doses,
        factor=best,
        before=before,
        after=after,
        random=control,
        effect=change,
        takes=len(chosen_in) * (1 + len(DOSES)) + len(proven_in) * (2 + bool(random)),
    )
    beaten = [
        *(["playing without it"] if not surely_more(after, before, change) else []),
        *(["random units multiplied alike"] if control and not _beats_random(told, after, control) else []),
    ]
    trial.told = _told(found, trial, beaten)
    sounds = {"unsteered": told.clean.takes, STEERED: result.takes}
    if beaten:
        return trial, sounds
    steering = Steering(
        made=date.today().isoformat(),
        model=session.generator.name,
        generator=session.generator.fingerprint(),
        units=[str(target) for target in targets],
        factor=best,
        prompt=request.prompt,
        intended=meant,
        matched=after,
        before=before,
        random=control,
        effect=change,
        ruined=int(result.broke.sum()),
        spectrum_db=told.trial(STEERED).sound.spectrum_db,
    )
    return trial.model_copy(update={"steering": steering}), sounds


def _beats_random(told: Played, after: Share, control: Share) -> bool:
    beside: Effect = effect(told.change(STEERED, RANDOM))
    return surely_more(after, control, beside)


def _matched(outcome: Outcome, intended: str) -> Share:
    """Takes heard as meant whose sound is intact."""
    rows = zip(outcome.heard, outcome.broke.tolist(), strict=True)
    return share(sum(label == intended and not broke for label, broke in rows), len(outcome.heard))


def _told(found: Suggestion, trial: SteeringTrial, beaten: Sequence[str]) -> str:
    """What steering does; ``beaten``, what it is surely no better than."""
    how = "muted" if trial.factor == 0 else f"multiplied by {trial.factor:g}"
    random = f", with random units in {trial.random}" if trial.random else ""
    prompt_only = f" The best rewrite alone: {found.best.matched}." if found.best else ""
    counts = (
        f"with the units that cause it {how}, it is heard in {trial.after} fresh takes, without in {trial.before}"
        f"{random}.{prompt_only} This changes the model, not the prompt."
    )
    if beaten:
        return f"Steering is not surely better than {' and '.join(beaten)} at playing {found.intended}: {counts}"
    works = "Steering plays" if trial.after and trial.after.value >= FIXED else "Steering is no repair, but plays more"
    return f"{works} {found.intended}: {counts}"
