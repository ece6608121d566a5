"""The runs in which a unit was among the causes, as the results of diagnoses tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError

MOST_RUNS = 300  # of a workspace, the newest, that are looked through
DIAGNOSIS = "diagnose"


@dataclass(frozen=True)
class CauseIn:
    """A run in which a unit was found: its name, title and sentence; and how surely: ``verified``, ``tested`` or
    ``estimated``."""

    run: str
    title: str
    sentence: str
    badge: str


def runs_of_unit(workspace: Workspace, unit: str, fingerprint: str, owner: str | None = None) -> list[CauseIn]:
    """The diagnoses of a model (of one ``owner``, if named) with a unit among the causes, the newest first."""
    found, before = [], None
    for _ in range(MOST_RUNS // 20):
        page = workspace.runs.page(owner, before=before)
        for run in page.runs:
            if run.job == DIAGNOSIS and run.state == "done":
                try:
                    result = workspace.content(run.name).result or {}
                except TonescopeError:
                    continue  # its files are damaged; that is told where it is opened
                if badge := badge_in(result, unit, fingerprint):
                    found.append(CauseIn(run.name, run.title, run.sentence, badge))
        if not page.more:
            break
        before = page.runs[-1].name
    return found


def badge_in(result: Mapping[str, Any], unit: str, fingerprint: str) -> str | None:
    """How surely a diagnosis (as JSON holds it) found a unit; ``None`` where it did not, or is of another model."""
    if (result.get("model") or {}).get("fingerprint") != fingerprint:
        return None
    drivers = result.get("drivers") or {}
    group = drivers.get("group") or {}
    badges = [row.get("badge") or "estimated" for row in drivers.get("units") or () if row.get("unit") == unit]
    if unit in (group.get("names") or ()):
        badges.append(group.get("badge") or "tested")
    return min(badges, key=("verified", "tested", "estimated", "observed").index, default=None)
