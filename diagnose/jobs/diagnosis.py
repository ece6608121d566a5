"""The main job: a prompt goes in; what is heard, and what drove it, first estimated and then proven, comes out."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from torch import Tensor

from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.greedy_group_search import PLAYED_A_ROUND, greedy_group_search
from tonescope.diagnose.attribution.integrated_gradients import two_point_integrated_gradients
from tonescope.diagnose.attribution.jacobi_prediction import predicted_changes
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.attribution.time_occlusion import Timeline, by_second
from tonescope.diagnose.intervene.interventions import regenerate
from tonescope.diagnose.intervene.mean_activations import ATTRIBUTED, MeanActivations
from tonescope.diagnose.intervene.verification import Played, check_distinct, verify
from tonescope.diagnose.jobs.verification_plan import PREDICTED_WORDS, Plan, to_predict
from tonescope.diagnose.judging import verdict as verdict_module
from tonescope.diagnose.judging.blame import bare_word, blame
from tonescope.diagnose.judging.reference_clips import Clip, listen
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.progress import Clock, Progress
from tonescope.diagnose.schema import Contrast, Cost, Diagnosis, Drivers, GroupTest, WordDriver
from tonescope.diagnose.settings import Settings, check
from tonescope.diagnose.store import provenance
from tonescope.diagnose.store.traces import LIMIT, Trace, TraceSpec, check_size
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.delay import frames_in, shortest
from tonescope.models.families.musicgen.musicgen import Generator, Sampling, Takes
from tonescope.models.judges.clap import LONGEST_TEXT, Judge
from tonescope.models.loading import EMBEDDED
from tonescope.models.vocabulary import Vocabulary

ATTRIBUTED_AT_ONCE = 4
STAGES = {"generate": 0.2, "listen": 0.05, "attribute": 0.1, "search": 0.15, "predict": 0.1, "verify": 0.4}
MEASURED_SHARE = 0.75  # of the judge's window; its record says little about less

Announce = Callable[[verdict_module.Verdict], None]
"""Called with the verdict."""


@dataclass
class Evidence:
    """The sound and the raw numbers behind a diagnosis, which the schema leaves out.

    ``posterior`` holds the probabilities (takes, ``labels``) heard in the takes.
    """

    takes: Takes
    attribution: Attribution
    posterior: Tensor
    labels: tuple[str, ...]
    timeline: Timeline
    played: Played

    @property
    def sounds(self) -> dict[str, Takes]:
        """Takes by name: the lists of the result that hold what was heard in them, and the variants."""
        variants = {name: outcome.takes for name, outcome in self.played.outcomes.items()}
        return {"takes": self.takes, "tested": self.played.clean.takes, **variants}

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What was heard, and the estimates for frames, tokens and units, one row a take."""
        found = self.attribution
        units = {str(location): effects for location, effects in found.units.items()}
        heard = {"posterior": self.posterior, "timeline": self.timeline.posterior}
        return {**heard, "frames": found.frames, "tokens": found.tokens, **units}

    @property
    def trace(self) -> Trace | None:
        """What units did, where that was recorded."""
        return self.attribution.trace


def check_request(
    prompt: str, generator: Generator, judge: Judge, taxonomy: Taxonomy, settings: Settings, intended: str | None
) -> None:
    """Refuse what these models cannot do, before anything is played. Raises :class:`TonescopeError`."""
    check(prompt, settings)
    if settings.seconds > generator.longest_seconds:
        raise TonescopeError(
            f"{settings.seconds:g} seconds are more than {generator.name} learned to play; ask for at most {generator.longest_seconds:g}."
        )
    fewest = shortest(generator.delay)
    if frames_in(settings.seconds, generator.frame_rate) < fewest:
        raise TonescopeError(
            f"{settings.seconds:g} seconds are too short for {generator.name}, whose codebooks start one after the other; ask for at least {fewest / generator.frame_rate:.2f}."
        )
    for label in (settings.foil, intended):
        if label:
            verdict_module.choose_label(label, taxonomy, judge.labels)
    generator.read_text([prompt])


