"""The main job: a prompt goes in; what is heard, and what drove it, first estimated and then proven, comes out."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from torch import Tensor

from ..models import versions
from ..models.delay import frames_in, shortest
from ..models.errors import TonescopeError
from ..models.generator import Generator, Sampling, Takes
from ..models.judge import LONGEST_TEXT, Judge
from ..models.loading import EMBEDDED
from ..models.vocabulary import Vocabulary
from . import account, genre, memory
from .attribution import Attribution, attribute
from .blame import bare_word, blame
from .choosing import PLAYED_A_ROUND, choose
from .foresight import foreseen_changes
from .interventions import regenerate
from .known import Clip, listen
from .metrics import margin
from .plan import FORESEEN_WORDS, Plan, to_foresee
from .progress import Clock, Progress
from .reference import ATTRIBUTED, Reference
from .refining import refined
from .result import Cost, Diagnosis, Drivers, GroupTest, Question, WordDriver
from .seconds import Timeline, by_second
from .settings import Settings, check
from .taxonomy import Taxonomy
from .trace import LIMIT, Keep, check_size
from .verification import Played, check_distinct, verify

ATTRIBUTED_AT_ONCE = 4
STAGES = {"generate": 0.2, "listen": 0.05, "attribute": 0.1, "choose": 0.15, "foresee": 0.1, "verify": 0.4}
MEASURED_SHARE = 0.75  # of the judge's window; its record says little about less

Announce = Callable[[genre.Verdict], None]
"""Called with the verdict."""


@dataclass
class Evidence:
    """The sound and the raw numbers behind a diagnosis, which the schema leaves out."""

    takes: Takes
    attribution: Attribution
    posterior: Tensor
    timeline: Timeline
    played: Played


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
    for label in (settings.against, intended):
        if label:
            genre.choose_label(label, taxonomy, judge.labels)
    generator.read_text([prompt])


def diagnose(
    prompt: str, generator: Generator, judge: Judge, taxonomy: Taxonomy, reference: Reference, settings: Settings,
    vocabulary: Vocabulary | None = None, intended: str | None = None, progress: Progress | None = None, keep: Keep | None = None,
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
    against = genre.choose_label(settings.against, taxonomy, judge.labels) if settings.against else None
    intent = genre.read_intent(prompt, judge, taxonomy, intended)
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
        heard, verdict, question = judged(intent, posterior, generator, judge, taxonomy, against)
        familiar = listen(list(known), generator, judge, settings.seconds) if known else None
    if announce:
        announce(verdict)
    with clock.stage("attribute") as advance:
        listens, feedback = settings.slopes
        metric, once = (margin(judge, question.label, question.against, count) for count in (listens, 1))
        size, each = memory.attribution_rows(
            generator, prompt, once, settings.seconds, settings.guidance, allowed, ATTRIBUTED_AT_ONCE
        )
        cost = Cost(
            generation_gib=generation / memory.GIB, attribution_gib=each * min(size, len(seeds)) / memory.GIB,
            rows_generated_together=rows, takes_attributed_together=size,
        )  # fmt: skip
        advance.note(bytes=cost.attribution_gib * memory.GIB + traced)
        begun = time.perf_counter()
        found = plain = attribute(generator, takes, metric, reference, sampling, size, keep=keep, feedback=feedback)
        if settings.refined_units:
            # A pass of its own for so many neurons and as many heads, each as long as the one for all, and a replay.
            advance.note(cost.attribution_gib * memory.GIB, 3 * settings.refined_units * (time.perf_counter() - begun))
            found = refined(
                generator, takes, metric, reference, plain, settings.refined_units, sampling, size, advance, feedback
            )
    seconds_played = clock.timings["generate"]  # by as many takes as every variant has
    seconds_chosen = settings.rounds * (seconds_played * PLAYED_A_ROUND + clock.timings["attribute"])
    with clock.stage("choose", generation, seconds_chosen) as advance:
        slopes = plain
        if question.against:
            heard_at_all = margin(judge, question.label, None, listens)
            slopes = attribute(generator, takes, heard_at_all, reference, sampling, size, feedback=feedback)
            memory.give_back()
        strongest = choose(
            generator, judge, takes, question.label, reference, slopes, settings.strongest_share, sampling, settings.rounds,
            slopes=settings.slopes, rows=size, rows_played=rows, advance=advance,
        )  # fmt: skip
    ahead = to_foresee(prompt, text, found, strongest)
    with clock.stage("foresee", seconds=seconds_played * len(ahead)) as advance:
        changes = foreseen_changes(
            generator, judge, takes, ahead, question.label, question.against, reference, sampling, rows=size, advance=advance
        ).tolist()  # fmt: skip
        foretold = {variant.name: change for variant, change in zip(ahead, changes, strict=True)}
    plan = Plan.make(prompt, text, found, strongest, settings, bare_word(intent, verdict, prompt), foretold)
    fresh = [seed + settings.takes for seed in seeds]
    with clock.stage("verify", generation, seconds_played * (len(plan.variants) + 1)) as advance:
        played = verify(
            generator, judge, question, prompt, fresh, plan.variants, settings.seconds, sampling, reference, rows, advance
        )  # fmt: skip
        timed = by_second(generator, judge, question, found, timeline, played.clean.takes)
        results = plan.results(played, found, vocabulary, timed)
    placed = blame(prompt, generator, judge, intent, question, verdict, results.bare, played.clean.heard, familiar)
    evidence = Evidence(takes, found, posterior, timeline, played)
    tested = account.takes(played.clean.takes, played.clean.posterior, played.clean.margins, judge.labels, intent.label)
    drivers = Drivers(
        tested=tested, units=results.units, group=results.group, words=results.words, seconds=results.seconds
    )
    result = Diagnosis(
        made=date.today().isoformat(),
        versions=account.versions(),
        prompt=prompt,
        model=account.of_generator(generator),
        judge=account.of_judge(judge),
        settings=settings,
        intended=intent,
        perceived=heard,
        verdict=verdict,
        question=question,
        blame=placed,
        takes=account.takes(takes, posterior, found.metric, judge.labels, intent.label),
        drivers=drivers,
        estimated_units=found.count,
        caveats=_caveats(
            prompt,
            intent,
            heard,
            question,
            judge,
            generator,
            settings,
            results.words,
            results.group,
            against,
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
    return bool(judge.world) and generator.name.split(" + ")[0] != EMBEDDED


def foreign_caveat(judge: Judge, generator: Generator) -> str:
    """What is to be said where :func:`foreign` holds."""
    return f"The judge {judge.name} knows only {judge.world}, which {generator.name} was not made for: choose the judge laion/larger_clap_music."


def unknown_clips_caveat(judge: Judge) -> str:
    """What is to be said of clips that were brought to a judge of one sound world."""
    return f"The judge {judge.name} knows only {judge.world}, and may mishear the known clips for being other music; they were counted, and nothing follows from them: choose the judge laion/larger_clap_music."


def judged(
    intent: genre.Intent, posterior: Tensor, generator: Generator, judge: Judge, taxonomy: Taxonomy, against: str | None
) -> tuple[genre.Heard, genre.Verdict, Question]:
    """What is heard, by (takes, labels) probabilities, the verdict, and the question that follows from it."""
    heard = genre.listen(posterior, judge.labels, taxonomy)
    verdict = genre.decide(intent, heard, judge, taxonomy)
    if foreign(judge, generator):
        verdict = genre.withheld(verdict, judge.name, judge.world, generator.name)
    return heard, verdict, choose_question(intent, heard, verdict, against)


def choose_question(intent: genre.Intent, heard: genre.Heard, verdict: genre.Verdict, against: str | None) -> Question:
    """Why what is heard (or, in a partial drift, what the takes that missed are heard as), and not what the user names, or what was
    asked, or (where they agree) anything else?"""
    label, asked = heard.label, intent.label
    if verdict.kind == "partial drift":
        label = genre.strayed(intent, heard) or label
    for other in (against, asked):
        if other and other != label:
            return Question(label=label, against=other)
    return Question(label=label)


def _caveats(
    prompt: str,
    intent: genre.Intent,
    heard: genre.Heard,
    question: Question,
    judge: Judge,
    generator: Generator,
    settings: Settings,
    words: list[WordDriver],
    group: GroupTest | None,
    against: str | None,
    known: bool,
) -> list[str]:
    caveats = [sentence] if (sentence := versions.notice()) else []
    if against == question.label:
        caveats.append(f"{against} cannot be compared with itself, so it was compared with {question.other}.")
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
    if len(words) > FORESEEN_WORDS:
        caveats.append(
            f"Of {len(words)} words the {FORESEEN_WORDS} with the steepest gradients were foreseen; the others are estimated by their gradients alone, which say less."
        )
    if judge.track is None:
        caveats.append(
            f"How often {judge.name} itself mishears these genres was not measured, so what it hears, and a drift, may be its own mistake: listen to the takes."
        )
    elif settings.seconds < MEASURED_SHARE * judge.mel.window_seconds:
        caveats.append(
            f"How often {judge.name} mishears was measured on {judge.mel.window_seconds:g} s of music; in {settings.seconds:g} s it hears less."
        )
    if foreign(judge, generator):
        caveats.append(foreign_caveat(judge, generator))
    if known and judge.world:
        caveats.append(unknown_clips_caveat(judge))
    if heard.unsure:
        caveats.append(f"In {heard.unsure} of {heard.share.total} takes the judge hears no clear genre.")
    if group and group.control_units < group.units:
        caveats.append(
            f"Only {group.control_units} random units were left to compare the {group.units} strongest with, so that test proves nothing."
        )
    return caveats
