"""What a parameter of a job is as a field of a page: its name in words, its type, what was typed into it."""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from tonescope.diagnose.jobs.parameters import Flag, marked
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling
from tonescope.models.played_with import Denoises, check_sampling


def label(name: str, about: FieldInfo) -> str:
    """The name of the command line's option, in words."""
    written = marked(about, Flag)
    named = written.names[0].removeprefix("--") if written and written.names else name
    return named.replace("_", " ").replace("-", " ").capitalize()


def kind(about: FieldInfo) -> Any:
    """The type without its ``None``."""
    found = about.annotation
    if get_origin(found) in (Union, types.UnionType):
        found = next(each for each in get_args(found) if each is not type(None))
    return found


def is_listed(about: FieldInfo) -> bool:
    """Whether it takes several values."""
    return get_origin(kind(about)) in (tuple, list)


def typed(value: Any, about: FieldInfo) -> Any:
    """What was typed, as parameters read it: several values with commas; ``None`` stands for what is usual."""
    if isinstance(value, list):  # several were chosen of a parameter that is one text
        value = ",".join(value)
    if value is None or value == "":
        return None
    return [part.strip() for part in value.split(",")] if is_listed(about) else value


def unread(generator: Generator) -> list[str]:
    """Parameters that a generator has no use for, so that no field asks for them."""
    found = [] if isinstance(generator, Denoises) else ["steps"]
    try:
        check_sampling(generator, Sampling(negative="noise"))
    except TonescopeError:
        found.append("negative")
    return found
