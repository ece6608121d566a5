"""Change units of your choice in fresh takes, beside random units changed alike, and listen to both.

python examples/edit_units.py "dark techno" out/edit decoder.3.mlp:117 decoder.4.cross:2
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from tonescope import Edit, Experiment, Session, Settings, Sounds, TonescopeError, Unit


def main(session: Session, prompt: str, folder: Path, units: Sequence[str], settings: Settings) -> Experiment:
    """Halve the units' activations, write every take as a wav file, and say how far the judge's margin moved."""
    edit = Edit(tuple(Unit.parse(unit) for unit in units), kind="scale", value=0.5)
    experiment, played = session.experiment(prompt, edit, settings)
    folder.mkdir(parents=True, exist_ok=True)
    sounds = Sounds(session.generator)
    for name, takes in played.sounds.items():
        for row, seed in enumerate(takes.seeds):
            sounds.write(folder / f"{name}-{seed}.wav", takes, row)
    contrast, effect = experiment.contrast, experiment.trial.effect
    print(f"{contrast.target} over {contrast.foil or 'anything else'}: {effect.mean:+.2f} ({experiment.trial.badge})")
    if experiment.control:
        print(f"random units changed alike: {experiment.control.effect.mean:+.2f}")
    return experiment


if __name__ == "__main__":
    parser = ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("prompt", nargs="?", default="dark techno")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("out/edit"))
    parser.add_argument("units", nargs="*", default=["decoder.3.mlp:117", "decoder.4.cross:2"])
    given = parser.parse_args()
    try:
        main(Session.open(), given.prompt, given.folder, given.units, Settings())
    except TonescopeError as error:
        parser.exit(2, f"error: {error}\n")
