"""Names with evidence: what units respond to, said only where a score on sounds that had no part in the choice says so.

Three sources propose a label for every unit: the concept that it tells best in synthetic stimuli, the word that is most
often in the captions of its top examples, and the genre that the judge hears where the unit does most. Each is scored
on held-out sounds (area under the curve); q-values are over all units and sources of a location.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.stats import BELIEVED, adjusted
from tonescope.diagnose.store.take_shards import database, quoted
from tonescope.diagnose.tuning.curve_statistics import Curves, auc, auc_p, concepts_of
from tonescope.diagnose.unit_index.index_reading import UnitIndex
from tonescope.diagnose.unit_index.index_sample import Sample, heard_labels
from tonescope.diagnose.unit_index.index_tables import whole
from tonescope.models.judges.judge import Judge
from tonescope.models.units import Location

NAMED_AUC = 0.75  # from which on a label is given at all
DETECTOR_AUC = 0.9  # from which on a unit is called a detector, if no feature made by hand does as well
FEWEST = 4  # sounds with a word, and without it, that a score needs
TOP_CAPTIONS = 8  # of the top examples, whose words are proposed
COMMON = 0.5  # of all captions; a word in more of them says nothing
NO_NAME = "no clear name"
STIMULI, CAPTIONS, JUDGE = "stimuli", "captions", "judge"
MARK_DIGITS = 12  # of the judge's fingerprint, in the name of the file
STOP = frozenset(
    (
        *(
            "a",
            "an",
            "the",
            "of",
            "and",
            "with",
            "in",
            "on",
            "for",
            "to",
            "at",
            "by",
            "from",
            "is",
            "it",
            "its",
            "this",
        ),
        *(
            "that",
            "some",
            "very",
            "like",
            "over",
            "into",
            "featuring",
            "feat",
            "music",
            "song",
            "track",
            "piece",
            "sound",
        ),
        *("sounds", "audio", "clip", "bpm", "tempo", "style", "mood"),
    )
)
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True)
class Candidate:
    """A label that one source proposes for a unit.

    Attributes:
        source: ``stimuli``, ``captions`` or ``judge``.
        score: area under the curve on held-out sounds; ``by_hand``, that of the best feature made by hand, where known.
        q: over all units and sources of the location.
    """

    unit: int
    source: str
    label: str
    score: float
    by_hand: float | None
    q: float

    @property
    def holds(self) -> bool:
        """Whether it may be said."""
        return bool(self.label) and self.score >= NAMED_AUC and self.q < BELIEVED

    @property
    def told(self) -> str:
        """It in words. A detector beats what is made by hand; of captions and of what the judge hears, nothing of that
        kind is known."""
        beaten = self.by_hand is not None and self.score > self.by_hand
        return f"{self.label} detector" if self.score >= DETECTOR_AUC and beaten else f"responds to {self.label}"


def name_of(candidates: Sequence[Candidate]) -> Candidate | None:
    """The label of a unit: of those that hold the one with the best score; ``None`` for no clear name."""
    return max((one for one in candidates if one.holds), key=lambda one: one.score, default=None)


@dataclass(frozen=True)
class _Proposals:
    """Of one source: labels (units,), scores, how many sounds with and without, and the baseline."""

    source: str
    labels: list[str]
    score: NDArray[np.float64]
    p: NDArray[np.float64]
    by_hand: NDArray[np.float64] | None = None


def name_units(
    index: UnitIndex, location: Location, curves: Sequence[Curves], judge: Judge, *, labelled: bool = True
) -> list[Candidate]:
    """Candidates for every live unit of a location of an index: kept from before, or found now.

    Args:
        curves: of the location, all families of sound; none, to do without stimuli.
        labelled: whether the judge may listen to the random sample of the corpus, which is read once more for it.
    """
    sources = [CAPTIONS, *([STIMULI] if curves else []), *([JUDGE] if labelled else [])]
    if (path := _path(index, location, judge, sources)).is_file():
        return _read(path)
    heard = heard_labels(index, judge) if labelled else None
    if labelled and heard is None:
        sources.remove(JUDGE)
        if (path := _path(index, location, judge, sources)).is_file():
            return _read(path)
    candidates = candidates_of(index, location, curves, heard)
    _write(path, candidates)
    return candidates


def candidates_of(
    index: UnitIndex, location: Location, curves: Sequence[Curves], heard: Mapping[int, str] | None
) -> list[Candidate]:
    """Candidates for every live unit, from curves (if there are any), captions, and what is ``heard`` in the random
    sample, by the number of the recording (if that is known)."""
    sample, dead = Sample.of(index, location), set(index.dead(location))
    found = [_of_stimuli(curves, index.units(location))] if curves else []
    found.append(_of_captions(index, location, sample))
    if heard is not None:
        found.append(_of_judge(sample, heard))
    return _tested(found, dead)


def kept_names(index: UnitIndex, location: Location, judge: Judge) -> list[Candidate] | None:
    """Candidates that were found before with this judge, from as many sources as there are; ``None`` where nobody
    looked."""
    for more in ([STIMULI, JUDGE], [STIMULI], [JUDGE], []):
        if (path := _path(index, location, judge, [CAPTIONS, *more])).is_file():
            return _read(path)
    return None


def _path(index: UnitIndex, location: Location, judge: Judge, sources: Sequence[str]) -> Path:
    """Where they are kept: those of more recordings, of another judge, or of other sources are others."""
    of = f"{index.about['recordings']}-{judge.fingerprint()[:MARK_DIGITS]}-{'-'.join(sorted(sources))}"
    return index.folder / f"names-{location}-{of}.parquet"


def _tested(found: Sequence[_Proposals], dead: set[int]) -> list[Candidate]:
    rows = [
        (each, unit) for each in found for unit in range(len(each.labels)) if each.labels[unit] and unit not in dead
    ]
    qs = adjusted([float(each.p[unit]) for each, unit in rows])
    return [
        Candidate(
            unit,
            each.source,
            each.labels[unit],
            round(float(each.score[unit]), 4),
            None if each.by_hand is None else round(float(each.by_hand[unit]), 4),
            float(q or 0.0),
        )
        for (each, unit), q in zip(rows, qs, strict=True)
    ]


def _of_stimuli(curves: Sequence[Curves], units: int) -> _Proposals:
    """Of each unit the family and concept that it tells best in half of the instances, scored in the others."""
    tellings = [one.telling() for one in curves]
    best = np.stack([telling.chosen_by for telling in tellings]).argmax(0)
    labels, score, by_hand, p = [""] * units, np.full(units, 0.5), np.full(units, 0.5), np.ones(units)
    for unit in range(units):
        telling, family = tellings[best[unit]], curves[best[unit]].family
        concept = int(telling.concept[unit])
        labels[unit] = concepts_of(family)[concept].name
        score[unit], by_hand[unit] = telling.auc[unit], telling.by_hand[unit]
        p[unit] = auc_p(telling.auc[unit : unit + 1], *telling.counts[concept])[0]
    return _Proposals(STIMULI, labels, score, p, by_hand)


def words_of(caption: str) -> set[str]:
    """The words of a caption that may name something."""
    return {word for word in _WORD.findall(caption.lower()) if word not in STOP}


def _of_captions(index: UnitIndex, location: Location, sample: Sample) -> _Proposals:
    """Of each unit the word that is most over-represented in the captions of its top examples, scored on the random
    sample without those examples."""
    said = [words_of(caption) for caption in sample.captions]
    usual = Counter(word for words in said for word in words)
    units, count = index.units(location), max(1, len(said))
    labels, score, p = [""] * units, np.full(units, 0.5), np.ones(units)
    for unit, captions in _top_captions(index, location).items():
        top = Counter(word for caption in captions for word in words_of(caption))
        rated = {
            word: times / len(captions) / ((usual[word] + 1) / (count + 2))
            for word, times in top.items()
            if times > 1 and FEWEST <= usual[word] <= COMMON * count
        }
        if rated:
            label = max(rated, key=lambda word: (rated[word], top[word], word))
            there = np.array([label in words for words in said])
            score[unit], p[unit] = sample.scored(unit, there, top_excluded=True)
            labels[unit] = label
    return _Proposals(CAPTIONS, labels, score, p)


def _top_captions(index: UnitIndex, location: Location) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for unit, caption, _ in index.captions(location, "top", TOP_CAPTIONS):
        found.setdefault(unit, []).append(caption or "")
    return found


def _of_judge(sample: Sample, heard: Mapping[int, str]) -> _Proposals:
    """Of each unit the genre that the judge hears in the recordings of the sample in which it does most: chosen in
    every other recording, scored in the rest."""
    rows = [row for row, recording in enumerate(sample.recordings) if recording in heard]
    labels = [heard[sample.recordings[row]] for row in rows]
    values = sample.values[rows]
    known = [label for label, times in Counter(labels).items() if times >= 2 * FEWEST]
    units = values.shape[1]
    if not known:
        return _Proposals(JUDGE, [""] * units, np.full(units, 0.5), np.ones(units))
    masks = {label: np.array([one == label for one in labels]) for label in known}
    chosen = np.stack([auc(values[0::2], mask[0::2]) for mask in masks.values()])
    best = chosen.argmax(0)
    scores = np.stack([auc(values[1::2], mask[1::2]) for mask in masks.values()])
    sizes = np.array([(mask[1::2].sum(), (~mask[1::2]).sum()) for mask in masks.values()], dtype=float).clip(1)
    score = scores[best, np.arange(units)]
    return _Proposals(JUDGE, [known[at] for at in best], score, auc_p(score, sizes[best, 0], sizes[best, 1]))


# --- kept -------------------------------------------------------------------------------------------------------------


_COLUMNS: dict[str, tuple[str, Callable[[Candidate], Any]]] = {
    "unit": ("INTEGER", lambda one: one.unit),
    "source": ("VARCHAR", lambda one: one.source),
    "label": ("VARCHAR", lambda one: one.label),
    "score": ("DOUBLE", lambda one: one.score),
    "by_hand": ("DOUBLE", lambda one: np.nan if one.by_hand is None else one.by_hand),
    "q": ("DOUBLE", lambda one: one.q),
}


def _write(path: Path, candidates: Sequence[Candidate]) -> None:
    columns = {
        name: np.array([value(one) for one in candidates], dtype=object if kind == "VARCHAR" else None)
        for name, (kind, value) in _COLUMNS.items()
    }
    made = ", ".join(f"{name} {kind}" for name, (kind, _) in _COLUMNS.items())
    with database() as opened, whole(path) as part:
        opened.execute(f"CREATE TABLE names ({made})")
        if candidates:
            opened.register(
                "given",
                {name: column.astype(str) if column.dtype == object else column for name, column in columns.items()},
            )
            opened.execute(f"INSERT INTO names SELECT {', '.join(_COLUMNS)} FROM given")
        opened.execute(f"COPY (SELECT * FROM names ORDER BY unit, source) TO {quoted(str(part))} (FORMAT parquet)")


def _read(path: Path) -> list[Candidate]:
    with database() as opened:
        rows = opened.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM read_parquet({quoted(str(path))}) ORDER BY unit"
        ).fetchall()
    return [
        Candidate(unit, source, label, score, None if by_hand != by_hand else by_hand, q)
        for unit, source, label, score, by_hand, q in rows
    ]
