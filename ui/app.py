"""The page: a prompt, a verdict, players, plots and the units behind it."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from html import escape
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

import numpy as np

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
import typer
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from tonescope.diagnose.jobs.diagnosis import Evidence
from tonescope.diagnose.jobs.verification_plan import CONTROL, MUTED
from tonescope.diagnose.report import plots, sentences
from tonescope.diagnose.report.sounds import Sounds
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.settings import Settings
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

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
_SYSTEM_FONT = ("Inter", "system-ui", "sans-serif")
_STYLE = """
.verdict { border-left: 6px solid #e4572e; background: white; padding: 14px 18px; font-size: 19px; border-radius: 0 8px 8px 0; color: #20242a; }
.verdict.match { border-color: #17807e } .verdict.open, .verdict.unclear { border-color: #9aa0a6 }
.badge { font-size: 12px; padding: 1px 8px; border-radius: 20px; border: 1px solid #cfd4d8; color: #5f6770; white-space: nowrap }
.badge.verified { background: #17807e; color: white; border-color: #17807e } .badge.estimated { border-style: dashed }
.soft { color: #5f6770 }
"""


def _badge(name: str) -> str:
    return f'<span class="badge {name}">{name}</span>'


def verdict_html(result: Diagnosis) -> str:
    """The verdict, and what muting the strongest units did, as HTML; whatever the user typed is escaped."""
    kind = result.verdict.kind.split()[0]
    asked = f"“{result.prompt}”, {result.settings.takes} takes of {result.settings.seconds:g} s from seed {result.settings.seed}, guidance {result.settings.guidance:g}"
    parts = [
        f'<p class="soft">{escape(asked)}</p>',
        f'<div class="verdict {kind}">{escape(result.verdict.sentence)} {_badge("observed")}</div>',
    ]
    if result.drivers.group:
        parts.append(f"<p>{escape(sentences.group(result))} {_badge(result.drivers.group.badge)}</p>")
    if result.blame.where != "nowhere":
        parts.append(f"<p>{escape(result.blame.sentence)} {_badge(result.blame.badge)}</p>")
    parts += [f'<p class="soft">• {escape(caveat)}</p>' for caveat in result.caveats]
    return "".join(parts)


def unit_rows(result: Diagnosis) -> list[list[str]]:
    """The table of units."""
    return [[row.unit, str(row.estimated), sentences.unit(row), row.badge] for row in result.drivers.units]


def word_rows(result: Diagnosis) -> list[list[str]]:
    """The table of words."""
    return [
        [row.word + ("" if row.known else " (never learned)"), str(row.estimated), sentences.word(row), row.badge]
        for row in result.drivers.words
    ]  # fmt: skip


def second_rows(result: Diagnosis) -> list[list[str]]:
    """The table of seconds."""
    return [
        [
            f"{row.start:.1f}–{row.end:.1f}", f"{row.target_probability:.2f}", f"{row.foil_probability:.2f}", str(row.estimated), sentences.second(row), row.badge,
        ]
        for row in result.drivers.seconds
    ]  # fmt: skip


def players(result: Diagnosis, evidence: Evidence, sounds: Sounds) -> list[dict[str, Any]]:
    """What each player plays, and what it is heard as: the first takes as they were generated, then fresh ones untouched, muted, and with
    random units muted."""
    played = evidence.played
    muted, control = played.outcomes[MUTED], played.outcomes[CONTROL]
    rows = {
        "as generated": (evidence.takes, [take.heard for take in result.takes]),
        "fresh, untouched": (played.clean.takes, played.clean.heard),
        "strongest units muted": (muted.takes, muted.heard),
        "random units muted": (control.takes, control.heard),
    }
    found = []
    for index in range(SHOWN_TAKES):
        for name, (takes, heard) in rows.items():
            if index >= len(takes):
                found.append(gr.update(value=None, visible=False))
                continue
            sound = (sounds.rate, (sounds.samples(takes, index) * 32767).astype(np.int16))
            found.append(
                gr.update(value=sound, label=f"Take {takes.seeds[index]}, {name}: {heard[index]}", visible=True)
            )
    return found


def _shown(message: str) -> gr.Error:
    """An error as the page shows it."""
    return gr.Error(escape(message[:1].upper() + message[1:]), print_exception=False)


def build(session: Session, memory_gib: float | None = None) -> gr.Blocks:
    """The page around a session, each diagnosis bound to so much memory. One runs at a time."""
    one_at_a_time, sounds = Lock(), Sounds(session.generator)
    running: set[tuple[str | None, Event]] = set()  # every diagnosis, waiting or at work: whose it is, and what ends it
    longest = session.generator.longest_seconds

    def run(
        prompt: str,
        takes: float | None,
        seconds: float | None,
        seed: float | None,
        guidance: float | None,
        foil: str | None,
        intended: str | None,
        request: gr.Request | None = None,
        progress: Any = gr.Progress(),
    ) -> list[Any]:
        stop = Event()
        mine = (request.session_hash if request else None, stop)
        running.add(mine)
        given = {
            "takes": takes,
            "seconds": seconds,
            "seed": seed,
            "guidance": guidance,
            "foil": foil or None,
            "memory_gib": memory_gib,
        }
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
                    announce=lambda verdict: known.append(verdict.sentence),
                )
        except TonescopeError as error:
            raise _shown(str(error)) from error
        except (MemoryError, RuntimeError) as error:
            if not memory.ran_out(error):
                raise
            raise _shown(memory.RAN_OUT) from error
        finally:
            running.discard(mine)
        labels = session.judge.labels
        figures: list[Figure | None] = [
            plots.heard(result, evidence, labels),
            plots.timeline(result, evidence, labels),
            plots.words(result) if result.drivers.words else None,
            plots.group(result) if result.drivers.group else None,
            plots.doses(result),
            plots.units(result),
        ]
        heading = f"### {escape(sentences.contrast(result))}\n{escape(sentences.scale(result))} {escape(sentences.badges(result))}"
        return [
            verdict_html(result), *players(result, evidence, sounds), *figures, heading, word_rows(result), unit_rows(result), second_rows(result),
            result.model_dump(mode="json"), gr.update(visible=True),
        ]  # fmt: skip

    def halt(request: gr.Request | None = None) -> None:
        """End what runs for this visitor; gradio's own cancelling only looks away."""
        visitor = request.session_hash if request else None
        for whose, stop in list(running):
            if whose == visitor:
                stop.set()

    with gr.Blocks(title="Tonescope", analytics_enabled=False, delete_cache=(KEPT_SECONDS, KEPT_SECONDS)) as page:
        gr.Markdown(
            "# Tonescope\nType what you would type into the music generator. Tonescope plays it, says what is heard, and shows what drove it."
        )
        with gr.Row():
            prompt = gr.Textbox(label="Prompt", placeholder=EXAMPLES[0], scale=5, max_length=2000, autofocus=True)
            button = gr.Button("Diagnose", variant="primary", scale=1)
            stop = gr.Button("Stop", scale=0, min_width=80)
        gr.Examples([[example] for example in EXAMPLES], inputs=[prompt], label="Try")
        with gr.Accordion("Settings", open=False), gr.Row():
            takes = gr.Slider(1, 16, value=4, step=1, label="Takes", info="more takes, narrower intervals")
            seconds = gr.Slider(1, longest, value=min(4.0, longest), step=0.5, label="Seconds")
            seed = gr.Number(1, precision=0, label="Seed", minimum=0)
            guidance = gr.Slider(1, 10, value=3, step=0.5, label="Guidance", info="how strongly the text steers")
            foil = gr.Dropdown(
                ["", *session.judge.labels], value="", label="Explain against", info="empty: what was asked"
            )
            intended = gr.Dropdown(
                ["", *session.judge.labels], value="", label="Genre you meant", info="empty: read from the prompt"
            )
        verdict = gr.HTML()
        with gr.Column(visible=False) as results:
            gr.Markdown(
                f"**Listen** (observed): the takes as they were generated, and fresh takes played again with one thing changed. The first {SHOWN_TAKES} of each; `tonescope diagnose --out` writes all."
            )
            sound = []
            for _ in range(SHOWN_TAKES):
                with gr.Row():
                    sound += [gr.Audio(interactive=False) for _ in range(4)]
            with gr.Row():
                heard, timeline = gr.Plot(show_label=False), gr.Plot(show_label=False)
            heading = gr.Markdown()
            with gr.Row():
                words, group = gr.Plot(show_label=False), gr.Plot(show_label=False)
            with gr.Row():
                doses, units = gr.Plot(show_label=False), gr.Plot(show_label=False)
            tested = ["estimated", "played again", "badge"]
            word_table = gr.Dataframe(headers=["word", *tested], label="Words", interactive=False)
            unit_table = gr.Dataframe(headers=["unit", *tested], label="Units", interactive=False)
            second_table = gr.Dataframe(
                headers=[
                    "seconds",
                    "heard (observed)",
                    "against (observed)",
                    "if silent (estimated)",
                    "silenced",
                    "badge",
                ],
                label="By the second",
                interactive=False,
            )
            with gr.Accordion("Everything as JSON", open=False):
                data = gr.JSON(show_label=False)
        inputs = [prompt, takes, seconds, seed, guidance, foil, intended]
        outputs = [
            verdict, *sound, heard, timeline, words, group, doses, units, heading, word_table, unit_table, second_table, data, results,
        ]  # fmt: skip
        # What was found for another prompt goes before anything new is looked for.
        asked = gr.on([button.click, prompt.submit], lambda: ("", gr.update(visible=False)), None, [verdict, results])
        stop.click(halt, cancels=[asked.then(run, inputs, outputs, concurrency_limit=1)])
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
    session: Session, host: str = "127.0.0.1", port: int = 7860, open_browser: bool = True, wait: bool = True, memory_gib: float | None = None
) -> gr.Blocks:  # fmt: skip
    """Serve the page until Ctrl-C, or while the caller lives. Raises :class:`TonescopeError` when the address cannot be used."""
    check_address(host, port)
    local = ipaddress.ip_address(socket.gethostbyname(host)).is_loopback
    if not local:
        typer.echo(
            "Anyone who can reach this machine over its network can now run diagnoses on it; leave --host out to keep them to yourself."
        )
    typer.echo(f"Tonescope is at http://{host}:{port} (Ctrl-C ends it)")
    # A page elsewhere that makes its own name lead to this machine is turned away.
    guard = [Middleware(TrustedHostMiddleware, allowed_hosts=[host, *LOCAL_NAMES])] if local else []
    page = build(session, memory_gib)
    page.launch(
        server_name=host, server_port=port, inbrowser=open_browser, share=False, quiet=True, prevent_thread_lock=not wait, css=_STYLE, app_kwargs={"middleware": guard},
        theme=gr.themes.Soft(font=_SYSTEM_FONT, font_mono=("ui-monospace", "monospace")), footer_links=[],
    )  # fmt: skip
    return page
