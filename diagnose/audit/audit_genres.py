"""What an audit finds about genres: control, adherence, representation, gaps, defaults, and what words do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

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
MOST_WORDS = 400  # rows of the report; every one that is flagged is among them


# --- control ----------------------------------------------------------------------------------------------------------


def measured_record(
    record: ConfusionRecord | None, known: Known | None, labels: Sequence[str]
) -> ConfusionRecord | None:
    """The judge's confusion: of the user's known recordings where there are some of a genre, else as it was recorded.

    ``None`` where some genre was never measured.
    """
    if known is None:
        return record
    rows = []
    for label in labels:
        if label in known.heard:
            rows.append(tuple(known.heard[label].get(heard, 0) for heard in labels))
        elif record is not None and not set(labels) - set(record.labels):
            own = record.counts[record.labels.index(label)]
            rows.append(tuple(own[record.labels.index(heard)] for heard in labels))
        else:
            return None
    table = tuple(rows)
    return ConfusionRecord(tuple(labels), table, table, record.calibration_error if record else 0.0)


def control_rows(record: ConfusionRecord | None, known: Known | None, genres: Sequence[str]) -> list[ControlRow]:
    """What the judge hears in known recordings of the genres, where that was measured."""
    rows = []
    for genre in genres:
        if known is not None and genre in known.heard:
            heard: Mapping[str, int] = known.heard[genre]
        elif record is not None and genre in record.labels:
            own = record.counts[record.labels.index(genre)]
            heard = {label: count for label, count in zip(record.labels, own, strict=True) if count}
        else:
            continue
        ordered = dict(sorted(heard.items(), key=lambda item: -item[1]))
        rows.append(ControlRow(genre=genre, right=share(heard.get(genre, 0), sum(heard.values())), heard=dict(ordered)))
    return rows


# --- representation ---------------------------------------------------------------------------------------------------


def represented(data: AuditData, clips: Counts | None) -> list[RepresentationRow]:
    """Every genre's share of what is heard, of what it should be.

    With equal shares, in plain takes, which ask for all genres alike; with named shares, in neutral takes, which ask
    for none. What should be heard goes through the judge's own mistakes, where they were measured.
    """
    named = data.design.reference.shares
    kind = "plain" if isinstance(named, str) else "neutral"
    places = {label: place for place, label in enumerate(data.labels)}
    if isinstance(named, str):
        asked = np.bincount(data.asked[data.of_kind("plain")], minlength=len(data.labels))
        wanted = {places[genre]: float(asked[places[genre]] / asked.sum()) for genre in data.genres}
        wanted = {place: portion for place, portion in wanted.items() if portion}
    else:
        wanted = dict[int, float]()
        for name, portion in named.items():
            place = places[choose_label(name, data.models.taxonomy, data.labels)]
            wanted[place] = wanted.get(place, 0.0) + portion
    expected = _through_judge(wanted, clips, len(data.labels))
    counts, group = data.prompt_rows(kind)
    if not counts.sum():
        return []
    rows = ratios(counts, group, expected, data.labels)
    qs = adjusted([row.p for row in rows])
    usable = not foreign(data.models)
    return [
        RepresentationRow(
            genre=row.label,
            share=share(row.count, row.total),
            reference=wanted[places[row.label]],
            ratio=Value.of(row.ratio),
            q=float(q or 0.0),
            flagged=usable and (q or 0.0) < BELIEVED and row.ratio.value < UNDER,
        )
        for row, q in zip(rows, qs, strict=True)
    ]


def _through_judge(wanted: Mapping[int, float], clips: Counts | None, labels: int) -> dict[int, float]:
    """The shares that the judge would hear if all were as it should be; without genres that it hardly hears."""
    if clips is None or not clips.sum(1).all():
        return dict(wanted)
    true = np.zeros(labels)
    for place, portion in wanted.items():
        true[place] = portion
    heard = true @ (clips / clips.sum(1, keepdims=True))
    return {place: float(heard[place]) for place, portion in wanted.items() if heard[place] >= HARDLY * portion}


# --- gaps, defaults, words --------------------------------------------------------------------------------------------


def gaps(data: AuditData) -> list[GapRow]:
    """Adherence of the worst and the best group: of genres in plain takes, of each factor's levels in the others."""
    rows = []
    counts, group = data.prompt_rows("plain")
    genres = [data.labels[place] for place in np.unique(group).tolist()]
    if len(genres) > 1:
        rows.append(_gap("genre", genres, counts, group, np.unique(group, return_inverse=True)[1]))
    counts, group = data.prompt_rows("words")
    cells = [cell for cell in data.cells if cell.kind == "words"]
    for at, (factor, levels) in enumerate(data.played.factors.items()):
        names = ("none", *levels)
        places = np.array([names.index(cell.levels[at]) if cell.levels[at] else 0 for cell in cells], np.int64)
        if len(np.unique(places)) > 1:
            used = [names[place] for place in np.unique(places).tolist()]
            rows.append(_gap(factor, used, counts, group, np.unique(places, return_inverse=True)[1]))
    return rows


def _gap(by: str, names: Sequence[str], counts: np.ndarray, asked: np.ndarray, group: np.ndarray) -> GapRow:
    hits, totals = counts[np.arange(len(counts)), asked], counts.sum(1)
    found, worst, best = gap(hits, totals, group)

    def of(place: int) -> Share:
        return share(int(hits[group == place].sum()), int(totals[group == place].sum()))

    return GapRow(
        by=by, worst=names[worst], worst_share=of(worst), best=names[best], best_share=of(best), gap=Value.of(found)
    )


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
    return Defaults(
        prompts=prompts,
        heard=named,
        unclear=int(heard[-1]),
        top=top,
        top_share=share(named.get(top or "", 0), total),
        evenness=Value.of(evenness(counts)) if named else None,
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
