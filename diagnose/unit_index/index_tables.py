"""An index as Parquet files: what is written once it is built, sorted by unit, so that a page reads a few row
groups."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.store.take_shards import database, parquet, quoted
from tonescope.diagnose.unit_index.unit_summary import NOBODY, Summary

if TYPE_CHECKING:
    import duckdb

UNITS, EXAMPLES, HISTOGRAMS, RECORDINGS = (
    "units.parquet",
    "examples.parquet",
    "histograms.parquet",
    "recordings.parquet",
)
ROW_GROUP = 16_384
RECORDING_GROUP = 4096  # a page asks for some that lie anywhere
SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)  # quantiles over positions, columns of UNITS
SHARE_NAMES = tuple(f"q{str(share)[2:]}" for share in SHARES)
EXAMPLE_SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)  # quantiles over recordings that have an example
RANDOM = 4  # examples drawn at random
DEAD = 1e-3  # of the usual range at the location: a unit that moves less never did anything
TOP_KIND, RANDOM_KIND, QUANTILE_KIND = "top", "random", "quantile"

_COLUMNS = {
    UNITS: {
        "place": "SMALLINT",
        "unit": "INTEGER",
        "positions": "BIGINT",
        **dict.fromkeys(("mean", "variance", "least", "most", "density"), "FLOAT"),
        "dead": "BOOLEAN",
        **dict.fromkeys(SHARE_NAMES, "FLOAT"),
    },
    EXAMPLES: {
        "place": "SMALLINT",
        "unit": "INTEGER",
        "kind": "VARCHAR",
        "rank": "SMALLINT",
        "share": "FLOAT",
        "value": "FLOAT",
        "second": "FLOAT",
        "recording": "BIGINT",
    },
    HISTOGRAMS: {"place": "SMALLINT", "unit": "INTEGER", "bin": "SMALLINT", "positions": "BIGINT"},
}
RECORDING_COLUMNS = {
    "number": "BIGINT",
    "name": "VARCHAR",
    "seconds": "DOUBLE",
    "windows": "INTEGER",
    "caption": "VARCHAR",
    "licence": "VARCHAR",
    "source": "VARCHAR",
    "tags": "VARCHAR",
    "problem": "VARCHAR",
}

Columns = Mapping[str, NDArray[Any]]


def write_tables(folder: Path, summaries: Mapping[str, Summary], log: Path) -> None:
    """Write the tables of an index into a folder, each whole.

    Args:
        summaries: by location, in the order of their numbers; every location has the recordings of all.
        log: the recordings, a line of JSON each.

    Raises ``OSError`` or ``duckdb.Error`` where the disk refuses.
    """
    with database() as opened:
        for name, columns in _COLUMNS.items():
            table = name.partition(".")[0]
            made = ", ".join(f'"{one}" {kind}' for one, kind in columns.items())
            opened.execute(f"CREATE TABLE {table} ({made})")
        for place, summary in enumerate(summaries.values()):
            if int(summary.positions):
                _insert(opened, UNITS, unit_rows(place, summary))
                _insert(opened, EXAMPLES, example_rows(place, summary))
                _insert(opened, HISTOGRAMS, histogram_rows(place, summary))
        for name, order in (
            (UNITS, "place, unit"),
            (EXAMPLES, "place, unit, kind, rank"),
            (HISTOGRAMS, "place, unit, bin"),
        ):
            _copy(opened, f"SELECT * FROM {name.partition('.')[0]} ORDER BY {order}", folder / name)
        told = ", ".join(f"{one}: '{kind}'" for one, kind in RECORDING_COLUMNS.items())
        rows = f"read_json({quoted(str(log))}, format = 'newline_delimited', columns = {{{told}}})"
        _copy(opened, f"SELECT * FROM {rows} ORDER BY number", folder / RECORDINGS, RECORDING_GROUP)


@dataclass(frozen=True)
class Counts:
    """How many recordings were heard, in how many windows; and which were not, with the reason."""

    recordings: int
    windows: int
    broken: list[dict[str, str]]


def counts(folder: Path) -> Counts:
    """Those of the tables in a folder."""
    rows = parquet([folder / RECORDINGS])
    with database() as opened:
        heard = opened.execute(
            f"SELECT count(*), coalesce(sum(windows), 0) FROM {rows} WHERE problem IS NULL"
        ).fetchone()
        broken = opened.execute(
            f"SELECT name, problem FROM {rows} WHERE problem IS NOT NULL ORDER BY number"
        ).fetchall()
    recordings, windows = heard or (0, 0)
    return Counts(int(recordings), int(windows), [{"name": name, "problem": problem} for name, problem in broken])


def _insert(opened: duckdb.DuckDBPyConnection, name: str, columns: Columns) -> None:
    opened.register("given", dict(columns))
    wanted = ", ".join(f'"{one}"' for one in _COLUMNS[name])
    opened.execute(f"INSERT INTO {name.partition('.')[0]} SELECT {wanted} FROM given")
    opened.unregister("given")


def _copy(opened: duckdb.DuckDBPyConnection, query: str, path: Path, rows: int = ROW_GROUP) -> None:
    with whole(path) as part:
        form = f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {rows})"
        opened.execute(f"COPY ({query}) TO {quoted(str(part))} {form}")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name to write to, which becomes ``path`` where the block ends well."""
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def unit_rows(place: int, summary: Summary) -> Columns:
    """Statistics, a row a unit."""
    units = summary.units
    ranges = (summary.most - summary.least).numpy()
    shares = summary.quantiles(SHARES)
    return {
        "place": np.full(units, place, np.int16),
        "unit": np.arange(units, dtype=np.int32),
        "positions": np.full(units, int(summary.positions), np.int64),
        "mean": _floats(summary.mean),
        "variance": _floats(summary.variance),
        "least": _floats(summary.least),
        "most": _floats(summary.most),
        "density": _floats(summary.density()),
        "dead": ranges <= DEAD * max(float(np.median(ranges)), 1e-12),
        **{name: _floats(row) for name, row in zip(SHARE_NAMES, shares, strict=True)},
    }


