"""What a prompt asks for: the genre it names, else the one that its words mean."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from tonescope.diagnose.judging.genre_names import (
    GenreName,
    Word,
    known_label,
    names_in,
    nearest_label,
    relatives,
    vocabulary,
)
from tonescope.diagnose.judging.refusals import foreign_script, refused
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.judge import Judge

SHOWN_CHARACTERS = 60  # of a name that was not found
SHOWN_RELATIVES = 4
# Meaning was measured on descriptions of some words and on names of people and places. Words for instruments and moods
# do not count: what they are near to was never measured, and it is said with certainty ("piano" is ragtime).
TELLING_WORDS = 3


class Intent(BaseModel):
    """The genre a prompt asks for.

    ``how`` says whether it is named, a kind of what the judge knows (``nearest``), read from the words' meaning, chosen
    by the user, named and unknown to the judge (``lacking``), named perhaps (``ambiguous``), or absent. ``others`` are
    further genres that the prompt names. ``named`` is the genre in the prompt's own words, ``nearest`` the label that
    is nearest to it where it is no label itself, ``relatives`` those that are equally near. ``doubtful`` are words that
    may name a genre or not, ``refused`` the genres that the prompt does not want.
    """

    label: str | None
    how: Literal["named", "nearest", "meaning", "chosen", "lacking", "ambiguous", "none"]
    confidence: float
    others: list[str] = []
    named: str | None = None
    nearest: str | None = None
    relatives: list[str] = []
    doubtful: list[str] = []
    refused: list[str] = []

    @property
    def asked(self) -> str:
        """The genre that counts as asked for, and how far it is what the prompt says."""
        if self.how == "nearest":
            return f"{self.named} (compared with {self.label}, the nearest that the judge knows)"
        return f"{self.label} (read from the prompt’s meaning)" if self.how == "meaning" else str(self.label)

    @property
    def why_open(self) -> str:
        """Why no genre counts as asked for, as the beginning of a sentence."""
        if self.how == "lacking":
            return f"The prompt asks for {self.named}, which the judge does not know"
        if self.how == "ambiguous":
            return f"Whether the prompt asks for {_quoted(self.doubtful)} cannot be told"
        if self.refused:
            return f"The prompt says what it does not want ({', '.join(self.refused)}) and names no genre that it wants"
        return "The prompt names no genre"


def choose_label(text: str, taxonomy: Taxonomy, labels: tuple[str, ...]) -> str:
    """The judge's label for what a user typed. Raises :class:`TonescopeError` when there is none."""
    label = text if text in labels else taxonomy.find(text)
    if label is None or label not in labels:
        raise TonescopeError(
            f"the judge does not know “{text[:SHOWN_CHARACTERS]}”, so it cannot be compared with it; "
            f"it knows {', '.join(labels)}."
        )
    return label


def read_intent(prompt: str, judge: Judge, taxonomy: Taxonomy, chosen: str | None = None) -> Intent:
    """Which genre a prompt asks for: by name where there is one, else by meaning where that is clear.

    Of several names, one that the judge knows goes before one that is a kind of what it knows, and that before one that
    it lacks; a name that only says what kind of an instrument is meant ("rock organ") comes last. Meaning is read only
    from a prompt without any name of a genre, and only as far as it was measured: on as many telling words
    (:data:`TELLING_WORDS`), and from the probability on from which the judge's record counts
    (:class:`~tonescope.models.judges.calibration.MeaningRecord`). A judge without a text tower or without such a record
    reads no meaning (:func:`intent_caveats` says so).
    """
    if chosen:
        return Intent(label=choose_label(chosen, taxonomy, judge.labels), how="chosen", confidence=1.0)
    words, names = names_in(prompt, taxonomy)
    no, unclear = refused(words, names)
    wanted = [name for at, name in enumerate(names) if at not in no | unclear]
    found = [
        _intent_of(name, taxonomy, judge.labels) for name in _likeliest_first(words, [n for n in wanted if n.sure])
    ]
    doubtful = list(dict.fromkeys(name.text for at, name in enumerate(names) if at in unclear or not name.sure))
    unwanted = list(dict.fromkeys(name.text for at, name in enumerate(names) if at in no and name.sure))
    if found:
        first = min(found, key=lambda intent: ("named", "nearest", "lacking").index(intent.how))
        others = dict.fromkeys(intent.label or str(intent.named) for intent in found)
        mine = first.label or first.named
        beside = {"others": [o for o in others if o != mine], "doubtful": doubtful, "refused": unwanted}
        return first.model_copy(update=beside)
    if any(at in unclear or (at not in no and not name.sure) for at, name in enumerate(names)):
        return Intent(label=None, how="ambiguous", confidence=0.0, doubtful=doubtful, refused=unwanted)
    return _meaning(prompt, words, judge, named=bool(names)).model_copy(update={"refused": unwanted})


