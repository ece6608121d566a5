"""Why, in sentences that a musician understands: what does it, when it is decided, and whether it brings it.

Every number stands beside the one it is to be compared with. Nothing here speaks of odds or of q-values: those are
for who asks how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tonescope.diagnose.report import sentences, wording
from tonescope.diagnose.schema import (
    Badge,
    Contrast,
    CutPoint,
    Diagnosis,
    GroupTest,
    SearchRecord,
    Sufficiency,
    Trial,
    UnitDriver,
    Where,
    WordDriver,
)
from tonescope.diagnose.stats import share

Said = tuple[str, "Badge | None"]
SHOWN_WORDS = 2  # that do it, one sentence each
MOST = 0.75  # a share of takes from which on something that was tried turned them back
TOO_FEW = "; these takes are too few to be sure"


def why(found: Diagnosis) -> list[Said]:
    """What was found about why it sounds as it does, what is surest first."""
    causes = _causes(found)
    told: list[Said] = [(cause.told, cause.badge) for cause in causes] or [(_nothing(found), None)]
    told = [*_otherwise(found), *told]
    for sentence in (_null, _listener, decided, _brings, _idle, _alone):
        said = sentence(found)
        told += [said] if said else []
    return told + refused(found)


def _otherwise(found: Diagnosis) -> list[Said]:
    """That fresh takes were heard otherwise than those of the verdict, where most were."""
    target, heard, fresh = found.contrast.target, found.takes, found.drivers.tested
    first, later = (sum(take.heard == target for take in takes) for takes in (heard, fresh))
    if not 0 < 2 * later < len(fresh) or 2 * first < len(heard):  # none at all is told where causes are
        return []
    both = share(first + later, len(heard) + len(fresh))
    return [
        (
            f"Of {len(fresh)} fresh takes only {later} {wording.are(later)} {target}: in all {both.count} of "
            f"{both.total} ({100 * both.low:.0f}–{100 * both.high:.0f} % of many), so do not rely on the first takes "
            "alone.",
            "observed",
        )
    ]


def refused(found: Diagnosis) -> list[Said]:
    """Whether naming each thing that the prompt refuses brought it."""
    return [
        (sentences.exclusion(word, thing, found.judge.name), None if thing.how == "unheard" else thing.badge)
        for word in found.drivers.words
        for thing in word.exclusions
    ]


def causing_words(found: Diagnosis) -> list[WordDriver]:
    """Words without which half of the takes or more are no longer heard as the target, surely; the strongest first."""
    sure = [row for row in found.drivers.words if row.badge == "verified" and _turns(row.verified)]
    return sorted(sure, key=lambda row: _rank(row.verified, found.contrast))


# --- what does it -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cause:
    """Something that does it, or may: its sentence, and what came of taking it away."""

    told: str
    badge: Badge
    trial: Trial


def _causes(found: Diagnosis) -> list[_Cause]:
    """What is sure; of that, first what turns most takes, and most of them into what was asked; words before units."""
    causes = [_word(found, row) for row in causing_words(found)[:SHOWN_WORDS]]
    test = found.drivers.group
    if test and test.turns:
        causes.append(_Cause(_units(found, test), test.badge, test.muted))
    return sorted(causes or _perhaps(found), key=lambda cause: _rank(cause.trial, found.contrast))


def _rank(trial: Trial | None, asked: Contrast) -> tuple[float, float]:
    """Less is stronger."""
    if trial is None or not trial.flippable:
        return 0.0, 0.0
    return -trial.flips / trial.flippable, -trial.heard.get(asked.foil or "", 0) / max(sum(trial.heard.values()), 1)


def _turns(trial: Trial | None) -> bool:
    """Whether half of the takes or more are no longer heard as the target."""
    if trial is None or not trial.flippable or trial.sound.broke:
        return False
    return 2 * trial.flips >= trial.flippable and trial.effect.mean < 0


def _perhaps(found: Diagnosis) -> list[_Cause]:
    """Where nothing is sure: the word, and the units, without which most takes turned."""
    words = [row for row in found.drivers.words if _turns(row.verified)]
    words.sort(key=lambda row: _rank(row.verified, found.contrast))
    causes = [_word(found, row, sure=False) for row in words[:1]]
    test = found.drivers.group
    if test and _turns(test.muted) and test.muted.flips > test.control.flips and not test.control.sound.broke:
        muted, random = wording.turned(test.muted, found), wording.beside_random(test)
        told = f"Perhaps because of {_strongest(found, test)}: muted, {muted} ({random}){TOO_FEW}."
        causes.append(_Cause(told, test.badge, test.muted))
    return causes


def _as_asked(found: Diagnosis) -> bool:
    """Whether it is heard as it was asked: then there is nothing to blame."""
    return found.verdict.kind == "match"


def _word(found: Diagnosis, row: WordDriver, sure: bool = True) -> _Cause:
    if row.verified is None:
        raise ValueError(f"“{row.word}” was not left out")
    (named, it), turned = wording.the_word(row.word), wording.turned(row.verified, found)
    if not sure:
        told = f"Perhaps because of {named}: without {it}, {turned}{TOO_FEW}."
    elif _as_asked(found):
        told = f"{named[:1].upper()}{named[1:]} {'carries' if it == 'it' else 'carry'} it: without {it}, {turned}."
    else:
        told = f"Because of {named}: without {it}, {turned}."
    return _Cause(told, row.badge, row.verified)


def _units(found: Diagnosis, test: GroupTest) -> str:
    """The set that does it, beside random units."""
    one, does, do = test.units == 1, *(("carries", "carry") if _as_asked(found) else ("does", "do"))
    if test.found_by == "location":
        place, searched = wording.place_in_words(test.names[0]), found.drivers.search
        told = f"One place in the model {does} it: {f'{place} ({test.names[0]})' if place else test.names[0]}"
        told += f"; {_no_few_units(searched)} that was tried {does} it" if searched else ""
    elif test.found_by == "gradients":
        searched = found.drivers.search
        none = _no_few_units(searched).capitalize() if searched else "No small set of units"
        told = f"{none} {does} it, but {_strongest(found, test)} {do} together"
    else:
        kind = wording.kind_of(test.names)[not one] + wording.network_of(test.names)
        told = f"One {kind} {does} it: " if one else f"{test.units} {kind} {do} it together: "
        told += wording.listed(test.names)
        told += ", and without any one of them fewer than half of the takes turn" * _all_needed(found, test)
    return f"{told}. Muted, {wording.turned(test.muted, found)} ({wording.beside_random(test)})."


def _strongest(found: Diagnosis, test: GroupTest) -> str:
    """The set; where it is of the strongest units, of how many and what those are."""
    if test.found_by != "gradients":
        return wording.set_named(test)
    return f"the {test.units} strongest of the model’s {found.estimated_units:,} units (neurons and attention heads)"


def _all_needed(found: Diagnosis, test: GroupTest) -> bool:
    members = [unit for unit in found.drivers.units if unit.unit in test.names]
    return len(members) == test.units > 1 and all(unit.needed for unit in members)


# --- where nothing does it --------------------------------------------------------------------------------------------


def _nothing(found: Diagnosis) -> str:
    """That nothing that was tried does it, and how far it went."""
    target, tested = found.contrast.target, found.drivers.tested
    test = found.drivers.group
    if not any(take.heard == target for take in tested) and not (test and test.muted.flippable):
        takes = f"none of the {len(tested)} fresh takes" if len(tested) != 1 else "not even the one fresh take"
        return f"What does it cannot be told: {takes} is heard as {target}, so there was nothing to change."
    tried = [(f"without “{wording.shortened(row.word)}”", row.verified) for row in found.drivers.words if row.verified]
    if test:
        broke = [who for who, trial in (("", test.muted), ("random ", test.control)) if trial.sound.broke]
        if broke:
            return f"What does it is not clear: where {broke[0]}units were muted the sound broke, so nothing follows."
        tried.append((f"with {wording.set_named(test)} muted", test.muted))
    played = [(how, trial) for how, trial in tried if not trial.sound.broke and trial.flippable]
    if not played:
        return "What does it is not known: nothing is left of the prompt to play without any of its phrases."
    how, most = max(played, key=lambda row: row[1].flips / row[1].flippable)
    if not most.flips:
        return f"What does it is not clear: every take stayed {target}, whatever was taken away."
    return f"There is no clear cause: at most, {how}, {wording.turned(most, found)}."


def _null(found: Diagnosis) -> Said | None:
    """What was looked for and not found: a small set of units; or that none was looked for."""
    test, searched = found.drivers.group, found.drivers.search
    if found.settings.quick:
        return "Which units do it is not known: a quick look does not search for them.", None
    if searched is None or (test and test.turns):
        return None
    if test and test.found_by in ("alone", "together"):
        return _did_not_hold(found, test)
    target, foil = found.contrast.target, found.contrast.foil
    does = f"makes {foil} likelier than {target}" if foil else f"stops it being {target}"
    share = f"{100 * searched.largest_share:.0f} %"
    if searched.largest_share >= MOST:
        tried = f"of up to {searched.largest_group} units" if searched.largest_group > 1 else "a single unit"
        return (
            f"{_no_few_units(searched).capitalize()} both {does} and brings {target} to another prompt, though the "
            f"best that was tried, {tried}, changed {share} of the takes that it was looked for in.",
            "observed",  # in takes that it was chosen by
        )
    fewer = test is not None and 2 * test.muted.flips > test.muted.flippable  # many did, in fresh takes
    none = _no_few_units(searched) if fewer else _no_units(searched)
    return (
        f"{none[0].upper()}{none[1:]} {does}: the best that was tried in the search did, in {share} of its takes.",
        "observed",
    )


def _no_units(searched: SearchRecord) -> str:
    """Of how many units at once none was found."""
    if searched.largest_group > 1:
        return f"none of the sets that were tried, of up to {searched.largest_group} units,"
    return "no single unit that was tried"


def _no_few_units(searched: SearchRecord) -> str:
    """What was looked for in vain before the strongest units were taken."""
    return "no small set of units" if searched.several else "no single unit"


def _did_not_hold(found: Diagnosis, test: GroupTest) -> Said | None:
    """What the search found did it there, and not in fresh takes."""
    causes = _causes(found)
    if not causes or any(cause.trial is test.muted for cause in causes):
        return None  # it is told already
    best = f"{wording.set_named(test)} (the best that the search found)"
    if test.muted.sound.broke or test.control.sound.broke:
        return f"Which units do it is not clear: with {best} muted the sound broke, so nothing follows.", test.badge
    turned, random = wording.turned(test.muted, found), wording.beside_random(test)
    return f"No units are sure to do it: with {best} muted, {turned} ({random}).", test.badge


# --- what else is known -----------------------------------------------------------------------------------------------


def idle(row: UnitDriver) -> bool:
    """Whether a unit, put into another prompt, does not bring the target: muting it may turn takes because it holds
    the whole prompt together."""
    return row.brings is not None and 2 * row.brings.count < row.brings.total


def _idle(found: Diagnosis) -> Said | None:
    """Where no few units do it, one that turns takes when it is muted, and is not enough."""
    test, target = found.drivers.group, found.contrast.target
    row = next((row for row in found.drivers.units if row.role == "candidate" and idle(row)), None)
    if row is None or (test and test.turns and test.found_by in ("alone", "together")):
        return None
    return f"{row.unit} turns takes too, but {brought_alone(row, target)}: it is not enough.", "observed"


def _alone(found: Diagnosis) -> Said | None:
    """Where even the genre word alone is often heard as something else: then the words beside it are not all of it."""
    asked, bare = found.intended.label, found.blame.bare
    total, right = (sum(bare.heard.values()), bare.heard.get(asked or "", 0)) if bare else (0, 0)
    if asked is None or bare is None or bare.sound.broke or _as_asked(found) or right >= MOST * total:
        return None
    only, takes = f"only {right}" if right else "none", f"{total} takes {wording.are(right or 1)} {asked}"
    return f"Of “{wording.shortened(bare.prompt)}” alone {only} of {takes}.", "observed"


def brought_alone(row: UnitDriver, target: str) -> str:
    """What came of putting one unit's activations into another prompt."""
    counted = f"{row.brings.count} of {row.brings.total}" if row.brings else "none"
    return f"put into another prompt it brings {target} in {counted} takes"


