"""The main job: a prompt goes in; what is heard, and what drove it, first estimated and then tested, comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

from torch import Tensor

from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.integrated_gradients import two_point_integrated_gradients
from tonescope.diagnose.attribution.jacobi_prediction import predicted_changes
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.attribution.time_occlusion import Timeline, by_second
from tonescope.diagnose.attribution.tracks import with_tracks
from tonescope.diagnose.causes.interchange import other_prompts
from tonescope.diagnose.causes.muting_trials import Group, MutingTrials
from tonescope.diagnose.causes.screening import Screening, screened_sites
from tonescope.diagnose.causes.search import search_causes
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.verification import Played, check_distinct, verify
from tonescope.diagnose.jobs import further_takes
from tonescope.diagnose.jobs.caveats import Found, caveats
from tonescope.diagnose.jobs.contrasting import compared, judged
from tonescope.diagnose.jobs.evidence import Evidence
from tonescope.diagnose.jobs.interchange_to_verify import interchange_to_verify, too_large_to_put_in
from tonescope.diagnose.jobs.request import Models, Request
from tonescope.diagnose.jobs.setting_suspects import recommended_settings, setting_suspects
from tonescope.diagnose.jobs.strongest_units import MORE_BLOCKS, muted_in_rounds
from tonescope.diagnose.jobs.verification_plan import Estimates, Interchange, Plan, rows_at_most, words_to_predict
from tonescope.diagnose.jobs.verification_results import Reading, Results
from tonescope.diagnose.judging.audio_quality import lost_takes_caveat
from tonescope.diagnose.judging.blame import Finding, bare_word, place_blame
from tonescope.diagnose.judging.exclusions import with_exclusions
from tonescope.diagnose.judging.intent import Intent, read_intent
from tonescope.diagnose.judging.judge_agreement import Agreement
from tonescope.diagnose.judging.reference_clips import clip_caveats, hear_clips
from tonescope.diagnose.judging.verdict import Heard, Verdict
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.lyrics import phrases_of_song, tags_of
from tonescope.diagnose.prompts.phrases import Phrase
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.progress import Clock, Progress, Stage
from tonescope.diagnose.schema import Contrast, Cost, Diagnosis, Drivers, ReferenceClips
from tonescope.diagnose.store import provenance
from tonescope.diagnose.store.traces import LIMIT, Extent, check_size, steps_of
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes
from tonescope.models.judges.listening import finite_takes, posterior

ATTRIBUTED_AT_ONCE = 4
OTHER_PROMPTS = 3  # that are tried to put activations into

Announce = Callable[[Verdict, Takes], None]
"""Called with the verdict and the takes it is of, long before what drove it is known."""
HandOut = Callable[[Takes], None]
"""Called with the takes as soon as they are there, before anybody has listened to them."""


@dataclass
class _Run:
    """What is known so far; each stage adds to it."""

    request: Request
    models: Models
    context: Context
    intent: Intent
    words: Sequence[Phrase]
    tokens: int
    clock: Clock
    announce: Announce | None = None
    hand_out: HandOut | None = None
    notes: list[str] = field(default_factory=list)

    fits: memory.Playing = field(init=False)
    takes: Takes = field(init=False)
    posterior: Tensor = field(init=False)
    timeline: Timeline = field(init=False)
    heard: Heard = field(init=False)
    verdict: Verdict = field(init=False)
    contrast: Contrast = field(init=False)
    agreement: Agreement | None = None
    clips: ReferenceClips | None = None
    found: Attribution = field(init=False)
    cost: Cost = field(init=False)
    estimates: Estimates = field(init=False)
    played: Played = field(init=False)
    results: Results = field(init=False)

    @property
    def rows_at_most(self) -> int:
        """How many takes are played to verify, at most."""
        return rows_at_most(self.request.settings, steps_of(self.models.generator))

    @property
    def playing_bytes(self) -> float:
        """What playing at full batches takes."""
        return self.fits.each * min(self.fits.rows, self.rows_at_most)


def diagnose(
    request: Request,
    models: Models,
    means: MeanActivations,
    *,
    progress: Progress | None = None,
    announce: Announce | None = None,
    hand_out: HandOut | None = None,
) -> tuple[Diagnosis, Evidence]:
    """Diagnose one prompt, stage by stage (:data:`STAGES`).

    Raises:
        TonescopeError: the request cannot be met; the message says why.
    """
    request = request.normalized(models.generator)
    request.check(models)
    generator, judge = models.generator, models.judge
    context = Context(generator, judge, means, request.sampling, request.settings.seconds)
    text = generator.read_text([request.prompt], request.settings.seconds)
    stages = [stage for stage in STAGES if not (request.settings.quick and stage[0] in NOT_QUICK)]
    run = _Run(
        request,
        models,
        context,
        intent=read_intent(tags_of(request.prompt, text), judge, models.taxonomy, request.intended),
        words=phrases_of_song(request.prompt, text),
        tokens=text.mask.shape[1],
        clock=Clock({name: share for name, share, _ in stages}, progress),
        announce=announce,
        hand_out=hand_out,
    )
    run.fits = _fits(run)
    run.context = run.context.with_batches(
        played=run.fits.rows, workers=run.fits.workers, source_bytes=run.fits.for_sources
    )
    for name, _, work in stages:
        with run.clock.stage(name) as stage:
            work(run, stage)
    if progress:
        progress("done", 1.0)
    return _conclude(run), Evidence(run.takes, run.found, run.posterior, judge.labels, run.timeline, run.played)


# --- stages ---------------------------------------------------------------------------------------------------------


def _generate(run: _Run, stage: Stage) -> None:
    """Play the takes to explore. Those that are not made of numbers are left out, and named."""
    request, seeds = run.request, run.request.seeds.explore
    stage.note(run.fits.each * min(run.fits.rows, len(seeds)))
    takes = play(run.context, [request.prompt] * len(seeds), seeds, advance=stage)
    sound = finite_takes(takes.waveform)
    if not bool(sound.any()):
        raise TonescopeError(
            f"no take of {run.models.generator.name} is made of numbers; load the model in float32 (half precision "
            "overflows) "
            "or check its weights."
        )
    if lost := lost_takes_caveat(takes.seeds, sound):
        run.notes.append(lost)
        takes = takes.pick(sound.nonzero()[:, 0].tolist())
    check_distinct(takes)
    run.takes = takes
    if run.hand_out:
        run.hand_out(takes)


def _fits(run: _Run) -> memory.Playing:
    """How to play in the memory there is, beside the trace. Raises :class:`TonescopeError` where that cannot be."""
    request, generator, settings = run.request, run.models.generator, run.request.settings
    fits = memory.playing(run.context, run.tokens, run.rows_at_most, settings.memory_gib)
    if request.trace is None:
        return fits
    extent = Extent(len(request.seeds.explore), generator.frames(request.settings.seconds), run.tokens)
    places, limit = generator.locations(*screened_sites(generator)), min(LIMIT, fits.allowed.bytes)
    size = check_size(run.context, extent, places, request.trace, limit=limit)
    return replace(fits, allowed=fits.allowed.without(size, "the trace"))


def _listen(run: _Run, _: Stage) -> None:
    """What is heard, the verdict, and the contrast that follows from it."""
    models, context, request = run.models, run.context, run.request
    run.posterior = posterior(models.judge, run.takes.waveform, context.rate)
    run.heard, run.verdict, run.contrast = judged(run.intent, run.posterior, models, request.foil(models))
    if run.announce:
        run.announce(run.verdict, run.takes)
    # What comes after the verdict can wait until it is told.
    run.timeline = Timeline.listen(models.judge, run.takes, context.rate, context.seconds)
    run.agreement = compared(run.takes.waveform, context.rate, run.posterior, run.takes.seeds, models)
    if request.clips:
        run.clips = hear_clips(request.clips, models.generator, models.judge, context.seconds)


def _attribute(run: _Run, stage: Stage) -> None:
    """Estimate every unit, the strongest more closely where that is asked."""
    request, settings, judge, contrast = run.request, run.request.settings, run.models.judge, run.contrast
    once = margin(judge, contrast.target, contrast.foil)
    size, each = memory.attribution_rows(
        run.context, request.prompt, once, allowed=run.fits.allowed, most=ATTRIBUTED_AT_ONCE
    )
    run.context, count = run.context.with_batches(attributed=size), len(run.takes)
    run.cost = Cost(
        generation_gib=run.playing_bytes / memory.GIB,
        attribution_gib=each * min(size, count) / memory.GIB,
        rows_generated_together=run.fits.rows,
        takes_attributed_together=size,
    )
    stage.note(each * min(size, count))
    samples, rollout = settings.gradient_options
    metric = margin(judge, contrast.target, contrast.foil, smoothgrad_samples=samples)
    sites = screened_sites(run.models.generator)
    run.found = attribute(
        run.context, run.takes, metric, sites=sites, trace=request.trace, rollout_steps=rollout, few_steps=True
    )
    if settings.two_point_units:
        # A pass of its own for so many neurons and as many heads, each as long as the one for all, and a replay.
        run.found = two_point_integrated_gradients(
            run.context, run.takes, metric, run.found, settings.two_point_units, rollout_steps=rollout, advance=stage
        )
    run.estimates = Estimates(request.prompt, run.words, run.found)


def _search(run: _Run, stage: Stage) -> None:
    """Which units do it, by muting them in takes."""
    settings, generator, contrast = run.request.settings, run.models.generator, run.contrast
    stage.note(run.playing_bytes)
    trials = MutingTrials(run.context, run.takes, contrast)
    trials.fill(run.request.seeds.round(number) for number in range(1, MORE_BLOCKS + 1))
    screening = Screening.of(run.context, run.takes, run.found)
    ranked = screening.candidates(settings.candidates)
    places = generator.locations(*screened_sites(generator))
    others = _other_prompts(run, bare_word(run.intent, run.verdict, run.request.prompt))
    short, played_right = trials.shortened(), run.verdict.kind == "match"
    found = search_causes(
        trials,
        ranked,
        others,
        places,
        short=short,
        several=not played_right,
        within=screening.within,
        advance=stage,
    )
    if not found.group:
        # What was searched before is nearly all of the stage.
        tried, rows = muted_in_rounds(
            run.context,
            run.takes,
            trials,
            settings,
            replace(run.request.seeds, skipped=MORE_BLOCKS),
            chosen_in=(short or trials).context,
            advance=lambda share: stage(0.8 + 0.2 * share),
        )
        found.trial = max(tried, key=lambda muted: (muted.sounds, muted.share, -muted.effect))
        found.group = found.trial.group
        found.groups, found.rows = [*found.groups, *tried], found.rows + rows
    run.estimates = replace(run.estimates, search=found)


def _predict(run: _Run, stage: Stage) -> None:
    """What leaving out each word will do, where not every word is going to be left out anyway."""
    estimates, settings = run.estimates, run.request.settings
    removable = [word for word in estimates.words if without(estimates.prompt, word)]
    if len(removable) <= settings.tested_words:
        return
    ahead = words_to_predict(estimates.prompt, estimates.words, estimates.found)
    changes = predicted_changes(run.context, run.takes, ahead, run.contrast, advance=stage).tolist() if ahead else []
    predicted = {variant.name: change for variant, change in zip(ahead, changes, strict=True)}
    run.estimates = replace(estimates, predicted=predicted)


def _verify(run: _Run, stage: Stage) -> None:
    """Play fresh takes with one thing changed, and listen."""
    request, models = run.request, run.models
    bare = bare_word(run.intent, run.verdict, request.prompt)
    plan = Plan.make(run.estimates, request.settings, bare, partial(_interchange, run, bare), models.generator.steps)
    stage.note(run.playing_bytes)
    played = verify(
        run.context, run.contrast, request.prompt, request.seeds.test, plan.variants, strict=False, advance=stage
    )
    run.notes += [played.lost] if played.lost else []
    run.played = with_tracks(run.context, played, phrases=run.words, targets=plan.group, shown=plan.shown)
    timed = by_second(run.context, run.contrast, run.found, run.timeline, run.played.clean.takes)
    of_set = further_takes.of_the_set(run.context, plan, played, map(request.seeds.further, range(1, MORE_BLOCKS + 1)))
    run.notes += [told] if (told := further_takes.told_of_further(played, of_set)) else []
    run.results = Reading(plan, run.played, timed, of_set).results(models.vocabulary)


def _other_prompts(run: _Run, bare: str | None) -> list[str]:
    """Some that may not be heard as the target: the genre word alone, the prompt without the word that is estimated to
    matter most, an ordinary prompt."""
    words = run.estimates.ranked_words
    shorter = next((text for word in words if (text := without(run.request.prompt, word))), None)
    return [prompt for prompt in (bare, shorter, *other_prompts(run.contrast)) if prompt][:OTHER_PROMPTS]


def _interchange(run: _Run, bare: str | None, group: Group, draws: Sequence[Group]) -> Interchange | None:
    """The set's activations, and those of random units, put into another prompt; ``None`` where those of one take are
    more than may be kept."""
    searched = run.estimates.search
    prompt = (searched and searched.other_prompt) or _other_prompts(run, bare)[0]
    heard = [run.models.judge.labels[label] for label in run.posterior.argmax(1).tolist()]
    drifted = [row for row, label in enumerate(heard) if label == run.contrast.target]
    source, count = run.takes.pick(drifted or range(len(run.takes))), len(run.request.seeds.test)
    found = interchange_to_verify(run.context, source, group, prompt, count, draws)
    if found is None:
        run.notes.append(too_large_to_put_in(group))
    return found


STAGES: tuple[tuple[str, float, Callable[[_Run, Stage], None]], ...] = (
    ("generate", 0.2, _generate),
    ("listen", 0.05, _listen),
    ("attribute", 0.1, _attribute),
    ("search", 0.4, _search),
    ("predict", 0.05, _predict),
    ("verify", 0.2, _verify),
)
"""What a diagnosis does, in its order: name, about what share of the time, and what is done."""

NOT_QUICK = ("search", "predict")
"""What a quick diagnosis does without."""


# --- what follows ---------------------------------------------------------------------------------------------------


def _conclude(run: _Run) -> Diagnosis:
    """Everything as one result."""
    request, models, results, clean = run.request, run.models, run.results, run.played.clean
    asked = run.intent.label
    finding = Finding(
        request.prompt,
        run.intent,
        run.contrast,
        run.verdict,
        bare=results.bare,
        untouched=clean.heard,
        known=run.clips,
        cause=results.group,
    )
    drivers = Drivers(
        tested=provenance.takes(clean.takes, clean.posterior, clean.margins, models.judge, asked),
        units=results.units,
        group=results.group,
        search=results.search,
        sufficiency=results.sufficiency,
        cut_points=results.cut_points,
        step_cuts=results.step_cuts,
        words=with_exclusions(results.words, run.played, models.judge, models.taxonomy),
        seconds=results.seconds,
    )
    if run.clips is not None:
        run.notes += clip_caveats(request.clips, run.clips, asked)
    told = caveats(Found(request, models, run.intent, run.heard, run.contrast, drivers))
    return Diagnosis(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        prompt=request.prompt,
        model=provenance.of_generator(models.generator),
        judge=provenance.of_judge(models.judge),
        settings=request.settings,
        intended=run.intent,
        perceived=run.heard,
        verdict=run.verdict,
        contrast=run.contrast,
        blame=place_blame(finding, models.generator, models.judge),
        takes=provenance.takes(run.takes, run.posterior, run.found.metric, models.judge, asked),
        drivers=drivers,
        agreement=run.agreement,
        recommended=recommended_settings(models.generator),
        suspects=setting_suspects(models.generator, request.sampling),
        estimated_units=run.found.count,
        caveats=[*run.notes, *told],
        cost=run.cost,
        timings=run.clock.timings,
    )
