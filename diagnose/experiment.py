"""An experiment: somebody's own edit of any units, played in fresh takes beside the same takes untouched and random units edited alike.

What a diagnosis does to the units it found, for units that were named. Takes, question and fresh seeds are those that a diagnosis of the
same prompt and settings has, so that the two can be compared.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ..models import versions
from ..models.errors import TonescopeError
from ..models.generator import Generator, Sampling, Takes
from ..models.judge import Judge
from ..models.units import SITES, Location, Unit
from . import account, genre, memory
from .controls import matched_controls
from .diagnosis import check_request, foreign, foreign_caveat, judged
from .interventions import NEEDS_DONOR, Branch, Donor, Edit, Kind, check_edit, regenerate, resampled
from .progress import Clock, Progress
from .reference import Reference
from .result import Question, Source, TakeResult, Trial
from .settings import Settings
from .stats import Effect, effect
from .taxonomy import Taxonomy
from .trace import activations
from .verification import Played, Variant, verify

SCHEMA_VERSION = "1.0"
EDITED, CONTROL = "edited", "random units edited"
SETS = 5  # of takes: to ask by, from the donor, untouched, edited, random units edited

STAGES = {"play untouched": 0.2, "play the donor": 0.2, "play edited": 0.6}


class EditRow(BaseModel):
    """The edit as it was asked for; ``donor`` is the prompt whose takes, on the same seeds, activations were put in from."""

    targets: list[str]
    kind: Kind
    value: float
    seconds: tuple[float, float] | None
    branch: Branch
    amount: float
    donor: str | None


class Experiment(BaseModel):
    """What became of an edit.

    ``trial`` and ``control`` are the fresh takes with the edit, and with ``control_units`` random units of the same places and activity edited
    alike, a new draw for each take. Whole locations have no control. ``difference`` is effect minus control, take by take. The ``q`` of
    ``trial`` is the p-value of that difference, or of the effect where there is no control: nothing else was tested. It is absent where the
    control is smaller than the edit, or its sound broke.
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
    question: Question
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


def run(
    prompt: str, edit: Edit, generator: Generator, judge: Judge, taxonomy: Taxonomy, reference: Reference, settings: Settings,
    donor: str | None = None, progress: Progress | None = None,
) -> tuple[Experiment, Played]:  # fmt: skip
    """Play an edit.

    Args:
        edit: what to do; its ``donor`` stays empty.
        donor: for a ``patch``, the prompt to take activations from; for a ``resample`` the same, if not the prompt itself.

    Raises:
        TonescopeError: the request cannot be met; the message says why.
    """
    prompt = unicodedata.normalize("NFC", prompt)  # as a diagnosis does
    check_request(prompt, generator, judge, taxonomy, settings, None)
    _check_donor(edit, donor, generator, settings)
    if edit.kind not in NEEDS_DONOR:
        check_edit(generator, edit, reference, settings.guidance)
    against = genre.choose_label(settings.against, taxonomy, judge.labels) if settings.against else None
    intent = genre.read_intent(prompt, judge, taxonomy)
    clock = Clock(STAGES, progress)
    sampling = Sampling(settings.guidance, settings.temperature, settings.top_k)
    tokens = max(generator.read_text([words]).mask.shape[1] for words in (prompt, donor or prompt))
    fits = memory.playing(
        generator, tokens, settings.seconds, settings.guidance, SETS * settings.takes, settings.memory_gib
    )
    rows = fits.rows
    seeds = [settings.seed + index for index in range(settings.takes)]
    fresh = [seed + settings.takes for seed in seeds]

    def play(words: str, on: Sequence[int], stage: str) -> Takes:
        with clock.stage(stage, fits.each * min(rows, len(on))) as advance:
            return regenerate(
                generator, [words] * len(on), on, [None] * len(on), settings.seconds, sampling, None, rows, advance
            )

    posterior = judge.posterior(play(prompt, seeds, "play untouched").waveform, generator.sample_rate)
    _, _, question = judged(intent, posterior, generator, judge, taxonomy, against)
    draws = _controls(edit, generator, reference, seeds)
    edits = [edit] * len(fresh)
    if edit.kind in NEEDS_DONOR:
        given = play(donor or prompt, fresh, "play the donor")
        places = sorted(edit.locations | {unit.location for units in draws for unit in units})
        donors = activations(generator, given, places, settings.guidance)
        edits = [replace(edit, donor=donor) for donor in _handed_out(edit, donors, settings.seed)]
    variants = [Variant(EDITED, tuple(edits))]
    if draws:
        variants.append(Variant(CONTROL, tuple(replace(own, targets=units) for own, units in zip(edits, draws, strict=True))))  # fmt: skip
    takes_each, bytes_played = len(variants) + 1, fits.each * min(rows, (len(variants) + 1) * len(fresh))
    with clock.stage("play edited", bytes_played, clock.timings["play untouched"] * takes_each) as advance:
        played = verify(
            generator, judge, question, prompt, fresh, variants, settings.seconds, sampling, reference, rows, advance
        )
    difference = effect(played.change(EDITED, CONTROL)) if draws else None

    def told(name: str | None) -> list[TakeResult]:
        outcome = played.outcomes[name] if name else played.clean
        return account.takes(outcome.takes, outcome.posterior, outcome.margins, judge.labels, intent.label)

    fewest = min((len(units) for units in draws), default=0)
    control = played.trial(CONTROL) if draws else None
    # A comparison with fewer units, or with sound that broke, makes nothing sure.
    fair = control is None or (fewest == len(edit.targets) and not control.sound.broke)
    experiment = Experiment(
        made=date.today().isoformat(), versions=account.versions(), prompt=prompt, model=account.of_generator(generator), judge=account.of_judge(judge),
        settings=settings, question=question, untouched=told(None), edited=told(EDITED),
        edit=EditRow(
            targets=[str(target) for target in edit.targets], kind=edit.kind, value=edit.value, seconds=edit.seconds, branch=edit.branch,
            amount=edit.amount, donor=donor,
        ),
        trial=played.trial(EDITED, (difference or effect(played.change(EDITED))).p if fair else None),
        control=control,
        control_units=fewest, difference=difference, caveats=_caveats(edit, fewest, bool(draws), judge, generator, settings),
    )  # fmt: skip
    if progress:
        progress("done", 1.0)
    return experiment, played


