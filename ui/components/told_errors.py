"""Errors as a page shows them: one sentence; the rest is told where the server runs."""

from __future__ import annotations

import errno
import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

from tonescope.diagnose.runtime.out_of_memory import RAN_OUT, ran_out
from tonescope.models.errors import TonescopeError
from tonescope.ui import console

if TYPE_CHECKING:
    import gradio as gr

DISK_FULL = "the disk of the machine that Tonescope runs on is full; free some space there, and try again."
DEFECT = (
    "something went wrong inside Tonescope, and not with what you asked; the details are told where it was started."
)
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))

Function = TypeVar("Function", bound=Callable[..., Any])


def told_errors(function: Function) -> Function:
    """A function of a page whose every error ends as one sentence there, with nothing of Python in it.

    Text of a sentence is escaped: what is quoted in it may have been typed by someone, or come with a model.
    """

    @functools.wraps(function)
    def calls(*given: Any, **named: Any) -> Any:
        with _told():
            return function(*given, **named)

    @functools.wraps(function)
    def yields(*given: Any, **named: Any) -> Iterator[Any]:
        with _told():
            yield from function(*given, **named)

    made: Any = yields if inspect.isgeneratorfunction(function) else calls
    return made


@contextmanager
def _told() -> Iterator[None]:
    import gradio as gr  # not before the server has told it where proxies are

    try:
        yield
    except gr.Error:
        raise
    except Exception as error:
        raise as_shown(error) from error


def as_shown(error: Exception) -> gr.Error:
    """What a page shows of an error."""
    import gradio as gr

    return gr.Error(escape(sentence_of(error)), print_exception=False)


def sentence_of(error: Exception) -> str:
    """An error in one sentence. A defect is told on the terminal, where it can be reported from."""
    if isinstance(error, TonescopeError):
        sentence = str(error)
    elif ran_out(error):
        sentence = RAN_OUT
    elif isinstance(error, OSError) and error.errno in FULL:
        sentence = DISK_FULL
    else:
        console.tell(f"error: {console.defect(error)}")
        sentence = DEFECT
    return sentence[:1].upper() + sentence[1:]
