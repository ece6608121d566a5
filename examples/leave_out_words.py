"""Predict what leaving out each word of a prompt would do, without playing it: a few parallel passes a word.

python examples/leave_out_words.py "lo-fi beats with accordion"
"""

from __future__ import annotations

from argparse import ArgumentParser

import tonescope as ts
from tonescope import Session, Settings, TonescopeError


def main(session: Session, prompt: str, settings: Settings) -> dict[str, float]:
    """Words and the predicted change of the judge's log-odds without them, the most needed first."""
    context, judge = session.context(settings), session.judge
    seeds = range(settings.seed, settings.seed + settings.takes)
    takes = ts.play(context, [prompt] * len(seeds), seeds)
    heard = ts.posterior(judge, takes.waveform, context.rate).mean(0)
    contrast = ts.Contrast(target=judge.labels[int(heard.argmax())])
    words = ts.phrases_in(prompt, session.generator.read_text([prompt]))
    if len(words) < 2:
        raise TonescopeError("a word can be left out of at least two words only; type a longer prompt.")
    shorter = {f"{word.name} ({word.start})": ts.without(prompt, word) for word in words}
    variants = [ts.Variant(name, prompt=rest) for name, rest in shorter.items()]
    changes = ts.predicted_changes(context, takes, variants, contrast).mean(1).tolist()
    found = dict(sorted(zip((variant.name for variant in variants), changes, strict=True), key=lambda item: item[1]))
    for name, change in found.items():
        print(f"“{shorter[name]}”: {contrast.target} by {change:+.2f} (estimated)")
    return found


if __name__ == "__main__":
    parser = ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("prompt", nargs="?", default="lo-fi beats with accordion")
    given = parser.parse_args()
    try:
        main(Session.open(), given.prompt, Settings(takes=4))
    except TonescopeError as error:
        parser.exit(2, f"error: {error}\n")
