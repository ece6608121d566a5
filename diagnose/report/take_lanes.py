"""The lanes of a tested take: what is heard, what was changed, which words are attended to, what the units do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tonescope.diagnose.report.lanes import Curves, Heat, Lane, Meant, Row, Stretch, Stretches
from tonescope.diagnose.report.sentences import percent

if TYPE_CHECKING:
    from torch import Tensor

    from tonescope.diagnose.attribution.tracks import Tracks

HEARD, CHANGED = "What the judge hears", "What was changed"
DECIDED = "Takes that change, muted only from here on"
ATTENDED, DRIVING = "Words attended to", "What the units do"
AS_IT_WAS = " (in the take as it is)"
LOOKS = "Where the model looks in the prompt. A word that is looked at more need not shape the sound more."
AVERAGE = ("its average", "their average")
FAR = "How far they are from what they do on average over many prompts (the line); 1 is the farthest."


@dataclass(frozen=True)
class Reading:
    """How what is heard is read.

    Attributes:
        tracks: what is known over time.
        target: what it is heard as, and ``asked``, what was asked for.
        clean: the name of the untouched takes in the tracks.
    """

    tracks: Tracks
    target: str
    asked: str | None
    clean: str

    def untouched(self, row: int, moments: Sequence[Stretch] = ()) -> tuple[Lane, ...]:
        """Of a take as it is; ``moments`` are when muting was begun, and what came of it."""
        decided = Stretches(title=DECIDED, badge="tested", stretches=tuple(moments)) if moments else None
        return _present(self._heard(self.clean, row), decided, self._attended(row), self._driving(row))

    def heard_alone(self, name: str, row: int) -> tuple[Lane, ...]:
        """Of a take of which no more is known than what is heard when."""
        return _present(self._heard(name, row))

    def changed(self, name: str, row: int, what: str, seconds: tuple[float, float] | None = None) -> tuple[Lane, ...]:
        """Of a take with something changed: ``what``, in words, throughout or for some ``seconds``."""
        start, end = seconds or (0.0, self.tracks.seconds)
        stretch = Stretch(start=start, end=min(end, self.tracks.seconds), text=what, meant="edit")
        change = Stretches(title=CHANGED, stretches=(stretch,))
        return _present(self._heard(name, row), change, self._attended(row, AS_IT_WAS), self._driving(row, AS_IT_WAS))

    def _meant(self, label: str) -> Meant:
        if label == self.asked:
            return "asked"
        return "target" if label == self.target else "other"

    def _heard(self, name: str, row: int) -> Stretches | None:
        """One stretch a window of the judge, from halfway to the one before to halfway to the next."""
        found = self.tracks.heard.get(name)
        if found is None:
            return None
        labels, centres = self.tracks.labels, found.centres
        borders = [0.0, *((one + other) / 2 for one, other in pairwise(centres))]
        stretches = []
        for start, end, heard in zip(
            borders, [*borders[1:], self.tracks.seconds], found.posterior[:, row].tolist(), strict=True
        ):
            label = labels[max(range(len(labels)), key=heard.__getitem__)]
            asked = self.asked if self.asked in labels and self.asked != label else None
            stretches.append(
                Stretch(
                    start=round(start, 3),
                    end=round(end, 3),
                    text=label,
                    more=f"{asked} {percent(heard[labels.index(asked)])}" if asked else "",
                    share=round(max(heard), 3),
                    meant=self._meant(label),
                )
            )
        pieces = f"Pieces of {found.window:g} s, each judged by itself and drawn around its middle"
        note = f"{pieces}; the verdict is of the whole take."
        return Stretches(title=HEARD, badge="observed", note=note, stretches=tuple(stretches))

    def _attended(self, row: int, when: str = "") -> Heat | None:
        rows = _rows(self.tracks.attention, row)
        return Heat(title=ATTENDED + when, badge="observed", note=LOOKS, rows=rows) if rows else None

    def _driving(self, row: int, when: str = "") -> Curves | None:
        rows = _rows(self.tracks.activity, row)
        if not rows:
            return None
        return Curves(title=DRIVING + when, badge="observed", note=FAR, line=AVERAGE[len(rows) > 1], rows=rows)


def _rows(tracks: Mapping[str, Tensor], row: int) -> tuple[Row, ...]:
    return tuple(
        Row(name=name, values=tuple(round(value, 3) for value in values[row].tolist()))
        for name, values in tracks.items()
    )


def _present(*lanes: Lane | None) -> tuple[Lane, ...]:
    return tuple(lane for lane in lanes if lane is not None)
