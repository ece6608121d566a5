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
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tonescope.diagnose.causes.interchange import sources, takes_that_fit
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.verification import Outcome, Played, Variant, check_distinct, verify
from tonescope.diagnose.jobs.caveats import Asked, played_caveats
from tonescope.diagnose.jobs.contrast_job import check_two
from tonescope.diagnose.jobs.request import Models, Request
from tonescope.diagnose.jobs.setting_suspects import recommended_settings, setting_suspects
from tonescope.diagnose.judging.verdict import UNSURE, hear, sure_enough
from tonescope.diagnose.prompts.lyrics import Song
from tonescope.diagnose.repair.contrast_schema import LayerShare, PhraseShare, PromptContrast
from tonescope.diagnose.repair.differing_phrases import Change, differing
from tonescope.diagnose.repair.side_effects import side_effects
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.progress import Clock
from tonescope.diagnose.schema import Contrast
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import Effect, Interval, Share, adjusted, effect, ratio_interval, share
from tonescope.diagnose.store import provenance
from tonescope.models.generator import Generator, Takes
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.listening import finite_takes, posterior
from tonescope.models.units import Location

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.job import Watch
    from tonescope.diagnose.runtime.session import Session

STAGES = {"play both": 0.2, "play the second once more": 0.2, "play what makes the difference": 0.6}
SECOND = "second"
MOST_CHANGES, MOST_BANDS = 8, 8
READS_TEXT = (("decoder.cross", "denoiser.cross"), ("decoder.self", "denoiser.self"))
NOTHING = 0.5  # nats between two prompts that count as no difference


@dataclass
class ContrastEvidence:
    """The fresh takes of both prompts, and of all variants."""

    played: Played

    @property
    def sounds(self) -> dict[str, Takes]:
        """Takes by name."""
        return {"first": self.played.clean.takes, SECOND: self.played.outcomes[SECOND].takes}


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
    songs = [Song.of(prompt, models.generator.read_text([prompt], settings.seconds)) for prompt in (first, second)]
    possible, places = differing(*songs), bands(models.generator)
    changes = possible[:MOST_CHANGES]
    context = _fitted(context, [first, second, *(change.prompt for change in changes)], len(places), settings)
    with clock.stage("play both") as advance:
        explored = play(
            context, [first] * settings.takes + [second] * settings.takes, [*seeds.explore] * 2, advance=advance
        )
    heard = [_posterior(models.judge, half, context.rate) for half in explored.waveform.split(settings.takes)]
    asked = _held(request, heard, models)
    variants = [Variant(SECOND, prompt=second), *(Variant(change.key, prompt=change.prompt) for change in changes)]
    with clock.stage("play the second once more") as advance:
        given = play(context, [second] * settings.takes, seeds.test, advance=advance)
    check_distinct(given)
    caveats = []
    if left := len(possible) - len(changes):
        caveats.append(
            f"{left} of {len(possible)} changes of a phrase were not played; compare prompts that differ in fewer "
            "phrases to test every one."
        )
    if songs[0].sung.split() != songs[1].sung.split():
        caveats.append("The lyrics differ as well; what they do was not tested line by line.")
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
    result = _result(session, (request, other), songs, played, changes, places)
    result.caveats = [*caveats, *result.caveats]
    result.timings = clock.timings
    return result, ContrastEvidence(played)


def _fitted(context: Context, prompts: Sequence[str], places: int, settings: Settings) -> Context:
    tokens = int(context.generator.token_mask(list(prompts)).shape[1])
    count = (1 + len(prompts) + places) * settings.takes
    fits = memory.playing(context, tokens, count, settings.memory_gib)
    return context.with_batches(played=fits.rows, workers=fits.workers, source_bytes=fits.for_sources)


def _posterior(judge: Judge, sound: Tensor, rate: int) -> Tensor:
    """What is heard in takes (takes, samples), of those that are made of numbers where any is."""
    whole = finite_takes(sound)
    return posterior(judge, sound[whole if bool(whole.any()) else slice(None)], rate)


def _held(request: Request, heard: Sequence[Tensor], models: Models) -> Contrast:
    """What the second prompt is heard as, against what the first is; where that is one genre, against all others."""
    first, second = (_most(one, models.judge) for one in heard)
    foil = request.foil(models)
    if foil and foil != second:
        return Contrast(target=second, foil=foil)
    return Contrast(target=second, foil=first if first != second else None)