def diagnose(
    prompt: str, generator: Generator, judge: Judge, taxonomy: Taxonomy, means: MeanActivations, settings: Settings,
    vocabulary: Vocabulary | None = None, intended: str | None = None, progress: Progress | None = None, keep: TraceSpec | None = None,
    announce: Announce | None = None, known: Sequence[Clip] = (),
) -> tuple[Diagnosis, Evidence]:  # fmt: skip
    """Diagnose one prompt.

    Args:
        vocabulary: the words the generator was trained on, where that is known.
        intended: the genre the user meant, when the prompt does not say it.
        keep: what to record of the takes; nothing if absent.
        announce: told the verdict as soon as it is known, long before what drove it is.
        known: clips that truly are of the genre asked for, to tell the listener's error from the generator's.

    Raises:
        TonescopeError: the request cannot be met; the message says why.
    """
    prompt = unicodedata.normalize("NFC", prompt)  # letters that are put together of two characters are one
    check_request(prompt, generator, judge, taxonomy, settings, intended)
    foil = verdict_module.choose_label(settings.foil, taxonomy, judge.labels) if settings.foil else None
    intent = verdict_module.read_intent(prompt, judge, taxonomy, intended)
    clock = Clock(STAGES, progress)
    sampling = Sampling(settings.guidance, settings.temperature, settings.top_k)
    seeds = [settings.seed + index for index in range(settings.takes)]

    text, to_play = generator.read_text([prompt]), Plan.rows(settings)
    fits = memory.playing(
        generator, text.mask.shape[1], settings.seconds, settings.guidance, to_play, settings.memory_gib
    )
    rows, each, allowed = fits.rows, fits.each, fits.allowed
    generation = each * min(rows, to_play)
    traced = 0
    if keep:
        frames, places = frames_in(settings.seconds, generator.frame_rate), generator.locations(*ATTRIBUTED)
        most = min(LIMIT, allowed.bytes)
        traced = check_size(generator, [prompt] * len(seeds), frames, places, keep, settings.guidance, most)
        allowed = allowed.without(traced, "the trace")
    with clock.stage("generate", bytes=each * min(rows, len(seeds))) as advance:
        takes = regenerate(
            generator,
            [prompt] * len(seeds),
            seeds,
            [None] * len(seeds),
            settings.seconds,
            sampling,
            None,
            rows,
            advance,
        )
    check_distinct(takes)
    with clock.stage("listen"):
        posterior = judge.posterior(takes.waveform, generator.sample_rate)
        timeline = Timeline.listen(judge, takes, int(generator.sample_rate), settings.seconds)
        heard, verdict, contrast = judged(intent, posterior, generator, judge, taxonomy, foil)
        familiar = listen(list(known), generator, judge, settings.seconds) if known else None
    if announce:
        announce(verdict)
    with clock.stage("attribute") as advance:
        smoothgrad_samples, rollout_steps = settings.gradient_options
        metric, once = (margin(judge, contrast.target, contrast.foil, count) for count in (smoothgrad_samples, 1))
        size, each = memory.attribution_rows(
            generator, prompt, once, settings.seconds, settings.guidance, allowed, ATTRIBUTED_AT_ONCE
        )
        cost = Cost(
            generation_gib=generation / memory.GIB, attribution_gib=each * min(size, len(seeds)) / memory.GIB,
            rows_generated_together=rows, takes_attributed_together=size,
        )  # fmt: skip
        advance.note(bytes=cost.attribution_gib * memory.GIB + traced)
        begun = time.perf_counter()
        found = plain = attribute(
            generator, takes, metric, means, sampling, size, keep=keep, rollout_steps=rollout_steps
        )
        if settings.two_point_units:
            # A pass of its own for so many neurons and as many heads, each as long as the one for all, and a replay.
            advance.note(
                cost.attribution_gib * memory.GIB, 3 * settings.two_point_units * (time.perf_counter() - begun)
            )
            found = two_point_integrated_gradients(
                generator, takes, metric, means, plain, settings.two_point_units, sampling, size, advance, rollout_steps
            )
    seconds_played = clock.timings["generate"]  # by as many takes as every variant has
    seconds_chosen = settings.rounds * (seconds_played * PLAYED_A_ROUND + clock.timings["attribute"])
    with clock.stage("search", generation, seconds_chosen) as advance:
        gradient_options = plain
        if contrast.foil:
            heard_at_all = margin(judge, contrast.target, None, smoothgrad_samples)
            gradient_options = attribute(
                generator, takes, heard_at_all, means, sampling, size, rollout_steps=rollout_steps
            )
            memory.give_back()
        strongest = greedy_group_search(
            generator, judge, takes, contrast.target, means, gradient_options, settings.strongest_share, sampling, settings.rounds,
            gradient_options=settings.gradient_options, rows=size, rows_played=rows, advance=advance,
        )  # fmt: skip
    ahead = to_predict(prompt, text, found, strongest)
    with clock.stage("predict", seconds=seconds_played * len(ahead)) as advance:
        changes = predicted_changes(
            generator, judge, takes, ahead, contrast.target, contrast.foil, means, sampling, rows=size, advance=advance
        ).tolist()  # fmt: skip
        predicted = {variant.name: change for variant, change in zip(ahead, changes, strict=True)}
    plan = Plan.make(prompt, text, found, strongest, settings, bare_word(intent, verdict, prompt), predicted)
    fresh = [seed + settings.takes for seed in seeds]
    with clock.stage("verify", generation, seconds_played * (len(plan.variants) + 1)) as advance:
        played = verify(
            generator, judge, contrast, prompt, fresh, plan.variants, settings.seconds, sampling, means, rows, advance
        )  # fmt: skip
        timed = by_second(generator, judge, contrast, found, timeline, played.clean.takes)
        results = plan.results(played, found, vocabulary, timed)
    placed = blame(prompt, generator, judge, intent, contrast, verdict, results.bare, played.clean.heard, familiar)
    evidence = Evidence(takes, found, posterior, judge.labels, timeline, played)
    tested = provenance.takes(
        played.clean.takes, played.clean.posterior, played.clean.margins, judge.labels, intent.label
    )
    drivers = Drivers(
        tested=tested, units=results.units, group=results.group, words=results.words, seconds=results.seconds
    )
    result = Diagnosis(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        prompt=prompt,
        model=provenance.of_generator(generator),
        judge=provenance.of_judge(judge),
        settings=settings,
        intended=intent,
        perceived=heard,
        verdict=verdict,
        contrast=contrast,
        blame=placed,
        takes=provenance.takes(takes, posterior, found.metric, judge.labels, intent.label),
        drivers=drivers,
        estimated_units=found.count,
        caveats=_caveats(
            prompt,
            intent,
            heard,
            contrast,
            judge,
            generator,
            settings,
            results.words,
            results.group,
            foil,
            bool(known),
        ),
        cost=cost,
        timings=clock.timings,
    )
    if progress:
        progress("done", 1.0)
    return result, evidence


