"""What the linter's rules find does to what the embedded model plays: paired takes with and without it.

Each rule whose basis is measured has pairs of prompts and the genre meant. Takes of a pair share their noise; the
effect is the change of the judge's log-odds of that genre, a pair of prompts counting once. Writes
``diagnose/prompts/rules/rule_effects.json``, which the rules read; rules that are there already for these models and as
many takes are not played again.

    python -m benchmarks.lint_effects [--takes 8] [--rules negation,superstition]
"""

from __future__ import annotations

import argparse
from datetime import date
from importlib import resources
from pathlib import Path

from rich.console import Console

from tonescope.diagnose.context import Context
from tonescope.diagnose.prompts.rules.lint_rules import EFFECTS_FILE, Rule, RuleEffect, RuleEffects, rule_book
from tonescope.diagnose.repair.race import Track
from tonescope.diagnose.repair.rewrites import Rewrite
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.stats import adjusted, effect, share
from tonescope.models.generator import Sampling

TAKES, SECONDS, FIRST_SEED = 8, 4.0, 2_000_000
FILE = Path(str(resources.files("tonescope.diagnose.prompts.rules"))) / EFFECTS_FILE


def measured(session: Session, rule: Rule, takes: int, seconds: float = SECONDS) -> RuleEffect:
    """The effect of one rule over its pairs."""
    context, seeds = Context(session.generator, session.judge, seconds=seconds), range(FIRST_SEED, FIRST_SEED + takes)
    changes: list[float] = []
    right = {"present": 0, "absent": 0}
    for present, absent, meant in rule.pairs:
        track = Track(context, meant)
        there, gone = (track.all_of(Rewrite("none", "", prompt, Sampling()), seeds) for prompt in (present, absent))
        changes.append(float((there.margins - gone.margins).mean()))
        right["present"] += there.heard.count(meant)
        right["absent"] += gone.heard.count(meant)
    total = takes * len(rule.pairs)
    return RuleEffect(
        present=share(right["present"], total), absent=share(right["absent"], total), effect=effect(changes)
    )


def with_q(effects: dict[str, RuleEffect]) -> dict[str, RuleEffect]:
    """The same with the q-value of each over all."""
    qs = adjusted([one.effect.p for one in effects.values()])
    return {name: one.model_copy(update={"q": q}) for (name, one), q in zip(effects.items(), qs, strict=True)}


def known(session: Session, takes: int) -> dict[str, RuleEffect]:
    """What was measured before on these models in as many takes."""
    if not FILE.is_file():
        return {}
    found = RuleEffects.model_validate_json(FILE.read_text(encoding="utf-8"))
    same = (found.generator, found.judge, found.takes) == (
        session.generator.fingerprint(),
        session.judge.fingerprint(),
        takes,
    )
    return found.effects if same else {}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--takes", type=int, default=TAKES, help="of each prompt of a pair")
    parser.add_argument("--rules", help="only these, separated by commas")
    given = parser.parse_args()
    session, console = Session.open(), Console()
    effects = known(session, given.takes)
    wanted = given.rules.split(",") if given.rules else [rule.id for rule in rule_book().rules]
    for rule in rule_book().rules:
        if rule.basis != "measured" or rule.id not in wanted or rule.id in effects:
            continue
        effects = with_q({**effects, rule.id: measured(session, rule, given.takes)})
        console.print(f"{rule.id}: {effects[rule.id].sentence}")
        told = RuleEffects(
            model=session.generator.name,
            generator=session.generator.fingerprint(),
            judge=session.judge.fingerprint(),
            made=date.today().isoformat(),
            takes=given.takes,
            seconds=SECONDS,
            effects=effects,
        )
        part = FILE.with_name(f"{FILE.name}.tmp")
        part.write_text(told.model_dump_json(indent=1) + "\n", encoding="utf-8")
        part.replace(FILE)


if __name__ == "__main__":
    main()
