"""A diagnosis in the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..diagnose.report import sentences
from ..diagnose.result import Diagnosis

BADGES = {"observed": "cyan", "estimated": "yellow", "verified": "green"}
COLOURS = {"match": "green", "sibling drift": "red", "family drift": "red", "unclear": "yellow", "open": "blue"}


def _badge(name: str) -> Text:
    return Text(f" {name} ", style=f"black on {BADGES[name]}")


def _bar(value: float, width: int = 24) -> str:
    filled = round(max(0.0, min(1.0, value)) * width)
    return "█" * filled + "·" * (width - filled)


def show(diagnosis: Diagnosis, out: Path | None, timings: bool) -> None:
    """Print a diagnosis for people."""
    console = Console(highlight=False)
    question = diagnosis.question
    console.print(
        Panel(
            Group(Text(diagnosis.verdict.sentence, style="bold"), _badge("observed")),
            border_style=COLOURS[diagnosis.verdict.kind],
            title=Text(f"“{diagnosis.prompt[:70]}”"),
        )
    )

    heard = Table(title="takes", title_justify="left", box=None, pad_edge=False)
    for column in ("seed", "heard as", "", "probability"):
        heard.add_column(column)
    for take in diagnosis.takes[:8]:
        heard.add_row(str(take.seed), take.heard, _bar(take.probability), f"{take.probability:.2f}")
    if len(diagnosis.takes) > 8:
        heard.add_row("…", f"and {len(diagnosis.takes) - 8} more", "", "")
    console.print(heard)

    console.print(
        f"\nWhy [bold]{question.label}[/] rather than [bold]{question.against}[/]? Change of the judge's log-odds without the word or units (95 % interval):"
    )
    words = Table(box=None, pad_edge=False)
    for column in ("word", "estimated", "verified by leaving it out", ""):
        words.add_column(column)
    for word in diagnosis.drivers.words[:8]:
        words.add_row(
            Text(word.word + ("" if word.known else " (never learned)")),
            str(word.estimated),
            sentences.outcome(word.verified),
            _badge(word.badge),
        )
    console.print(words)

    if diagnosis.drivers.group:
        console.print(Text(f"\n{sentences.group(diagnosis)} "), _badge("verified"), soft_wrap=False)
        doses = [f"×{dose.scale:g}: {sentences.outcome(dose.trial)}" for dose in diagnosis.drivers.group.doses]
        if doses:
            console.print(Text("Their strength changed: " + "; ".join(doses) + " "), _badge("verified"))
    if diagnosis.blame.where != "nowhere":
        console.print(Text(f"\n{diagnosis.blame.sentence} "), _badge(diagnosis.blame.badge))
    units = Table(box=None, pad_edge=False)
    for column in ("unit", "alone, estimated", "alone, verified", ""):
        units.add_column(column)
    for unit in diagnosis.drivers.units[:6]:
        units.add_row(unit.unit, str(unit.estimated), sentences.unit(unit), _badge(unit.badge))
    console.print(units)

    seconds = Table(box=None, pad_edge=False)
    for column in (
        "seconds",
        f"{question.label} (observed)",
        f"{question.against} (observed)",
        "effect there (estimated)",
    ):
        seconds.add_column(column)
    for section in diagnosis.drivers.seconds:
        seconds.add_row(
            f"{section.start:.1f}–{section.end:.1f}",
            f"{section.label_probability:.2f}",
            f"{section.against_probability:.2f}",
            str(section.estimated),
        )
    console.print(seconds)
    for caveat in diagnosis.caveats:
        console.print(Text(f"• {caveat}", style="dim"))
    if timings:
        total = sum(diagnosis.timings.values())
        console.print(
            Text(
                "\n"
                + ", ".join(f"{name} {value:.1f} s" for name, value in diagnosis.timings.items())
                + f"; together {total:.1f} s",
                style="dim",
            )
        )
    if out:
        console.print(Text(f"\nWritten to {out}: open {out / 'report.html'} in a browser."))
