"""Files whose prompts name a genre, counted as the takes of a confusion report: all that can be had of a closed
generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tonescope.diagnose.audit.audit_genres import as_asked, representation_rows
from tonescope.diagnose.confusion.confusion_results import Genre, Listener, Results
from tonescope.diagnose.elsewhere.listen_schema import AskedGenres, FileResult
from tonescope.diagnose.genre_statistics.confusion_counts import ConfusionCounts
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.judges.judge import Judge

FEWEST = 2  # files that make a matrix
GENERATOR = "the generator of these files"


def asked_genres(files: Sequence[FileResult], judge: Judge, taxonomy: Taxonomy) -> AskedGenres | None:
    """What is heard where each genre was asked for; ``None`` where fewer than two files say what was.

    Copies of a file count once. The judge has to know such sounds.
    """
    named = [(file, file.asked) for file in files if file.asked in judge.labels and file.same_as is None]
    if len(named) < FEWEST:
        return None
    labels = tuple(judge.labels)
    places = {label: place for place, label in enumerate(labels)}
    asked = np.array([places[str(label)] for _, label in named], np.int64)
    heard = np.array([places.get(file.heard.judged[0].heard, -1) for file, _ in named], np.int64)
    counts = _counted(labels, asked, heard)
    by_genre = np.concatenate([counts.heard, counts.unsure[:, None]], 1).astype(np.float64)
    results = Results.of(counts, {}, Listener(judge, taxonomy, GENERATOR))
    prompts = {label: [file.prompt or "" for file, own in named if own == label] for _, label in named}
    genres = [Genre(str(label), str(label), tuple(dict.fromkeys(texts))) for label, texts in prompts.items()]
    return AskedGenres(
        rows=[results.genre(genre) for genre in sorted(genres, key=lambda genre: places[genre.label])],
        heard_labels=list(labels),
        correction=results.correction,
        pairs=results.pairs(),
        attractors=results.attractors(),
        representation=representation_rows(
            by_genre, counts.diagonal, as_asked(by_genre, counts.diagonal), results.clips, labels
        ),
    )


def _counted(labels: tuple[str, ...], asked: np.ndarray, heard: np.ndarray) -> ConfusionCounts:
    rows = np.unique(asked).tolist()
    table = np.zeros((len(rows), len(labels)), np.int64)
    for row, place in enumerate(rows):
        table[row] = np.bincount(heard[(asked == place) & (heard >= 0)], minlength=len(labels))
    unsure = np.array([int(((asked == place) & (heard < 0)).sum()) for place in rows], np.int64)
    return ConfusionCounts(tuple(labels[place] for place in rows), labels, table, unsure, np.zeros_like(unsure))
