"""An experiment: somebody's own edit of any units, played in fresh takes beside the same takes untouched and random
units edited alike.

What a diagnosis does to the units it found, for units that were named. Takes, contrast and fresh seeds are those that
a diagnosis of the same prompt and settings has, so that the two can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.attribution.tracks import with_tracks
from tonescope.diagnose.causes.muting_trials import Group
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.controls import matched_group
from tonescope.diagnose.intervene.edit_kinds import NEEDS_SOURCE, Branch, Kind, wrong_source
from tonescope.diagnose.intervene.interventions import Edit, check_edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import activations, shuffled
from tonescope.diagnose.intervene.source_activations import SourceActivations
from tonescope.diagnose.intervene.verification import Played, Variant, verify
from tonescope.diagnose.jobs.caveats import Asked, played_caveats
from tonescope.diagnose.jobs.contrasting import judged
from tonescope.diagnose.jobs.request import Models, Request
from tonescope.diagnose.judging.intent import read_intent
from tonescope.diagnose.prompts.lyrics import phrases_of_song, tags_of
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.progress import Clock, Progress
from tonescope.diagnose.schema import Contrast, Source, TakeResult, Trial
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import Effect, effect
from tonescope.diagnose.store import provenance
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Takes
from tonescope.models.judges.listening import finite_takes, posterior
from tonescope.models.sites import SITES
from tonescope.models.units import Location, Unit

SCHEMA_VERSION = "3.0"
EDITED, CONTROL = "edited", "random_edited"
SETS = 5  # of takes: to ask by, from the source, untouched, edited, random units edited

STAGES = {"play untouched": 0.2, "play the source": 0.2, "play edited": 0.6}


class EditRow(BaseModel):
    """The edit as it was asked for; ``source`` is the prompt whose takes, on the same seeds, activations were put in
    from."""

    targets: list[str]
    kind: Kind
    value: float
    seconds: tuple[float, float] | None
    steps: tuple[int, int] | None = None
    branch: Branch
    strength: float
    source: str | None


class Experiment(BaseModel):
    """What became of an edit.

    ``trial`` and ``control`` are the fresh takes with the edit, and with ``control_units`` random units of the same
    places and activity edited alike (of a whole location, another of its site), a new draw for each take.
    ``difference`` is effect minus control, take by take. The ``q`` of ``trial`` is the p-value of that difference:
    nothing else was tested. It is absent where there is no control, where it is smaller than the edit, or its sound
    broke.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    made: str
    versions: dict[str, str]
    prompt: str
    model: Source
    judge: Source
    settings: Settings
    edit: EditRow
    contrast: Contrast
    untouched: list[TakeResult]
    edited: list[TakeResult]
    trial: Trial
    control: Trial | None
    control_units: int
    difference: Effect | None
    caveats: list[str]


def targets(generator: Generator, names: Sequence[str]) -> tuple[Unit | Location, ...]:
    """Units (``decoder.3.mlp:117``), locations (``decoder.3.mlp``) and sites (``decoder.mlp``: every layer's) by name.

    Raises :class:`TonescopeError` for what this model does not have, and for what is named twice.
    """
    found: list[Unit | Location] = []
    for name in map(str.strip, names):
        if name in {site.key for site in SITES}:
            found += generator.asked([name])
        else:
            found.append(generator.unit(name) if ":" in name else generator.location(name))
    places = {target for target in found if isinstance(target, Location)}
    twice = [target for index, target in enumerate(found) if target in found[:index]]
    twice += [target for target in found if isinstance(target, Unit) and target.location in places]
    if twice:
        raise TonescopeError(f"{twice[0]} is named twice, and can be edited once; leave one out.")
    return tuple(found)


@dataclass
class _Bench:
    """What an experiment is made with."""

    request: Request
    edit: Edit
    source: str | None
    models: Models
    context: Context

    def check(self) -> None:
        """Refuse what cannot be done. Raises :class:`TonescopeError`."""
        edit, source, generator = self.edit, self.source, self.models.generator
        self.request.check(self.models)
        for reason in wrong_source(edit.kind, source, self.request.settings.takes):
            raise TonescopeError(reason)
        if source is not None:
            generator.read_text([source], self.request.settings.seconds)
        if edit.kind not in NEEDS_SOURCE:
            check_edit(generator, edit, self.context.means, self.context.guidance)

    def controls(self) -> list[Group]:
        """Random units like those edited, of whole locations others, a draw for each take; none where nothing is left
        to draw."""
        means, sites = self.context.means, {location.site.key for location in self.edit.locations}
        if means is None or not all(place in means.values for place in self.models.generator.locations(*sites)):
            return []
        activity = means.activity(self.models.generator, *sites)
        found = [matched_group(self.edit.targets, activity, draw) for draw in self.request.seeds.explore]
        return found if all(found) else []

    def variants(self, draws: Sequence[Group], given: Takes | None) -> list[Variant]:
        """The edit, and the same of random units; with what was in the takes ``given`` put in, where that is asked."""
        edits = [self.edit] * self.request.settings.takes
        if given is not None:
            wanted = tuple(dict.fromkeys([*self.edit.targets, *(target for targets in draws for target in targets)]))
            memory.check_sources(self.context, given, wanted)
            sources: Sequence[SourceActivations] = activations(self.context, given, wanted)
            if self.edit.kind == "resample":
                sources = shuffled(sources, self.request.settings.seed)
            edits = [replace(self.edit, source=source) for source in sources]
        variants = [Variant(EDITED, tuple(edits))]
        if draws:
            alike = (replace(own, targets=others) for own, others in zip(edits, draws, strict=True))
            variants.append(Variant(CONTROL, tuple(alike)))
        return variants


