"""Takes that no model played, with everything that can be drawn over them, and a report that shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.report import render_html, sounds
from tonescope.diagnose.report.lanes import Curves, Heat, Lane, Row, Stretch, Stretches
from tonescope.diagnose.report.view import Command, Figure, Sound, Table, View

RATE, SECONDS = 16000, 4.0
PLOT = {
    "data": [
        {
            "type": "bar",
            "orientation": "h",
            "y": ["a very long phrase of the prompt that has to wrap", "piano"],
            "x": [-8.2, 1.5],
            "error_x": {"array": [2.0, 0.5]},
            "name": "left out: verified",
            "marker": {"color": "#e4572e"},
        },
        {
            "type": "bar",
            "orientation": "h",
            "y": ["piano"],
            "x": [0.7],
            "name": "estimated",
            "marker": {"color": "#f3b49f"},
        },
    ],
    "layout": {"xaxis": {"title": {"text": "← towards “lo-fi hip hop”<br>towards “polka” →"}}, "yaxis": {}},
}
LINES = {
    "data": [
        {"type": "scatter", "x": [0.5, 1.5, 2.5, 2.5, 1.5, 0.5], "y": [0.9, 1, 1, 0.8, 0.7, 0.6], "fill": "toself"}
        | {"fillcolor": "#e4572e"},
        {"type": "scatter", "mode": "lines+markers", "x": [0.5, 1.5, 2.5], "y": [0.7, 0.9, 0.95], "name": "polka"}
        | {"line": {"color": "#e4572e"}},
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": [0.5, 1.5, 2.5],
            "y": [0.2, 0.1, 0.05],
            "name": "lo-fi hip hop",
        }
        | {"line": {"color": "#17807e"}},
    ],
    "layout": {
        "xaxis": {"title": {"text": "seconds"}},
        "yaxis": {"title": {"text": "probability"}, "range": [0, 1.02]},
    },
}


class MadePlays:
    """Chords in place of music: a different one for every set of takes, higher with every row."""

    rate = RATE

    def title(self, sound: Sound) -> str:
        return f"Take {5 + sound.row}"

    def samples(self, sound: Sound) -> NDArray[np.float32]:
        number = sum(map(ord, sound.takes)) % 5
        at = np.arange(round(SECONDS * RATE)) / RATE
        root = 110 * 2 ** ((number + sound.row) / 6)
        tones = sum(np.sin(2 * np.pi * root * step * at) / step for step in (1, 1.26, 1.5, 2, 3, 4, 6, 9))
        beat = np.exp(-6 * ((at * (2 + number / 2)) % 1)) * (0.5 + 0.5 * (at * 8 % 3 < 1))
        wave = 0.12 * (1 + number / 2) * tones * beat + 0.02 * np.random.default_rng(number).normal(size=len(at)) * beat
        return np.clip(wave, -1, 1).astype(np.float32)

    def uri(self, sound: Sound) -> str:
        return sounds.address(self.samples(sound), RATE)


def lanes(
    target: str = "polka", asked: str = "lo-fi hip hop", changed: str = "", words: str = "accordion"
) -> tuple[Lane, ...]:
    """One lane of every kind."""
    heard = [target, target, target, asked if changed else target, "house", asked if changed else target, target]
    bounds = np.linspace(0, SECONDS, len(heard) + 1).round(3).tolist()
    stretches = tuple(
        Stretch(
            start=start,
            end=end,
            text=label,
            more=f"{asked} 2 %" if label != asked else "",
            share=0.5 + 0.07 * index,
            meant="target" if label == target else "asked" if label == asked else "other",
        )
        for index, (label, start, end) in enumerate(zip(heard, bounds, bounds[1:], strict=False))
    )
    if changed:
        change: Lane = Stretches(
            title="What was changed", stretches=(Stretch(start=0, end=SECONDS, text=changed, meant="edit"),)
        )
    else:
        more = f"muted only from here on, 1 of 4 takes stop being {target}"
        moments = (0.5, 1.0, 2.0)
        change = Stretches(
            title="Takes that turn, muted only from here on",
            badge="tested",
            stretches=tuple(Stretch(start=at, end=at, text="1 of 4", more=more, meant="edit") for at in moments),
        )
    at = np.linspace(0, 12, 128)
    share = 0.5 + 0.4 * np.sin(at)
    return (
        Stretches(title="What the judge hears", badge="observed", stretches=stretches),
        change,
        Heat(
            title="Words attended to",
            badge="observed",
            rows=(Row(name="lo-fi beats", values=_rounded(share)), Row(name=words, values=_rounded(1 - share))),
        ),
        Curves(
            title="What the units do",
            badge="observed",
            line="their mean",
            rows=(Row(name="decoder.3.mlp:117", values=_rounded(np.sin(2 * at) * np.exp(-at / 9))),),
        ),
    )


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(np.round(values, 3).tolist())


def rows(
    takes: int = 4, name: str = "with decoder.3.mlp:117 muted", label: str = "polka", words: str = "accordion"
) -> list[list[Sound]]:
    """Each take as it is and with three changes."""
    return [
        [
            Sound("as it is", "tested", row, label, lanes(label, words=words)),
            Sound(name, "muted", row, "lo-fi hip hop", lanes(label, changed=name, words=words)),
            Sound(f"without “{words}”", "word", row, "house", lanes(label, changed=f"“{words}” left out", words=words)),
            Sound(
                "with random units muted instead",
                "random",
                row,
                label,
                lanes(label, changed="random units muted", words=words),
            ),
        ]
        for row in range(takes)
    ]


def views(hostile: str = "") -> list[View]:
    """A finding as a report shows it; ``hostile`` stands in every text that comes from outside."""
    label, prompt, words = hostile or "polka", hostile or "lo-fi beats with accordion", hostile or "accordion"
    told = (
        f"You asked for lo-fi hip hop; 4 of 4 takes are heard as {label} (51–100 % of all takes with 95 % confidence)."
    )
    unit = "decoder.3.mlp:117"
    table = Table(
        ("word", "estimated", "left out, and played again"),
        ((words, "−8.2", "−8.2 (−10.1 to −6.3), q 0.001; played “lo-fi beats”"), ("lo-fi beats", "+0.7", "–")),
        ("verified", "estimated"),
        title="Below zero: heard more as lo-fi hip hop without it; further below is stronger",
    )
    units = Table(("unit", "muted alone"), ((unit, "4 of 4"),), ("verified",), ("unit", "text"))
    why: Sequence[tuple[str, str]] = (
        (
            f"One neuron does it: {unit}. Muted, 4 of 4 takes are lo-fi hip hop (a random one instead: 0 of 4).",
            "verified",
        ),
        (f"Because of the word “{words}”: without it, 4 of 4 takes are no longer {label}.", "verified"),
        (
            "It is decided in the first 2 s: muted only from 2 s on, 0 of 4 stop being so (from the start, 4).",
            "tested",
        ),
    )
    step = Command(
        "Without “accordion”, 2 of 4 takes are lo-fi hip hop, as asked (with it, 0):",
        'tonescope diagnose "lo-fi beats"',
    )
    return [
        View("verdict", f"“{prompt}”", [(told, "observed")], depth="first", tone="bad"),
        View("why", f"Why {label} rather than lo-fi hip hop?", why, depth="first"),  # type: ignore[arg-type]
        View("next", "What to try next", commands=[step], depth="first"),
        View(
            "hear",
            "Hear it",
            [
                (
                    "Each row is one take, played again with one thing changed and all else the same.",
                    None,
                )
            ],
            sounds=rows(label=label, words=words),
            depth="first",
        ),
        View(
            "words",
            "Words",
            [],
            [table, units],
            [Figure("Without each word (further left is stronger)", PLOT, "Words: …")],
        ),
        View("timeline", "Heard over time", figures=[Figure("Heard over time", LINES, "Over time: …", "observed")]),
        View(
            "takes",
            "The takes that were heard first",
            sounds=[[Sound("as generated", "takes", row, label)] for row in range(4)],
        ),
        View("provenance", "How this was made", [("Made 2026-01-01 with tonescope 0.1.0.", None)], depth="numbers"),
    ]


def report(hostile: str = "") -> str:
    """The page of :func:`views`."""
    return render_html.page("Tonescope diagnosis", views(hostile), MadePlays())
