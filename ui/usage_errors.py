"""What is wrong with a command line, in one sentence: of numbers, which there may be; of options, which was meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

CLOSE = 0.75  # how much of two options has to be alike, 0 to 1, for one to be suggested in place of the other
LONGEST_GIVEN = 60  # characters of a value that was refused
_NUMBERS = ("int_parsing", "int_parsing_size", "int_from_float", "int_type", "float_parsing", "float_type")
_NO_NUMBER = re.compile(r"^'(.*)' is not a valid (integer|float)", re.DOTALL)
_SPAN = re.compile(r"\(((?:more than )?\S+ (?:to|and at most) \S+)\)$")


def usage(error: Exception) -> str:
    """One sentence about what typer finds wrong with a command line."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "tonescope"
    if told := _no_number(error):
        return f"{told}; {command} --help lists what there is."
    said = str(getattr(error, "format_message", lambda: error)()).strip().rstrip(".")
    mistyped = getattr(error, "option_name", None)
    if mistyped and hasattr(error, "possibilities"):  # of an option that there is not
        close = [name for name in error.possibilities or () if _is_close(mistyped, name)]
        said = f"no such option: {mistyped}" + (f" (did you mean {' or '.join(close)}?)" if close else "")
    return f"{said[:1].lower()}{said[1:]}; {command} --help lists what there is."


def _no_number(error: Exception) -> str:
    """What an option needs that was given something else than a number; nothing, where something else is wrong.

    Some versions of typer read numbers with pydantic, others by themselves; the words of neither are for people. The
    range of numbers is the end of an option's help (:attr:`tonescope.diagnose.jobs.parameters.Range.span`).
    """
    cause, option = error.__cause__, getattr(error, "param", None)
    if option is None:
        return ""
    if found := _NO_NUMBER.search(str(getattr(error, "message", ""))):
        given, kind = found[1], found[2]
    elif (first := _first_of(cause)).get("type") in _NUMBERS:
        given, kind = str(first["input"]), str(first["type"])
    else:
        return ""
    name = next((each for each in option.opts if each.startswith("--")), str(option.name).upper())
    ends = _SPAN.search(getattr(option, "help", None) or "")
    span = f" {'of' if ends[1].startswith('more') else 'from'} {ends[1]}" if ends else ""
    given = given if len(given) <= LONGEST_GIVEN else f"{given[:LONGEST_GIVEN]}…"
    return f"{name} needs a {'whole ' * kind.startswith('int')}number{span}, not “{given}”"


def _first_of(cause: object) -> Mapping[str, Any]:
    """The first error of a ValidationError of pydantic, which is not imported before it is needed."""
    errors = getattr(cause, "errors", None)
    found: Sequence[Mapping[str, Any]] = errors(include_url=False) if errors else ()
    return found[0] if found else {}


def _is_close(option: str, other: str) -> bool:
    """Whether one option can be a slip for the other; the dashes, which all have, say nothing."""
    return SequenceMatcher(None, option.strip("-"), other.strip("-")).ratio() >= CLOSE
