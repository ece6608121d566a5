"""A diagnosis in the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tonescope.diagnose.jobs.experiment import Experiment
from tonescope.diagnose.judging.verdict import Verdict
from tonescope.diagnose.report import sentences
from tonescope.diagnose.schema import Diagnosis

BADGES = {"observed": "cyan", "estimated": "yellow", "tested": "white", "verified": "green"}
SHOWN_TAKES = 8
COLOURS = {
    "match": "green",
    "partial drift": "red",
    "sibling drift": "red",
    "family drift": "red",
    "unclear": "yellow",
    "open": "blue",
}


def _badge(name: str) -> Text:
    return Text(f" {name} ", style=f"black on {BADGES[name]}")


def _bar(value: float, width: int = 24) -> str:
    filled = round(max(0.0, min(1.0, value)) * width)
    return "█" * filled + "·" * (width - filled)


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(Text(column))
    return table


def show_verdict(prompt: str, verdict: Verdict) -> None:
    """Print the verdict, which is known long before what drove it."""
    Console(highlight=False).print(
        Panel(
            Group(Text(verdict.sentence, style="bold"), _badge("observed")),
            border_style=COLOURS[verdict.kind],
            title=Text(f"“{prompt[:70]}”"),
        )
    )


def show_experiment(experiment: Experiment, out: Path | None) -> None:
    """Print an experiment."""
    console = Console(highlight=False)
    console.print(Text(f"“{experiment.prompt[:70]}”: {sentences.edit(experiment)}."))
    console.print(Text(sentences.experiment(experiment), style="bold"), _badge(experiment.trial.badge))
    heard = _table("seed", "untouched", "edited", title="heard (observed)")
    for before, after in list(zip(experiment.untouched, experiment.edited, strict=True))[:SHOWN_TAKES]:
        cells = (str(before.seed), *(f"{take.heard}, {take.probability:.2f}" for take in (before, after)))
        heard.add_row(*map(Text, cells))
    if len(experiment.edited) > SHOWN_TAKES:
        heard.add_row("…", f"and {len(experiment.edited) - SHOWN_TAKES} more", "")
    console.print(heard)
    for caveat in experiment.caveats:
        console.print(Text(f"• {caveat}", style="dim"))
    if out:
        console.print(Text(f"\nWritten to {out}: open {out / 'report.html'} in a browser."))


def show(diagnosis: Diagnosis, out: Path | None, timings: bool) -> None:
    """Print everything but the verdict."""
    console = Console(highlight=False)
    contrast = diagnosis.contrast
    asked = diagnosis.intended.label
    heard = _table(
        "seed", "heard as", "", "probability", *([f"{asked} (asked)"] if asked else []), title="takes (observed)"
    )
    for take in diagnosis.takes[:SHOWN_TAKES]:
        row = [str(take.seed), take.heard, _bar(take.probability), f"{take.probability:.2f}"]
        heard.add_row(*map(Text, [*row, f"{take.posterior[asked]:.2f}"] if asked else row))
    if len(diagnosis.takes) > SHOWN_TAKES:
        heard.add_row("…", f"and {len(diagnosis.takes) - SHOWN_TAKES} more", "", "")
    console.print(heard)

    console.print(Text(f"\n{sentences.contrast(diagnosis)}", style="bold"))
    console.print(Text(f"{sentences.scale(diagnosis)} {sentences.badges(diagnosis)}", style="dim"))
    words = _table("word", "estimated", "left out, played again", "")
    for word in diagnosis.drivers.words[: max(8, sum(word.verified is not None for word in diagnosis.drivers.words))]:
        name = Text(word.word + ("" if word.known else " (never learned)"))
        words.add_row(name, str(word.estimated), Text(sentences.word(word)), _badge(word.badge))
    console.print(words)

    if diagnosis.drivers.group:
        console.print(Text(f"\n{sentences.group(diagnosis)} "), _badge(diagnosis.drivers.group.badge), soft_wrap=False)
        if diagnosis.drivers.group.doses:
            doses = _table("the same units", "played again", "")
            for dose in diagnosis.drivers.group.doses:
                doses.add_row(f"times {dose.scale:g}", Text(sentences.dose(dose)), _badge(dose.trial.badge))
            console.print(doses)
    if diagnosis.blame.where != "nowhere":
        console.print(Text(f"\n{diagnosis.blame.sentence} "), _badge(diagnosis.blame.badge))
    units = _table("unit", "alone, estimated", "muted alone, played again", "")
    for unit in diagnosis.drivers.units[: max(6, sum(unit.verified is not None for unit in diagnosis.drivers.units))]:
        units.add_row(unit.unit, str(unit.estimated), sentences.unit(unit), _badge(unit.badge))
    console.print(units)

    seconds = _table(
        "seconds", f"{contrast.target} (observed)", f"{contrast.other} (observed)", "if silent (estimated)", "silenced, heard again", ""
    )  # fmt: skip
    for section in diagnosis.drivers.seconds:
        seconds.add_row(
            f"{section.start:.1f}–{section.end:.1f}", f"{section.target_probability:.2f}", f"{section.foil_probability:.2f}",
            str(section.estimated), sentences.second(section), _badge(section.badge),
        )  # fmt: skip
    console.print(seconds)
    for caveat in diagnosis.caveats:
        console.print(Text(f"• {caveat}", style="dim"))
    if timings:
        took = [f"{name} {value:.1f} s" for name, value in diagnosis.timings.items()]
        console.print(Text("\n" + ", ".join(took), style="dim"))
    if out:
        console.print(Text(f"\nWritten to {out}: open {out / 'report.html'} in a browser."))