def _most(heard: Tensor, judge: Judge) -> str:
    """What is heard most; of equals the likelier."""
    labels = list(judge.labels)
    votes = Counter(label for label in hear(heard, tuple(labels), sure_enough(judge)) if label != UNSURE)
    mean = heard.mean(0)
    return max(votes or labels, key=lambda label: (votes[label], float(mean[labels.index(label)])))


@dataclass(frozen=True)
class PartOf:
    """What one change does, and as a part of the whole difference; none, of a difference that counts as none."""

    effect: Effect
    part: float | None
    interval: Interval | None

    @classmethod
    def of(cls, played: Played, changed: Outcome, beside: Outcome, sign: int = 1) -> PartOf:
        """Of the margin of what was changed less that of what it was changed from, times ``sign``, in nats.

        Both it and the whole are of the same takes: those whose sound is intact in all that are compared, or all takes
        where there is none.
        """
        clean, other = played.clean, played.outcomes[SECOND]
        intact = ~(changed.broke | beside.broke | clean.broke | other.broke)
        rows = intact if intact.any() else slice(None)
        values = (sign * (changed.margins - beside.margins)[rows]).tolist()
        difference = (other.margins - clean.margins)[rows].tolist()
        done, whole = effect(values), effect(difference).mean
        if abs(whole) <= NOTHING:
            return cls(done, None, None)
        return cls(done, done.mean / whole, ratio_interval(values, difference))

    @classmethod
    def of_phrase(cls, played: Played, change: Change) -> PartOf:
        """How far a phrase moves the margin toward the second prompt, take by take.

        What is changed in the first prompt moves it toward the second; what is changed in the second, away from it.
        """
        changed = played.outcomes[change.key]
        if change.in_the_first:
            return cls.of(played, changed, played.clean)
        return cls.of(played, changed, played.outcomes[SECOND], -1)


def _result(
    session: Session,
    requests: tuple[Request, Request],
    songs: Sequence[Song],
    played: Played,
    changes: Sequence[Change],
    places: dict[str, tuple[Location, ...]],
) -> PromptContrast:
    (request, second), models, rate = requests, session.models, played.rate
    by_phrase = [(change, PartOf.of_phrase(played, change)) for change in changes]
    by_layer = [
        (name, some, PartOf.of(played, played.outcomes[f"layers:{name}"], played.clean))
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
    asked_for = ", ".join(song.tags for song in songs)
    with torch.no_grad():
        listener = side_effects(asked_for, clean.takes.waveform, other.takes.waveform, models.judge, rate)
    return PromptContrast(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        model=provenance.of_generator(models.generator),
        judge=provenance.of_judge(models.judge),
        settings=request.settings,
        first=request.prompt,
        second=second.prompt,
        heard_first=dict(Counter(clean.heard).most_common()),
        heard_second=dict(Counter(other.heard).most_common()),
        contrast=played.contrast,
        matched=(_matched(clean, played.contrast.target), _matched(other, played.contrast.target)),
        difference=effect(played.change(SECOND)),
        phrases=sorted(phrases, key=lambda one: -one.effect.mean),
        layers=layers,
        listener=listener,
        lyrics_differ=songs[0].sung.split() != songs[1].sung.split(),
        suspects=setting_suspects(models.generator, request.sampling),
        recommended=recommended_settings(models.generator),
        caveats=_caveats(session, requests, played),
    )


def _matched(outcome: Outcome, target: str) -> Share:
    """Takes heard as the target whose sound is intact."""
    rows = zip(outcome.heard, outcome.broke.tolist(), strict=True)
    return share(sum(label == target and not broke for label, broke in rows), len(outcome.heard))


def _caveats(session: Session, requests: tuple[Request, Request], played: Played) -> list[str]:
    takes = requests[0].settings.takes
    broke = [int(outcome.broke.sum()) for outcome in played.outcomes.values()]
    said = {
        str(played.lost): played.lost is not None,
        f"The sound broke in {sum(broke)} takes of {sum(map(bool, broke))} changes; these takes do not count.": any(
            broke
        ),
        f"With {takes} takes only large effects are sure; 8 or more tell more.": takes < 8,
        "Parts need not add up to the whole: a phrase means another thing in another prompt, and layers hand on what "
        "others read.": True,
    }
    known = [told for request in requests for told in played_caveats(Asked(request, session.models, None))]
    return [*dict.fromkeys(known), *(sentence for sentence, holds in said.items() if holds)]
