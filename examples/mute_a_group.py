"""Find the units that drive a prompt's music together, mute them in fresh takes, and write down what is heard.

python examples/mute_a_group.py "lo-fi beats with accordion" out/mute
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import tonescope as ts
from tonescope import Edit, Session, Settings, Variant


def main(session: Session, prompt: str, folder: Path, settings: Settings) -> None:
    """Units are chosen on some takes and muted in fresh ones, beside random units like them."""
    context, judge = session.context(settings), session.judge
    seeds = ts.SeedPlan(settings.seed, settings.takes)
    takes = ts.play(context, [prompt] * settings.takes, seeds.explore)
    heard = ts.posterior(judge, takes.waveform, context.rate).mean(0)
    contrast = ts.Contrast(target=judge.labels[int(heard.argmax())])
    found = ts.attribute(context, takes, ts.margin(judge, contrast.target))
    search = ts.Search(settings.strongest_share, settings.rounds)
    # Here all of that share are muted; a diagnosis stops as soon as takes turn back.
    strongest = ts.greedy_group_search(context, takes, contrast.target, found, search, seeds=seeds)
    control = ts.matched_controls(strongest, found.activity, seed=0)
    print(f"{len(strongest)} of {found.count} units, and {len(control)} random ones like them")
    variants = [Variant("muted", Edit(strongest)), Variant("random units muted", Edit(control))]
    played = ts.verify(context, contrast, prompt, seeds.test, variants)
    folder.mkdir(parents=True, exist_ok=True)
    sounds = ts.Sounds(session.generator)
    for outcome in (played.clean, *played.outcomes.values()):
        for row, seed in enumerate(outcome.takes.seeds):
            sounds.write(folder / f"take-{seed}-{outcome.name.replace(' ', '-')}.wav", outcome.takes, row)
        print(f"{outcome.name}: {contrast.target} over {contrast.other} by {outcome.margins.mean():+.2f}")


if __name__ == "__main__":
    parser = ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("prompt", nargs="?", default="lo-fi beats with accordion")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("out/mute"))
    given = parser.parse_args()
    try:
        main(Session.open(), given.prompt, given.folder, Settings())
    except ts.TonescopeError as error:
        parser.exit(2, f"error: {error}\n")