def _in_the_text(found: Diagnosis) -> str:
    return f"{_happens(found)} in the text encoder, which reads the prompt, before a note is played."


def _in_what_plays(found: Diagnosis, network: str) -> str:
    return f"{_happens(found)} in the {network}, which plays, not in the text encoder, which reads the prompt."


def _happens(found: Diagnosis) -> str:
    """What was seen alone, in how the prompt is read, is a hint and no test."""
    return "It probably happens" if found.blame.badge == "observed" else "It happens"


_PLACES: Mapping[Where, Callable[[Diagnosis], str]] = {
    "text encoder": _in_the_text,
    "decoder": lambda found: _in_what_plays(found, "decoder"),
    "denoiser": lambda found: _in_what_plays(found, "denoiser"),
    "codec and judge": lambda found: _misheard(found),
}


def _misheard(found: Diagnosis) -> str:
    asked, misheard = found.intended.label, found.blame.misheard
    often = f" in {misheard.count} of {misheard.total} clips" if misheard else " often"
    return f"It may be the listener’s mistake: real {asked} is heard as {found.contrast.target}{often}."


def _listener(found: Diagnosis) -> Said | None:
    """Where it happens, if that is known and no set says it already."""
    where, test = found.blame.where, found.drivers.group
    place = _PLACES.get(where) if where == "codec and judge" or not (test and test.turns) else None
    return (place(found), found.blame.badge) if place else None


