"""A command made of a job: its options are the fields of the job's parameters, beside those of models and output."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from tonescope.diagnose.jobs.job import Job
from tonescope.diagnose.jobs.job_registry import Row
from tonescope.diagnose.jobs.parameters import Flag, Positional, Range, fields, made, marked
from tonescope.ui.cli.given import check_given, flag
from tonescope.ui.cli.model_options import OPTIONS, AnyModels
from tonescope.ui.cli.output_options import OutputOptions

READ_BY_TYPER = (int, float, bool)  # all else is handed on as text, and read by pydantic


def command(row: Row) -> Callable[..., None]:
    """A function whose signature typer makes the command of."""
    job = row.load()

    def run(**given: Any) -> None:
        from tonescope.ui.cli.run_job import run_job

        models, output = (kind(**{name: given.pop(name) for name in _names(kind)}) for kind in _shared(job))
        parameters = made(job.parameters, _asked(job, given))
        run_job(row, parameters, typing.cast(AnyModels, models), typing.cast(OutputOptions, output))

    run.__doc__ = row.help
    run.__signature__ = inspect.Signature(_signature(job))  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in _signature(job)}
    return run


def _shared(job: Job) -> tuple[type, type]:
    """The options that a job shares with others."""
    return OPTIONS[job.needs], OutputOptions


def _asked(job: Job, given: dict[str, Any]) -> dict[str, Any]:
    """What was really given; the rest keeps the defaults of the parameters."""
    wanted = fields(job.parameters)
    check_given({_name(name, wanted[name]): value for name, value in given.items() if not _is_argument(wanted[name])})
    return {name: value for name, value in given.items() if value is not None and value != []}


def _is_argument(field: FieldInfo) -> bool:
    return marked(field, Positional) is not None


def _name(name: str, field: FieldInfo) -> str:
    """The name of an option as its users know it."""
    written = marked(field, Flag)
    return written.names[0].removeprefix("--") if written and written.names else name


def _names(options: type) -> list[str]:
    return [field.name for field in dataclasses.fields(options)]


def _signature(job: Job) -> list[inspect.Parameter]:
    own = [_parameter(name, field) for name, field in fields(job.parameters).items()]
    shared = [
        parameter for kind in _shared(job) for parameter in inspect.signature(kind, eval_str=True).parameters.values()
    ]
    if twice := {each.name for each in own} & {each.name for each in shared}:
        raise TypeError(f"a job calls a parameter {', '.join(twice)}, as an option of every command is called")
    return [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *shared)]


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    kind, metavar = _type(field)
    written, argument = marked(field, Flag), marked(field, Positional)
    default: Any = ... if field.is_required() else None if _is_list(kind) else _default(field)
    told: dict[str, Any] = {"help": _help(field)}
    if argument is not None:
        about: Any = typer.Argument(metavar=argument.metavar, **told)
    else:
        names = written.names if written and written.names else (flag(name),)
        metavar = (written.metavar if written else None) or metavar
        about = typer.Option(*names, metavar=metavar, **told)
    if default is None:
        kind = Union[kind, None]  # noqa: UP007 - typer of old reads no other form that is made at run time
    empty = inspect.Parameter.empty if default is ... else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=empty, annotation=Annotated[kind, about])


def _help(field: FieldInfo) -> str:
    """Its description, and the range of a number."""
    allowed = marked(field, Range)
    span = f" ({allowed.span})" if allowed else ""
    return f"{field.description or ''}{span}".strip()


def _default(field: FieldInfo) -> Any:
    default = field.get_default(call_default_factory=True, validated_data={})
    return str(default) if isinstance(default, Path) else default


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is list


def _type(field: FieldInfo) -> tuple[Any, str | None]:
    """The type that typer reads, and what stands for the value where that is a choice."""
    kind = _without_none(field.annotation)
    origin, inside = get_origin(kind), get_args(kind)
    if origin is typing.Literal:
        return str, "|".join(map(str, inside))
    if origin is tuple and Ellipsis not in inside:
        return tuple[tuple(_scalar(each) for each in inside)], None  # type: ignore[misc]
    if origin in (list, tuple):
        return list[_scalar(inside[0])], None  # type: ignore[misc]
    return _scalar(kind), "FOLDER" if kind is Path else None


def _scalar(kind: Any) -> Any:
    return kind if kind in READ_BY_TYPER else str


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        some = [each for each in get_args(kind) if each is not type(None)]
        return _bare(some[0]) if len(some) == 1 else str
    return _bare(kind)


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind
