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
from ..diagnose.report import plots
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
    if group := result.drivers.group:
        label = escape(result.question.label)
        ending = (
            "The sound broke, so this proves nothing."
            if group.sound_broke
            else "These units drive it."
            if group.convincing
            else "This does not prove that these units drive it."
        )
        parts.append(
            f"<p>Muting the <b>{group.units}</b> strongest of {result.estimated_units} units moves “{label}” over "
            f"“{escape(result.question.against)}” by <b>{group.effect}</b>; as many random units by {group.control}. "
            f"{group.flips} of {group.flippable} takes are then no longer heard as {label} (random: {group.control_flips}). "
            f"{ending} {_badge('verified')}</p>"
        )
    parts += [f'<p class="soft">• {escape(caveat)}</p>' for caveat in result.caveats]
    return "".join(parts)


def unit_rows(result: Diagnosis) -> list[list[str]]:
    """The table of units."""
    return [[driver.unit, str(driver.effect), driver.badge] for driver in result.drivers.units]


def _players(evidence: Evidence, rate: int) -> list[tuple[int, np.ndarray[Any, Any]] | None]:
    sounds: list[tuple[int, np.ndarray[Any, Any]] | None] = []
    for index in range(SHOWN_TAKES):
        for takes in (evidence.takes, evidence.muted, evidence.control):
            if takes is None or index >= len(takes):
                sounds.append(None)
            else:
                wave = np.clip(takes.waveform[index].numpy(), -1, 1)
                sounds.append((rate, (wave * 32767).astype(np.int16)))
    return sounds


def build(session: Session) -> gr.Blocks:
    """The page around a session. One diagnosis runs at a time."""
    one_at_a_time = Lock()
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
            plots.units(result),
        ]
        return [
            verdict_html(result), *_players(evidence, session.generator.sample_rate), *figures, unit_rows(result),
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
            sounds = []
            for index in range(SHOWN_TAKES):
                with gr.Row():
                    for what in ("as generated", "strongest units muted", "random units muted"):
                        sounds.append(gr.Audio(label=f"Take {index + 1}, {what}", interactive=False))
            with gr.Row():
                heard, timeline = gr.Plot(show_label=False), gr.Plot(show_label=False)
            with gr.Row():
                words, group = gr.Plot(show_label=False), gr.Plot(show_label=False)
            with gr.Row():
                units = gr.Plot(show_label=False)
                table = gr.Dataframe(
                    headers=["unit", "effect alone (95 % interval)", "badge"], label="Units", interactive=False
                )
            with gr.Accordion("Everything as JSON", open=False):
                data = gr.JSON(show_label=False)
        inputs = [prompt, takes, seconds, seed, guidance, against]
        outputs = [verdict, *sounds, heard, timeline, words, group, units, table, data, results]
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
