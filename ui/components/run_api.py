"""What programs can ask of the app, under names that stay: diagnose, edit, submit, ask, status, cancel, result; and
what is asked about prompts (:mod:`tonescope.ui.components.prompt_api`).

The pages use the same. Gradio makes the HTTP interface and the MCP tools of these functions, their types and docs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from tonescope.models.played_with import usual_guidance
from tonescope.ui.components import asking, prompt_api
from tonescope.ui.components.given_values import text_of
from tonescope.ui.components.told_errors import told_errors
from tonescope.ui.web.owners import owner_of
from tonescope.ui.workshop import Workshop

OFTEN = 0.25  # seconds between two looks; a program that left is noticed no later
NOBODY = "nobody"  # whose runs are that were asked for without a request
ENDED_ALREADY = "This run had ended already, and is left as it is."
DELETED = "Deleted for good."
STOPPING = "Stopping. What was found so far is kept."


def owner(request: gr.Request | None) -> str:
    """In whose name something is asked; never empty, which would be who has the machine."""
    return owner_of(request) or NOBODY


def build(workshop: Workshop) -> None:
    """Offer the functions of a workshop."""
    queue, runs = workshop.queue, workshop.workspace.runs

    def told(name: str) -> dict[str, Any]:
        """A run as programs read it."""
        now = queue.progress(name)
        return {
            "run": name,
            "address": workshop.address(name),
            "state": now.state,
            "place": now.place,
            "starts_in": now.starts_in,
            "stage": now.stage,
            "share": now.share,
            "seconds_left": now.seconds_left,
            "sentence": now.sentence,
            "problem": now.problem,
            "result": None,
        }

    def watched(name: str, whose: str) -> Iterator[dict[str, Any]]:
        """A run as it goes on, its result last. Who stops watching stops it."""
        try:
            while True:
                run = queue.wait(name, OFTEN)
                if run.is_finished:
                    break
                yield told(name)
        finally:
            queue.cancel(name, whose)  # what ended is left as it is
        yield told(name) | {"result": workshop.workspace.content(name).result if run.state == "done" else None}

    @told_errors
    def diagnose(
        prompt: str,
        takes: int = 4,
        seconds: float = min(4.0, workshop.session.generator.longest_seconds),
        seed: int = 1,
        guidance: float = usual_guidance(workshop.session.generator),
        foil: str = "",
        intended: str = "",
        quick: bool = False,
        request: gr.Request | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Say why a music generator does not play what a prompt asks for: what is heard instead, and what causes it.

        Args:
            prompt: the text prompt, as it would be typed into the music generator.
            takes: how many times it is played; more takes give narrower intervals.
            seconds: how long each take is.
            seed: the first seed; the same seed plays the same takes.
            guidance: how strongly the text steers.
            foil: the genre to explain against; empty for the one that was asked for.
            intended: the genre that was meant; empty to read it from the prompt.
            quick: only the verdict and the words; no neurons are looked for, which takes a quarter of the time.
        """
        given = {"takes": takes, "seconds": seconds, "seed": seed, "guidance": guidance, "foil": foil, "quick": quick}
        given |= {"prompt": text_of("prompt", prompt), "intended": text_of("intended", intended)}
        run = asking.submitted(workshop, owner(request), "diagnose", given)
        yield from watched(run.name, owner(request))

    @told_errors
    def edit(
        prompt: str,
        where: list[str],
        kind: str = "mean",
        value: float | None = None,
        takes: int = 8,
        seconds: float = min(4.0, workshop.session.generator.longest_seconds),
        seed: int = 1,
        request: gr.Request | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Change units of a music generator and say what becomes of what it plays, beside random units changed alike.

        Args:
            prompt: what to play.
            where: units such as decoder.3.mlp:117, locations or sites.
            kind: what becomes of them: mean (muted), zero, scale, set.
            value: the factor to scale by, or the value to set.
            takes: how many takes to edit.
            seconds: how long each take is.
            seed: the first seed; the same seed plays the same takes.
        """
        given = {"prompt": text_of("prompt", prompt), "where": where, "kind": kind, "value": value}
        given |= {"takes": takes, "seconds": seconds, "seed": seed}
        run = asking.submitted(workshop, owner(request), "edit", given)
        yield from watched(run.name, owner(request))

    @told_errors
    def submit(job: str, parameters: dict[str, Any], request: gr.Request | None = None) -> dict[str, Any]:
        """Put a run in the queue and return at once; status says how far it is.

        Args:
            job: diagnose, edit, suggest, contrast, confusion or audit.
            parameters: as `tonescope schema` lists them; the design of an audit is its YAML, and not a file.
        """
        if not isinstance(parameters, dict):
            parameters = {"prompt": text_of("prompt", parameters)}
        return told(asking.submitted(workshop, owner(request), text_of("job", job), parameters).name)

    @told_errors
    def ask(run: str, kind: str, value: str, request: gr.Request | None = None) -> dict[str, Any]:
        """Start a run that asks on from a diagnosis: the same takes, with one thing changed.

        Args:
            run: the name of the diagnosis, or of an edit, of which only units are asked.
            kind: foil, word, mute, halve, double, scale, edit, next, again (a report goes on where it was), or
                start (the audit that a forecast is of).
            value: the label; start:end of the word in the prompt; units, with commas, for scale with a factor after a
                space; for edit, its parameters as a JSON object of texts; for next, the key of a view and which of its
                commands, as next:0.
        """
        named = (text_of(name, given) for name, given in (("run", run), ("kind", kind), ("value", value)))
        return told(asking.derived(workshop, owner(request), *named).name)

    @told_errors
    def status(run: str) -> dict[str, Any]:
        """How far a run is: its state, place in the queue, stage, share and seconds left, and what is known already.

        Args:
            run: its name.
        """
        return told(text_of("run", run))

    @told_errors
    def cancel(run: str, request: gr.Request | None = None) -> dict[str, Any]:
        """Stop a run of one's own, whether it waits or goes on; to ask twice does no harm.

        Args:
            run: its name.
        """
        was_over = runs.get(text_of("run", run)).is_finished
        queue.cancel(run, owner(request))
        return told(run) | {"told": ENDED_ALREADY if was_over else STOPPING}

    @told_errors
    def delete(run: str, request: gr.Request | None = None) -> dict[str, Any]:
        """Delete a run of one's own for good, with all that it played. One that goes on has to be stopped before.

        Args:
            run: its name.
        """
        name = text_of("run", run)
        workshop.workspace.delete(name, workshop.acting(owner(request), name))
        return {"run": run, "told": DELETED}

    @told_errors
    def result(run: str) -> dict[str, Any]:
        """What a run found, with everything that is known of it; the result is null until it is done.

        Args:
            run: its name.
        """
        found = told(text_of("run", run))
        return found | {"result": workshop.workspace.content(run).result if found["state"] == "done" else None}

    of_prompts = prompt_api.functions(workshop, owner, watched)
    for function in (diagnose, edit, *of_prompts, submit, ask, status, cancel, delete, result):
        gr.api(function, api_name=function.__name__, concurrency_limit=None)
