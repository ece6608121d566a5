"""Material that comes again in an audit's takes, whatever was asked, and what of it a user's own files hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from tonescope.diagnose.audit.audit_data import AuditData
from tonescope.diagnose.audit.audit_schema import PassageRow
from tonescope.diagnose.overused.landmarks import Landmarks
from tonescope.diagnose.overused.passages import MOST_TAKES, Passage, in_library, passages, takes_in_library
from tonescope.diagnose.stats import share
from tonescope.models.generator import Symbolic, Takes

FEWEST_TAKES = 4
RARE = 0.01  # of the takes that are compared: a passage in fewer is not told
OFTEN = 0.1  # of one genre's takes, surely: from there on a listener meets it
LEADING = 20  # prompts that are listed


@dataclass(frozen=True)
class Compared:
    """The takes of an audit whose passages were compared.

    Attributes:
        rows: their places among the takes.
        found: passages, whose spans name takes by their place in ``rows``; ``told``, the same as data.
        library: in how many takes each file of the user's comes.
    """

    rows: tuple[int, ...] = ()
    found: tuple[Passage, ...] = ()
    told: tuple[PassageRow, ...] = ()
    library: Mapping[str, int] = field(default_factory=dict)


def compared(data: AuditData, library: Mapping[str, Landmarks] | None = None) -> Compared:
    """Passages that come in many takes."""
    marks, times = (data.source.vectors(name, most=MOST_TAKES) for name in ("landmark", "landmark_time"))
    keys = list(zip(data.takes.prompt.tolist(), data.takes.seed.tolist(), strict=True))
    rows = [at for at, key in enumerate(keys) if key in marks and data.takes.usable[at]]
    sounds = [Landmarks.of(marks[keys[at]], times[keys[at]]) for at in rows]
    if len(rows) < FEWEST_TAKES:
        return Compared(tuple(rows))
    symbols, levels, rate = _symbols(data, [keys[at] for at in rows])
    fewest = max(FEWEST_TAKES, round(RARE * len(rows)))
    found = passages(sounds, symbols=symbols, levels=levels, frame_rate=rate, fewest=fewest)
    files = dict(library or {})
    found = in_library(found, sounds, files)
    told = [_told(data, rows, passage) for passage in found if passage.sure]
    kept = [passage for passage in found if passage.sure]
    held = {name: len(set(takes)) for name, takes in takes_in_library(sounds, files).items()}
    return Compared(tuple(rows), tuple(kept), tuple(told), held)


def _symbols(
    data: AuditData, keys: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.int64] | None, NDArray[np.float64] | None, float]:
    """Symbols and levels (takes, …) of takes, and how many symbols a second; nothing where takes have none, or not
    every state was kept."""
    generator = data.models.generator
    if not isinstance(generator, Symbolic):
        return None, None, 0.0
    states = data.source.states(keys)
    if any(state is None for *_, state in states):
        return None, None, 0.0
    parts = [
        Takes((prompt,), (seed,), safetensors.torch.load(state), torch.zeros(1, 0))
        for prompt, seed, state in states
        if state is not None
    ]
    symbols = generator.symbols(Takes.join(parts)).numpy().astype(np.int64)
    kept = data.source.vectors("levels", most=MOST_TAKES)
    levels = np.array([kept[key] for key in keys], np.float64) if all(key in kept for key in keys) else None
    return symbols, levels, float(generator.frame_rate)


def _told(data: AuditData, rows: Sequence[int], passage: Passage) -> PassageRow:
    takes = [rows[span.take] for span in passage.spans]
    cells = [data.cells[data.takes.prompt[at]] for at in takes]
    genres = Counter(cell.genre or "no genre" for cell in cells)
    of = Counter(data.cells[data.takes.prompt[at]].genre or "no genre" for at in rows)
    shares = {genre: share(count, of[genre]) for genre, count in genres.items()}
    most = max(shares, key=lambda genre: (shares[genre].low, genre))
    return PassageRow(
        seconds=round(passage.seconds, 2),
        share=share(len(takes), len(rows)),
        prompts=[prompt for prompt, _ in Counter(cell.prompt for cell in cells).most_common(LEADING)],
        genres=[genre for genre, _ in genres.most_common()],
        most_of=most,
        most_share=shares[most],
        by="symbols and sound" if passage.by_symbols else "sound",
        confirmed=passage.confirmed,
        chance=passage.chance,
        library=list(passage.library),
        flagged=shares[most].low >= OFTEN,
    )
