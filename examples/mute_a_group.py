"""Mute the units that drive a prompt's music in fresh takes, listen to them, and see how the judge changes its mind.

python examples/mute_a_group.py "lo-fi beats with accordion" out/mute
"""

from __future__ import annotations

import sys
from pathlib import Path

from tonescope import Session, Settings
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.greedy_group_search import Search, greedy_group_search
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.controls import matched_controls
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.verification import Variant, verify
from tonescope.diagnose.report.sounds import Sounds
from tonescope.diagnose.schema import Contrast
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Sampling
from tonescope.models.judges import listening

SECONDS, SHARE = 4.0, 0.01


def main(session: Session, prompt: str, folder: Path) -> None:
    """Units are chosen on two takes and muted in two fresh ones, beside random units like them."""
    generator, judge = session.generator, session.judge
    means = session.means(Settings())
    takes = generator.generate([prompt] * 2, [1, 2], SECONDS)
    order = listening.posterior(judge, takes.waveform, generator.sample_rate).mean(0).argsort(descending=True).tolist()
    contrast = Contrast(target=judge.labels[order[0]])
    found = attribute(Context(generator, means=means), takes, margin(judge, contrast.target, None))
    strongest = greedy_group_search(
        Context(generator, judge=judge, means=means), takes, contrast.target, found, Search(SHARE)
    )
    control = matched_controls(strongest, found.activity, seed=0)
    print(f"{len(strongest)} of {found.count} units, and {len(control)} random ones like them")
    variants = [Variant("muted", Edit(strongest)), Variant("random units muted", Edit(control))]
    played = verify(
        Context(generator, judge=judge, means=means, sampling=Sampling(), seconds=SECONDS),
        contrast,
        prompt,
        [3, 4],
        variants,
    )
    folder.mkdir(parents=True, exist_ok=True)
    sounds = Sounds(generator)
    for outcome in (played.clean, *played.outcomes.values()):
        for index, seed in enumerate(outcome.takes.seeds):
            sounds.write(folder / f"take-{seed}-{outcome.name.replace(' ', '-')}.wav", outcome.takes, index)
        print(f"{outcome.name}: {contrast.target} over {contrast.other} by {outcome.margins.mean():+.2f}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(Session.open(), sys.argv[1], Path(sys.argv[2]))
    except TonescopeError as error:
        sys.exit(f"error: {error}")
