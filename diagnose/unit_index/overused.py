"""Recordings that are the top example of suspiciously many units: "the same tracks for every query".

If every window were as likely as any other to be where a unit does most, the units that a recording tops would be
binomial, with its share of all windows. Units are not independent of one another, so a small p-value alone says little:
a recording has to top several times as many as it would by chance.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from tonescope.diagnose.store.take_shards import database, parquet
from tonescope.diagnose.unit_index.index_tables import EXAMPLES, RECORDINGS, TOP_KIND, UNITS

SURE = 1e-3  # of any recording being called overused by chance (Bonferroni)
TIMES = 5.0  # as many units as by chance, at least
MOST = 20  # that are told


class Overused(BaseModel):
    """A recording that is the top example of ``units`` of ``of`` live units, where chance gives it ``expected``; ``p``,
    corrected for all recordings."""

    recording: int
    name: str
    units: int
    of: int
    expected: float
    p: float

    @property
    def told(self) -> str:
        """It in a sentence."""
        return (
            f"{self.name} is the top example of {self.units:,} of {self.of:,} live units, where chance would make it "
            f"that of {self.expected:.1f}: it may be loud, broken or unlike all others, and says little about any one "
            "unit."
        )


def overused(folder: Path) -> list[Overused]:
    """The overused recordings of an index, the worst first."""
    examples, units, recordings = (parquet([folder / name]) for name in (EXAMPLES, UNITS, RECORDINGS))
    with database() as opened:
        rows = opened.execute(
            f"""
            WITH topped AS (
                SELECT recording, count(*) AS units FROM {examples} JOIN {units} USING (place, unit)
                WHERE kind = '{TOP_KIND}' AND rank = 0 AND NOT dead GROUP BY recording
            ), heard AS (SELECT number, name, windows FROM {recordings} WHERE problem IS NULL)
            SELECT recording, name, units, windows, (SELECT sum(units) FROM topped), (SELECT sum(windows) FROM heard),
                (SELECT count(*) FROM heard)
            FROM topped JOIN heard ON number = recording ORDER BY units / windows DESC, recording
            """
        ).fetchall()
    found = [_tested(number, name, *map(int, rest)) for number, name, *rest in rows]
    return [one for one in found if one is not None][:MOST]


def _tested(
    number: int, name: str, units: int, windows: int, every_unit: int, every_window: int, recordings: int
) -> Overused | None:
    from scipy.stats import binom

    share = windows / every_window
    p = min(1.0, float(binom.sf(units - 1, every_unit, share)) * recordings)
    if p >= SURE or units < TIMES * share * every_unit:
        return None
    expected = round(share * every_unit, 2)
    return Overused(recording=number, name=name, units=units, of=every_unit, expected=expected, p=p)
