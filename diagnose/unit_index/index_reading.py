"""An index that is there: found by the models it is of, and asked for units, in milliseconds however large it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonescope.diagnose.store.take_shards import database, parquet
from tonescope.diagnose.unit_index.corpus import About
from tonescope.diagnose.unit_index.index_place import ABOUT, index_root
from tonescope.diagnose.unit_index.index_tables import EXAMPLES, HISTOGRAMS, RECORDINGS, SHARE_NAMES, SHARES, UNITS
from tonescope.diagnose.unit_index.index_worker import FORMAT
from tonescope.diagnose.unit_index.unit_summary import bin_edges
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location, Unit

if TYPE_CHECKING:
    import duckdb

SORTS = {
    "unit": "unit",
    "mean": "mean DESC",
    "variance": "variance DESC",
    "most": "most DESC",
    "density": "density DESC",
    "sparsest": "density",
}
"""What units can be sorted by, as SQL says it."""


@dataclass(frozen=True)
class UnitStatistics:
    """What a unit does at all positions of a corpus: ``quantiles`` by the share of positions below."""

    unit: str
    positions: int
    mean: float
    variance: float
    least: float
    most: float
    density: float
    dead: bool
    quantiles: dict[float, float]


@dataclass(frozen=True)
class UnitExample:
    """A recording in which a unit was looked at.

    Attributes:
        kind: ``top``, ``random`` or ``quantile``; ``rank``, counted from 0; ``share``, the quantile.
        value: the most that the unit does in it, at ``second``.
        recording: its number; ``name``, ``seconds`` and ``about``, what is known of it.
    """

    kind: str
    rank: int
    share: float | None
    value: float
    second: float
    recording: int
    name: str
    seconds: float
    about: About


@dataclass(frozen=True)
class IndexPage:
    """What an index says of one unit; ``histogram`` holds edges and positions of the bins that hold any."""

    statistics: UnitStatistics
    examples: tuple[UnitExample, ...]
    histogram: tuple[tuple[float, float, int], ...]

    def of_kind(self, kind: str) -> list[UnitExample]:
        """The examples of one kind."""
        return [example for example in self.examples if example.kind == kind]


@dataclass
class UnitIndex:
    """An index.

    Attributes:
        folder: where it is.
        about: what ``index.json`` says.
    """

    folder: Path
    about: dict[str, Any]
    _closing: ExitStack = field(default_factory=ExitStack, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def open(cls, folder: Path) -> UnitIndex:
        """Raises :class:`TonescopeError` for a folder that holds no finished index of this version."""
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            if about["format"] != FORMAT or not all(
                (folder / name).is_file() for name in (UNITS, EXAMPLES, RECORDINGS)
            ):
                raise ValueError("another version, or not whole")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TonescopeError(
                f"{folder} holds no index that is finished; build one with `tonescope index`, or name its folder."
            ) from error
        return cls(folder, about)

    @property
    def locations(self) -> list[str]:
        """Those it is over, in the order of their numbers."""
        return list(self.about["locations"])

    def is_of(self, generator: str, judge: str) -> bool:
        """Whether it is of these models (fingerprints); of the judge, where that was looked into."""
        setting = self.about["setting"]
        judged = any(name.startswith("judge.") for name in self.locations)
        return setting["generator"] == generator and (setting["judge"] == judge or not judged)

    def units(self, location: Location) -> int:
        """How many units a location has."""
        return int(self.about["locations"][str(location)])

    def __enter__(self) -> UnitIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._closing.close()
        self.__dict__.pop("_opened", None)

    @cached_property
    def _opened(self) -> duckdb.DuckDBPyConnection:
        return self._closing.enter_context(database())

    def _asked(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        import duckdb

        try:
            with self._lock:
                return self._opened.execute(query, list(values)).fetchall()
        except duckdb.Error as error:
            raise TonescopeError(
                f"the index in {self.folder} cannot be read ({str(error).splitlines()[0][:200]}); delete "
                "the folder, and "
                "build it again."
            ) from error

    def _table(self, name: str) -> str:
        return parquet([self.folder / name])

    def _place(self, location: Location) -> int:
        name = str(location)
        if name not in self.about["locations"]:
            known = ", ".join(self.locations[:4]) + (", …" if len(self.locations) > 4 else "")
            raise TonescopeError(
                f"the index of {self.about['corpus']} is not over {name} (it has {known}); build one with `tonescope "
                f"index --location {name}`."
            )
        return self.locations.index(name)

    # --- what is asked -----------------------------------------------------------------------------------------------

    def page(self, unit: Unit) -> IndexPage:
        """What is known of a unit. Raises :class:`TonescopeError` for one that the index does not have."""
        place = self._place(unit.location)
        rows = self._units(place, "AND unit = ?", [unit.index])
        if not rows:
            raise TonescopeError(f"the index of {self.about['corpus']} has no {unit}; build it again for this model.")
        statistics = _statistics(unit.location, rows[0])
        examples = self._asked(
            f"""
            SELECT kind, rank, share, value, second, recording FROM {self._table(EXAMPLES)}
            WHERE place = ? AND unit = ? ORDER BY kind = 'random', kind = 'quantile', rank
            """,
            [place, unit.index],
        )
        known = self._recordings({row[-1] for row in examples})
        bins = self._asked(
            f"SELECT bin, positions FROM {self._table(HISTOGRAMS)} WHERE place = ? AND unit = ? ORDER BY bin",
            [place, unit.index],
        )
        edges = bin_edges()
        return IndexPage(
            statistics,
            tuple(_example(row, known[row[-1]]) for row in examples),
            tuple((float(edges[at]), float(edges[at + 1]), int(count)) for at, count in bins),
        )

    def location_page(
        self, location: Location, *, sort: str = "unit", most: int = 200, start: int = 0, live: bool = False
    ) -> list[UnitStatistics]:
        """Units of a location, sorted by one of :data:`SORTS`, from the ``start``-th on; with ``live``, those alone
        that are not dead."""
        shown = f"{'AND NOT dead ' if live else ''}ORDER BY {SORTS[sort]}, unit LIMIT {int(most)} OFFSET {int(start)}"
        rows = self._units(self._place(location), shown)
        return [_statistics(location, row) for row in rows]

    def dead(self, location: Location) -> list[int]:
        """The units that never did anything."""
        query = f"SELECT unit FROM {self._table(UNITS)} WHERE place = ? AND dead ORDER BY unit"
        return [int(row[0]) for row in self._asked(query, [self._place(location)])]

    def map(self) -> dict[str, tuple[int, int, float]]:
        """Every location: how many units, how many of them are dead, and how dense they are on average."""
        query = f"SELECT place, count(*), sum(dead::INT), avg(density) FROM {self._table(UNITS)} GROUP BY place"
        found = {
            self.locations[place]: (units, dead, float(density)) for place, units, dead, density in self._asked(query)
        }
        return {name: found[name] for name in self.locations if name in found}

    def captions(self, location: Location, kind: str, most: int) -> Iterator[tuple[int, str, float]]:
        """Units of a location with the captions of their examples of a kind, of the first ranks, and the values."""
        query = f"""
            SELECT unit, caption, value FROM {self._table(EXAMPLES)} JOIN {self._table(RECORDINGS)} ON number =
            recording WHERE place = ? AND kind = ? AND rank < ? ORDER BY unit, rank
        """
        yield from self._asked(query, [self._place(location), kind, most])

    def captions_of(self, numbers: Sequence[int]) -> dict[int, str]:
        """The captions of recordings, by number."""
        return {number: caption or "" for number, (_, _, caption, *_) in self._recordings(set(numbers)).items()}

    def tags_of(self, numbers: Sequence[int]) -> dict[int, str]:
        """The tags of recordings, by number."""
        return {number: tags or "" for number, (*_, tags) in self._recordings(set(numbers)).items()}

    def _recordings(self, numbers: set[int]) -> dict[int, Sequence[Any]]:
        """Name, length and what is known of recordings. Numbers are written out, so that the database passes over the
        parts of the table that hold none of them."""
        listed = ", ".join(map(str, sorted(map(int, numbers)))) or "NULL"
        columns = "number, name, seconds, caption, licence, source, tags"
        rows = self._asked(f"SELECT {columns} FROM {self._table(RECORDINGS)} WHERE number IN ({listed})")
        return {number: rest for number, *rest in rows}

    def _units(self, place: int, rest: str, values: Sequence[Any] = ()) -> list[Any]:
        columns = ", ".join(("unit", "positions", "mean", "variance", "least", "most", "density", "dead", *SHARE_NAMES))
        return self._asked(f"SELECT {columns} FROM {self._table(UNITS)} WHERE place = ? {rest}", [place, *values])


def _statistics(location: Location, row: Sequence[Any]) -> UnitStatistics:
    unit, positions, mean, variance, least, most, density, dead, *quantiles = row
    named = dict(zip(SHARES, quantiles, strict=True))
    return UnitStatistics(str(Unit(location, unit)), positions, mean, variance, least, most, density, bool(dead), named)


def _example(row: Sequence[Any], known: Sequence[Any]) -> UnitExample:
    kind, rank, share, value, second, recording = row
    name, seconds, *about = known
    drawn = None if share is None or share != share else round(float(share), 4)
    return UnitExample(kind, rank, drawn, value, second, recording, name, seconds, About(*about))


# --- where indexes are ------------------------------------------------------------------------------------------------


def find_indexes(generator: str, judge: str, root: Path | None = None) -> list[UnitIndex]:
    """The finished indexes of these models (fingerprints), the newest first."""
    found = []
    for about in (root or index_root()).glob(f"*/{ABOUT}"):
        try:
            index = UnitIndex.open(about.parent)
        except TonescopeError:
            continue
        if index.is_of(generator, judge):
            found.append((about.stat().st_mtime, index))
    return [index for _, index in sorted(found, key=lambda pair: -pair[0])]


def index_of(location: Location, indexes: Sequence[UnitIndex]) -> UnitIndex | None:
    """The first that is over a location."""
    return next((index for index in indexes if str(location) in index.about["locations"]), None)