def _likeliest_first(words: list[Word], names: list[GenreName]) -> list[GenreName]:
    """Names of an instrument's kind after the others."""

    def of_an_instrument(name: GenreName) -> bool:
        after = words[name.last + 1 : name.last + 2]
        return bool(after) and after[0].joined and after[0].text in vocabulary().players

    return sorted(names, key=of_an_instrument)


def _intent_of(name: GenreName, taxonomy: Taxonomy, labels: tuple[str, ...]) -> Intent:
    """What is asked for by one name."""
    head = name.parts[0]
    label = known_label(head, taxonomy, labels)
    if label and len(name.parts) == 1:
        return Intent(label=label, how="named", confidence=1.0, named=name.text)
    if label := label or nearest_label(head, taxonomy, labels):
        return Intent(label=label, how="nearest", confidence=1.0, named=name.text, nearest=label)
    for part in name.parts[1:]:  # "bossa nova jazz": a label of the head's family, and the head is wider than any label
        known = known_label(part, taxonomy, labels)
        families = {taxonomy.family(relative) for relative in relatives(head, taxonomy, labels)}
        if known and taxonomy.family(known) in families:
            return Intent(label=known, how="nearest", confidence=1.0, named=name.text, nearest=known)
    near = list(dict.fromkeys(label for part in name.parts for label in relatives(part, taxonomy, labels)))
    nearest = near[0] if len(near) == 1 else None
    return Intent(label=None, how="lacking", confidence=0.0, named=name.text, nearest=nearest, relatives=near)


def _meaning(prompt: str, words: list[Word], judge: Judge, *, named: bool) -> Intent:
    """What a prompt asks for by its words' meaning, where the judge was measured at that on words like these."""
    none = Intent(label=None, how="none", confidence=0.0)
    telling = {word.text for word in words if word.text not in vocabulary().plain and not word.text.isdigit()}
    named = named or any(word.key in vocabulary().heads for word in words)  # "ambient noise of a machine"
    if named or judge.meaning_record is None or len(telling) < TELLING_WORDS or foreign_script(prompt):
        return none
    probabilities = judge.read_prompt(prompt)
    if probabilities is None:
        return none
    best = int(probabilities.argmax())
    confidence = float(probabilities[best])
    if confidence < judge.meaning_threshold:
        return none
    return Intent(label=judge.labels[best], how="meaning", confidence=confidence)


def intent_caveats(intent: Intent, prompt: str, judge: Judge) -> list[str]:
    """What a reader has to know of how the intent was found, as sentences."""
    caveats = []
    if intent.how == "nearest":
        caveats.append(
            f"{judge.name} does not know {intent.named} as such; it was compared with {intent.label}, the "
            "nearest genre that it knows."
        )
    if intent.how == "lacking":
        caveats.append(f"{judge.name} does not know {intent.named}. {_offer(intent)}")
    if intent.doubtful:
        caveats.append(
            f"Whether {_quoted(intent.doubtful)} is asked for as a genre here cannot be told, so it did not count; if "
            "it was meant, say so (--intended)."
        )
    if foreign_script(prompt):
        caveats.append(
            "Refusals (“no techno”) in the prompt’s script are not understood, so a genre that is named counts as "
            "asked for."
        )
    if intent.how == "meaning":
        caveats.append(_measured_meaning(intent, judge))
    if intent.how == "none" and judge.read_prompt(prompt) is None:
        caveats.append(
            f"{judge.name} cannot read prompts, so only a genre that the prompt names counts as asked for; "
            "name one, or say which genre was meant."
        )
    elif intent.how == "none" and judge.meaning_record is None:
        caveats.append(
            f"How well {judge.name} reads prompts that name no genre was not measured, so only a genre that the prompt "
            "names counts as asked for; name one, or say which was meant (--intended)."
        )
    if intent.how in ("meaning", "none") and not judge.reads_all_of(prompt):
        caveats.append(
            f"{judge.name} reads only the beginning of a prompt as long as this, so what its end asks for did not "
            "count as asked."
        )
    if intent.others:
        caveats.append(
            f"The prompt also names {', '.join(intent.others)}; {intent.label or intent.named} was taken as the one "
            "asked for; say which genre was meant if it is another."
        )
    return caveats


def _measured_meaning(intent: Intent, judge: Judge) -> str:
    """How far a genre that was read from a prompt's meaning can be believed."""
    record = judge.meaning_record
    measured = ""
    if record is not None and record.read:
        measured = f" (measured, such a reading was right in {record.right} of {record.read} prompts that mean a genre"
        measured += f", and a genre was read in {record.scenes_read} of {record.scenes} that mean none)"
    return (
        f"The prompt names no genre; {intent.label} was read from its meaning{measured}: if another was meant, say so "
        "(--intended)."
    )


def _offer(intent: Intent) -> str:
    """What a user can do whose genre the judge lacks."""
    near = intent.relatives[:SHOWN_RELATIVES]
    if not near:
        return "It knows no relative of it either, so nothing is compared."
    which = f"is {near[0]}" if len(near) == 1 else f"are {', '.join(near)}"
    return f"The nearest that it knows {which}: to compare with one, say so (--intended)."


def _quoted(words: list[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)
