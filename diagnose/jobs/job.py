"""What a job is: parameters in, a result and its evidence out, and the views that show it.

Diagnosis, experiment, reports and techniques are all jobs. The command line, the JSON schema, the page and the output folder are made
from this one object, so that a new job is one file and one row of :mod:`tonescope.diagnose.jobs.registry`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

if TYPE_CHECKING:
    from tonescope.diagnose.report.view import View
    from tonescope.diagnose.runtime.progress import Progress
    from tonescope.diagnose.runtime.session import Session
    from tonescope.models.generator import Takes

Announce = Callable[["View"], None]
"""Told a view as soon as it is known, long before the job ends."""


class Evidence(Protocol):
    """What is behind a result and too large for it: sound by the name of its set, and tensors that are kept beside it."""

    @property
    def sounds(self) -> Mapping[str, Takes]:
        """Sets of takes by name, as :class:`tonescope.diagnose.report.view.Sound` names them."""


@dataclass(frozen=True)
class Outcome:
    """What a job found."""

    result: BaseModel
    evidence: Any


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes:
        name: the command (``diagnose``), also the name of its JSON schema and file (``diagnose.json``).
        parameters: what can be asked; a field with ``json_schema_extra={"positional": True}`` is a command-line argument,
            every other one an option; ``description`` is its help.
        result: the schema of what is found.
        run: does it. Called with the session, the parameters, progress, and whom to announce early findings to.
        views: shows it.
        check: refuses parameters that no model could meet, before any model is loaded.
    """

    name: str
    parameters: type[BaseModel]
    result: type[BaseModel]
    run: Callable[[Session, Any, Progress | None, Announce | None], Outcome]
    views: Callable[[Any, Any], Sequence[View]]
    check: Callable[[Any], None] = field(default=lambda parameters: None)
