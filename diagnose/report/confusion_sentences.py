"""What a confusion report found, in sentences that a musician understands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tonescope.diagnose.report.sentences import percent
from tonescope.diagnose.stats import Share

if TYPE_CHECKING:
    from tonescope.diagnose.confusion.confusion_schema import (
        AttractorRow,
        ConfusedPair,
        ConfusionReport,
        CorrectedShare,
        GenreRow,
        SharedUnits,
        Work,
    )

SHOWN_PAIRS = 3  # in one sentence
DRIFTS = ("partial drift", "sibling drift", "family drift")
KINDS = {
    "match": "as asked",
    "partial drift": "in part",
    "sibling drift": "its sibling instead",
    "family drift": "another family instead",
    "unclear": "unclear",
}
"""Verdicts on a genre, in words."""


def headline(report: ConfusionReport) -> str:
    """The whole report in one sentence."""
    rows, name = report.rows, report.model.name
    right = sum(row.verdict == "match" for row in rows)
    genres = f"{len(rows)} genre{'s' * (len(rows) != 1)}"
    if not report.flagged:
        unclear = [row.asked for row in rows if row.verdict != "match"]
        if not unclear:
            return f"Asked for {genres}, {name} plays {'it' if len(rows) == 1 else 'each of them'} as asked."
        also = f"; {_listed(unclear)} {'is' if len(unclear) == 1 else 'are'} unclear"
        return f"Asked for {genres}, {name} surely plays none as another: {right} as asked{also}."
    told = [f"{pair.asked} as {pair.heard} ({counted(pair.share)})" for pair in report.flagged[:SHOWN_PAIRS]]
    more = len(report.flagged) - len(told)
    rest = f", and {more} more confusion{'s' * (more != 1)}" if more else ""
    return f"Asked for {genres}, {name} plays {right} as asked; it plays {', '.join(told)}{rest}."


def attractor(row: AttractorRow) -> str:
    """A label that takes fall into."""
    return (
        f"Takes drift to {row.label} from {row.genres} other genre{'s' * (row.genres != 1)}: {counted(row.share)} that "
        f"asked for something else, where {percent(row.chance)} would be chance."
    )


def in_common(found: SharedUnits) -> str:
    """What two verified sets of units have in common."""
    count = len(found.units)
    units = f"{count} unit{'s are' if count != 1 else ' is'}"
    first, second = found.pairs
    return f"{units} in the verified sets of both {first} and {second} (by chance about {found.by_chance:.2g})."


def doubted(row: AttractorRow) -> str:
    """A label that takes drift to, and why that is not sure."""
    return (
        f"{counted(row.share)} that asked for something else are heard as {row.label} ({percent(row.chance)} would be "
        f"chance), which is not sure to be the model’s: {row.doubt}."
    )


def counted(share: Share) -> str:
    """Takes of those in which a genre is clearly heard."""
    return f"{share.count} of {share.total} clearly heard take{'s' * (share.total != 1)}"


def interval(share: Share) -> str:
    """A share with its interval, short."""
    return f"{share.count} of {share.total} ({100 * share.low:.0f}–{100 * share.high:.0f} %)"


def corrected(share: CorrectedShare | None) -> str:
    """A share that was corrected, with its interval."""
    if share is None:
        return "–"
    low, high = 100 * share.interval.low, 100 * share.interval.high
    return f"{100 * share.value:.0f} % ({low:.0f}–{high:.0f} %)"


def verdict(row: GenreRow) -> str:
    """A verdict in a cell of a table."""
    told = KINDS.get(row.verdict, row.verdict)
    return f"{told} ({row.relation})" if row.verdict == "partial drift" and row.relation else told


def corrected_verdict(row: GenreRow) -> str:
    """What follows from corrected shares, in a cell of a table."""
    return KINDS[row.corrected_verdict] if row.corrected_verdict else "–"


def overruled(rows: Sequence[GenreRow]) -> str:
    """Where the correction changes what is to be thought of a genre; empty where it does not."""
    other = [row for row in rows if row.corrected_verdict and row.corrected_verdict != row.verdict]
    told = [
        f"{row.asked}, heard {KINDS.get(row.verdict, row.verdict)}, is {KINDS[str(row.corrected_verdict)]} "
        f"({corrected(row.corrected)} as asked)"
        for row in other
        if row.verdict != "partial drift"  # in part, which the correction has no word for
    ]
    more = f"; {len(told) - SHOWN_PAIRS} more in the table" if len(told) > SHOWN_PAIRS else ""
    return f"Corrected for the judge's mistakes, {'; '.join(told[:SHOWN_PAIRS])}{more}." if told else ""


def pair(found: ConfusedPair) -> str:
    """One confusion, beside what the judge itself mishears."""
    of = f"a sibling of {found.asked}" if found.relation == "sibling" else f"of another family than {found.asked}"
    judge = (
        f"the judge itself hears {interval(found.judge)} of known {found.asked} so"
        if found.judge
        else "how often the judge itself mishears it was not measured"
    )
    told = f"Asked for {found.asked}, {counted(found.share)} are heard as {found.heard}, {of}; {judge}."
    if found.second is None:
        return told
    return f"{told} The second judge hears {found.heard} in {found.second.count} of these {found.second.total}."


def work(report: ConfusionReport) -> str:
    """How the takes were made."""
    return work_done(report.work)


def work_done(made: Work) -> str:
    """How takes were made."""
    new = made.takes - made.before
    told = f"{made.takes:,} takes: {made.before:,} were there from an earlier run, " if made.before else ""
    played = f"{new:,} played" if made.before else f"{new:,} takes played"
    pace = f" at {made.per_minute:.0f} a minute" if new and made.per_minute else ""
    where = "by Ray" if made.engine == "ray" else "in this process"
    return f"{told}{played}{pace} {where}. They are kept in {made.folder}."


def correction(report: ConfusionReport) -> str:
    """Whether shares were corrected, and by what."""
    found = report.correction
    if not found.used:
        return found.reason or "What is heard is not corrected for the judge's mistakes."
    told = (
        "“Corrected” is what a judge without mistakes would hear: the judge's own confusion on known clips (at least "
        f"{found.fewest_clips} of each genre, condition number {found.condition:.2f}), inverted and held to shares "
        "that there can be; intervals by bootstrap over takes and clips."
    )
    if not found.unmeasured:
        return told
    are = "label that has" if found.unmeasured == 1 else "labels that have"
    return f"{told} No take is assumed to be of the {found.unmeasured} {are} no clips."


def asked_in(report: ConfusionReport) -> str:
    """In which words it was asked, by the first genre."""
    row = report.rows[0]
    return f"Asked in these words: {', '.join(f'“{prompt}”' for prompt in row.prompts)}; each genre likewise."


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:SHOWN_PAIRS])
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
