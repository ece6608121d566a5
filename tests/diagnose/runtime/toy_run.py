"""A job whose stages do nothing but take their time, for tests of what lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from tonescope.diagnose.jobs.job import Job, Outcome, Watch
from tonescope.diagnose.jobs.job_registry import Row
from tonescope.diagnose.jobs.parameters import JobParameters, Positional, Range, check_ranges
from tonescope.diagnose.report.view import Sound, View
from tonescope.diagnose.runtime.session import Session
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes

ROW = Row("toy_run", "technique", "tests.diagnose.runtime.toy_run", "Take some time.")


class ToyParameters(JobParameters):
    """What to say, in how many steps, how long each takes, and how it ends."""

    prompt: Annotated[str, Positional(), Field(description="What to say.")]
    steps: Annotated[int, Range(1, 1000, "{} steps cannot be taken"), Field(description="Steps.")] = 2
    pause: Annotated[float, Range(0, 60, "a pause of {} s is none"), Field(description="Seconds a step.")] = 0.0
    takes: Annotated[int, Range(0, 8, "{} takes cannot be played"), Field(description="Takes.")] = 0
    seed: Annotated[int, Range(0, 1000, "{} is no seed"), Field(description="Seed.")] = 1
    ends: Annotated[Literal["well", "refused", "memory", "defect", "exit"], Field(description="How it ends.")] = "well"


class ToyFound(BaseModel):
    """What was said."""

    prompt: str
    steps: int


@dataclass
class ToyEvidence:
    """The takes that were played."""

    sounds: dict[str, Takes]


AT_STEP: list[Callable[[int], None]] = []
"""What a test wants to be called at each step."""


def verdict(prompt: str) -> View:
    return View("verdict", f"“{prompt}”", [(f"{prompt} was heard.", "observed")], depth="first", tone="good")


def run(session: Session, parameters: ToyParameters, watch: Watch) -> Outcome:
    """Play takes, say the verdict, and wait."""
    sets = {}
    if parameters.takes:
        seeds = list(range(parameters.takes))
        sets = {"takes": session.generator.generate(["house"] * len(seeds), seeds, 0.3)}
        watch.played(sets)
    watch.announce([verdict(parameters.prompt)])
    for step in range(parameters.steps):
        if watch.progress:
            watch.progress(f"step {step}", step / parameters.steps)
        for call in AT_STEP:
            call(step)
        time.sleep(parameters.pause)
    if parameters.ends == "refused":
        raise TonescopeError("this cannot be done; do something else.")
    if parameters.ends == "memory":
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
    if parameters.ends == "defect":
        raise KeyError("lost")
    if parameters.ends == "exit":
        raise SystemExit(3)
    return Outcome(ToyFound(prompt=parameters.prompt, steps=parameters.steps), ToyEvidence(sets))


def views(found: ToyFound, evidence: ToyEvidence) -> Sequence[View]:
    """The verdict, and the takes."""
    rows = [[Sound("as generated", name, row)] for name, takes in evidence.sounds.items() for row in range(len(takes))]
    return [verdict(found.prompt), View("steps", "Steps", [(f"{found.steps} steps.", "tested")], sounds=rows)]


def check(parameters: ToyParameters) -> None:
    """Refuse what cannot be run."""
    check_ranges(parameters)
    if not parameters.prompt.strip():
        raise TonescopeError("the prompt is empty; type a few words.")


JOB = Job(ToyParameters, lambda: ToyFound, run, views, check)
