"""Two prompts on the same noise: what a listener hears, which phrase makes the difference, and where it takes effect.

The takes of both prompts share their noise. A phrase is tested by leaving it out of its prompt, or by adding it to the
other; a part of the network, by putting into the takes of the first prompt what it did in those of the second
(interchange). Both are measured in fresh takes, as the share of the whole difference that they make.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from tonescope.diagnose.causes.interchange import sources, takes_that_fit
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.verification import Played, Variant, check_distinct, verify
from tonescope.diagnose.jobs.caveats import foreign, foreign_caveat
from tonescope.diagnose.jobs.contrast_job import check_two
from tonescope.diagnose.jobs.request import Models, Request
from tonescope.diagnose.judging.verdict import UNSURE, hear
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.phrases import Phrase, chunked
from tonescope.diagnose.repair.side_effects import SideEffects, side_effects
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.progress import Clock
from tonescope.diagnose.schema import Contrast, Source
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import BELIEVED, Effect, Interval, Share, adjusted, effect, ratio_interval, share
from tonescope.diagnose.store import provenance
from tonescope.models.generator import Generator, Takes
from tonescope.models.judges.listening import posterior
from tonescope.models.units import Location

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.job import Watch
    from tonescope.diagnose.runtime.session import Session

SCHEMA_VERSION = "1.0"
STAGES = {"play both": 0.2, "play the second once more": 0.2, "play what makes the difference": 0.6}
SECOND = "second"
MOST_PHRASES, MOST_BANDS = 8, 8
READS_TEXT = (("decoder.cross", "denoiser.cross"), ("decoder.self", "denoiser.self"))
NOTHING = 0.5  # nats between two prompts that count as no difference

Side = Literal["first", "second"]


class PhraseShare(BaseModel):
    """A phrase that only one of the prompts has.

    Attributes:
        side: whose it is; ``prompt``, what was played: that prompt without it, or the other with it.
        added: whether it was added to the other prompt.
        effect: change of the margin toward the second prompt that the phrase makes, take by take; ``q`` over all
            phrases and layers; ``part``, as a share of the whole difference, and ``part_interval``, absent where the
            difference itself may be none.
    """

    side: Side
    phrase: str
    prompt: str
    added: bool
    effect: Effect
    q: float | None
    part: float | None
    part_interval: Interval | None = None

    @property
    def sure(self) -> bool:
        """Whether it is believed."""
        return self.q is not None and self.q < BELIEVED


class LayerShare(BaseModel):
    """Layers whose reading of the second prompt was put into takes of the first: ``part`` of the difference comes, with
    an interval as that of a phrase."""

    layers: str
    locations: list[str]
    effect: Effect
    q: float | None
    part: float | None
    part_interval: Interval | None = None

    @property
    def sure(self) -> bool:
        """Whether it is believed."""
        return self.q is not None and self.q < BELIEVED


class PromptContrast(BaseModel):
    """What was found.

    Attributes:
        first, second: the prompts; ``heard_first``, ``heard_second``, fresh takes by what is heard.
        contrast: the genres that are held against each other; ``matched``, fresh takes of either prompt heard as the
            target.
        difference: margin of the second minus that of the first, take by take.
        phrases, layers: what makes it, the most first; layers in order.
        listener: what else changes from the first to the second.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    model: Source
    judge: Source
    settings: Settings
    first: str
    second: str
    heard_first: dict[str, int]
    heard_second: dict[str, int]
    contrast: Contrast
    matched: tuple[Share, Share]
    difference: Effect
    phrases: list[PhraseShare]
    layers: list[LayerShare]
    listener: SideEffects
    caveats: list[str]
    timings: dict[str, float] = {}


@dataclass
class ContrastEvidence:
    """The fresh takes of both prompts, and of all variants."""

    played: Played

    @property
    def sounds(self) -> dict[str, Takes]:
        """Takes by name."""
        return {"first": self.played.clean.takes, SECOND: self.played.outcomes[SECOND].takes}


@dataclass(frozen=True)
class Change:
    """A phrase and the prompt that tests it."""

    side: Side
    phrase: str
    prompt: str
    added: bool

    @property
    def key(self) -> str:
        """Its name among variants."""
        return f"{'with' if self.added else 'without'}:{self.side}:{self.prompt}"