def foreign(judge: Judge, generator: Generator) -> bool:
    """Whether a judge that knows only one sound world was asked about another. A fine-tune of the embedded model still plays in its own."""
    return bool(judge.domain) and generator.name.split(" + ")[0] != EMBEDDED


def foreign_caveat(judge: Judge, generator: Generator) -> str:
    """What is to be said where :func:`foreign` holds."""
    return f"The judge {judge.name} knows only {judge.domain}, which {generator.name} was not made for: choose the judge laion/larger_clap_music."


def foreign_clips_caveat(judge: Judge) -> str:
    """What is to be said of clips that were brought to a judge of one sound world."""
    return f"The judge {judge.name} knows only {judge.domain}, and may mishear the known clips for being other music; they were counted, and nothing follows from them: choose the judge laion/larger_clap_music."


def judged(
    intent: verdict_module.Intent,
    posterior: Tensor,
    generator: Generator,
    judge: Judge,
    taxonomy: Taxonomy,
    foil: str | None,
) -> tuple[verdict_module.Heard, verdict_module.Verdict, Contrast]:
    """What is heard, by (takes, labels) probabilities, the verdict, and the question that follows from it."""
    heard = verdict_module.listen(posterior, judge.labels, taxonomy)
    verdict = verdict_module.decide(intent, heard, judge, taxonomy)
    if foreign(judge, generator):
        verdict = verdict_module.withheld(verdict, judge.name, judge.domain, generator.name)
    return heard, verdict, choose_contrast(intent, heard, verdict, foil)


