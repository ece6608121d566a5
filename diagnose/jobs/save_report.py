"""What a job found, written for people from Python, as ``--out`` does on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.report.atomic_folder import claimed_folder

if TYPE_CHECKING:
    from tonescope.diagnose.jobs.job import Job


def save_report(
    session: Any, result: BaseModel, evidence: Any, folder: Path | str, *, overwrite: bool = False
) -> BaseModel:
    """Write the page (``report.html``), the picture (``card.png``), the sounds and the JSON of what was found.

    Args:
        session: the one that found it; its generator makes sound of takes.
        result: such as the first of what :meth:`tonescope.diagnose.runtime.session.Session.diagnose` gives.
        evidence: the second of it.
        folder: where to, whole or not at all. What Tonescope wrote there before is replaced with ``overwrite`` alone.

    Returns:
        The result with the names of its audio files filled in.

    Raises:
        TonescopeError: the folder cannot be written, or holds something already.
        ValueError: no job finds such a result.
    """
    from tonescope.diagnose.report.output_folder import write
    from tonescope.diagnose.report.sounds import Sounds

    name, job = _job_of(result)
    with claimed_folder(Path(folder), overwrite) as claim:
        views = job.views(result, evidence)
        return write(claim.folder, job.file or name, result, evidence, views, Sounds.of(session, evidence))


def _job_of(result: BaseModel) -> tuple[str, Job]:
    for row in job_registry.ROWS:
        job = row.load()
        if job.result() is type(result):
            return row.name, job
    raise ValueError(f"no job finds a {type(result).__name__}; give what a session's method gave")
