"""Planning what to ask a hosted generator for, from Python."""

from __future__ import annotations

from pathlib import Path

from tonescope.diagnose.elsewhere.request_plan import RequestPlan
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.parameters import made
from tonescope.diagnose.jobs.plan_job import JOB, PlanParameters


def plan(
    prompt: str,
    *,
    service: str = "other",
    takes: int = 8,
    seed: int = 1,
    seconds: float | None = None,
    csv: str | Path | None = None,
) -> RequestPlan:
    """The prompts to request of a generator that can only be asked, so that the words of one are tested from outside.

    >>> requests = tonescope.plan("slow blues with accordion", service="lyria-2", csv="answers/requests.csv").requests
    >>> found = tonescope.listen(variants="answers")  # once every answer lies there under its name

    Args:
        prompt: what you would type into the generator.
        service: who plays, such as ``lyria-2``; ``other`` for whoever is not known here.
        takes: of every request.
        seed: of the first take, where the service has seeds.
        seconds: length of every take, where the service lets that be chosen.
        csv: a file that the table is written to; :func:`tonescope.diagnose.jobs.listen.listen` reads it.

    Raises:
        TonescopeError: the service does not take that, nothing can be left out of the prompt, or the file is there.
    """
    asked = {"prompt": prompt, "service": service, "takes": takes, "seed": seed, "seconds": seconds}
    parameters = made(PlanParameters, {**asked, "csv": None if csv is None else Path(csv)})
    JOB.check(parameters)
    found = JOB.run(None, parameters, Watch()).result
    assert isinstance(found, RequestPlan)
    return found
