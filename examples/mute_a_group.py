"""Mute the units that drive a take, listen to both versions, and see how the judge changes its mind.

python examples/mute_a_group.py "lo-fi beats with accordion" out/mute
"""

from __future__ import annotations

import sys
from pathlib import Path

from tonescope.diagnose.attribution import attribute
from tonescope.diagnose.interventions import Edit, regenerate
from tonescope.diagnose.metrics import margin
from tonescope.diagnose.report.audio import Sounds
from tonescope.models.generator import Sampling

from tonescope import Session, Settings


def main(prompt: str, folder: Path) -> None:
    """Two takes, clean and with the strongest hundred units at their reference mean."""
    session = Session.open()
    generator, judge = session.generator, session.judge
    reference = session.reference(Settings())
    takes = generator.generate([prompt] * 2, [1, 2], 4.0)
    order = judge.posterior(takes.waveform, generator.sample_rate).mean(0).argsort(descending=True).tolist()
    heard, runner_up = judge.labels[order[0]], judge.labels[order[1]]
    found = attribute(generator, takes, margin(judge, heard, runner_up), reference)
    strongest = tuple(unit for unit, _ in found.ranked(100))
    muted = regenerate(generator, takes.prompts, takes.seeds, [Edit(strongest)] * 2, 4.0, Sampling(), reference)
    folder.mkdir(parents=True, exist_ok=True)
    sounds = Sounds(generator)
    for name, played in (("clean", takes), ("muted", muted)):
        after = judge.posterior(played.waveform, generator.sample_rate)
        for index, seed in enumerate(played.seeds):
            sounds.write(folder / f"take-{seed}-{name}.wav", played, index)
        print(f"{name}: {heard} {after[:, order[0]].mean():.2f}, {runner_up} {after[:, order[1]].mean():.2f}")


if __name__ == "__main__":
    main(
        sys.argv[1] if len(sys.argv) > 1 else "lo-fi beats with accordion",
        Path(sys.argv[2] if len(sys.argv) > 2 else "out/mute"),
    )
