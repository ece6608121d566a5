"""Everything that is printed goes through here: plain text only, errors in one sentence, and progress.

Exit codes: 0 done, 1 a defect of Tonescope, 2 something that the user can mend.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Any, NoReturn

import typer
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment
from rich.text import Text

from tonescope.diagnose.report.labels import stage_told
from tonescope.diagnose.runtime.cache import cache_folder
from tonescope.diagnose.runtime.out_of_memory import RAN_OUT, ran_out
from tonescope.models.errors import TonescopeError
from tonescope.ui.printable import printable
from tonescope.ui.usage_errors import usage

DEFECT, MENDABLE = 1, 2  # exit codes
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]  # of what typer finds wrong with a command line
OUTPUT_FAILED = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
STOPPED = "stopped by Ctrl-C; nothing is half written, run the same command to start again."
TORCH_GIB = 3.75  # of address space, measured
LOADING = "Loading the models …"
LONG_SECONDS = 20.0  # shorter waits are not told beforehand
ALIVE_SECONDS = 60.0  # within a stage, after which a line says that it goes on

_STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters (C0, C1; not tab and newline), marks that turn the direction of writing, surrogates."""


class _OnlyWrites:
    """Something to print, without what would steer the terminal; styles of our own stay."""

    def __init__(self, shown: ConsoleRenderable | str) -> None:
        self.shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.shown, options):
            yield segment if segment.control else Segment(_STEERS.sub("", segment.text), segment.style)


class _Hook(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_OnlyWrites(each) for each in renderables]


class PlainConsole(Console):
    """A console that lets nothing in what it is given steer the terminal. Who reads it may stop reading."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False)
        self.push_render_hook(_Hook())

    def on_broken_pipe(self) -> None:
        """Leave it to :func:`plain_errors`, which ends well."""
        raise


errors = PlainConsole(stderr=True)
output = PlainConsole()


def put(text: str) -> None:
    """Write text such as JSON to standard output as it is.

    Characters that steer a terminal, and where standard output lacks some, all that are not ASCII, become JSON's
    escapes.
    """
    text = _STEERS.sub(_escaped, text)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        text = re.sub(r"[^\x00-\x7f]", _escaped, text)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if found[0] > "\x1f" and found[0] != "\x7f" else f"\\u{ord(found[0]):04x}"


def tell(message: str) -> None:
    """One line for people, beside the output."""
    with suppress(OSError):
        errors.print(Text(printable(message)), soft_wrap=True)


def prepare_streams() -> None:
    """Make standard output and error writable: to nowhere where they are closed, and in characters the terminal has."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def silence_output() -> None:
    """Let what is still to be written go nowhere, once standard output has failed: Python flushes it at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError, AttributeError):  # no file behind it, as in tests
        sys.stdout = os.fdopen(nowhere, "w", encoding="utf-8")


def _is_broken_pipe(error: BaseException) -> bool:
    """Whether nobody reads any more; a console of rich's own ends the program for that."""
    return isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError)