def decided(found: Diagnosis) -> Said | None:
    """From which second on it is too late."""
    test, cuts = found.drivers.group, usable_cuts(found.drivers.cut_points)
    if not test or not test.turns or not cuts:
        return None
    late, mostly = _too_late(cuts, 0.0), _too_late(cuts, 0.5)
    played = f"muted from the start, {_stop(test.muted, found.contrast.target)}"
    if late and mostly and mostly.second < late.second:
        when, cut = f"decided in {_first(late)}, mostly in {_first(mostly)}", late
        played += f"; muted only from {mostly.second:g} s on, {_count(mostly, test.muted)}"
    else:
        cut = late or mostly or cuts[-1]
        when = f"{'mostly ' * (cut is not late)}decided in {_first(cut)}" if late or mostly else "not decided early"
    # Sure of a late cut is at most that it still does something, which is not what is said of it.
    badge: Badge = "tested" if late or mostly else cut.trial.badge
    return f"It is {when}: {played}; muted only from {cut.second:g} s on, {_count(cut, test.muted)}.", badge


def _count(cut: CutPoint, muted: Trial) -> str:
    """How many takes stop being so; of how many is said where the set was tested in others."""
    flips, total = cut.trial.flips, cut.trial.flippable
    return f"{flips}" if total == muted.flippable else f"{flips} of {total}"


