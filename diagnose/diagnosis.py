"""The main job: a prompt goes in; what is heard, and what drove it, first estimated and then proven, comes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from ..models.errors import TonescopeError
from ..models.generator import Generator, Sampling, Takes
from ..models.judge import Judge
from ..models.loading import Vocabulary
from . import genre, sound
from .attribution import Attribution, attribute, margin
from .interventions import Edit, matched_controls, regenerate
from .reference import Reference
from .result import (
    Diagnosis,
    Drivers,
    GroupTest,
    Question,
    SecondDriver,
    Source,
    TakeResult,
    UnitDriver,
    WordDriver,
)
from .settings import Settings, check
from .stats import effect
from .taxonomy import Taxonomy
from .words import Word, without, words_in

SHOWN_UNITS = 12
TESTED_WORDS = 4
SECTION_SECONDS = 1.0

Progress = Callable[[str, float], None]
"""Called with what is being done and how much of the whole is done (0 to 1)."""


@dataclass
class Evidence:
    """The sound and the raw numbers behind a diagnosis, which the schema leaves out."""

    takes: Takes
    attribution: Attribution
    posterior: Tensor
    timeline_seconds: list[float]
    timeline: Tensor
    muted: Takes | None = None
    control: Takes | None = None
    left_out: dict[str, Takes] = field(default_factory=dict)


class _Clock:
    """Where the time went, and how far the whole is."""

    STAGES: ClassVar = {"generate": 0.25, "listen": 0.05, "attribute": 0.15, "verify units": 0.3, "verify words": 0.25}

    def __init__(self, progress: Progress | None) -> None:
        self.timings: dict[str, float] = {}
        self._progress, self._done = progress or (lambda _, __: None), 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._progress(name, self._done)
        started = time.perf_counter()
        yield
        self.timings[name] = round(time.perf_counter() - started, 3)
        self._done += self.STAGES[name]


def _check_length(settings: Settings, generator: Generator) -> None:
    if settings.seconds > generator.longest_seconds:
        raise TonescopeError(
            f"{settings.seconds:g} seconds are more than {generator.name} learned to play; ask for at most {generator.longest_seconds:g}."
        )


def diagnose(
    prompt: str, generator: Generator, judge: Judge, taxonomy: Taxonomy, reference: Reference, settings: Settings,
    vocabulary: Vocabulary | None = None, intended: str | None = None, progress: Progress | None = None,
) -> tuple[Diagnosis, Evidence]:  # fmt: skip
    """Diagnose one prompt.

    Args:
        vocabulary: the words the generator was trained on, where that is known.
        intended: the genre the user meant, when the prompt does not say it.

    Raises:
        TonescopeError: the request cannot be met; the message says why.
    """
    check(prompt, settings)
    _check_length(settings, generator)
    against = genre.choose_label(settings.against, taxonomy, judge.labels) if settings.against else None
    intent = genre.read_intent(prompt, judge, taxonomy, intended)
    clock = _Clock(progress)
    sampling = Sampling(settings.guidance, settings.temperature, settings.top_k)
    seeds = [settings.seed + index for index in range(settings.takes)]

    with clock.stage("generate"):
        takes = generator.generate([prompt] * len(seeds), seeds, settings.seconds, sampling)
    with clock.stage("listen"):
        posterior = judge.posterior(takes.waveform, generator.sample_rate)
        window = min(max(1.0, judge.mel.window_seconds / 4), settings.seconds)
        times, timeline = judge.timeline(takes.waveform, generator.sample_rate, window, window / 2)
        heard = genre.listen(posterior, judge.labels, taxonomy)
        verdict = genre.decide(intent, heard, judge, taxonomy)
        question = _question(intent.label, heard.label, posterior, judge.labels, against)
    with clock.stage("attribute"):
        metric = margin(judge, generator.sample_rate, question.label, question.against)
        found = attribute(generator, takes, metric, reference, settings.guidance, settings.temperature)
    evidence = Evidence(takes, found, posterior, times, timeline)
    with clock.stage("verify units"):
        group = _verify_group(generator, judge, question, takes, found, reference, settings, sampling, evidence)
    with clock.stage("verify words"):
        words = _words(generator, judge, question, takes, found, settings, sampling, vocabulary, evidence)

    drivers = Drivers(
        units=[
            UnitDriver(unit=str(unit), effect=effect(found.units[unit.location][:, unit.index].tolist()))
            for unit, _ in found.ranked(SHOWN_UNITS)
        ],
        group=group,
        words=words,
        seconds=_seconds(judge, question, found, evidence, window, generator.frame_rate, settings.seconds),
    )
    result = Diagnosis(
        prompt=prompt,
        model=Source(
            name=generator.name,
            description=f"{type(generator.model).__name__}, {generator.layers} layers, {generator.books} codebooks at {generator.frame_rate:g} Hz",
        ),
        judge=Source(name=judge.name, description=f"CLAP choosing between {len(judge.labels)} genres"),
        settings=settings,
        intended=intent,
        perceived=heard,
        verdict=verdict,
        question=question,
        takes=[_take(index, takes, posterior, found, judge.labels) for index in range(len(takes))],
        drivers=drivers,
        estimated_units=found.count,
        caveats=_caveats(intent, heard, judge, generator, settings, words, group),
        timings=clock.timings,
    )
    if progress:
        progress("done", 1.0)
    return result, evidence


def _question(
    intended: str | None, heard: str, posterior: Tensor, labels: tuple[str, ...], against: str | None
) -> Question:
    """Why what is heard, and not what the user names, or what was asked, or (where they agree) the runner-up?"""
    if against and against != heard:
        return Question(label=heard, against=against)
    if intended and intended != heard:
        return Question(label=heard, against=intended)
    order = posterior.mean(0).argsort(descending=True).tolist()
    return Question(label=heard, against=next(labels[index] for index in order if labels[index] != heard))


def _take(index: int, takes: Takes, posterior: Tensor, found: Attribution, labels: tuple[str, ...]) -> TakeResult:
    row = posterior[index]
    best = row.argsort(descending=True)[:5].tolist()
    return TakeResult(
        seed=takes.seeds[index],
        heard=labels[best[0]],
        probability=float(row[best[0]]),
        margin=float(found.metric[index]),
        posterior={labels[at]: float(row[at]) for at in best},
    )


def _margins(judge: Judge, question: Question, takes: Takes, rate: int) -> tuple[Tensor, list[str]]:
    with torch.no_grad():
        logits = judge.logits(takes.waveform, rate)
    values = logits[:, judge.labels.index(question.label)] - logits[:, judge.labels.index(question.against)]
    return values, [judge.labels[index] for index in logits.argmax(1).tolist()]


def _verify_group(
    generator: Generator,
    judge: Judge,
    question: Question,
    takes: Takes,
    found: Attribution,
    reference: Reference,
    settings: Settings,
    sampling: Sampling,
    evidence: Evidence,
) -> GroupTest:
    """Mute the strongest units, and as many random ones like them, on the noise of the clean takes."""
    size = max(1, round(found.count * settings.strongest_share))
    strongest = tuple(unit for unit, _ in found.ranked(size))
    control = matched_controls(strongest, found.activity, settings.seed)
    count, rate = len(takes), generator.sample_rate
    edits = [Edit(strongest)] * count + [Edit(control)] * count
    both = regenerate(generator, takes.prompts * 2, takes.seeds * 2, edits, settings.seconds, sampling, reference)
    muted, random = both.rows(0, count), both.rows(count, 2 * count)
    evidence.muted, evidence.control = muted, random
    clean, heard = _margins(judge, question, takes, rate)
    after, heard_muted = _margins(judge, question, muted, rate)
    other, heard_random = _margins(judge, question, random, rate)
    flippable = [index for index, label in enumerate(heard) if label == question.label]
    broken = sound.broke(muted.waveform, takes.waveform, rate)
    difference = effect((after - other).tolist())
    return GroupTest(
        units=size,
        estimated=effect(found.of(strongest).tolist()),
        effect=effect((after - clean).tolist()),
        control=effect((other - clean).tolist()),
        difference=difference,
        flips=sum(heard_muted[index] != question.label for index in flippable),
        control_flips=sum(heard_random[index] != question.label for index in flippable),
        flippable=len(flippable),
        heard={
            label: heard_muted.count(label)
            for label in sorted(set(heard_muted), key=lambda name: -heard_muted.count(name))
        },
        distance=float(sound.spectral_distance(muted.waveform, takes.waveform, rate).mean()),
        control_distance=float(sound.spectral_distance(random.waveform, takes.waveform, rate).mean()),
        sound_broke=broken,
        convincing=not broken and difference.interval is not None and difference.interval.high < 0,
    )


def _words(
    generator: Generator,
    judge: Judge,
    question: Question,
    takes: Takes,
    found: Attribution,
    settings: Settings,
    sampling: Sampling,
    vocabulary: Vocabulary | None,
    evidence: Evidence,
) -> list[WordDriver]:
    """Estimate every word, then leave out the strongest ones in turn, on the noise of the clean takes."""
    prompt = takes.prompts[0]
    words = words_in(prompt, generator.read_text([prompt]))
    estimates = {word: found.tokens[:, list(word.tokens)].sum(1) for word in words}
    ordered = sorted(words, key=lambda word: float(estimates[word].mean()))
    tested = [word for word in ordered if without(prompt, word)][:TESTED_WORDS]
    measured: dict[Word, tuple[list[float], int]] = {}
    if tested:
        count = len(takes)
        prompts = [without(prompt, word) for word in tested for _ in range(count)]
        again = regenerate(
            generator, prompts, takes.seeds * len(tested), [None] * len(prompts), settings.seconds, sampling, None
        )
        for position, word in enumerate(tested):
            rows = again.rows(position * count, (position + 1) * count)
            after, heard = _margins(judge, question, rows, generator.sample_rate)
            flips = sum(
                label != question.label
                for label, before in zip(heard, evidence.posterior.argmax(1).tolist(), strict=True)
                if judge.labels[before] == question.label
            )
            measured[word] = ((after - found.metric).tolist(), flips)
            evidence.left_out[word.text] = rows
    return [
        WordDriver(
            word=word.text, start=word.start, end=word.end, known=vocabulary is None or vocabulary.knows(word.text), estimated=effect(estimates[word].tolist()),
            verified=effect(measured[word][0]) if word in measured else None, flips=measured[word][1] if word in measured else None,
        )
        for word in ordered
    ]  # fmt: skip


def _seconds(
    judge: Judge,
    question: Question,
    found: Attribution,
    evidence: Evidence,
    window: float,
    frame_rate: float,
    seconds: float,
) -> list[SecondDriver]:
    label, against = judge.labels.index(question.label), judge.labels.index(question.against)
    sections, start = [], 0.0
    while start < seconds - 0.25:
        end = min(start + SECTION_SECONDS, seconds)
        near = [index for index, at in enumerate(evidence.timeline_seconds) if at < end and at + window > start]
        heard = evidence.timeline[near].mean((0, 1))
        acting = found.frames[:, round(start * frame_rate) : round(end * frame_rate)].sum(1)
        sections.append(
            SecondDriver(
                start=start,
                end=end,
                label_probability=float(heard[label]),
                against_probability=float(heard[against]),
                estimated=effect(acting.tolist()),
            )
        )
        start = end
    return sections


def _caveats(
    intent: genre.Intent,
    heard: genre.Heard,
    judge: Judge,
    generator: Generator,
    settings: Settings,
    words: list[WordDriver],
    group: GroupTest | None,
) -> list[str]:
    caveats = []
    if settings.takes < 8:
        caveats.append(f"{settings.takes} takes give a wide interval; --takes 8 or more narrows it.")
    if intent.how == "meaning":
        caveats.append(
            f"The prompt names no genre; {intent.label} was read from its meaning ({100 * intent.confidence:.0f} % sure)."
        )
    if intent.others:
        caveats.append(
            f"The prompt also names {', '.join(intent.others)}; {intent.label} was taken as the one asked for."
        )
    if unknown := [word.word for word in words if not word.known]:
        shown = ", ".join(f"“{word}”" for word in unknown)
        caveats.append(
            f"{generator.name} never saw {shown} in training: what it plays for {'it' if len(unknown) == 1 else 'them'} is a guess from similar words."
        )
    if judge.track is None:
        caveats.append(
            f"How often {judge.name} itself mishears these genres was not measured here, so small differences may be the judge's."
        )
    if judge.world and generator.name != "embedded":
        caveats.append(
            f"The judge {judge.name} knows only {judge.world}, which {generator.name} was not made for: use --judge laion/larger_clap_music."
        )
    if heard.unsure:
        caveats.append(f"In {heard.unsure} of {heard.share.total} takes the judge hears no clear genre.")
    if group and group.sound_broke:
        caveats.append("Muting the strongest units ruined the sound, so that test proves nothing.")
    return caveats
