"""What is true on regenerated takes: muting what a diagnosis names flips the verdict, random units like it do not.

Every prompt is diagnosed as a user would, and the set that is reported is muted in fresh takes, beside the same takes
untouched, and beside as many random units of the same places and activity. Where takes of a prompt are not unanimous,
new noise alone flips some, and any edit brings new noise: so the rates are those of prompts whose takes are all heard
alike, of those that are diagnosed and of as many that only screen. A prompt whose screening takes differ is passed
over, and listed with what they are heard as; where those that are diagnosed differ, it is told apart. ``natural`` is
how many untouched fresh takes are heard as something else. What the set is, the rows tell: units that do it, a whole
location, or, where no small set does, the strongest units by gradients. ``confused`` is of prompts that are not played
as they ask: most are confusions that were trained into the embedded generator; a small set is one location, or a few
units.

    python -m benchmarks.causal [--prompts 20] [--takes 8] [--resume]
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import kept_results
from benchmarks.embedded import SECONDS
from benchmarks.prompts import PROMPTS
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.jobs.diagnosis import diagnose
from tonescope.diagnose.jobs.request import Request
from tonescope.diagnose.judging.verdict import hear
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import share
from tonescope.models.judges.listening import posterior

SCREENING = 2000  # the first seed of takes that only screen
DRIFTS = ("sibling drift", "family drift", "partial drift")

Row = dict[str, Any]


def screened(context: Context, prompt: str, takes: int) -> list[str]:
    """What is heard in takes that only screen."""
    waveform = play(context, [prompt] * takes, range(SCREENING, SCREENING + takes)).waveform
    return hear(posterior(context.listener, waveform, context.rate), context.listener.labels)


def measured(session: Session, context: Context, prompt: str, takes: int, screen: Sequence[str]) -> Row:
    """What became of the takes when the set was muted, and random units like it."""
    settings = Settings(takes=takes, seconds=SECONDS, tested_words=0)
    assert context.means is not None
    found, evidence = diagnose(Request(prompt, settings), session.models, context.means)
    group = found.drivers.group
    assert group is not None
    played = evidence.takes.waveform
    heard = [*screen, *hear(posterior(context.listener, played, context.rate), context.listener.labels)]
    return {
        "prompt": prompt,
        "verdict": found.verdict.kind,
        "heard": found.contrast.target,
        "alike": len(set(heard)) == 1,
        "found_by": group.found_by,
        "units": group.units,
        "names": group.names,
        "effect": group.muted.effect.mean,
        "control": group.control.effect.mean,
        "flips": group.muted.flips,
        "control_flips": group.control.flips,
        "flippable": group.muted.flippable,
        "strays": sum(take.heard != found.contrast.target for take in found.drivers.tested),
        "fresh": len(found.drivers.tested),
        "sound_broke": group.muted.sound.broke,
        "control_sound_broke": group.control.sound.broke,
    }


def rate(rows: Sequence[Row], key: str, of: str, draws: int = 4000) -> dict[str, float]:
    """Share of takes with its 95 % interval: by bootstrap over prompts, whose takes are not independent; Wilson's
    where all are alike."""
    hits, totals = (np.array([row[name] for row in rows], dtype=int) for name in (key, of))
    plain = share(int(hits.sum()), int(totals.sum()))
    if plain.count in (0, plain.total):
        return plain.model_dump()
    drawn = np.random.default_rng(0).integers(len(rows), size=(draws, len(rows)))
    low, high = np.quantile(hits[drawn].sum(1) / np.maximum(totals[drawn].sum(1), 1), [0.025, 0.975])
    return {"count": plain.count, "total": plain.total, "low": float(low), "high": float(high)}


def mean(rows: Sequence[Row], key: str, draws: int = 4000) -> dict[str, float]:
    """Mean over prompts with its bootstrap interval."""
    values = np.array([row[key] for row in rows])
    drawn = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}


def summary(rows: Sequence[Row], passed_over: Row) -> Row:
    """What all prompts so far say."""
    about: Row = {"seconds": SECONDS, "passed_over": passed_over}
    for name, alike in (("", True), ("other_", False)):
        if some := [row for row in rows if row["alike"] is alike]:
            about[f"{name}prompts"] = len(some)
            about[f"{name}flip_rate"] = rate(some, "flips", "flippable")
            about[f"{name}control_flip_rate"] = rate(some, "control_flips", "flippable")
            about[f"{name}natural"] = rate(some, "strays", "fresh")
            about |= {f"{name}mean_{key}": mean(some, key) for key in ("effect", "control")}
            about |= {f"{name}{key}": sum(row[key] for row in some) for key in ("sound_broke", "control_sound_broke")}
    if confused := [row for row in rows if row["verdict"] in DRIFTS]:
        small = [row for row in confused if row["found_by"] != "gradients"]
        about["confused"] = {"prompts": len(confused), "with_small_sets": len(small)}
        for name, some in (("small", small), ("large", [row for row in confused if row not in small])):
            if some:
                flips = {key: rate(some, key, "flippable") for key in ("flips", "control_flips")}
                about["confused"][name] = {"units": [row["units"] for row in some], **flips}
    return about


def main() -> None:
    """Diagnose prompts until enough of them are heard alike."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=20, help="so many whose takes are heard alike")
    parser.add_argument("--takes", type=int, default=8)
    parser.add_argument("--resume", action="store_true", help="go on with the prompts that the kept result lacks")
    given = parser.parse_args()
    session = Session.open()
    context = session.context(Settings(seconds=SECONDS))
    models = (session.generator, session.judge)
    rows: list[Row] = []
    passed_over: Row = {}
    if given.resume:
        kept = kept_results.load("causal")
        if (
            kept["takes"] != given.takes
            or "passed_over" not in kept
            or kept["models"] != [model.fingerprint() for model in models]
        ):
            raise SystemExit(
                "the kept result is of other settings or models, so it cannot be gone on with; leave --resume out."
            )
        rows, passed_over = kept["rows"], kept["passed_over"]
    done = {row["prompt"] for row in rows} | set(passed_over)
    for prompt in (prompt for prompt in PROMPTS if prompt not in done):
        if sum(row["alike"] for row in rows) >= given.prompts:
            break
        screen = screened(context, prompt, given.takes)
        if len(set(screen)) > 1:
            passed_over[prompt] = dict(Counter(screen).most_common())
            continue
        rows.append(measured(session, context, prompt, given.takes, screen))
        about = {"takes": given.takes, "chosen_by": "the diagnosis", **summary(rows, passed_over)}
        kept_results.keep("causal", rows, about, models=models)


if __name__ == "__main__":
    main()
