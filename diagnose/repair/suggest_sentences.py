"""What follows from a repair, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.stats import signed

if TYPE_CHECKING:
    from tonescope.diagnose.repair.suggest_schema import Suggestion, Verified


def concluded(found: Suggestion) -> str:
    """The finding in one or two sentences."""
    asked, best = found.intended, found.best
    before = f"{found.original.matched} fresh takes"
    if found.conclusion == "plays as meant":
        return f"The prompt plays {asked} as it is: {before}. Nothing has to be repaired."
    if found.conclusion in ("fixed", "better") and best is not None:
        how = "plays" if found.conclusion == "fixed" else "plays more often, and not yet mostly,"
        return f"{_named(best)} {how} {asked}: {best.matched} fresh takes, the prompt as it is {before}."
    if found.conclusion == "genre missing":
        alone = found.original if found.prompt.strip().casefold() == asked else best or found.original
        word = found.bare or alone
        return (
            f"No prompt will do: even “{word.prompt}” is heard as {asked} in {word.matched} fresh takes only. The "
            "genre is missing in the model, not in the prompt."
        )
    tried = len(found.tried)
    said = f"the best of them in {best.matched} fresh takes" if best else "none could be played"
    bare = ""
    if found.bare and found.bare.matched.value > found.original.matched.value:
        bare = f" The genre word alone is heard in {found.bare.matched}: the rest of the prompt gets in its way."
    return f"None of {tried} rewrites was surely better: {asked} is heard in {before}, {said}.{bare}"


def _named(best: Verified) -> str:
    """What to do, as the beginning of a sentence."""
    if best.change in ("guidance", "temperature", "top_k", "negative"):
        return f"The same prompt with {best.told}"
    return f"“{best.prompt}”"


def beside(found: Verified) -> list[str]:
    """What else changed."""
    if found.side_effects is None:
        return []
    other, told = found.side_effects, []
    tempo = other.tempo
    if tempo.before is not None and tempo.after is not None:
        same = "the same" if tempo.same else "another"
        told.append(
            f"Tempo: {same} (median {tempo.before:.0f} beats a minute before, {tempo.after:.0f} after; half and double "
            "count as one)."
        )
    else:
        told.append("Tempo: no clear beat to compare.")
    for one in other.instruments:
        kept = "as near as before, as far as the judge can tell" if one.kept else "surely farther"
        told.append(f"{one.instrument}: {kept} ({signed(one.effect.mean)}).")
    if other.unheard:
        told.append(f"Whether {', '.join(other.unheard)} can be heard was not tested: the judge reads no words.")
    told.append(f"Level {signed(other.level_db.mean, '.1f')} dB; spectrum {other.spectrum_db.mean:.1f} dB away.")
    if found.ruined:
        told.append(f"The sound broke in {found.ruined} of {found.matched.total} takes.")
    return told
