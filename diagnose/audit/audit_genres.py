"""What an audit finds about genres: control, adherence, representation, gaps, defaults, and what words do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.audit.audit_data import AuditData
from tonescope.diagnose.audit.audit_schema import ControlRow, Defaults, GapRow, RepresentationRow, Value, WordRow
from tonescope.diagnose.audit.known_folders import Known
from tonescope.diagnose.audit.representation import UNDER, Estimate, evenness, gap, ratios
from tonescope.diagnose.audit.word_effects import word_effects
from tonescope.diagnose.genre_statistics.confusion_counts import Counts
from tonescope.diagnose.jobs.caveats import foreign
from tonescope.diagnose.judging.intent import choose_label
from tonescope.diagnose.stats import BELIEVED, Share, adjusted, share
from tonescope.models.judges.calibration import ConfusionRecord

HARDLY = 0.25  # of its share: a genre of which the judge hears less in known recordings is not told
JUDGE_OWN = "the judge's own record"
DEFAULT_SHARE = 0.5  # of the neutral takes: a genre that has surely more is what comes when none is asked for
MOST_WORDS = 400  # rows of the report; every one that is flagged is among them

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


# --- control ----------------------------------------------------------------------------------------------------------


def measured_record(
    record: ConfusionRecord | None, known: Known | None, labels: Sequence[str]
) -> ConfusionRecord | None:
    """The judge's confusion: of the user's known recordings where there are some of a genre, else as it was recorded.

    A genre that was never measured has a row of zeros.
    """
    if known is None:
        return record
    recorded = record is not None and not set(labels) - set(record.labels)
    rows = []
    for label in labels:
        if label in known.heard:
            rows.append(tuple(known.heard[label].get(heard, 0) for heard in labels))
        elif record is not None and recorded:
            own = record.counts[record.labels.index(label)]
            rows.append(tuple(own[record.labels.index(heard)] for heard in labels))
        else:
            rows.append((0,) * len(labels))
    table = tuple(rows)
    return ConfusionRecord(tuple(labels), table, table, record.calibration_error if record else 0.0)


def control_rows(
    record: ConfusionRecord | None, known: Known | None, genres: Sequence[str], source: str = ""
) -> list[ControlRow]:
    """What the judge hears in known recordings of the genres, where that was measured.

    Args:
        record: see :func:`measured_record`.
        known: the user's recordings, from ``source``.
        genres: that were asked for.
    """
    rows = []
    for genre in genres if record is not None else ():
        if record is None or genre not in record.labels:
            continue
        own = record.counts[record.labels.index(genre)]
        heard = {label: count for label, count in zip(record.labels, own, strict=True) if count}
        if not heard:
            continue
        ordered = dict(sorted(heard.items(), key=lambda item: -item[1]))
        users = known is not None and genre in known.heard
        right = share(heard.get(genre, 0), sum(heard.values()))
        rows.append(ControlRow(genre=genre, right=right, heard=ordered, source=source if users else JUDGE_OWN))
    return rows


def control_source(rows: Sequence[ControlRow]) -> str:
    """Whose recordings those are, genre by genre where they are of two."""
    sources = list(dict.fromkeys(row.source for row in rows))
    if len(sources) < 2:
        return "".join(sources)
    return "; ".join(f"{source} ({', '.join(row.genre for row in rows if row.source == source)})" for source in sources)


# --- representation ---------------------------------------------------------------------------------------------------


def represented(data: AuditData, clips: Counts | None) -> list[RepresentationRow]:
    """Every genre's share of what is heard, of what it should be.

    With equal shares, in plain takes, which ask for all genres alike; with named shares, in neutral takes, which ask
    for none.
    """
    named = data.design.reference.shares
    kind = "plain" if isinstance(named, str) else "neutral"
    places = {label: place for place, label in enumerate(data.labels)}
    counts, group = data.prompt_rows(kind)
    if isinstance(named, str):
        wanted = as_asked(counts, group)
    else:
        wanted = dict[int, float]()
        for name, portion in named.items():
            place = places[choose_label(name, data.models.taxonomy, data.labels)]
            wanted[place] = wanted.get(place, 0.0) + portion
    return representation_rows(counts, group, wanted, clips, data.labels, usable=not foreign(data.models))


def as_asked(counts: Floats, group: Ints) -> dict[int, float]:
    """The share of each genre in what was asked for, by the place of its label, of takes with a clear genre.

    ``counts`` and ``group`` are as for :func:`representation_rows`, ``group`` the genre asked for.
    """
    asked = np.bincount(group, counts[:, :-1].sum(1))
    return {place: float(asked[place] / asked.sum()) for place in np.flatnonzero(asked).tolist()}


def representation_rows(
    counts: Floats,
    group: Ints,
    wanted: Mapping[int, float],
    clips: Counts | None,
    labels: Sequence[str],
    *,
    usable: bool = True,
) -> list[RepresentationRow]:
    """What is heard against what should be, of takes in which some genre is clear, the rarest first.

    What should be heard goes through the judge's own mistakes, genre by genre, where they were measured. A genre of
    which they were not is held against its plain share and never flagged: the judge may mishear it.

    Args:
        counts: (prompts, labels + 1) takes by what is heard, unclear ones last.
        group: (prompts,) prompts that are drawn from among one another.
        wanted: shares by place of the label.
        clips: (labels, labels) the judge's own confusion, if measured.
        labels: their names.
        usable: whether the judge knows such sounds.
    """
    clear = counts[:, :-1]
    if not clear.sum():
        return []
    rows = ratios(clear, group, _through_judge(wanted, clips, len(labels)), labels)
    qs, places = adjusted([row.p for row in rows]), {label: place for place, label in enumerate(labels)}
    found = []
    for row, q in zip(rows, qs, strict=True):
        place = places[row.label]
        measured = clips is not None and bool(clips[place].any())
        found.append(
            RepresentationRow(
                genre=row.label,
                share=share(row.count, row.total),
                reference=wanted[place],
                ratio=Value.of(row.ratio),
                q=float(q or 0.0),
                measured=measured,
                flagged=usable and measured and (q or 0.0) < BELIEVED and row.ratio.value < UNDER,
            )
        )
    return found


def _through_judge(wanted: Mapping[int, float], clips: Counts | None, labels: int) -> dict[int, float]:
    """The shares that the judge would hear if all were as it should be; without genres that it hardly hears.

    A genre without clips is taken to be heard as itself.
    """
    if clips is None:
        return dict(wanted)
    totals = clips.sum(1, keepdims=True)
    heard_as = np.where(totals > 0, clips / np.maximum(totals, 1), np.eye(labels))
    true = np.zeros(labels)
    for place, portion in wanted.items():
        true[place] = portion
    heard = true @ heard_as
    return {place: float(heard[place]) for place, portion in wanted.items() if heard[place] >= HARDLY * portion}


# --- gaps, defaults, words --------------------------------------------------------------------------------------------


def gaps(data: AuditData) -> list[GapRow]:
    """Adherence of the worst and the best group: of genres in plain takes, of each factor's levels in the others."""
    rows = []
    counts, group = data.prompt_rows("plain")
    genres = [data.labels[place] for place in np.unique(group).tolist()]
    rows += _gap("genre", genres, counts, group, np.unique(group, return_inverse=True)[1])
    counts, group = data.prompt_rows("words")
    cells = [cell for cell in data.cells if cell.kind == "words"]
    for at, (factor, levels) in enumerate(data.played.factors.items()):
        names = ("none", *levels)
        places = np.array([names.index(cell.levels[at]) if cell.levels[at] else 0 for cell in cells], np.int64)
        used = [names[place] for place in np.unique(places).tolist()]
        rows += _gap(factor, used, counts, group, np.unique(places, return_inverse=True)[1])
    return rows