def choose_contrast(
    intent: verdict_module.Intent, heard: verdict_module.Heard, verdict: verdict_module.Verdict, foil: str | None
) -> Contrast:
    """Why what is heard (or, in a partial drift, what the takes that missed are heard as), and not what the user names, or what was
    asked, or (where they agree) anything else?"""
    label, asked = heard.label, intent.label
    if verdict.kind == "partial drift":
        label = verdict_module.strayed(intent, heard) or label
    for other in (foil, asked):
        if other and other != label:
            return Contrast(target=label, foil=other)
    return Contrast(target=label)


def _caveats(
    prompt: str,
    intent: verdict_module.Intent,
    heard: verdict_module.Heard,
    contrast: Contrast,
    judge: Judge,
    generator: Generator,
    settings: Settings,
    words: list[WordDriver],
    group: GroupTest | None,
    foil: str | None,
    known: bool,
) -> list[str]:
    caveats = []
    if foil == contrast.target:
        caveats.append(f"{foil} cannot be compared with itself, so it was compared with {contrast.other}.")
    if generator.model.dtype.itemsize < 4:
        caveats.append(
            "The generator ran in half precision: rounding alone can part takes that share their noise, and small effects drown in it; single precision (float32) does not have that."
        )
    if generator.family.reads == "prefix":
        caveats.append(
            f"{generator.name} reads the prompt as the first positions of its decoder; units are estimated and muted at the positions of audio only."
        )
    if settings.takes < 8:
        few = "one take gives no interval" if settings.takes == 1 else f"{settings.takes} takes give a wide interval"
        caveats.append(f"{few[0].upper()}{few[1:]}; 8 or more give a useful one.")
    if intent.how == "meaning":
        caveats.append(
            f"The prompt names no genre; {intent.label} was read from its meaning ({100 * intent.confidence:.0f} % sure)."
        )
    if intent.how in ("meaning", "none") and not judge.reads_all_of(prompt):
        caveats.append(
            f"{judge.name} reads the first {LONGEST_TEXT} tokens of a prompt, so what the end of this one asks for did not count as asked."
        )
    if intent.others:
        caveats.append(
            f"The prompt also names {', '.join(intent.others)}; {intent.label} was taken as the one asked for; say which genre was meant if it is another."
        )
    if unknown := [word.word for word in words if not word.known]:
        shown = ", ".join(f"“{word}”" for word in unknown)
        caveats.append(
            f"{generator.name} never saw {shown} in training: what it plays for {'it' if len(unknown) == 1 else 'them'} is a guess from similar words."
        )
    if len(words) > PREDICTED_WORDS:
        caveats.append(
            f"Of {len(words)} words the {PREDICTED_WORDS} with the steepest gradients were predicted; the others are estimated by their gradients alone, which say less."
        )
    if judge.record is None:
        caveats.append(
            f"How often {judge.name} itself mishears these genres was not measured, so what it hears, and a drift, may be its own mistake: listen to the takes."
        )
    elif settings.seconds < MEASURED_SHARE * judge.mel.window_seconds:
        caveats.append(
            f"How often {judge.name} mishears was measured on {judge.mel.window_seconds:g} s of music; in {settings.seconds:g} s it hears less."
        )
    if foreign(judge, generator):
        caveats.append(foreign_caveat(judge, generator))
    if known and judge.domain:
        caveats.append(foreign_clips_caveat(judge))
    if heard.unsure:
        caveats.append(f"In {heard.unsure} of {heard.share.total} takes the judge hears no clear genre.")
    if group and group.control_units < group.units:
        caveats.append(
            f"Only {group.control_units} random units were left to compare the {group.units} strongest with, so that test proves nothing."
        )
    return caveats
