"""Find the smallest set of units that makes a prompt sound as it does, and mute it in fresh takes.

python examples/find_the_cause.py "lo-fi beats with accordion"
"""

from __future__ import annotations

from argparse import ArgumentParser

import tonescope as ts
from tonescope import Edit, Session, Settings, Variant


def main(session: Session, prompt: str, settings: Settings) -> ts.SearchResult:
    """Units are searched by muting them in some takes, and tested in fresh ones, beside random units like them."""
    context, judge = session.context(settings), session.judge
    seeds = ts.SeedPlan(settings.seed, settings.takes)
    takes = ts.play(context, [prompt] * settings.takes, seeds.explore)
    heard = ts.posterior(judge, takes.waveform, context.rate).mean(0)
    contrast = ts.Contrast(target=judge.labels[int(heard.argmax())])
    sites = ts.screened_sites(session.generator)
    found = ts.attribute(context, takes, ts.margin(judge, contrast.target), sites=sites)
    candidates = ts.Screening.of(context, takes, found).candidates(settings.candidates)
    trials = ts.MutingTrials(context, takes, contrast)
    cause = ts.search_causes(trials, candidates, ts.other_prompts(contrast))
    print(f"{len(candidates)} units of {found.count} were muted, {cause.rows} takes were played")
    if not cause.group:
        print(f"no small set of them makes the takes {contrast.target}")
        return cause
    print(f"the takes are {contrast.target} because of {', '.join(map(str, cause.group))} ({cause.found_by})")
    control = ts.matched_controls([unit for unit in cause.group if isinstance(unit, ts.Unit)], found.activity, seed=0)
    variants = [Variant("muted", Edit(cause.group)), Variant("random units muted", Edit(control))]
    played = ts.verify(context, contrast, prompt, seeds.test, variants)
    for outcome in (played.clean, *played.outcomes.values()):
        print(f"{outcome.name}: {outcome.heard.count(contrast.target)} of {len(outcome.heard)} fresh takes")
    return cause


if __name__ == "__main__":
    parser = ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("prompt", nargs="?", default="lo-fi beats with accordion")
    given = parser.parse_args()
    try:
        main(Session.open(), given.prompt, Settings())
    except ts.TonescopeError as error:
        parser.exit(2, f"error: {error}\n")