def _check_donor(edit: Edit, donor: str | None, generator: Generator, settings: Settings) -> None:
    if edit.kind == "patch" and donor is None:
        raise TonescopeError("a patch puts in what another prompt makes of the units; name that prompt as the donor.")
    if donor is not None and edit.kind not in NEEDS_DONOR:
        raise TonescopeError(f"an edit of the kind {edit.kind} takes nothing from a donor; leave it out, or use patch.")
    if donor is not None:
        generator.read_text([donor])
    if edit.kind == "resample" and settings.takes < 2:
        raise TonescopeError("resampling takes from another take, and there is only one; ask for 2 takes or more.")


def _controls(edit: Edit, generator: Generator, reference: Reference, draws: Sequence[int]) -> list[tuple[Unit, ...]]:
    """Random units like those edited, a draw for each take; none where whole locations are edited, or nothing is left to draw."""
    units = [target for target in edit.targets if isinstance(target, Unit)]
    if len(units) < len(edit.targets):
        return []
    found = [matched_controls(units, _activity(edit, generator, reference), draw) for draw in draws]
    return found if all(found) else []


def _activity(edit: Edit, generator: Generator, reference: Reference) -> dict[Location, Tensor]:
    """How strong each unit is on average over the reference prompts, at every layer of the sites that are edited."""
    sites = {location.site.key for location in edit.locations}
    return {
        location: reference.means[location][0].abs().unflatten(0, (-1, generator.head_width(location))).mean(1)
        for location in generator.locations(*sites)
    }


def _handed_out(edit: Edit, donors: list[Donor], seed: int) -> list[Donor | None]:
    """Each take's donor: the donor prompt's on the same seed, or for a resample a random other take's."""
    if edit.kind == "resample":
        return [other.donor for other in resampled(edit.targets, donors, seed)]
    return list(donors)


def _caveats(
    edit: Edit, fewest: int, controlled: bool, judge: Judge, generator: Generator, settings: Settings
) -> list[str]:
    said = {
        "Whole locations have nothing random to be compared with: the effect is of this edit, not of these places rather than others.":
            any(isinstance(target, Location) for target in edit.targets),
        "No other units were left to compare with.":
            not controlled and all(isinstance(target, Unit) for target in edit.targets),
        f"Only {fewest} random units were left to compare the {len(edit.targets)} edited with, so that comparison proves nothing.":
            controlled and fewest < len(edit.targets),
        f"With {settings.takes} takes only large effects are sure; 8 or more tell more.": settings.takes < 8,
        foreign_caveat(judge, generator): foreign(judge, generator),
    }  # fmt: skip
    untested = versions.notice()
    return [*([untested] if untested else []), *(sentence for sentence, holds in said.items() if holds)]
