"""What techniques of the microscope can be asked alike, and the refusal of places that no model has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tonescope.diagnose.jobs.parameters import Positional, Range
from tonescope.diagnose.settings import LARGEST_SEED, LONGEST_SECONDS
from tonescope.models.errors import TonescopeError
from tonescope.models.outline import check_written

MOST_STEPS = 4096
MOST_SAMPLES = 8

LocationName = Annotated[
    str,
    Positional("LOCATION"),
    Field(description="A location: decoder.3.mlp, codec.4.encoder, judge.5.mlp. Layers count from 0."),
]
UnitName = Annotated[
    str,
    Positional("UNIT"),
    Field(description="A unit: decoder.3.mlp:117, codec.4.encoder:7, judge.5.mlp:30. All count from 0."),
]
Samples = Annotated[
    int, Range(1, MOST_SAMPLES, "{} samples cannot be made", "2 are usual"), Field(description="How many to make.")
]
Steps = Annotated[
    int,
    Range(1, MOST_STEPS, "{} steps cannot be gone", "some 100 to 500 are usual"),
    Field(description="Steps of the ascent; more steps take longer and go further."),
]
Length = Annotated[
    float,
    Range(0, LONGEST_SECONDS, "{} seconds cannot be made", above=True),
    Field(description="Length of what is made."),
]
FirstSeed = Annotated[
    int,
    Range(0, LARGEST_SEED, "the seed {} cannot be used"),
    Field(description="Seed of the first sample; the others count up from it."),
]
Naturalness = Annotated[
    float,
    Range(0, 100, "naturalness cannot weigh {}", "3 is usual, 0 asks for none"),
    Field(description="How much the generator's own log-probability weighs, where it plays what is made."),
]


def check_location(name: str) -> None:
    """Raise :class:`TonescopeError` for what is no location of any model."""
    if ":" in name or name.count(".") != 2:
        raise TonescopeError(
            f"“{name[:60]}” is no location: write a network, a layer and a site (for example decoder.3.mlp); "
            "`tonescope units` lists them."
        )
    check_written([name])


def check_unit(name: str) -> None:
    """Raise :class:`TonescopeError` for what is no unit of any model."""
    if ":" not in name:
        raise TonescopeError(
            f"“{name[:60]}” is no unit: write a location, a colon and a number (for example decoder.3.mlp:117)."
        )
    check_written([name])


def of_generator(name: str) -> Sequence[str]:
    """A place, where the files of a generator can tell whether it is there; those of a judge are told later."""
    return () if name.strip().startswith("judge.") else (name,)
