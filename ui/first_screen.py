"""What everybody wants to know, on one screen of a terminal: the views that come first, then how to see the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from tonescope.diagnose.report.view import View
from tonescope.ui.console import output
from tonescope.ui.printable import printable
from tonescope.ui.terminal import command, grid, headline, sentence, show_views, written

SCREEN_LINES = 24
HEADLINE_LINES, SENTENCE_LINES = 5, 4  # of one sentence at most
CAVEATS = "caveats"  # the key of the view with what is to be kept in mind


@dataclass
class _Block:
    """What stands together: a title, sentences of which the last give way down to ``fewest``, and what stays."""

    title: str = ""
    told: list[Text] = field(default_factory=list)
    stays: list[RenderableType] = field(default_factory=list)
    fewest: int = 0
    apart: bool = True  # whether an empty line stands before it
    printed: bool = False  # already, before all was known

    def shown(self) -> list[RenderableType]:
        """What is printed, line by line; nothing, where there is only a title."""
        below = [*self.told, *self.stays]
        return [Text(self.title, style="bold"), *below] if self.title and below else below

    def height(self) -> int:
        """Lines of the terminal."""
        shown = self.shown()
        return sum(map(_height, shown)) + self.apart if shown else 0


def _height(shown: RenderableType) -> int:
    if _is_command(shown):
        return -(-shown.cell_len // output.width)  # type: ignore[union-attr]
    return len(output.render_lines(shown, output.options, pad=False))


def _is_command(shown: RenderableType) -> bool:
    """Whether it is a line to be pasted, which the terminal breaks and nothing else."""
    return isinstance(shown, Text) and shown.plain.startswith("  ")


def show_first(views: Sequence[View], folder: Path | None, *, printed: Collection[str] = ()) -> None:
    """Print the views that come first, on one screen; all of them, where none does.

    Args:
        views: what was found.
        folder: where it was written, if it was.
        printed: the keys of those that were printed before; they take their lines all the same.
    """
    first = [view for view in views if view.depth == "first"]
    if not first:
        show_views([view for view in views if view.key not in printed], folder=folder)
        return
    blocks = [_block(view, folder, view.key in printed) for view in first]
    if folder and not any(view.sounds and not view.tables for view in first):
        blocks.append(_Block(stays=[Text(written(folder))]))
    caveats = [note for view in views if view.key == CAVEATS for note in view.notes]
    kept = _Block("To keep in mind", [sentence(f"• {note}", None) for note in caveats])
    rest = _Block(stays=[_rest(folder, len(caveats))] if len(views) > len(first) else [], apart=False)
    _fit([*blocks, kept, rest], kept)
    if rest.stays:
        rest.stays = [_rest(folder, len(caveats) - len(kept.told), bool(kept.told))]
    for block in (*blocks, kept, rest):
        _print(block)


def _block(view: View, folder: Path | None, printed: bool) -> _Block:
    tables = [grid(table) for table in view.tables]
    if view.tone:
        box = headline(view, view.tone, HEADLINE_LINES)
        return _Block(stays=[box, *tables], apart=False, printed=printed)
    commands = [line for made in view.commands for line in command(made)]
    if view.sounds and not tables and view.offer is None:
        return _Block("Where to listen", stays=[Text(written(folder))] if folder else [*commands], printed=printed)
    told = [sentence(text, badge, most_lines=SENTENCE_LINES) for text, badge in view.sentences]
    return _Block(printable(view.title), told, [*commands, *tables], fewest=1, printed=printed)


def _fit(blocks: Sequence[_Block], kept: _Block) -> None:
    """Make them as high as a screen: caveats give way, then empty lines, then the last of the most sentences."""

    def too_high() -> bool:
        return sum(block.height() for block in blocks) > SCREEN_LINES

    while too_high() and kept.told:
        kept.told.pop()
    if too_high():
        for block in blocks:
            block.apart = False
    while too_high():
        longest = max(blocks, key=lambda block: len(block.told) - block.fewest)
        if len(longest.told) <= longest.fewest:
            return
        longest.told.pop()


def _rest(folder: Path | None, caveats: int, others: bool = False) -> Text:
    told = "In the report: all the rest" if folder else "With --details: all the rest"
    if caveats:
        told += f", and {caveats}{' more' * others} thing{'s' * (caveats != 1)} to keep in mind"
    return Text(f"{told}.", style="dim")


def _print(block: _Block) -> None:
    if block.printed or not block.shown():
        return
    if block.apart:
        output.print()
    for line in block.shown():
        output.print(line, soft_wrap=_is_command(line))
