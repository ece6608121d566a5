"""The page: a prompt, and the views of what was found, with players and plots."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from threading import Event, Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
import plotly.graph_objects as go
import typer
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from tonescope.diagnose.report import diagnosis_views, render_html
from tonescope.diagnose.report.sounds import Players, Sounds
from tonescope.diagnose.report.view import Sound, View
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.models.errors import TonescopeError

EXAMPLES = (
    "mellow jazz fusion with saxophone",
    "lo-fi beats with accordion",
    "house music with piano",
    "swing jazz with trumpet",
    "a song",
)
SHOWN_TAKES = 4
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
KEPT_SECONDS = 3600  # how long the page's sounds stay on disk
INTRODUCTION = (
    "# Tonescope\nType what you would type into the music generator. Tonescope plays it, says what is heard, and shows "
    "what drove it."
)
_SYSTEM_FONT = ("Inter", "system-ui", "sans-serif")
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


def _error(message: str) -> gr.Error:
    """An error as the page shows it."""
    return gr.Error(escape(message[:1].upper() + message[1:]), print_exception=False)


def build(session: Session, memory_gib: float | None = None) -> gr.Blocks:
    """The page around a session, each diagnosis bound to so much memory. One runs at a time."""
    one_at_a_time, sounds = Lock(), Sounds(session.generator)
    running: set[tuple[str | None, Event]] = set()  # every diagnosis, waiting or at work: whose it is, and what ends it
    longest = session.generator.longest_seconds

    def run(typed: dict[Any, Any], request: gr.Request | None = None, progress: Any = gr.Progress()) -> list[Any]:
        stop = Event()
        mine = (request.session_hash if request else None, stop)
        running.add(mine)
        given = {name: typed[field] for name, field in fields.items()} | {"memory_gib": memory_gib}
        prompt, intended = given.pop("prompt"), given.pop("intended")
        given["foil"] = given["foil"] or None
        try:
            # A field that was emptied stands for what is usual.
            settings = Settings.model_validate({name: value for name, value in given.items() if value is not None})
            known: list[str] = []

            def told(what: str, done: float) -> None:
                if stop.is_set():
                    raise TonescopeError("the diagnosis was stopped.")
                progress(done, desc=" ".join([*known, f"Now: {what}"]))

            with one_at_a_time:
                told("start", 0.0)
                result, evidence = session.diagnose(
                    prompt,
                    settings,
                    intended=intended or None,
                    progress=told,
                    announce=lambda verdict, _: known.append(verdict.sentence),
                )
        except TonescopeError as error:
            raise _error(str(error)) from error
        except (MemoryError, RuntimeError) as error:
            if not memory.ran_out(error):
                raise
            raise _error(memory.RAN_OUT) from error
        finally:
            running.discard(mine)
        views = diagnosis_views.views(result, evidence)
        shown = Shown.of(views, Players(sounds, evidence.sounds))
        return [shown, result.model_dump(mode="json"), gr.update(visible=True)]

    def halt(request: gr.Request | None = None) -> None:
        """End what runs for this visitor; gradio's own cancelling only looks away."""
        visitor = request.session_hash if request else None
        for whose, stop in list(running):
            if whose == visitor:
                stop.set()

    with gr.Blocks(title="Tonescope", analytics_enabled=False, delete_cache=(KEPT_SECONDS, KEPT_SECONDS)) as page:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            prompt = gr.Textbox(label="Prompt", placeholder=EXAMPLES[0], scale=5, max_length=2000, autofocus=True)
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
                "guidance": gr.Slider(1, 10, value=3, step=0.5, label="Guidance", info="how strongly the text steers"),
                "foil": gr.Dropdown(labels, value="", label="Explain against", info="empty: what was asked"),
                "intended": gr.Dropdown(labels, value="", label="Genre you meant", info="empty: read from the prompt"),
            }
        found = gr.State(None, time_to_live=KEPT_SECONDS)
        gr.render(found)(show)
        with gr.Column(visible=False) as results, gr.Accordion("Everything as JSON", open=False):
            data = gr.JSON(show_label=False)
        outputs = [found, data, results]
        # What was found for another prompt goes before anything new is looked for.
        asked = gr.on([button.click, prompt.submit], lambda: (None, gr.update(visible=False)), None, [found, results])
        stop.click(halt, cancels=[asked.then(run, set(fields.values()), outputs, concurrency_limit=1)])
    return page


def check_address(host: str, port: int) -> None:
    """Raise :class:`TonescopeError` for an address that cannot be listened on, and say why."""
    if not 1 <= port <= 65535:
        raise TonescopeError(f"there is no port {port}; choose one from 1024 to 65535 with --port.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        taken = isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES)
        raise TonescopeError(
            f"port {port} is taken, or not yours to use; choose another with --port."
            if taken
            else f"“{host[:80]}” is no address of this machine; leave --host out to listen on this machine only."
        ) from error


def launch(
    session: Session,
    host: str = "127.0.0.1",
    port: int = 7860,
    open_browser: bool = True,
    wait: bool = True,
    memory_gib: float | None = None,
) -> gr.Blocks:
    """Serve the page until Ctrl-C, or while the caller lives.

    Raises:
        TonescopeError: the address cannot be used.
    """
    check_address(host, port)
    local = ipaddress.ip_address(socket.gethostbyname(host)).is_loopback
    if not local:
        typer.echo(
            "Anyone who can reach this machine over its network can now run diagnoses on it; leave --host out to "
            "keep them to yourself."
        )
    typer.echo(f"Tonescope is at http://{host}:{port} (Ctrl-C ends it)")
    # A page elsewhere that makes its own name lead to this machine is turned away.
    guard = [Middleware(TrustedHostMiddleware, allowed_hosts=[host, *LOCAL_NAMES])] if local else []
    page = build(session, memory_gib)
    page.launch(
        server_name=host,
        server_port=port,
        inbrowser=open_browser,
        share=False,
        quiet=True,
        prevent_thread_lock=not wait,
        head=f"<style>{render_html.style('.dark')}</style>",
        app_kwargs={"middleware": guard},
        theme=gr.themes.Soft(font=_SYSTEM_FONT, font_mono=("ui-monospace", "monospace")),
        footer_links=[],
    )
    return page
