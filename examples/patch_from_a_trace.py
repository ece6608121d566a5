"""Record what one prompt's takes read from their text, keep it on disk, and put it into takes of another prompt.

python examples/patch_from_a_trace.py "swing jazz with trumpet" "dark techno" out/patch
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from tonescope import Edit, Session, Settings, Takes, TonescopeError, Trace, TraceSpec, play, posterior, record

SITES = ("decoder.cross",)  # cross-attention heads: all that the decoder learns of the prompt


def main(session: Session, source: str, prompt: str, folder: Path, settings: Settings) -> tuple[Takes, Takes]:
    """Print what is heard in the source's takes, in the prompt's, and in the prompt's patched from the source's.

    Gives the takes of the source, and those that were patched.
    """
    context, judge = session.context(settings), session.judge
    seeds = range(settings.seed, settings.seed + settings.takes)
    given = play(context, [source] * len(seeds), seeds)
    folder.mkdir(parents=True, exist_ok=True)
    record(context, given, sites=SITES, spec=TraceSpec("all", whole_heads=True)).save(folder / "trace")

    trace = Trace.load(folder / "trace")
    places = tuple(session.generator.locations(*SITES))
    patches = [Edit(places, kind="patch", source=trace.source(row)) for row in range(len(seeds))]
    prompts = [prompt] * len(seeds)
    played = {source: given, prompt: play(context, prompts, seeds), "patched": play(context, prompts, seeds, patches)}
    for name, takes in played.items():
        heard = posterior(judge, takes.waveform, context.rate)
        print(f"{name}: {', '.join(judge.labels[best] for best in heard.argmax(1).tolist())}")
    return given, played["patched"]


if __name__ == "__main__":
    parser = ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("source", nargs="?", default="swing jazz with trumpet")
    parser.add_argument("prompt", nargs="?", default="dark techno")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("out/patch"))
    given = parser.parse_args()
    try:
        main(Session.open(), given.source, given.prompt, given.folder, Settings(takes=4))
    except TonescopeError as error:
        parser.exit(2, f"error: {error}\n")
