"""A plan of requests as views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.report.pasteable import quoted
from tonescope.diagnose.report.view import Command, Table, View

if TYPE_CHECKING:
    from tonescope.diagnose.elsewhere.request_plan import RequestPlan

LEAD_PROMPTS = 10


def views(plan: RequestPlan) -> list[View]:
    """What to ask for, under which names to save the answers, and what to do with them."""
    return [
        View("plan", f"“{plan.prompt}”", [(_told(plan), None)], depth="first", tone="open"),
        _prompts(plan),
        _next(plan),
        View("notes", "To mind", [(note, None) for note in plan.notes]),
        _requests(plan),
        _form(plan),
    ]


def _told(plan: RequestPlan) -> str:
    count = len(plan.requests)
    seeds = {
        "yes": "take n of each on the same seed",
        "no": "without seeds",
        "unknown": "on one seed where it takes one",
    }
    length = f", {plan.seconds:g} s each" if plan.seconds else ""
    return (
        f"{count} requests to {plan.service.name}: {plan.takes} takes of every prompt below, "
        f"{seeds[plan.service.seed]}{length}."
    )


def _prompts(plan: RequestPlan) -> View:
    """Every prompt once."""
    seen: dict[str, tuple[str, str, str]] = {}
    for row in plan.requests:
        kind = row.variant.partition(":")[0]
        what = {"whole": "as it is", "whole_again": "once more", "genre": "the genre alone"}
        seen.setdefault(
            row.variant, (what.get(kind, f"without “{row.left_out}”"), row.prompt, _name(plan, row.variant))
        )
    table = Table(("what", "prompt", "save as"), tuple(seen.values()), lead=LEAD_PROMPTS)
    return View("prompts", "What to ask for", tables=[table], depth="first")


def _name(plan: RequestPlan, variant: str) -> str:
    """The file names of a variant's takes, in short."""
    names = [row.file for row in plan.requests if row.variant == variant]
    last = names[-1].removesuffix(".wav").rpartition("-")[2]
    return names[0] if len(names) == 1 else f"{names[0].removesuffix('.wav')}…{last}.wav"


def _next(plan: RequestPlan) -> View:
    table = plan.table or "requests.csv"
    commands = []
    if plan.table is None:
        commands.append(Command("Write the table of all requests:", _again(plan, table)))
    commands.append(
        Command(
            "Save the answers beside it under these names, and hear them:",
            f"tonescope listen --variants {quoted(table)}",
        )
    )
    return View("next", "What to do with them", commands=commands, depth="first")


def _again(plan: RequestPlan, table: str) -> str:
    """The line that makes this plan and writes its table."""
    seed, options = plan.requests[0].seed, ["--service", plan.service.key, "--takes", str(plan.takes)]
    options += ["--seed", str(seed)] if seed is not None else []
    options += ["--seconds", f"{plan.seconds:g}"] if plan.seconds and plan.seconds != plan.service.fixed_seconds else []
    line = " ".join([*options, "--csv", quoted(table)])
    dashed = plan.prompt.startswith("-")
    return (
        f"tonescope plan {line} -- {quoted(plan.prompt)}" if dashed else f"tonescope plan {quoted(plan.prompt)} {line}"
    )


def _requests(plan: RequestPlan) -> View:
    rows = tuple(
        (row.file, row.prompt, "" if row.seed is None else str(row.seed), str(row.take)) for row in plan.requests
    )
    return View("requests", "Every request", tables=[Table(("file", "prompt", "seed", "take"), rows, lead=20)])


def _form(plan: RequestPlan) -> View:
    """What a request looks like."""
    service = plan.service
    where = service.endpoint or "Where requests go is not documented for the public; use the service’s own page."
    rows = [(what, name) for what, name in service.fields.items()]
    rows += [(f"always {value}", name) for name, value in service.constant.items()]
    table = Table(("what", "field of the request"), tuple(rows))
    return View("form", "The form of a request", [(where, None)], [table], depth="numbers")
