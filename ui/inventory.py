"""The places in a model, as rows and in the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from tonescope.models.errors import TonescopeError
from tonescope.models.judges.judge_places import Places, places_of
from tonescope.models.sites import SITES
from tonescope.models.units import Location
from tonescope.ui.console import output
from tonescope.ui.printable import printable


def places_of_model(model: str, adapter: str | None) -> Places:
    """The places of a generator, by name."""
    from tonescope.models.loading import load_generator

    return load_generator(model, adapter=adapter)


def places_of_judge(model: str, judge: str | None) -> Places:
    """The places of a judge by name, or of the one that listens to a generator by default."""
    from tonescope.diagnose.taxonomy import common
    from tonescope.models.loading import EMBEDDED, HUB_JUDGE, OURS, load_judge

    name = judge or (EMBEDDED if model in OURS else HUB_JUDGE)
    return places_of(load_judge(name, common().labels))


def as_rows(places: Places, pattern: str = "") -> list[dict[str, Any]]:
    """One row a location: its site, what its units are, and how many there are.

    ``pattern`` narrows them down to a site (``decoder.mlp``), a network (``decoder``), a location, or that of a unit.
    Raises :class:`TonescopeError` when nothing fits, and says what the model has.
    """
    found = _chosen(places, pattern.strip())
    return [
        {
            "location": str(location),
            "site": location.site.key,
            "kind": location.site.units,
            "units": places.units(location),
            "features_per_unit": places.head_width(location),
            "meaning": location.site.meaning,
        }
        for location in found
    ]


def _chosen(places: Places, pattern: str) -> list[Location]:
    keys = {site.key for site in SITES}
    if not pattern:
        return places.locations()
    if pattern in keys:
        if found := places.locations(pattern):
            return found
        network, name = pattern.split(".")
        places.place(Location(network, 0, name))  # type: ignore[arg-type]
    if pattern in {site.network for site in SITES}:
        return [location for location in places.locations() if location.network == pattern]
    if ":" in pattern:
        return [places.unit(pattern).location]
    if pattern.count(".") == 2:
        return [places.location(pattern)]
    own = sorted({location.site.key for location in places.locations()})
    raise TonescopeError(
        f"“{pattern[:60]}” is no place in {places.name}: name a site ({', '.join(own)}), a location or a unit."
    )


def show_sites(name: str, rows: list[dict[str, Any]]) -> None:
    """Print the rows, one line a site."""
    table = Table(box=None, pad_edge=False, title=Text(printable(f"Units of {name}")), title_justify="left")
    for heading, justify in (
        ("locations", "left"),
        ("units", "right"),
        ("in each", "right"),
        ("what they are", "left"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for key in dict.fromkeys(row["site"] for row in rows):
        group = [row for row in rows if row["site"] == key]
        counts = sorted({row["units"] for row in group})
        each = str(counts[0]) if len(counts) == 1 else f"{counts[0]}–{counts[-1]}"
        span = group[0]["location"] if len(group) == 1 else f"{group[0]['location']} … {group[-1]['location']}"
        table.add_row(
            span, f"{sum(row['units'] for row in group):,}", f"{each} {group[0]['kind']}s", group[0]["meaning"]
        )
    output.print(table)
    total = sum(row["units"] for row in rows)
    output.print(
        f"\n{total:,} units at {len(rows)} locations. "
        f"A unit is written LOCATION:NUMBER, for example {rows[0]['location']}:0. Layers and units count from 0."
    )
