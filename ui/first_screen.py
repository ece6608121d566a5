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
HEADLINE_LINES, SENTENCE_LINES = 5, 3  # of one sentence at most
CAVEATS = "caveats"  # the key of the view with what is to be kept in mind


@dataclass
class _Block:
    """A title and what stands below it. What is ``optional`` gives way, its end first, down to ``fewest`` lines."""

    title: str = ""
    lines: list[RenderableType] = field(default_factory=list)
    fewest: int = 1
    apart: bool = True  # whether an empty line stands before it
    printed: bool = False  # already, before all was known

    def shown(self) -> list[RenderableType]:
        return ([Text(self.title, style="bold")] if self.title else []) + self.lines

    def height(self) -> int:
        return sum(map(_height, self.shown())) + self.apart


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
        show_views([view for view in views if view.key not in printed])
        return
    blocks = [block for view in first if (block := _block(view, folder, view.key in printed)).shown()]
    if folder and not any(view.sounds and not view.tables for view in first):
        blocks.append(_Block("", [Text(written(folder))]))
    caveats = [note for view in views if view.key == CAVEATS for note in view.notes]
    kept = _Block("To keep in mind", [sentence(f"• {note}", None) for note in caveats], fewest=0)
    more = len(views) > len(first)
    blocks += [kept, *([_Block("", [_rest(len(caveats))], apart=False)] if more else [])]
    _fit(blocks, kept)
    if more:
        blocks[-1].lines = [_rest(len(caveats) - len(kept.lines))]
    for block in blocks:
        _print(block)


def _block(view: View, folder: Path | None, printed: bool) -> _Block:
    if view.tone:
        box = headline(view, view.tone, HEADLINE_LINES)
        return _Block("", [box, *map(grid, view.tables)], fewest=1, apart=False, printed=printed)
    if view.sounds and not view.tables:
        told = [Text(written(folder))] if folder else [line for made in view.commands for line in command(made)]
        return _Block("Where to listen", list(told), fewest=len(told), printed=printed)
    said: list[RenderableType] = [sentence(text, badge, most_lines=SENTENCE_LINES) for text, badge in view.sentences]
    last = [line for made in view.commands for line in command(made)]
    return _Block(printable(view.title), [*said, *last, *map(grid, view.tables)], max(1, len(last)), printed=printed)


def _fit(blocks: Sequence[_Block], kept: _Block) -> None:
    """Make them as high as a screen: caveats give way, then empty lines, then the last sentences of the longest."""

    def too_high() -> bool:
        return sum(block.height() for block in blocks if block.shown()) > SCREEN_LINES

    while too_high() and kept.lines:
        kept.lines.pop()
        kept.title = kept.title if kept.lines else ""
        kept.apart = bool(kept.lines)
    if too_high():
        for block in blocks:
            block.apart = False
    while too_high():
        longest = max(blocks, key=lambda block: (len(block.lines) > block.fewest) * len(block.lines))
        if len(longest.lines) <= longest.fewest:
            return
        longest.lines.pop()


def _rest(caveats: int) -> Text:
    told = "--details shows all the rest"
    if caveats:
        told += f", and {caveats} thing{'s' * (caveats != 1)} to keep in mind"
    return Text(f"{told}.", style="dim")


def _print(block: _Block) -> None:
    if block.printed or not block.shown():
        return
    if block.apart:
        output.print()
    for line in block.shown():
        output.print(line, soft_wrap=_is_command(line))
