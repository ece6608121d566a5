"""The page: a prompt, a verdict, players, plots and the units behind it."""

from __future__ import annotations

import os
from html import escape
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from ..diagnose.diagnosis import Evidence
from ..diagnose.plan import CONTROL, MUTED
from ..diagnose.report import plots, sentences
from ..diagnose.report.audio import Sounds
from ..diagnose.result import Diagnosis
from ..diagnose.session import Session
from ..diagnose.settings import Settings
from ..models.errors import TonescopeError

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
    parts = [f'<div class="verdict {kind}">{escape(result.verdict.sentence)} {_badge("observed")}</div>']
    if result.drivers.group:
        parts.append(f"<p>{escape(sentences.group(result))} {_badge('verified')}</p>")
    if result.blame.where != "nowhere":
        parts.append(f"<p>{escape(result.blame.sentence)} {_badge(result.blame.badge)}</p>")
    parts += [f'<p class="soft">• {escape(caveat)}</p>' for caveat in result.caveats]
    return "".join(parts)


def unit_rows(result: Diagnosis) -> list[list[str]]:
    """The table of units."""
    return [[row.unit, str(row.estimated), sentences.unit(row)] for row in result.drivers.units]


def _players(evidence: Evidence, sounds: Sounds) -> list[tuple[int, np.ndarray[Any, Any]] | None]:
    players: list[tuple[int, np.ndarray[Any, Any]] | None] = []
    for index in range(SHOWN_TAKES):
        played = (evidence.outcomes[name].takes if name in evidence.outcomes else None for name in (MUTED, CONTROL))
        for takes in (evidence.takes, *played):
            if takes is None or index >= len(takes):
                players.append(None)
            else:
                players.append((sounds.rate, (sounds.samples(takes, index) * 32767).astype(np.int16)))
    return players


def build(session: Session) -> gr.Blocks:
    """The page around a session. One diagnosis runs at a time."""
    one_at_a_time, sounds = Lock(), Sounds(session.generator)
    longest = session.generator.longest_seconds

    def run(
        prompt: str,
        takes: float,
        seconds: float,
        seed: float,
        guidance: float,
        against: str | None,
        progress: Any = gr.Progress(),
    ) -> list[Any]:
        try:
            settings = Settings(
                takes=int(takes),
                seconds=float(seconds),
                seed=int(seed),
                guidance=float(guidance),
                against=against or None,
            )
            with one_at_a_time:
                result, evidence = session.diagnose(
                    prompt, settings, progress=lambda what, done: progress(done, desc=what)
                )
        except TonescopeError as error:
            message = str(error)
            raise gr.Error(escape(message[:1].upper() + message[1:]), print_exception=False) from error
        labels = session.judge.labels
        figures: list[Figure | None] = [
            plots.heard(result, evidence, labels),
            plots.timeline(result, evidence, labels),
            plots.words(result) if result.drivers.words else None,
            plots.group(result) if result.drivers.group else None,
            plots.doses(result),
            plots.units(result),
        ]
        return [
            verdict_html(result), *_players(evidence, sounds), *figures, unit_rows(result),
            result.model_dump(mode="json"), gr.update(visible=True),
        ]  # fmt: skip

    with gr.Blocks(title="Tonescope", analytics_enabled=False) as page:
        gr.Markdown(
            "# Tonescope\nType what you would type into the music generator. Tonescope plays it, says what is heard, and shows what drove it."
        )
        with gr.Row():
            prompt = gr.Textbox(label="Prompt", placeholder=EXAMPLES[0], scale=5, max_length=2000, autofocus=True)
            button = gr.Button("Diagnose", variant="primary", scale=1)
        gr.Examples([[example] for example in EXAMPLES], inputs=[prompt], label="Try")
        with gr.Accordion("Settings", open=False), gr.Row():
            takes = gr.Slider(1, 16, value=4, step=1, label="Takes", info="more takes, narrower intervals")
            seconds = gr.Slider(1, longest, value=min(4.0, longest), step=0.5, label="Seconds")
            seed = gr.Number(1, precision=0, label="Seed", minimum=0)
            guidance = gr.Slider(1, 10, value=3, step=0.5, label="Guidance", info="how strongly the text steers")
            against = gr.Dropdown(
                ["", *session.judge.labels], value="", label="Explain against", info="empty: what was asked"
            )
        verdict = gr.HTML()
        with gr.Column(visible=False) as results:
            players = []
            for index in range(SHOWN_TAKES):
                with gr.Row():
                    for what in ("as generated", "strongest units muted", "random units muted"):
                        players.append(gr.Audio(label=f"Take {index + 1}, {what}", interactive=False))
            with gr.Row():
                heard, timeline = gr.Plot(show_label=False), gr.Plot(show_label=False)
            with gr.Row():
                words, group = gr.Plot(show_label=False), gr.Plot(show_label=False)
            with gr.Row():
                doses, units = gr.Plot(show_label=False), gr.Plot(show_label=False)
            with gr.Row():
                table = gr.Dataframe(
                    headers=["unit", "alone, estimated", "alone, verified"], label="Units", interactive=False
                )
            with gr.Accordion("Everything as JSON", open=False):
                data = gr.JSON(show_label=False)
        inputs = [prompt, takes, seconds, seed, guidance, against]
        outputs = [verdict, *players, heard, timeline, words, group, doses, units, table, data, results]
        gr.on([button.click, prompt.submit], run, inputs, outputs, concurrency_limit=1)
    return page


def launch(session: Session, host: str = "127.0.0.1", port: int = 7860, open_browser: bool = True) -> None:
    """Serve the page until Ctrl-C. Raises :class:`TonescopeError` when the port is taken."""
    try:
        build(session).launch(
            server_name=host, server_port=port, inbrowser=open_browser, share=False, quiet=False, css=_STYLE,
            theme=gr.themes.Soft(font=_SYSTEM_FONT, font_mono=("ui-monospace", "monospace")), footer_links=[],
        )  # fmt: skip
    except OSError as error:
        raise TonescopeError(f"port {port} is taken by another program; choose another with --port.") from error