def _gap(by: str, names: Sequence[str], counts: Floats, asked: Ints, group: Ints) -> list[GapRow]:
    """That of groups of which some take can be heard, if there are two; of the others nothing is known."""
    kept = counts.sum(1) > 0
    counts, asked = counts[kept], asked[kept]
    places, group = np.unique(group[kept], return_inverse=True)
    if len(places) < 2:
        return []
    names = [names[place] for place in places.tolist()]
    hits, totals = counts[np.arange(len(counts)), asked], counts.sum(1)
    found, worst, best = gap(hits, totals, group)

    def of(place: int) -> Share:
        return share(int(hits[group == place].sum()), int(totals[group == place].sum()))

    row = GapRow(
        by=by, worst=names[worst], worst_share=of(worst), best=names[best], best_share=of(best), gap=Value.of(found)
    )
    return [row]


def defaults(data: AuditData) -> Defaults | None:
    """What is played where no genre is asked for."""
    counts, _ = data.prompt_rows("neutral")
    heard, total = counts.sum(0), int(counts.sum())
    prompts = [cell.prompt for cell in data.cells if cell.kind == "neutral"]
    if not total:
        return None
    order = np.argsort(-heard[:-1], kind="stable")
    named = {data.labels[place]: int(heard[place]) for place in order.tolist() if heard[place]}
    top = next(iter(named), None)
    top_share = share(named.get(top or "", 0), total)
    return Defaults(
        prompts=prompts,
        heard=named,
        unclear=int(heard[-1]),
        top=top,
        top_share=top_share,
        evenness=Value.of(evenness(counts)) if named else None,
        flagged=not foreign(data.models) and top is not None and top_share.low > DEFAULT_SHARE,
    )


def words(data: AuditData) -> list[WordRow]:
    """What every word brings, the surest first."""
    usable = not foreign(data.models)
    found = word_effects(data.word_takes)
    kept = [effect for at, effect in enumerate(found) if effect.flagged or at < MOST_WORDS]
    return [
        WordRow(
            factor=effect.factor,
            word=effect.level,
            heard=effect.heard,
            share=share(effect.count, effect.total),
            without=share(effect.others, effect.of_others),
            difference=Value.of(Estimate(effect.difference, effect.low, effect.high)),
            q=effect.q,
            flagged=effect.flagged and usable,
        )
        for effect in kept
    ]
