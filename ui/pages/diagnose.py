"""Diagnose: a prompt, and the views of what was found, with players and plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from tonescope.diagnose.report import diagnosis_views, render_html
from tonescope.diagnose.report.sounds import Players, Sounds
from tonescope.diagnose.report.view import Sound, View
from tonescope.diagnose.settings import check
from tonescope.models.played_with import usual_guidance
from tonescope.ui.components.given_values import settings_of, text_of
from tonescope.ui.components.told_errors import told_errors
from tonescope.ui.components.watched_work import Done, Tell, watched_work
from tonescope.ui.workshop import Workshop

EXAMPLES = (
    "mellow jazz fusion with saxophone",
    "lo-fi beats with accordion",
    "house music with piano",
    "swing jazz with trumpet",
    "a song",
)
SHOWN_TAKES = 4
KEPT_SECONDS = 3600  # how long the page's sounds stay on disk
INTRODUCTION = "Type what you would type into the music generator. Tonescope plays it, and says what is heard and why."
_FULL_SCALE = 32767
_UNUSED_BUTTONS = ("zoom", "pan", "select", "lasso", "zoomIn", "zoomOut", "autoScale")  # they would lie on the legend

Clip = tuple[int, "NDArray[np.int16]"]
"""A player's sound: samples a second, and (samples,) or (samples, 2) of them."""


@dataclass(frozen=True, eq=False)  # compared as what it is: a new one is shown anew
class Shown:
    """What the page shows: views, and the sounds of theirs that have a player, with the heading of its row."""

    views: Sequence[View]
    clips: Mapping[Sound, tuple[str, Clip]]

    @classmethod
    def of(cls, views: Sequence[View], players: Players) -> Shown:
        """Views, with the sound of the first takes of each: no more of a diagnosis is kept."""
        sounds = [sound for view in views for row in view.sounds[:SHOWN_TAKES] for sound in row]
        rate = players.sounds.rate

        def clip(sound: Sound) -> Clip:
            return rate, (players.samples(sound) * _FULL_SCALE).astype(np.int16)

        return cls(views, {sound: (players.title(sound), clip(sound)) for sound in sounds})


def show(shown: Shown | None) -> None:
    """Put the components of views on the page, in their order. Whatever is text is escaped on the way."""
    if shown is None:
        return
    is_folded = render_html.folded({view.depth for view in shown.views})
    for view in shown.views:
        if is_folded(view):
            with gr.Accordion(view.title, open=False):
                _html(render_html.said(view))
                _show(view, shown)
        else:
            _html(render_html.text(view))
            _show(view, shown)


def _html(made: str) -> None:
    """A fragment in its own look; the page's own would draw other tables."""
    gr.HTML(made, apply_default_css=False)


def _show(view: View, shown: Shown) -> None:
    """All of a view but its sentences."""
    rows = [row for row in view.sounds if all(sound in shown.clips for sound in row)]
    if all(len(row) == 1 for row in rows):  # takes without a counterpart share one row
        rows = [[sound for row in rows for sound in row]] if rows else []
    for row in rows:
        with gr.Row():
            for sound in row:
                title, clip = shown.clips[sound]
                heard = f": heard as {sound.heard}" if sound.heard else ""
                gr.Audio(clip, label=f"{title}, {sound.title}{heard}", interactive=False, buttons=["download"])
    if len(view.sounds) > SHOWN_TAKES:
        told = f"The first {SHOWN_TAKES} of {len(view.sounds)} takes; the command line with --out writes all."
        _html(f'<div class="tonescope"><p class="soft">{told}</p></div>')
    for figure in view.figures:
        _html(render_html.caption(figure))
        drawn = go.Figure(figure.plot).update_layout(modebar_remove=_UNUSED_BUTTONS)
        gr.Plot(drawn, show_label=False)
    if view.tables:
        _html(render_html.tables(view))


