"""Are names of units given by what they do, or would any labels have done?

The labels of one location over the corpus that comes with Tonescope, proposed and scored as ``tonescope show --full``
does, beside the same with labels that mean nothing: captions dealt out anew among the recordings, what the judge hears
likewise, the values of stimuli dealt out anew within each instance. What is still named then, is named by chance.

    python -m benchmarks.unit_names [--location decoder.3.mlp] [--shuffles 5]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.kept_results import keep
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.take_shards import database, parquet, quoted
from tonescope.diagnose.tuning.curve_statistics import Curves
from tonescope.diagnose.tuning.responses import Tuning
from tonescope.diagnose.tuning.stimuli import chosen_families
from tonescope.diagnose.unit_index.index_reading import UnitIndex
from tonescope.diagnose.unit_index.index_sample import heard_labels
from tonescope.diagnose.unit_index.index_tables import RECORDINGS, whole
from tonescope.diagnose.unit_index.indexing import index as build
from tonescope.diagnose.unit_index.naming import Candidate, candidates_of, name_of
from tonescope.models.units import Location

SOURCES = ("stimuli", "captions", "judge")


def shuffled_curves(curves: Sequence[Curves], random: np.random.Generator) -> list[Curves]:
    """Curves whose values were dealt out anew within each instance, alike for all units."""
    found = []
    for one in curves:
        values, instances, _ = one.responses.shape
        order = np.stack([random.permutation(values) for _ in range(instances)], 1)
        dealt = np.take_along_axis(one.responses, order[..., None], 0)
        features = None if one.features is None else np.take_along_axis(one.features, order[..., None], 0)
        found.append(Curves(one.family, dealt, features))
    return found


def with_shuffled_captions(index: UnitIndex, folder: Path, random: np.random.Generator) -> UnitIndex:
    """A copy of an index in which captions were dealt out anew among recordings."""
    shutil.copytree(index.folder, folder)
    path = folder / RECORDINGS
    with database() as opened:
        rows = opened.execute(f"SELECT number, caption FROM {parquet([path])} ORDER BY number").fetchall()
        captions = np.array([caption or "" for _, caption in rows], dtype=object)
        dealt = captions[random.permutation(len(rows))].tolist()
        opened.execute("CREATE TABLE dealt (number BIGINT, caption VARCHAR)")
        numbers = [row[0] for row in rows]
        opened.executemany("INSERT INTO dealt VALUES (?, ?)", list(zip(numbers, dealt, strict=True)))
        joined = f"{parquet([path])} JOIN dealt USING (number) ORDER BY number"
        query = f"SELECT * REPLACE (dealt.caption AS caption) FROM {joined}"
        opened.execute(f"CREATE TABLE made AS {query}")
        with whole(path) as part:
            opened.execute(f"COPY made TO {quoted(str(part))} (FORMAT parquet)")
    return UnitIndex.open(folder)


def shuffled_labels(heard: Mapping[int, str], random: np.random.Generator) -> dict[int, str]:
    """What is heard, dealt out anew among recordings."""
    order = random.permutation(len(heard))
    labels = list(heard.values())
    return {number: labels[at] for number, at in zip(heard, order, strict=True)}


def told(found: Sequence[Candidate]) -> dict[str, Any]:
    """How many units have a name, and the mean score of the labels of each source."""
    by_unit: dict[int, list[Candidate]] = {}
    for one in found:
        by_unit.setdefault(one.unit, []).append(one)
    scores = {source: [one.score for one in found if one.source == source] for source in SOURCES}
    return {
        "named": sum(name_of(some) is not None for some in by_unit.values()),
        **{source: round(fmean(some), 4) if some else None for source, some in scores.items()},
    }


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--location", default="decoder.3.mlp")
    parser.add_argument("--shuffles", type=int, default=5)
    asked = parser.parse_args()
    session, location = Session.open(), Location.parse(asked.location)
    index = build(session, location=[asked.location])
    curves = Tuning(Microscope.of(session)).curves([location], chosen_families([]))[location]
    heard = heard_labels(index, session.judge) or {}
    rows = [{"labels": "as they are", **told(candidates_of(index, location, curves, heard))}]
    for seed in range(asked.shuffles):
        random = np.random.default_rng(seed)
        with (
            tempfile.TemporaryDirectory() as folder,
            with_shuffled_captions(index, Path(folder) / "index", random) as dealt,
        ):
            found = candidates_of(dealt, location, shuffled_curves(curves, random), shuffled_labels(heard, random))
        rows.append({"labels": f"shuffled {seed + 1}", **told(found)})
    first, *others = rows
    units = index.units(location) - len(index.dead(location))
    about = {
        "location": asked.location,
        "units": units,
        "named": first["named"],
        "shuffled_named": round(fmean(row["named"] for row in others), 2),
        "score": {source: first[source] for source in SOURCES},
        "shuffled_score": {source: _mean([row[source] for row in others]) for source in SOURCES},
    }
    keep("unit_names", rows, about, models=(session.generator, session.judge))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 4) if known else None


if __name__ == "__main__":
    main()