def _first(cut: CutPoint) -> str:
    return "the first second" if cut.second == 1 else f"the first {cut.second:g} s"


def usable_cuts(cuts: Sequence[CutPoint]) -> list[CutPoint]:
    """Cut points that tell something, in their order in time."""
    return sorted(
        (cut for cut in cuts if cut.trial.flippable and not cut.trial.sound.broke), key=lambda cut: cut.second
    )


def _too_late(cuts: Sequence[CutPoint], limit: float) -> CutPoint | None:
    """The first cut from which on no later one turns more than a share of the takes."""
    late = None
    for cut in reversed(cuts):
        share = cut.trial.flips / cut.trial.flippable
        if share > 0 and share >= limit:
            break
        late = cut
    return late


def _stop(trial: Trial, target: str) -> str:
    verb = "stops" if trial.flips == 1 else "stop"
    return f"{trial.flips} of {trial.flippable} takes {verb} being {target}"


def _brings(found: Diagnosis) -> Said | None:
    """Whether the set brings what it takes away."""
    row, test = found.drivers.sufficiency, found.drivers.group
    if row is None or test is None or not (test.turns or row.brings):
        return None
    return brings(row, test, found), row.badge


def brings(row: Sufficiency, test: GroupTest, found: Diagnosis) -> str:
    """What came of putting the set's activations into another prompt."""
    who, one = wording.set_again(test), test.units == 1
    target, into = found.contrast.target, f"“{wording.shortened(row.prompt)}”"
    before, after, total = row.before.count, row.put_in.count, row.put_in.total
    if row.trial.sound.broke:
        return (
            f"Copied into {into}, {who} broke the sound, so whether {'it is' if one else 'they are'} enough is unknown."
        )
    if 2 * before >= row.before.total:
        return f"Whether it is enough is unknown: {into} is heard as {target} anyway, in {before} of {total} takes."
    without = f"without {'it' if one else 'them'}, {before} of {total}"
    if row.random:
        random = f"{row.random.count}" + f" of {row.random.total}" * (row.random.total != total)
        without += f"; with {wording.random_in_place(test)}, {random}"
    counted = f"copied into takes of {into}, what {who} {'does' if one else 'do'} makes {after} of {total} {target}"
    if row.brings:
        return f"The other way round: {counted} ({without})."
    if 2 * after > total:
        return f"Perhaps enough: {counted} ({without}){TOO_FEW}."
    return f"{'It is' if one else 'They are'} not enough alone: {counted} ({without})."
