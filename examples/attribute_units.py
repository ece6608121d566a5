"""Estimate what every unit does to the verdict, and list the strongest.

python examples/attribute_units.py "lo-fi beats with accordion"
"""

from __future__ import annotations

from argparse import ArgumentParser

from tonescope import Attribution, Session, Settings, TonescopeError, attribute, margin, play, posterior

SHOWN = 10


def main(session: Session, prompt: str, settings: Settings) -> Attribution:
    """Units by how much less the takes are expected to sound like what is heard in them if the unit alone is muted."""
    context, judge = session.context(settings), session.judge
    seeds = range(settings.seed, settings.seed + settings.takes)
    print(f"Playing {settings.takes} takes of “{prompt}”, then estimating every unit …", flush=True)
    takes = play(context, [prompt] * len(seeds), seeds)
    heard = posterior(judge, takes.waveform, context.rate).mean(0)
    label = judge.labels[int(heard.argmax())]
    found = attribute(context, takes, margin(judge, label))
    print(f"It is heard as {label}. Of {found.count:,} units these are estimated to matter most for that")
    print("(change of the judge's log-odds if muted; computed from gradients, not played):")
    for unit, effect in found.ranked(SHOWN):
        print(f"{unit!s:24} {effect:+.3f}")
    return found


if __name__ == "__main__":
    parser = ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("prompt", nargs="?", default="lo-fi beats with accordion")
    given = parser.parse_args()
    try:
        main(Session.open(), given.prompt, Settings(takes=4))
    except TonescopeError as error:
        parser.exit(2, f"error: {error}\n")
