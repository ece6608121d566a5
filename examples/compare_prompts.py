"""Play two prompts on the same noise, and ask the judge what the difference in words did.

python examples/compare_prompts.py "lo-fi beats with accordion" "lo-fi beats"
"""

from __future__ import annotations

from argparse import ArgumentParser

from torch import Tensor

from tonescope import Session, Settings, TonescopeError, play, posterior


def main(session: Session, first: str, second: str, settings: Settings) -> Tensor:
    """The change of each label's probability (takes, labels) from the first prompt to the second, take by take."""
    context, judge = session.context(settings), session.judge
    seeds = [*range(settings.seed, settings.seed + settings.takes)]
    takes = play(context, [first] * len(seeds) + [second] * len(seeds), seeds * 2)
    before, after = posterior(judge, takes.waveform, context.rate).split(len(seeds))
    for seed, one, other in zip(seeds, before.argmax(1).tolist(), after.argmax(1).tolist(), strict=True):
        print(f"take {seed}: {judge.labels[one]} with “{first}”, {judge.labels[other]} with “{second}”")
    change = after - before
    for label in change.mean(0).abs().argsort(descending=True)[:3].tolist():
        print(f"{judge.labels[label]}: {change[:, label].mean():+.0%}")
    return change


if __name__ == "__main__":
    parser = ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("first", nargs="?", default="lo-fi beats with accordion")
    parser.add_argument("second", nargs="?", default="lo-fi beats")
    given = parser.parse_args()
    try:
        main(Session.open(), given.first, given.second, Settings(takes=8))
    except TonescopeError as error:
        parser.exit(2, f"error: {error}\n")
