"""Steering for a prompt that no rewrite repairs: the set of causes that a diagnosis finds, multiplied while takes are
played, beside as many random units multiplied alike, in fresh takes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from tonescope.diagnose.context import SeedPlan
from tonescope.diagnose.intervene.controls import matched_group
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.verification import Outcome, Variant, verify
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.repair.steering import Steering
from tonescope.diagnose.repair.suggest_schema import FIXED, SteeringTrial, Suggestion
from tonescope.diagnose.repair.suggestion import BLOCK, SuggestEvidence
from tonescope.diagnose.schema import Contrast
from tonescope.diagnose.stats import Share, effect, share
from tonescope.models.generator import Takes
from tonescope.models.units import Location, Unit

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.job import Watch
    from tonescope.diagnose.runtime.session import Session

DOSES = (0.0, 0.5, 1.5, 2.0)
CHOSEN_IN, PROVEN_IN = 4, 8  # takes in which the dose is chosen, and fresh ones in which it is told
TARGETS = tuple[Unit | Location, ...]


def with_steering(
    session: Session, request: Request, found: Suggestion, evidence: SuggestEvidence, watch: Watch
) -> tuple[Suggestion, SuggestEvidence]:
    """The suggestion with a steering, or with why there is none.

    Raises:
        TonescopeError: see :meth:`tonescope.diagnose.runtime.session.Session.diagnose`.
    """
    diagnosis, _ = session.diagnose(request.prompt, request.settings, intended=found.intended, progress=watch.progress)
    group = diagnosis.drivers.group
    names = group.names if group is not None and group.convincing else []
    if not names:
        told = "No set of units was found that surely does it, so there is nothing to steer by."
        return _added(found, evidence, SteeringTrial(told=told), {})
    if any(name.startswith("text.") for name in names):
        told = "What does it lies in the text encoder, which is not steered: the words are the place to change."
        return _added(found, evidence, SteeringTrial(told=told), {})
    targets = tuple(session.generator.unit(name) if ":" in name else session.generator.location(name) for name in names)
    return _added(found, evidence, *_measured(session, request, found, targets))


def _added(
    found: Suggestion, evidence: SuggestEvidence, trial: SteeringTrial, sounds: dict[str, Takes]
) -> tuple[Suggestion, SuggestEvidence]:
    evidence.steering = trial
    evidence.sounds |= sounds
    return found.model_copy(update={"steering": trial}), evidence


def _measured(
    session: Session, request: Request, found: Suggestion, targets: TARGETS
) -> tuple[SteeringTrial, dict[str, Takes]]:
    """The best dose of a few, chosen in some takes and told of others."""
    settings = request.normalized(session.generator).settings
    context = session.context(settings)
    seeds, asked = SeedPlan(settings.seed, BLOCK), Contrast(target=found.intended)
    assert context.means is not None
    sites = {(target.location if isinstance(target, Unit) else target).site.key for target in targets}
    activity = context.means.activity(session.generator, *sites)

    def variant(name: str, units: TARGETS, dose: float) -> Variant:
        return Variant(name, Edit(units, "scale", dose))

    chosen_in = seeds.round(2)[:CHOSEN_IN]
    variants = [variant(f"times:{dose:g}", targets, dose) for dose in DOSES]
    played = verify(context, asked, request.prompt, chosen_in, variants, strict=False)
    doses = {name.partition(":")[2]: _matched(played.outcomes[name], found.intended) for name in played.outcomes}
    best = max(DOSES, key=lambda dose: (doses[f"{dose:g}"].count, -abs(dose - 1)))
    proven_in = seeds.round(3)[:PROVEN_IN]
    random = tuple(matched_group(targets, activity, settings.seed))
    fresh = [variant("steered", targets, best), *([variant("random_steered", random, best)] if random else [])]
    told = verify(context, asked, request.prompt, proven_in, fresh, strict=False)
    steered = told.outcomes["steered"]
    before, after = _matched(told.clean, found.intended), _matched(steered, found.intended)
    control = _matched(told.outcomes["random_steered"], found.intended) if random else None
    sounds: dict[str, Takes] = {"steered": steered.takes}
    trial = SteeringTrial(
        told=_told(found, best, before, after, control),
        doses=doses,
        random_doses={f"{best:g}": control} if control else {},
    )
    if after.count <= before.count or (control is not None and after.count <= control.count):
        return trial, sounds
    sound = told.trial("steered").sound
    steering = Steering(
        made=date.today().isoformat(),
        model=session.generator.name,
        generator=session.generator.fingerprint(),
        units=[str(target) for target in targets],
        factor=best,
        prompt=request.prompt,
        intended=found.intended,
        matched=after,
        before=before,
        random=control,
        effect=effect(told.change("steered")),
        ruined=int(steered.broke.sum()),
        spectrum_db=sound.spectrum_db,
    )
    return trial.model_copy(update={"steering": steering}), sounds


def _matched(outcome: Outcome, intended: str) -> Share:
    """Takes heard as meant whose sound is intact."""
    rows = zip(outcome.heard, outcome.broke.tolist(), strict=True)
    return share(sum(label == intended and not broke for label, broke in rows), len(outcome.heard))


def _told(found: Suggestion, dose: float, before: Share, after: Share, control: Share | None) -> str:
    how = "muted" if dose == 0 else f"multiplied by {dose:g}"
    random = f", with random units in {control}" if control else ""
    words = found.best.matched if found.best else None
    prompt_only = f" The best rewrite alone: {words}." if words else ""
    works = (
        "Steering plays"
        if after.value >= FIXED
        else "Steering is no repair, but plays"
        if after.count
        else ("Steering does not bring")
    )
    return (
        f"{works} {found.intended}: the units that cause it {how}, it is heard in {after} fresh takes, without in "
        f"{before}{random}.{prompt_only} This changes the model, not the prompt."
    )
