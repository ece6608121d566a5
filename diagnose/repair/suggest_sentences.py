"""What follows from a repair, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.judging.verdict import UNSURE

if TYPE_CHECKING:
    from tonescope.diagnose.repair.side_effects import SideEffects
    from tonescope.diagnose.repair.suggest_schema import Suggestion, Verified
    from tonescope.diagnose.stats import Share

LOUDER = 1.0  # dB that a listener notices


def concluded(found: Suggestion) -> str:
    """The finding in one or two sentences."""
    asked = found.intended
    before = _counted(found.original.matched)
    if found.conclusion == "plays as meant":
        return f"The prompt plays {asked} as it was typed: in {before}. Nothing has to be repaired."
    if found.conclusion in ("fixed", "better"):
        return _told_better(found, best_of(found))
    if found.conclusion == "genre missing":
        word = found.bare or (found.original if found.prompt.strip().casefold() == asked else found.best)
        said = f"even “{word.prompt}” is heard as {asked} in {_counted(word.matched)}" if word else before
        return f"None of {len(found.tried)} rewrites helps: {said}. {_missing(found)}"
    tried = len(found.tried)
    count = found.best.matched.count if found.best else 0
    said = f"with the best of them in {count or 'none'}"
    bare = ""
    if found.bare and found.bare.matched.value > found.original.matched.value:
        alone = _counted(found.bare.matched)
        bare = f" The genre word alone is heard in {alone}: the rest of the prompt gets in its way."
    how = f"None of {tried} rewrites was surely better: as it was typed, {asked} is heard"
    return f"{how} in {before}, {said}.{bare}"


def _told_better(found: Suggestion, best: Verified) -> str:
    """What to type, and how much better it was."""
    before, change = found.original.matched.count or "none", best.effect
    if found.conclusion == "fixed":
        heard = f"{found.intended} is then heard in {_counted(best.matched)}"
        return f"{_named(best)}: {heard}. As it was typed: in {before}."
    if change is not None and change.interval is not None and change.interval.low > 0:
        counts = f"takes heard so: {best.matched.count} of {best.matched.total}, before {before}"
        return f"{_named(best)}: the judge is surely nearer to {found.intended}; {counts}."
    heard = f"{found.intended} is then heard in {_counted(best.matched)}, surely more often and not yet mostly"
    return f"{_named(best)}: {heard}. As it was typed: in {before}."


def _missing(found: Suggestion) -> str:
    """Where the genre is missing, as far as that can be told, and what comes instead."""
    others = []
    if found.judge_error is None:
        others.append(f"the judge does not hear it (how often it mishears {found.intended} was not measured)")
    if found.sung:
        others.append("the lyrics keep it out")
    told = "As far as these takes tell, the genre is missing in the model, not in the prompt."
    if others:
        told = f"The genre is missing in the model, or {', or '.join(others)}: other words hardly help."
    return f"{told}{_instead(found.original, found.intended)}"


def _instead(original: Verified, intended: str) -> str:
    """What most of the fresh takes are heard as that are heard as another genre."""
    counts = {label: count for label, count in original.heard.items() if label not in (intended, UNSURE)}
    if not counts:
        return ""
    most = max(counts, key=lambda label: counts[label])
    return f" What comes most often is {most}, in {counts[most]} of {original.matched.total} takes."


def best_of(found: Suggestion) -> Verified:
    """The rewrite that the conclusion is about: the winner, unless only the one that keeps all phrases holds, or the
    genre word alone."""
    rewritten = [one for one in (found.best, found.complete, found.bare) if one is not None]
    holds = [one for one in rewritten if one.fixes(found.original)]
    return (holds or [one for one in rewritten if one.surely_better(found.original)])[0]


def _named(best: Verified) -> str:
    """What to do, as the beginning of a sentence."""
    if best.change in ("guidance", "temperature", "top_k", "negative"):
        return f"Play the same prompt with {best.told}"
    return f"Type “{best.prompt}” instead"


def _counted(found: Share) -> str:
    return f"{found.count or 'none'} of {found.total} fresh takes"


def card(found: Suggestion, one: Verified) -> list[str]:
    """How often a prompt plays what is meant, beside the prompt as it is."""
    asked = found.intended[:1].upper() + found.intended[1:]
    return [f"{asked} is heard in {_often(one.matched)}. As it was typed: {_often(found.original.matched)}."]


def _often(found: Share) -> str:
    span = f"{100 * found.low:.0f} and {100 * found.high:.0f} %"
    return f"{found.count} of {found.total} fresh takes ({100 * found.value:.0f} %, between {span})"


def cost(found: Suggestion) -> str:
    """What the search took."""
    spent = found.seconds
    time = f" and {spent / 60:.0f} min" if spent >= 90 else f" and {spent:.0f} s" if spent else ""
    return f"Cost of the search: {found.takes} takes of {found.settings.seconds:g} s{time}."


def beside(found: Verified) -> list[str]:
    """What else changed."""
    if found.side_effects is None:
        return []
    told = _heard_beside(found.side_effects)
    if found.ruined:
        told.append(f"The sound broke in {found.ruined} of {found.matched.total} takes.")
    return told


def unheard(found: Verified) -> list[str]:
    """What of it could not be looked at."""
    names = found.side_effects.unheard if found.side_effects else []
    return [f"Whether {_listed(names)} can be heard was not tested: the judge reads no words."] if names else []


def _heard_beside(other: SideEffects) -> list[str]:
    told = []
    tempo = other.tempo
    if tempo.before is not None and tempo.after is not None:
        bpm = f"{tempo.before:.0f} to {tempo.after:.0f} beats a minute"
        told.append(f"Tempo stays ({bpm}; half and double count as one)." if tempo.same else f"Tempo changes: {bpm}.")
    else:
        told.append("Tempo: no clear beat to compare.")
    kept = [one.instrument for one in other.instruments if one.kept]
    lost = [one.instrument for one in other.instruments if not one.kept]
    if kept:
        told.append(f"As near to {_listed(kept)} as before, as far as the judge can tell.")
    if lost:
        told.append(f"Surely less {_listed(lost)} than before.")
    level = other.level_db.mean
    if abs(level) >= LOUDER:
        told.append(f"It is {'louder' if level > 0 else 'quieter'}, by {abs(level):.1f} dB.")
    return told


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
