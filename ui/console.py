"""What commands share: errors in one sentence, and progress."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console

errors = Console(stderr=True, highlight=False)


def _fail(message: str) -> NoReturn:
    errors.print(f"[bold red]error:[/] {message}", markup=True, soft_wrap=True)
    raise typer.Exit(2)


@contextmanager
def _warnings_told() -> Iterator[None]:
    """Within the block, a warning that is meant for users is a sentence on the error stream, as errors are."""
    from rich.markup import escape

    from ..models.versions import UntestedVersion

    usual = warnings.showwarning

    def show(message: Any, category: type[Warning], *rest: Any, **named: Any) -> None:
        if issubclass(category, UntestedVersion):
            errors.print(f"[bold yellow]warning:[/] {escape(str(message))}", markup=True, soft_wrap=True)
        else:
            usual(message, category, *rest, **named)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what a user can mend into one sentence and exit code 2."""
    from rich.markup import escape

    from ..models.errors import TonescopeError

    try:
        with _warnings_told():
            yield
    except TonescopeError as error:
        _fail(escape(str(error)))
    except KeyboardInterrupt:
        _fail("stopped by Ctrl-C; nothing is half written, run the same command to start again.")
    except (MemoryError, RuntimeError) as error:
        from ..diagnose import memory

        if not memory.ran_out(error):
            raise
        _fail(memory.RAN_OUT)


def _stages() -> Callable[[str, float], None]:
    """Progress where no bar can be drawn: a line for each stage."""
    last = ""

    def tell(what: str, _: float) -> None:
        nonlocal last
        if what != last:
            errors.print(f"{what} …", markup=False, soft_wrap=True)
        last = what

    return tell


@contextmanager
def progress_shown(quiet: bool) -> Iterator[tuple[Callable[[str, float], None] | None, Callable[..., None]]]:
    """What to tell progress to (nothing, where no one looks; a line a stage, where no bar can be drawn), and a way to print something above the bar."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    def plainly(show: Callable[..., None], *arguments: Any) -> None:
        show(*arguments)

    if quiet:
        yield None, plainly
        return
    if not errors.is_terminal:
        yield _stages(), plainly
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("load models", total=1.0)

        def above(show: Callable[..., None], *arguments: Any) -> None:
            bar.stop()
            show(*arguments)
            bar.start()

        yield lambda what, done: bar.update(task, description=what, completed=done), above
