"""Ask why a prompt is played as it is: the verdict, and the units and words that drove it.

python examples/diagnose_a_prompt.py "lo-fi beats with accordion"
"""

from __future__ import annotations

from argparse import ArgumentParser

from tonescope import Diagnosis, Session, Settings, TonescopeError


def main(session: Session, prompt: str, settings: Settings) -> Diagnosis:
    """Print what was found, each finding with its badge."""
    diagnosis, evidence = session.diagnose(prompt, settings)
    print(diagnosis.verdict.sentence)
    if group := diagnosis.drivers.group:
        print(f"{group.badge}: {group.units} units muted move the margin by {group.muted.effect.mean:+.2f}")
    for word in diagnosis.drivers.words:
        found = word.verified.effect if word.verified else word.estimated
        print(f"{word.badge}: without “{word.word}” it moves by {found.mean:+.2f}")
    print(f"{len(evidence.takes)} takes and {len(diagnosis.drivers.tested)} fresh ones were heard")
    for caveat in diagnosis.caveats:
        print(f"note: {caveat}")
    return diagnosis


if __name__ == "__main__":
    parser = ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("prompt", nargs="?", default="lo-fi beats with accordion")
    given = parser.parse_args()
    try:
        main(Session.open(), given.prompt, Settings(takes=8))
    except TonescopeError as error:
        parser.exit(2, f"error: {error}\n")
