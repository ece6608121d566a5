"""Names and counts in words: units and where they are, words of a prompt, and how many takes are no longer so."""

from __future__ import annotations

from collections.abc import Sequence

from tonescope.diagnose.schema import Diagnosis, GroupTest, Trial
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location, Unit

SHOWN_NAMES = 3  # of the units of a set
NAMED_OTHERS = 2  # genres beside the two that it is about
LONGEST_NAME = 40  # letters of a word or of a prompt within a sentence
KINDS = {"neuron": ("neuron", "neurons"), "head": ("attention head", "attention heads")}
UNIT, PLACE = ("unit", "units"), ("place", "places")
NETWORKS = {"text": "text encoder", "decoder": "decoder", "denoiser": "denoiser", "codec": "codec"}
PLACES = {
    "cross": "where layer {layer} of the {network} takes in the prompt",
    "self": "where layer {layer} of the {network} looks back at all it has so far",
    "mlp": "the neurons of layer {layer} of the {network}",
    "residual": "all that layer {layer} of the {network} hands on",
}
"""What happens at a location, by the name of its site."""


# --- units ------------------------------------------------------------------------------------------------------------


def set_named(test: GroupTest) -> str:
    """The set where it comes first in a sentence: the names of a few units, or how many of the strongest."""
    return f"the {test.units} strongest units" if test.found_by == "gradients" else listed(test.names)


def set_again(test: GroupTest) -> str:
    """The set, named before: by its one name, or by how many they are."""
    return test.names[0] if len(test.names) == 1 else f"these {test.units} {kind_of(test.names)[1]}"


def beside_random(test: GroupTest) -> str:
    """What random units did in its place."""
    if not test.control_units:
        return "there was nothing random to compare with"
    return f"{random_in_place(test)} instead: {test.control.flips} of {test.control.flippable}"


def random_in_place(test: GroupTest) -> str:
    """What stands in the place of the set, to compare it with."""
    one, several = PLACE if test.found_by == "location" else kind_of(test.names)
    return f"a random {one}" if test.units == 1 else f"{test.control_units} random {several}"


def kind_of(names: Sequence[str]) -> tuple[str, str]:
    """What units are, one and several: neurons, heads, or just units where they are of more than one kind."""
    kinds = {place.site.units if (place := _location(name)) else "" for name in names}
    return KINDS.get(kinds.pop(), UNIT) if len(kinds) == 1 else UNIT


def network_of(names: Sequence[str]) -> str:
    """Which network units are in, where that is not the one that plays."""
    networks = {place.network if (place := _location(name)) else "" for name in names}
    return " of the text encoder" if networks == {"text"} else ""


def place_in_words(name: str) -> str:
    """What happens at a location; nothing where no words were found for it."""
    place = _location(name)
    if place is None or place.name not in PLACES:
        return ""
    return PLACES[place.name].format(layer=place.layer, network=NETWORKS[place.network])


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    if len(names) > SHOWN_NAMES + 1:
        return ", ".join(names[:SHOWN_NAMES]) + f" and {len(names) - SHOWN_NAMES} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _location(name: str) -> Location | None:
    """Where a unit or a location is; ``None`` for a name that this version does not know."""
    try:
        return Unit.parse(name).location if ":" in name else Location.parse(name)
    except TonescopeError:
        return None


# --- words and takes --------------------------------------------------------------------------------------------------


def shortened(text: str, letters: int = LONGEST_NAME) -> str:
    """A word or a prompt within a sentence."""
    return text if len(text) <= letters else f"{text[: letters - 1].rstrip()}…"


def the_word(word: str) -> tuple[str, str]:
    """A word or phrase within a sentence, and what stands for it afterwards."""
    several = " " in word.strip()
    return f"the {'words' if several else 'word'} “{shortened(word)}”", "them" if several else "it"


def turned(trial: Trial, found: Diagnosis) -> str:
    """How many of the takes that were heard as the target no longer are, and what they are then."""
    target, foil = found.contrast.target, found.contrast.foil
    flips, total, heard = trial.flips, trial.flippable, sum(trial.heard.values())
    there, all_were = trial.heard.get(foil or "", 0), all(take.heard == target for take in found.drivers.tested)
    counted = _counted(flips, total, "" if all_were and total == heard else target, len(found.drivers.tested))
    as_asked = ", as asked" if foil and foil == found.intended.label else ""
    if foil and total == heard and there == flips > 0:
        return f"{counted} {are(flips)} {foil}{as_asked}"
    told = f"{counted} {are(flips)} no longer {target}"
    if not all_were or total < heard:
        told = f"{counted} no longer {are(flips)}"
    if total < heard or not flips:
        return told
    others = [label for label in trial.heard if label not in (target, foil)] if all_were else []
    few = listed(others) if 0 < len(others) <= NAMED_OTHERS else ""
    if not foil:
        return told + f" (but {few})" * bool(few)
    if not there:
        return f"{told}, but none is {foil}" + f" (they are {few})" * bool(few)
    return f"{told}, and {there} {are(there)} {foil}{as_asked}" + f" (the rest: {few})" * bool(few and there < flips)


def _counted(count: int, total: int, target: str, fresh: int) -> str:
    """A count of the takes that were heard as the target; which is said where those are not all of the fresh ones."""
    which = f" that {'was' if total == 1 else 'were'} {target}" if target else ""
    if count == total == 1:
        return f"the one of {fresh} fresh takes{which}" if fresh > 1 else f"the one take{which}"
    return f"{count} of {'the ' * bool(target)}{total} take{'s' * (total != 1)}{which}"


def are(count: int) -> str:
    """The verb of a count."""
    return "is" if count == 1 else "are"
