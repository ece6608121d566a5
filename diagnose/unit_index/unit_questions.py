"""What can be asked about units from Python, a line each: which respond to something, all about one, names, one's own
sound or prompt on one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tonescope.diagnose.jobs.find_job import JOB as FIND
from tonescope.diagnose.jobs.find_job import FindParameters
from tonescope.diagnose.jobs.parameters import made
from tonescope.diagnose.jobs.tuning_job import JOB as TUNING
from tonescope.diagnose.jobs.tuning_job import TuningParameters
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.tuning.own_stimulus import OwnStimulus
from tonescope.diagnose.tuning.responses import Tuning
from tonescope.diagnose.tuning.stimuli import chosen_families
from tonescope.diagnose.tuning.tune_unit import tune_unit
from tonescope.diagnose.unit_index.find_views import found_units
from tonescope.diagnose.unit_index.finder import FoundUnit
from tonescope.diagnose.unit_index.naming import Candidate, name_units
from tonescope.diagnose.unit_index.unit_page import Shelf, UnitPage, best_names
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location, Unit

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session
    from tonescope.diagnose.store.workspace import Workspace


def find_units(
    session: Session,
    query: str,
    locations: Sequence[Location | str] = (),
    *,
    most: int = 20,
    index: Path | None = None,
) -> list[FoundUnit]:
    """Units by what they respond to ("kick", "slow tempo", a word of captions, a genre), or by a statistic.

    >>> [row.unit for row in tonescope.find_units(session, "kick") if (row.q or 1) < 0.05]

    Args:
        locations: only there; every location that an index is over, if none is named.
        index: the folder of an index; each location's newest one, if absent.

    Raises :class:`TonescopeError` where there is no index, or the query means nothing.
    """
    asked = {"query": query, "location": [str(one) for one in locations], "most": most, "index": index}
    parameters = made(FindParameters, asked)
    FIND.check(parameters)
    return found_units(session, parameters).units


def unit_page(
    session: Session,
    unit: Unit | str,
    *,
    full: bool = False,
    index: Path | None = None,
    workspace: Workspace | None = None,
) -> UnitPage:
    """Everything that is known of a unit: what ``tonescope show`` prints.

    Args:
        full: whether curves and names are computed where they are not known yet (minutes).
        index: the folder of an index; the newest over the unit's location, if absent. Without any, there are no
            examples and statistics.
        workspace: whose diagnoses are looked through for the unit.
    """
    shelf = Shelf.open(session, index, workspace)
    return shelf.unit(str(unit), Microscope.of(session), full=full, needs_index=index is not None)


def unit_names(session: Session, location: Location | str, *, index: Path | None = None) -> list[Candidate]:
    """The units of a location that have a clear name, with its score on held-out sounds; looked for now, where nobody
    did (minutes). Raises :class:`TonescopeError` where no index is over the location."""
    scope = Microscope.of(session)
    place = scope.location(str(location))
    over = Shelf.open(session, index).index(place)
    curves = Tuning(scope).curves([place], chosen_families([]))[place]
    return best_names(name_units(over, place, curves, session.judge))


def own_stimulus(
    session: Session, unit: Unit | str, *, clip: Path | str | None = None, prompt: str | None = None
) -> OwnStimulus:
    """What a unit does in a sound file or a prompt of one's own, beside all stimuli. One of the two is to be given."""
    if (clip is None) == (prompt is None):
        raise TonescopeError("one's own stimulus is a clip or a prompt; give one of the two.")
    asked = {"unit": str(unit), "clip": None if clip is None else str(clip), "prompt": prompt}
    parameters = made(TuningParameters, asked)
    TUNING.check(parameters)
    return tune_unit(session, parameters).own[0]