def run(
    request: Request,
    edit: Edit,
    models: Models,
    means: MeanActivations,
    *,
    source: str | None = None,
    progress: Progress | None = None,
) -> tuple[Experiment, Played]:
    """Play an edit.

    Args:
        edit: what to do; its ``source`` stays empty.
        source: for a ``patch``, the prompt to take activations from; for a ``resample`` the same, if not the prompt
            itself.

    Raises:
        TonescopeError: the request cannot be met; the message says why.
    """
    request = request.normalized(models.generator)
    settings = request.settings
    context = Context(models.generator, models.judge, means, request.sampling, settings.seconds)
    bench = _Bench(request, edit, source, models, context)
    bench.check()
    text = models.generator.read_text([request.prompt], settings.seconds)
    intent = read_intent(tags_of(request.prompt, text), models.judge, models.taxonomy)
    clock = Clock(STAGES, progress)
    prompts = (request.prompt, source or request.prompt)
    tokens = max(models.generator.read_text([words], settings.seconds).mask.shape[1] for words in prompts)
    fits = memory.playing(context, tokens, SETS * settings.takes, settings.memory_gib)
    bench.context = context = context.with_batches(
        played=fits.rows, workers=fits.workers, source_bytes=fits.for_sources
    )
    seeds = request.seeds

    def played_as(words: str, on: Sequence[int], name: str) -> Takes:
        with clock.stage(name, fits.each * min(fits.rows, len(on))) as advance:
            return play(context, [words] * len(on), on, advance=advance)

    explored = played_as(request.prompt, seeds.explore, "play untouched").waveform
    sound = finite_takes(explored)
    heard = posterior(models.judge, explored[sound if bool(sound.any()) else slice(None)], context.rate)
    _, _, contrast = judged(intent, heard, models, request.foil(models))
    draws = bench.controls()
    given = None
    if edit.kind in NEEDS_SOURCE:
        given = played_as(source or request.prompt, seeds.test, "play the source")
    variants = bench.variants(draws, given)
    takes_each = len(variants) + 1
    bytes_played = fits.each * min(fits.rows, takes_each * settings.takes)
    with clock.stage("play edited", bytes_played, clock.timings["play untouched"] * takes_each) as advance:
        played = verify(context, contrast, request.prompt, seeds.test, variants, advance=advance)
        words = phrases_of_song(request.prompt, text)
        played = with_tracks(context, played, phrases=words, targets=edit.targets, shown=(EDITED, CONTROL))
    if progress:
        progress("done", 1.0)
    return _experiment(bench, played, draws, intent.label), played


def _experiment(bench: _Bench, played: Played, draws: Sequence[Group], asked: str | None) -> Experiment:
    """What came of it, as a result."""
    edit, models = bench.edit, bench.models

    def told(name: str | None) -> list[TakeResult]:
        outcome = played.outcomes[name] if name else played.clean
        return provenance.takes(outcome.takes, outcome.posterior, outcome.margins, models.judge, asked)

    fewest = min((len(units) for units in draws), default=0)
    control = played.trial(CONTROL) if draws else None
    difference = effect(played.change(EDITED, CONTROL)) if draws else None
    # No comparison, one with fewer units, or with sound that broke, makes nothing sure.
    fair = control is not None and fewest == len(edit.targets) and not control.sound.broke
    return Experiment(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        prompt=bench.request.prompt,
        model=provenance.of_generator(models.generator),
        judge=provenance.of_judge(models.judge),
        settings=bench.request.settings,
        contrast=played.contrast,
        untouched=told(None),
        edited=told(EDITED),
        edit=EditRow(
            targets=[str(target) for target in edit.targets],
            kind=edit.kind,
            value=edit.value,
            seconds=edit.seconds,
            steps=edit.steps,
            branch=edit.branch,
            strength=edit.strength,
            source=bench.source,
        ),
        trial=played.trial(EDITED, difference.p if difference and fair else None),
        control=control,
        control_units=fewest,
        difference=difference,
        caveats=[*([played.lost] if played.lost else []), *_caveats(bench, fewest, bool(draws))],
    )


def _caveats(bench: _Bench, fewest: int, controlled: bool) -> list[str]:
    targets, takes, models = bench.edit.targets, bench.request.settings.takes, bench.models
    whole = any(isinstance(target, Location) for target in targets)
    said = {
        f"No other {'places' if whole else 'units'} of this kind were left to compare with: the effect is of this "
        "edit, not of what was chosen rather than anything else.": not controlled,
        f"Only {fewest} of the {len(targets)} edited could be matched with something random, so that comparison "
        "proves nothing.": controlled and fewest < len(targets),
        f"With {takes} takes only large effects are sure; 8 or more tell more.": takes < 8,
    }
    known = played_caveats(Asked(bench.request, models, None))
    return [*known, *(sentence for sentence, holds in said.items() if holds)]