def differing(first: str, second: str) -> list[Change]:
    """The phrases that one prompt has and the other has not: each left out of its own, and added to the other."""
    found: list[Change] = []
    sides: tuple[tuple[Side, str, str], ...] = (("second", second, first), ("first", first, second))
    for side, own, other in sides:
        others = Counter(_key(phrase) for phrase in chunked(other))
        for phrase in chunked(own):
            if others[_key(phrase)]:
                others[_key(phrase)] -= 1
                continue
            shorter = without(own, phrase)
            if shorter.strip() and shorter != other:
                found.append(Change(side, phrase.name, shorter, added=False))
            longer = f"{other}, {phrase.name if phrase.negates is None else phrase.text}"
            if side == "second":
                found.append(Change(side, phrase.name, longer, added=True))
    unique = {change.key: change for change in found}
    return list(unique.values())[:MOST_PHRASES]


def _key(phrase: Phrase) -> str:
    return " ".join(phrase.name.casefold().split())


def bands(generator: Generator) -> dict[str, tuple[Location, ...]]:
    """Where the network that plays reads the text, in at most :data:`MOST_BANDS` stretches of neighbouring layers."""
    places: list[Location] = []
    for keys in READS_TEXT:
        if places := generator.locations(*keys):
            break
    layers = sorted({place.layer for place in places})
    count = min(MOST_BANDS, len(layers))
    found = {}
    for number in range(count):
        some = layers[number * len(layers) // count : (number + 1) * len(layers) // count]
        name = str(some[0]) if len(some) == 1 else f"{some[0]}–{some[-1]}"
        found[name] = tuple(place for place in places if place.layer in some)
    return found


def prompt_contrast(
    session: Session, request: Request, second: str, watch: Watch
) -> tuple[PromptContrast, ContrastEvidence]:
    """Compare two prompts.

    Args:
        request: the first prompt, and how both are played.
        second: the second.

    Raises:
        TonescopeError: a prompt cannot be played, or both are the same.
    """
    models = session.models
    request = request.normalized(models.generator)
    other = Request(second, request.settings).normalized(models.generator)
    request.check(models)
    other.check(models)
    first, second = request.prompt, other.prompt
    check_two(first, second)
    settings, seeds, clock = request.settings, request.seeds, Clock(STAGES, watch.progress)
    context = Context(models.generator, models.judge, None, request.sampling, settings.seconds)
    changes, places = differing(first, second), bands(models.generator)
    context = _fitted(context, [first, second, *(change.prompt for change in changes)], len(places), settings)
    with clock.stage("play both") as advance:
        explored = play(
            context, [first] * settings.takes + [second] * settings.takes, [*seeds.explore] * 2, advance=advance
        )
    asked = _held(request, posterior(models.judge, explored.waveform, context.rate), models.judge.labels, models)
    variants = [Variant(SECOND, prompt=second), *(Variant(change.key, prompt=change.prompt) for change in changes)]
    with clock.stage("play the second once more") as advance:
        given = play(context, [second] * settings.takes, seeds.test, advance=advance)
    check_distinct(given)
    caveats = []
    for name, some in places.items():
        if takes_that_fit(context, given, some) < len(given):
            caveats.append(f"Layers {name} were not put in: what they do is more than may be kept in memory.")
            continue
        edits = tuple(Edit(some, "patch", source=source) for source in sources(context, given, some, first))
        variants.append(Variant(f"layers:{name}", edits, first))  # other music may rightly come, as of other words
    with clock.stage("play what makes the difference") as advance:
        played = verify(context, asked, first, seeds.test, variants, strict=False, advance=advance)
    if watch.progress:
        watch.progress("done", 1.0)
    result = _result(session, request, second, played, changes, places)
    result.caveats = [*caveats, *result.caveats]
    result.timings = clock.timings
    return result, ContrastEvidence(played)


def _fitted(context: Context, prompts: Sequence[str], places: int, settings: Settings) -> Context:
    tokens = int(context.generator.token_mask(list(prompts)).shape[1])
    count = (1 + len(prompts) + places) * settings.takes
    fits = memory.playing(context, tokens, count, settings.memory_gib)
    return context.with_batches(played=fits.rows, workers=fits.workers, source_bytes=fits.for_sources)


def _held(request: Request, heard: Tensor, labels: Sequence[str], models: Models) -> Contrast:
    """What the second prompt is heard as, against what the first is; where that is one genre, against all others."""
    half = len(heard) // 2
    first, second = _most(heard[:half], labels), _most(heard[half:], labels)
    foil = request.foil(models)
    if foil and foil != second:
        return Contrast(target=second, foil=foil)
    return Contrast(target=second, foil=first if first != second else None)


def _most(heard: Tensor, labels: Sequence[str]) -> str:
    """What is heard most; of equals the likelier."""
    votes = Counter(label for label in hear(heard, tuple(labels)) if label != UNSURE)
    mean = heard.mean(0)
    return max(votes or labels, key=lambda label: (votes[label], float(mean[list(labels).index(label)])))


@dataclass(frozen=True)
class PartOf:
    """What one change does, and as a part of the whole difference; none, of a difference that counts as none."""

    effect: Effect
    part: float | None
    interval: Interval | None

    @classmethod
    def of(cls, values: Sequence[float], difference: Sequence[float]) -> PartOf:
        """From both, take by take, in nats."""
        done, whole = effect(values), effect(difference).mean
        if abs(whole) <= NOTHING:
            return cls(done, None, None)
        return cls(done, done.mean / whole, ratio_interval(values, difference))


def _result(
    session: Session,
    request: Request,
    second: str,
    played: Played,
    changes: Sequence[Change],
    places: dict[str, tuple[Location, ...]],
) -> PromptContrast:
    models, rate = session.models, played.rate
    difference = played.change(SECOND)
    by_phrase = [(change, PartOf.of(_toward(played, change), difference)) for change in changes]
    by_layer = [
        (name, some, PartOf.of(played.change(f"layers:{name}"), difference))
        for name, some in places.items()
        if f"layers:{name}" in played.outcomes
    ]
    qs = adjusted([*(found.effect.p for _, found in by_phrase), *(found.effect.p for *_, found in by_layer)])
    phrases = [
        PhraseShare(
            side=change.side,
            phrase=change.phrase,
            prompt=change.prompt,
            added=change.added,
            effect=found.effect,
            q=q,
            part=found.part,
            part_interval=found.interval,
        )
        for (change, found), q in zip(by_phrase, qs, strict=False)
    ]
    layers = [
        LayerShare(
            layers=name,
            locations=[str(place) for place in some],
            effect=found.effect,
            q=q,
            part=found.part,
            part_interval=found.interval,
        )
        for (name, some, found), q in zip(by_layer, qs[len(by_phrase) :], strict=True)
    ]
    clean, other = played.clean, played.outcomes[SECOND]
    target, takes = played.contrast.target, len(clean.heard)
    matched = tuple(share(sum(label == target for label in one.heard), takes) for one in (clean, other))
    with torch.no_grad():
        listener = side_effects(
            f"{request.prompt}, {second}", clean.takes.waveform, other.takes.waveform, models.judge, rate
        )
    return PromptContrast(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        model=provenance.of_generator(models.generator),
        judge=provenance.of_judge(models.judge),
        settings=request.settings,
        first=request.prompt,
        second=second,
        heard_first=dict(Counter(clean.heard).most_common()),
        heard_second=dict(Counter(other.heard).most_common()),
        contrast=played.contrast,
        matched=matched,  # type: ignore[arg-type]
        difference=effect(difference),
        phrases=sorted(phrases, key=lambda one: -one.effect.mean),
        layers=layers,
        listener=listener,
        caveats=_caveats(session, request),
    )


def _toward(played: Played, change: Change) -> list[float]:
    """How far a phrase moves the margin toward the second prompt, take by take: what comes with it, or goes without
    it. A phrase of the first prompt moves it away, so that leaving it out moves it toward the second."""
    if change.added or change.side == "first":
        return played.change(change.key)
    other, outcome = played.outcomes[SECOND], played.outcomes[change.key]
    return (other.margins - outcome.margins).tolist()


def _caveats(session: Session, request: Request) -> list[str]:
    takes = request.settings.takes
    said = {
        f"With {takes} takes only large effects are sure; 8 or more tell more.": takes < 8,
        "Parts need not add up to the whole: a phrase means another thing in another prompt, and layers hand on what "
        "others read.": True,
        foreign_caveat(session.models): foreign(session.models),
    }
    return [sentence for sentence, holds in said.items() if holds]