def build(workshop: Workshop) -> None:
    """The page around a workshop. One diagnosis runs at a time."""
    session, sounds = workshop.session, Sounds(workshop.session.generator)
    longest, made_for = session.generator.longest_seconds, usual_guidance(session.generator)

    @told_errors
    def run(typed: dict[Any, Any], request: gr.Request | None = None, progress: Any = gr.Progress()) -> list[Any]:
        given = {name: typed[field] for name, field in fields.items()} | {"memory_gib": workshop.memory_gib}
        prompt, intended = given.pop("prompt"), given.pop("intended")
        settings = settings_of(given)
        known: list[str] = []
        with workshop.computing(request.session_hash if request else None) as stop:

            def told(what: str, done: float) -> None:
                stop.check()
                progress(done, desc=" ".join([*known, f"Now: {what}"]))

            told("start", 0.0)
            result, evidence = session.diagnose(
                prompt,
                settings,
                intended=intended or None,
                progress=told,
                announce=lambda verdict, _: known.append(verdict.sentence),
            )
        views = diagnosis_views.views(result, evidence)
        shown = Shown.of(views, Players(sounds, evidence.sounds))
        return [shown, result.model_dump(mode="json"), gr.update(visible=True)]

    def halt(request: gr.Request | None = None) -> None:
        """End what runs for this visitor; gradio's own cancelling only looks away."""
        workshop.stop(request.session_hash if request else None)

    @told_errors
    def diagnose(
        prompt: str,
        takes: int = 4,
        seconds: float = min(4.0, longest),
        seed: int = 1,
        guidance: float = made_for,
        foil: str = "",
        intended: str = "",
        quick: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Say why a music generator does not play what a prompt asks for: what is heard instead, and what causes it.

        Args:
            prompt: the text prompt, as it would be typed into the music generator.
            takes: how many times it is played, 1 to 16; more takes give narrower intervals.
            seconds: how long each take is.
            seed: the first seed; the same seed plays the same takes.
            guidance: how strongly the text steers, 1 to 10.
            foil: the genre to explain against; empty for the one that was asked for.
            intended: the genre that was meant; empty to read it from the prompt.
            quick: only the verdict and the words; no neurons are looked for, which takes a quarter of the time.
        """
        given = {"takes": takes, "seconds": seconds, "seed": seed, "guidance": guidance, "foil": foil, "quick": quick}
        settings = settings_of(given | {"memory_gib": workshop.memory_gib})
        check(text_of("prompt", prompt), settings)

        def work(tell: Tell) -> Any:
            return session.diagnose(prompt, settings, intended=text_of("intended", intended) or None, progress=tell)[0]

        for came in watched_work(workshop, None, work):
            if isinstance(came, Done):
                yield {"state": "done", "share": 1.0, "stage": "", "result": came.value.model_dump(mode="json")}
            else:
                yield {"state": "running", "share": came.share, "stage": came.name, "result": None}

    gr.api(diagnose, api_name="diagnose", concurrency_limit=None)
    _html(f'<div class="tonescope"><p>{INTRODUCTION}</p></div>')
    with gr.Row():
        prompt = gr.Textbox(label="Prompt", placeholder=EXAMPLES[0], scale=5, min_width=280, max_length=2000)
        button = gr.Button("Diagnose", variant="primary", scale=1)
        stop = gr.Button("Stop", scale=0, min_width=80)
    gr.Examples([[example] for example in EXAMPLES], inputs=[prompt], label="Try")
    labels = ["", *session.judge.labels]
    with gr.Accordion("Settings", open=False), gr.Row():
        # By the name of what they set.
        fields = {
            "prompt": prompt,
            "takes": gr.Slider(1, 16, value=4, step=1, label="Takes", info="more takes, narrower intervals"),
            "seconds": gr.Slider(1, longest, value=min(4.0, longest), step=0.5, label="Seconds"),
            "seed": gr.Number(1, precision=0, label="Seed", minimum=0),
            "guidance": gr.Slider(
                1, 10, value=made_for, step=0.5, label="Guidance", info="how strongly the text steers"
            ),
            "foil": gr.Dropdown(labels, value="", label="Explain against", info="empty: what was asked"),
            "intended": gr.Dropdown(labels, value="", label="Genre you meant", info="empty: read from the prompt"),
        }
    progress_shown = gr.HTML(min_height=64, apply_default_css=False)
    found = gr.State(None, time_to_live=KEPT_SECONDS)
    gr.render(found)(show)
    with gr.Column(visible=False) as results, gr.Accordion("Everything as JSON", open=False):
        data = gr.JSON(show_label=False)
    outputs = [found, data, results]
    # What was found for another prompt goes before anything new is looked for.
    asked = gr.on(
        [button.click, prompt.submit],
        lambda: (None, gr.update(visible=False)),
        None,
        [found, results],
        api_visibility="private",
    )
    running = asked.then(
        run,
        set(fields.values()),
        outputs,
        concurrency_limit=1,
        show_progress_on=progress_shown,
        api_visibility="private",
    )
    stop.click(halt, cancels=[running], api_visibility="private")
