"""What a prompt asks for: the genre it names, else the one that its words mean."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.judge import Judge

SHOWN_CHARACTERS = 60  # of a name that was not found


class Intent(BaseModel):
    """The genre a prompt asks for.

    ``how`` says whether it is named, read from the words' meaning, chosen by the user, or absent. ``others`` are
    further genres that the prompt names.
    """

    label: str | None
    how: Literal["named", "meaning", "chosen", "none"]
    confidence: float
    others: list[str] = []


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

    A judge without a text tower reads no meaning: what is not named is not asked for (:func:`intent_caveats` says so).
    """
    if chosen:
        return Intent(label=choose_label(chosen, taxonomy, judge.labels), how="chosen", confidence=1.0)
    named = list(dict.fromkeys(label for label in taxonomy.asked_in(prompt) if label in judge.labels))
    if named:
        return Intent(label=named[0], how="named", confidence=1.0, others=named[1:])
    probabilities = judge.read_prompt(prompt)
    if probabilities is None:
        return Intent(label=None, how="none", confidence=0.0)
    best = int(probabilities.argmax())
    label, confidence = judge.labels[best], float(probabilities[best])
    refused = {label for label, _, _ in taxonomy.named_in(prompt)}  # named, and yet not asked for
    if confidence >= judge.meaning_threshold and label not in refused:
        return Intent(label=label, how="meaning", confidence=confidence)
    return Intent(label=None, how="none", confidence=confidence)


def intent_caveats(intent: Intent, prompt: str, judge: Judge) -> list[str]:
    """What a reader has to know of how the intent was found, as sentences."""
    caveats = []
    if intent.how == "meaning":
        caveats.append(
            f"The prompt names no genre; {intent.label} was read from its meaning "
            f"({100 * intent.confidence:.0f} % sure)."
        )
    if intent.how == "none" and judge.read_prompt(prompt) is None:
        caveats.append(
            f"{judge.name} cannot read prompts, so only a genre that the prompt names counts as asked for; "
            "name one, or say which genre was meant."
        )
    if intent.how in ("meaning", "none") and not judge.reads_all_of(prompt):
        caveats.append(
            f"{judge.name} reads only the beginning of a prompt as long as this, so what its end asks for did not "
            "count as asked."
        )
    if intent.others:
        caveats.append(
            f"The prompt also names {', '.join(intent.others)}; {intent.label} was taken as the one asked for; "
            "say which genre was meant if it is another."
        )
    return caveats