def histogram_rows(place: int, summary: Summary) -> Columns:
    """How many positions are in each bin, those bins alone that hold any."""
    units, bins = summary.histogram.nonzero(as_tuple=True)
    return {
        "place": np.full(len(units), place, np.int16),
        "unit": units.numpy().astype(np.int32),
        "bin": bins.numpy().astype(np.int16),
        "positions": summary.histogram[units, bins].numpy(),
    }


def example_rows(place: int, summary: Summary) -> Columns:
    """Recordings in which units do most; some at random; and some at quantiles of what units do in random ones."""
    units = summary.units
    value, second = summary.sample.numpy(), summary.sample_second.numpy()
    recording, drawn = summary.sample_recording.numpy(), len(summary.sample)
    parts: list[Columns] = []

    def add(
        kind: str, rank: int, share: float, which: NDArray[Any], values: NDArray[Any], seconds: NDArray[Any]
    ) -> None:
        parts.append(
            {
                "place": np.full(units, place, np.int16),
                "unit": np.arange(units, dtype=np.int32),
                "kind": np.full(units, kind),
                "rank": np.full(units, rank, np.int16),
                "share": np.full(units, share, np.float32),
                "value": _floats(values),
                "second": _floats(seconds),
                "recording": which.astype(np.int64),
            }
        )

    for rank in range(summary.top.shape[1]):
        which = summary.top_recording[:, rank].numpy()
        if (which == NOBODY).all():
            break
        add(TOP_KIND, rank, np.nan, which, summary.top[:, rank].numpy(), summary.top_second[:, rank].numpy())
    for rank in range(min(RANDOM, drawn)):
        add(RANDOM_KIND, rank, np.nan, np.full(units, recording[rank]), value[rank], second[rank])
    if drawn:
        order, here = value.argsort(0, kind="stable"), np.arange(units)
        for rank, share in enumerate(EXAMPLE_SHARES):
            row = order[round(share * (drawn - 1))]
            add(QUANTILE_KIND, rank, share, recording[row], value[row, here], second[row, here])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _floats(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)
