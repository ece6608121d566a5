"""What a release team signs: everything that an audit report has to say, and where each of it comes from.

Model cards (Mitchell et al. 2019, arXiv 1810.03993), AI Act Art. 50, Annex XI and XII, GlobalDISCO (arXiv 2510.01963).
What no measurement can give (intended use, a human check, accepted risk) comes from the design's ``about``, or is said
to be missing; nothing is invented.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Statement = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]


class About(BaseModel):
    """What only people can say of an audit; empty where nobody did."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    licence: Statement = ""
    intended_use: Statement = ""
    out_of_scope: Statement = ""
    languages: Statement = ""
    prompt_origin: Statement = ""
    prompt_licence: Statement = ""
    changed_since_last: Statement = ""
    human_check: Statement = ""
    mitigations: Statement = ""
    residual_risk: Statement = ""
    accepted_by: Statement = ""
    marking: Statement = ""


class ChecklistRow(BaseModel):
    """One thing that a report has to hold: whether it is ``there``, and ``said`` by whom or where."""

    item: str
    there: bool
    said: str


@dataclass(frozen=True)
class Item:
    """One thing that a report has to hold.

    Attributes:
        title: what it is.
        measured: what of the report holds it, one of the names that :func:`checklist` is given; or
        about: the field of :class:`About` that does.
        remedy: what brings it in.
    """

    title: str
    measured: str = ""
    about: str = ""
    remedy: str = ""


ITEMS: tuple[Item, ...] = (
    Item("model, weights, precision, sampling, length, seeds, version of the tool, date", "provenance"),
    Item("licence of the model", about="licence"),
    Item("signer", "signature", remedy="--sign NAME"),
    Item("what changed since the last audit", about="changed_since_last"),
    Item("intended use", about="intended_use"),
    Item("what is out of scope", about="out_of_scope"),
    Item("languages", about="languages"),
    Item("origin of the prompts", about="prompt_origin"),
    Item("licence of the prompts", about="prompt_licence"),
    Item("wordings of a genre, neutral prompts, factors declared before the run", "design"),
    Item("takes a cell, exclusions with counts", "exclusions"),
    Item("power: the smallest gap that could have been seen", "power"),
    Item("the judge, and its confusion on known clips of every genre", "control", remedy="--known FOLDER"),
    Item("takes without a clear genre", "unclear"),
    Item("a second judge, with their agreement", "second judge", remedy="--second-judge"),
    Item("requested → heard, corrected for the judge's mistakes", "correction", remedy="a measured judge"),
    Item("adherence of every genre with its interval, attractors", "adherence"),
    Item("under-representation against a named reference", "representation"),
    Item("worst group, and the gap between worst and best", "gap"),
    Item("diversity of every genre", "diversity", remedy="a judge with embeddings"),
    Item("what is played on neutral prompts", "defaults"),
    Item("tempo, key and instruments where they are asked for", "words", remedy="factors tempos, keys, instruments"),
    Item("material that comes again whatever was asked", "passages"),
    Item("at which depth the genre is decided", "depth", remedy="--depth"),
    Item("where it goes wrong: text encoder, decoder or codec", "blame", remedy="tonescope diagnose"),
    Item("which units do it, beside controls", "units", remedy="tonescope confusion, tonescope diagnose"),
    Item("a human check: size, listeners' tradition, agreement", about="human_check"),
    Item("what cannot be concluded", "limits"),
    Item("thresholds fixed beforehand, pass or fail", "thresholds", remedy="thresholds in the design"),
    Item("mitigations tried, before and after", about="mitigations"),
    Item("residual risk", about="residual_risk"),
    Item("who accepted it", about="accepted_by"),
    Item("how generated sound is marked as such", about="marking"),
    Item(
        "raw numbers, sound, and the command that makes the report again",
        "reproduction",
        remedy="models that are opened by name",
    ),
)


def checklist(about: About, measured: Collection[str]) -> list[ChecklistRow]:
    """Every item, with what holds it; ``measured`` names what the report has."""
    return [_row(item, about, measured) for item in ITEMS]


def _row(item: Item, about: About, measured: Collection[str]) -> ChecklistRow:
    if item.about:
        said = getattr(about, item.about)
        return ChecklistRow(
            item=item.title, there=bool(said), said=said or f"missing: “about: {item.about}” in the design says it"
        )
    there = item.measured in measured
    missing = f"missing; brought in by {item.remedy}" if item.remedy else "missing"
    return ChecklistRow(item=item.title, there=there, said="in this report" if there else missing)
