"""Who is next, and when: a fair order between owners, and how long runs take, learned from those that ended."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tonescope.diagnose.jobs.parameters import Positional, marked

if TYPE_CHECKING:
    from tonescope.diagnose.store.run_list import RunList

REMEMBERED = 50  # runs of a job
LATEST = 5  # of those that are alike: a machine may have become faster or slower
SAME_WORK = ("seed",)  # what changes what is played, and not how long it takes


def fair_order(waiting: Iterable[tuple[str, str]], turns: Mapping[str, float]) -> list[str]:
    """Names in the order in which they are served: one of each owner in turn, first come within one.

    Args:
        waiting: (name, owner), in the order in which they came.
        turns: when each owner's turn was last: when a run of theirs ended, or when they came with nothing waiting,
            whichever was later.
    """
    seen: Counter[str] = Counter()
    order = []
    for name, owner in waiting:
        order.append((seen[owner], turns.get(owner, 0.0), name))
        seen[owner] += 1
    return [name for *_, name in sorted(order, key=lambda each: each[:2])]


@dataclass(frozen=True)
class Effort:
    """What the time of a run depends on: its job, the models, the settings, and how many seconds are played."""

    job: str
    models: str
    settings: str
    size: float

    @classmethod
    def of(cls, job: str, models: str, parameters: BaseModel) -> Effort:
        """That of a run with these parameters. What is asked about, such as the prompt, does not count."""
        kept: dict[str, Any] = {}
        for name, field in type(parameters).model_fields.items():
            value = getattr(parameters, name)
            if marked(field, Positional) or name in SAME_WORK:
                continue
            is_free_text = isinstance(value, str | Path) and not isinstance(field.default, str)
            kept[name] = "given" if is_free_text else value
        size = 1.0
        for name in ("takes", "seconds"):
            size *= float(kept.get(name) or 1)
        return cls(job, models, json.dumps(kept, sort_keys=True, default=str), size)


class Durations:
    """How long runs take.

    Args:
        runs: those of the workspace, of which the latest are remembered.
    """

    def __init__(self, runs: RunList) -> None:
        self._runs = runs
        self._known: dict[tuple[str, str], deque[tuple[Effort, float]]] = {}

    def learn(self, effort: Effort, seconds: float) -> None:
        """A run ended well after so many seconds."""
        if (known := self._known.get((effort.job, effort.models))) is not None:  # else it is read with the others
            known.append((effort, seconds))

    def expected(self, effort: Effort, running: tuple[Effort, float] | None = None) -> float | None:
        """Seconds that a run will take; nothing where none like it has ended.

        Args:
            effort: the run's.
            running: the effort of the run under way, and how long it will have taken: for where nothing else is known.
        """
        known = list(self._of(effort))
        if running and running[0].job == effort.job and running[0].models == effort.models:
            known = known or [running]
        alike = [seconds for other, seconds in known if other.settings == effort.settings]
        if alike:
            return median(alike[-LATEST:])
        scaled = [seconds / other.size * effort.size for other, seconds in known]
        return median(scaled[-LATEST:]) if scaled else None

    def _of(self, effort: Effort) -> deque[tuple[Effort, float]]:
        """What is remembered of a job; read from the workspace once."""
        key = effort.job, effort.models
        if key not in self._known:
            self._known[key] = deque(self._read(effort), maxlen=REMEMBERED)
        return self._known[key]

    def _read(self, effort: Effort) -> list[tuple[Effort, float]]:
        from pydantic import ValidationError

        from tonescope.diagnose.jobs.job_registry import find

        row, found = find(effort.job), list[tuple[Effort, float]]()
        for run in reversed(self._runs.ended(effort.job, effort.models, REMEMBERED)):
            try:
                parameters = row.load().parameters.model_validate(run.parameters) if row else None
            except ValidationError:
                continue  # of another version, whose runs may take another time
            if parameters is not None and run.seconds is not None:
                found.append((Effort.of(run.job, run.models, parameters), run.seconds))
        return found
