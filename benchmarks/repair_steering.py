"""Steering as a part of the benchmark of repair: what units do that are found as causes, multiplied by several factors,
beside random units whose change is as large, to two listeners; and what words alone do.

The slope is that of the log-odds of the genre meant over the factor, take by take on the same noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.controls import matched_group
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.repair.steering import steered
from tonescope.diagnose.runtime.judge_session import open_second
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import Effect, effect
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.listening import contrast, listen
from tonescope.models.units import Location, Unit

DOSES = (0.0, 0.5, 1.0, 1.5, 2.0)
BY_HAND = "by-hand"  # as a second judge: the classifier of hand-made features of benchmarks/rare_genres.py
CLIPS = 40  # of each genre, that it learns from

Row = dict[str, Any]
Targets = tuple[Unit | Location, ...]


@dataclass(frozen=True)
class Listener:
    """Somebody who hears genres: ``logits`` (takes, labels) of (takes, samples)."""

    name: str
    labels: tuple[str, ...]
    logits: Callable[[Tensor], Tensor]

    def margins(self, sound: Tensor, meant: str) -> Tensor:
        """Log-odds of a genre (takes,)."""
        return contrast(self.labels, self.logits(sound), meant)


def listeners(session: Session, second: str | None, clips: int = CLIPS) -> list[Listener]:
    """The judge of the session, and a second one: a name as of ``--second-judge``, or ``by-hand``."""
    rate = int(session.generator.sample_rate)

    def of(judge: Judge) -> Listener:
        return Listener(judge.name, tuple(judge.labels), lambda sound: listen(judge, sound, rate))

    found = [of(session.judge)]
    if second == BY_HAND:
        found.append(_by_hand(session, clips))
    elif second is not None:
        found.append(of(open_second(second, session.judge, session.taxonomy)))
    return found


def _by_hand(session: Session, clips: int) -> Listener:
    from benchmarks.rare_genres import fitted, known_clips, table_of
    from training.tables import genres

    model = fitted(*known_clips(session.generator, "train", len(genres()) * clips))

    def logits(sound: Tensor) -> Tensor:
        return torch.from_numpy(model.predict_log_proba(table_of(sound))).clamp_min(-30.0)

    return Listener(BY_HAND, tuple(str(label) for label in model.classes_), logits)


def as_large(targets: Targets, random: Targets, activity: dict[Location, Tensor], dose: float) -> float:
    """The factor at which random units change by as much as the targets do at a dose: the norm of what is added to
    their mean activations is the same."""
    own, other = (math.sqrt(sum(_squared(target, activity) for target in some)) for some in (targets, random))
    return 1 + (dose - 1) * own / max(other, 1e-9)


def _squared(target: Unit | Location, activity: dict[Location, Tensor]) -> float:
    if isinstance(target, Unit):
        return float(activity[target.location][target.index]) ** 2
    return float(activity[target].square().sum())


def slopes(margins: Sequence[Tensor]) -> list[float]:
    """Of each take the least-squares slope of its margins, one a dose, over :data:`DOSES`."""
    table = np.stack([one.double().numpy() for one in margins])
    doses = np.asarray(DOSES) - np.mean(DOSES)
    return [float(value) for value in doses @ table / float(doses @ doses)]


def steering_row(
    session: Session, hearing: Sequence[Listener], meant: str, prompt: str, takes: int, settings: Settings
) -> Row:
    """What steering by the causes of one prompt does; without a sure set, only that there is none."""
    diagnosis, _ = session.diagnose(prompt, settings, intended=meant)
    group = diagnosis.drivers.group
    names = group.names if group is not None and group.convincing else []
    if not names or any(name.startswith("text.") for name in names):
        return {"meant": meant, "found": False}
    generator = session.generator
    targets: Targets = tuple(generator.unit(name) if ":" in name else generator.location(name) for name in names)
    return {"meant": meant, "found": True, **measured(session, hearing, (meant, prompt), targets, takes, settings)}


def measured(
    session: Session,
    hearing: Sequence[Listener],
    asked: tuple[str, str],
    targets: Targets,
    takes: int,
    settings: Settings,
) -> Row:
    """Slopes of targets and of random units, and what the genre word alone does, by listener; ``asked`` is the genre
    meant and the prompt."""
    meant, prompt = asked
    context = session.context(settings)
    assert context.means is not None
    sites = {(target.location if isinstance(target, Unit) else target).site.key for target in targets}
    activity = context.means.activity(session.generator, *sites)
    random = tuple(matched_group(targets, activity, settings.seed))
    seeds = range(settings.seed + 1000, settings.seed + 1000 + takes)

    def sounds(units: Targets, factors: Sequence[float]) -> list[Tensor]:
        return [_steered(context, prompt, seeds, units, factor) for factor in factors]

    own = sounds(targets, DOSES)
    beside = sounds(random, [as_large(targets, random, activity, dose) for dose in DOSES]) if random else []
    alone = play(context, [meant] * takes, seeds).waveform
    found: Row = {"units": len(targets), "takes": takes}
    for number, listener in enumerate(hearing, 1):
        if meant not in listener.labels:
            continue
        mine = slopes([listener.margins(sound, meant) for sound in own])
        found[f"slope_{number}"] = mine
        if beside:
            found[f"random_slope_{number}"] = slopes([listener.margins(sound, meant) for sound in beside])
        as_it_is = listener.margins(own[DOSES.index(1.0)], meant)
        found[f"prompt_only_{number}"] = (listener.margins(alone, meant) - as_it_is).tolist()
        muted = listener.margins(own[0], meant) - as_it_is
        found[f"muted_{number}"] = muted.tolist()
    return found


def _steered(context: Context, prompt: str, seeds: Sequence[int], units: Targets, factor: float) -> Tensor:
    with steered(context.generator, units, factor):
        sound = play(context, [prompt] * len(seeds), seeds).waveform
    return torch.where(torch.isfinite(sound), sound, torch.zeros_like(sound))


def summary(rows: Sequence[Row], names: Sequence[str]) -> Row:
    """Over prompts in which a set was found, each counting once: mean slopes and differences with intervals."""
    found = [row for row in rows if row["found"]]
    about: Row = {"steered_prompts": len(found), "unsteerable_prompts": len(rows) - len(found)}
    for number, name in enumerate(names, 1):
        have = [row for row in found if f"slope_{number}" in row and f"random_slope_{number}" in row]
        if not have:
            continue
        means = {what: [float(np.mean(row[f"{what}_{number}"])) for row in have] for what in _WHATS}
        beyond = [abs(own) - abs(other) for own, other in zip(means["slope"], means["random_slope"], strict=True)]
        about[f"steering_{number}"] = {
            "listener": name,
            "slope_size": _told(effect([abs(value) for value in means["slope"]])),
            "random_slope_size": _told(effect([abs(value) for value in means["random_slope"]])),
            "slope_beyond_random": _told(effect(beyond)),
            "muted": _told(effect(means["muted"])),
            "prompt_only": _told(effect(means["prompt_only"])),
        }
    return about


_WHATS = ("slope", "random_slope", "muted", "prompt_only")


def _told(found: Effect) -> Row:
    return {"mean": found.mean, "interval": found.interval and [found.interval.low, found.interval.high]}
