"""What programs can ask about a prompt, under names that stay: lint, suggest, contrast."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from tonescope.models.played_with import usual_guidance
from tonescope.ui.components import asking
from tonescope.ui.components.given_values import text_of
from tonescope.ui.components.told_errors import told_errors
from tonescope.ui.workshop import Workshop

Watched = Callable[[str, str], Iterator[dict[str, Any]]]
"""A run of somebody as it goes on, its result last."""


def functions(
    workshop: Workshop, owner: Callable[[gr.Request | None], str], watched: Watched
) -> Sequence[Callable[..., Any]]:
    """The functions of a workshop.

    Args:
        owner: in whose name something is asked.
        watched: how a run is followed.
    """
    usual_seconds = min(4.0, workshop.session.generator.longest_seconds)
    guided = usual_guidance(workshop.session.generator)

    @told_errors
    def lint(prompt: str, intended: str = "") -> dict[str, Any]:
        """Say what a prompt will probably play and which of its words may not work. Nothing is played, and it is quick.

        Args:
            prompt: the prompt, finished or not.
            intended: the genre that is meant; empty to read it from the prompt.
        """
        return workshop.feedback.on(prompt, intended).model_dump(mode="json")

    @told_errors
    def suggest(
        prompt: str,
        intended: str = "",
        budget: int = 120,
        seconds: float = usual_seconds,
        seed: int = 1,
        guidance: float = guided,
        negative: str = "",
        temperature: float = 1.0,
        top_k: int = 250,
        steering: bool = False,
        request: gr.Request | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Look for a prompt that plays the genre that is meant, and prove it by listening; or say why there is none.

        Args:
            prompt: the prompt that does not play what is meant.
            intended: the genre that is meant; empty to read it from the prompt.
            budget: how many takes are played at most, in all.
            seconds: how long each take is.
            seed: the first seed; the same seed plays the same takes.
            guidance: how strongly the text steers.
            negative: what guidance steers away from, in models that read such a prompt; empty for nothing.
            temperature: of the sampling.
            top_k: sample from the k likeliest codes, where a model draws codes; 0 means all.
            steering: where no rewrite helps, look for units inside the model to steer by (as long as a diagnosis).
        """
        given: dict[str, Any] = {"budget": budget, "seconds": seconds, "seed": seed, "guidance": guidance}
        given |= {"temperature": temperature, "top_k": top_k, "steering": steering}
        given["negative"] = text_of("negative", negative)
        given |= {"prompt": text_of("prompt", prompt), "intended": text_of("intended", intended)}
        run = asking.submitted(workshop, owner(request), "suggest", given)
        yield from watched(run.name, owner(request))

    @told_errors
    def contrast(
        first: str,
        second: str,
        takes: int = 8,
        seconds: float = usual_seconds,
        seed: int = 1,
        guidance: float = guided,
        request: gr.Request | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Compare two prompts on the same noise: which phrase makes the difference, and where it takes effect.

        Args:
            first: the first prompt.
            second: the second; it is told what makes it different.
            takes: how many times each is played.
            seconds: how long each take is.
            seed: the first seed; the same seed plays the same takes.
            guidance: how strongly the text steers.
        """
        given: dict[str, Any] = {"takes": takes, "seconds": seconds, "seed": seed, "guidance": guidance}
        given |= {"first": text_of("first", first), "second": text_of("second", second)}
        run = asking.submitted(workshop, owner(request), "contrast", given)
        yield from watched(run.name, owner(request))

    return lint, suggest, contrast
