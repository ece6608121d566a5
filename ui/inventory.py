"""The places in a model, as rows and in the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator
from tonescope.models.sites import SITES
from tonescope.models.units import Location
from tonescope.ui.console import output
from tonescope.ui.printable import printable


def as_rows(generator: Generator, pattern: str = "") -> list[dict[str, Any]]:
    """One row a location: its site, what its units are, and how many there are.

    ``pattern`` narrows them down to a site (``decoder.mlp``), a network (``decoder``), a location, or that of a unit.
    Raises :class:`TonescopeError` when nothing fits, and says what the model has.
    """
    found = _chosen(generator, pattern.strip())
    return [
        {
            "location": str(location),
            "site": location.site.key,
            "kind": location.site.units,
            "units": generator.units(location),
            "features_per_unit": generator.head_width(location),
            "meaning": location.site.meaning,
        }
        for location in found
    ]


def _chosen(generator: Generator, pattern: str) -> list[Location]:
    keys = {site.key for site in SITES}
    if not pattern:
        return generator.locations()
    if pattern in keys:
        if found := generator.locations(pattern):
            return found
        network, name = pattern.split(".")
        generator.place(Location(network, 0, name))  # type: ignore[arg-type]
    if pattern in {site.network for site in SITES}:
        return [location for location in generator.locations() if location.network == pattern]
    if ":" in pattern:
        return [generator.unit(pattern).location]
    if pattern.count(".") == 2:
        return [generator.location(pattern)]
    raise TonescopeError(
        f"“{pattern[:60]}” is no place in a model: name a site ({', '.join(sorted(keys))}), a location or a unit."
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
        f"A unit is written LOCATION:NUMBER, for example {rows[0]['location']}:0."
    )