def _is_output_failing(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.filename is None and error.errno in OUTPUT_FAILED


def _cannot_write(error: OSError) -> TonescopeError:
    reason = error.strerror or type(error).__name__
    return TonescopeError(f"standard output cannot be written ({reason}); free some space, or send it elsewhere.")


@dataclass
class Reader:
    """Whoever reads standard output, and may stop: then a run goes on only if its results go to a folder as well."""

    folder: bool
    failed: TonescopeError | None = None

    @contextmanager
    def reads(self) -> Iterator[None]:
        """Print in the block."""
        try:
            yield
            sys.stdout.flush()
        except (BrokenPipeError, SystemExit) as error:
            if not _is_broken_pipe(error):
                raise
            silence_output()
            if not self.folder:
                raise typer.Exit(0) from None
        except OSError as error:
            if not _is_output_failing(error):
                raise
            silence_output()
            self.failed = _cannot_write(error)
            if not self.folder:
                raise self.failed from error


def _fail(message: str, code: int = MENDABLE) -> NoReturn:
    with suppress(OSError):
        errors.print(Text.assemble(("error:", "bold red"), " ", printable(message)), soft_wrap=True)
    raise SystemExit(code)


@contextmanager
def _warnings_told() -> Iterator[None]:
    """Within the block, a warning that is meant for users is a sentence on the error stream, as errors are."""
    from tonescope.models.versions import UntestedVersion

    usual = warnings.showwarning

    def show(message: Any, category: type[Warning], *rest: Any, **named: Any) -> None:
        if issubclass(category, UntestedVersion):
            errors.print(Text.assemble(("warning:", "bold yellow"), " ", printable(str(message))), soft_wrap=True)
        else:
            usual(message, category, *rest, **named)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def plain_errors() -> Iterator[None]:
    """End the program with one sentence, whatever goes wrong in the block. Exit codes are those of this module."""
    try:
        with _warnings_told():
            yield
    except TonescopeError as error:
        _fail(str(error))
    except typer.Exit as done:
        raise SystemExit(done.exit_code) from None
    except (BrokenPipeError, SystemExit) as error:
        if not _is_broken_pipe(error):
            raise
        silence_output()
        raise SystemExit(0) from None
    except USAGE_ERROR as error:
        _fail(usage(error))
    except (KeyboardInterrupt, typer.Abort):
        _fail(STOPPED)
    except Exception as error:
        if ran_out(error):
            _fail(RAN_OUT)
        if isinstance(error, OSError) and _is_output_failing(error):
            silence_output()
            _fail(str(_cannot_write(error)))
        _fail(defect(error), DEFECT)


def check_process() -> None:
    """Raise :class:`TonescopeError` where Python or the shell leave too little for models to be loaded at all.

    With too small an address space, torch ends the process without a word that could be caught.
    """
    if sys.flags.optimize >= 2:
        raise TonescopeError(
            "Python was told to drop docstrings (-OO, or PYTHONOPTIMIZE=2), and transformers cannot be loaded without "
            "them; unset PYTHONOPTIMIZE, or set it to 1."
        )
    limit = _address_space_gib()
    if limit < TORCH_GIB:
        raise TonescopeError(
            f"the address space of this process is limited to {limit:.1f} GiB (ulimit -v), and loading torch takes "
            f"about {TORCH_GIB:g} GiB of it; lift the limit with ulimit -v unlimited."
        )


def _address_space_gib() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return math.inf
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return math.inf if limit in (resource.RLIM_INFINITY, -1) else limit / 2**30


def defect(error: Exception) -> str:
    """Keep the traceback where it can be sent from, and say where; ``TONESCOPE_DEBUG=1`` shows it at once."""
    report = "".join(traceback.format_exception(error))
    if os.environ.get("TONESCOPE_DEBUG", "0") not in ("", "0"):
        sys.stderr.write(_STEERS.sub("", report))
        where = "the details are above"
    else:
        path = cache_folder() / f"defect-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(report, encoding="utf-8", errors="replace")
            where = f"the details are in {path}"
        except OSError:
            where = "TONESCOPE_DEBUG=1 shows the details"
    said = str(error).strip().splitlines()
    kind = type(error).__name__ + (f": {said[0][:200].rstrip('.')}" if said else "")
    return f"this is a defect of Tonescope and not of what you asked ({kind}); {where}, please report them."


def duration(seconds: float) -> str:
    """About how long something takes, as people say it: 40 s, 3 min, 1 h 20 min."""
    if seconds < 60:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, left = divmod(5 * round(minutes / 5), 60)
    return f"{hours} h {left} min" if left else f"{hours} h"


@dataclass(frozen=True)
class Display:
    """Where a command tells how far it is.

    Attributes:
        tell: called with what is being done and how much of the whole is done; absent, where nobody looks.
        above: prints something above the bar.
        expect: told how many seconds the rest will take, as soon as that is known, and when it is known better.
    """

    tell: Callable[[str, float], None] | None
    above: Callable[[Callable[[], None]], None]
    expect: Callable[[float], None]


def _at_once(show: Callable[[], None]) -> None:
    show()


def _expected(seconds: float) -> str:
    until = time.strftime("%H:%M", time.localtime(time.time() + seconds))
    return f"This will take about {duration(seconds)}, until about {until}."


class _Rest:
    """What is left of the whole: said beforehand where that is much, and beside every stage."""

    def __init__(self) -> None:
        self.until: float | None = None

    def expect(self, seconds: float) -> None:
        """Take what is known now of how long it takes."""
        if self.until is None and seconds >= LONG_SECONDS:
            tell(_expected(seconds))
        self.until = time.monotonic() + seconds

    def told(self, done: float) -> str:
        """What is left when so much of the whole is done; nothing where that is unknown, or all of it."""
        if self.until is None or done >= 1:
            return ""
        left = self.until - time.monotonic()
        return f"about {duration(left)} left" if left > 0 else "longer than expected"


def _stages(rest: _Rest) -> Callable[[str, float], None]:
    """Progress where no bar can be drawn: a line for each stage, and now and then one within a long stage."""
    last, at = "", 0.0

    def line(what: str, done: float) -> None:
        nonlocal last, at
        now = time.monotonic()
        if what != last or now - at >= ALIVE_SECONDS:
            tell(", ".join(filter(None, (stage_told(what), rest.told(done)))) + " …")
            last, at = what, now

    return line


@contextmanager
def progress_shown(quiet: bool, *, loads: bool = False) -> Iterator[Display]:
    """Progress on the error stream as a bar, as a line a stage where no bar can be drawn, or not at all.

    ``loads``: models are loaded first, which takes up to a minute, so that is said at once.
    """
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn

    rest = _Rest()

    class Left(ProgressColumn):
        """What is left, counted down between the stages."""

        def render(self, task: Task) -> Text:
            return Text(rest.told(task.completed))

    if quiet:
        yield Display(None, _at_once, lambda seconds: None)
        return
    if not errors.is_terminal:
        if loads:
            tell(LOADING)
        yield Display(_stages(rest), _at_once, rest.expect)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), Left())
    with Progress(*columns, console=errors, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("load the models", total=1.0)

        def above(show: Callable[[], None]) -> None:
            bar.stop()
            show()
            bar.start()

        def update(what: str, done: float) -> None:
            bar.update(task, description=printable(stage_told(what)), completed=done)

        yield Display(update, above, rest.expect)
