"""What a job can be asked: a pydantic model whose fields say everything about themselves.

A field's annotation holds its type, its help (``Field(description=…)``), the :class:`Range` it has to lie in and, where
its name does not say it, how the command line writes it (:class:`Flag`, :class:`Positional`). Command and refusals are
made from that::

    class Parameters(JobParameters):
        prompt: Annotated[str, Positional(), Field(description="What to play.")]
        layers: Annotated[int, Range(1, 48, "{} layers cannot be seen", "4 is usual"), Field(description="Layers.")] = 4
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from tonescope.models.errors import TonescopeError

Mark = TypeVar("Mark")
Model = TypeVar("Model", bound=BaseModel)
LONGEST_SHOWN = 60  # characters of a value that was refused


@dataclass(frozen=True)
class Range:
    """Which numbers a field takes.

    Attributes:
        low: the smallest number; with ``above``, every number has to be larger.
        high: the largest number.
        refusal: what cannot be done, with ``{}`` for the number.
        usual: what helps to choose one.
    """

    low: float
    high: float
    refusal: str
    usual: str = ""
    above: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number is inside; NaN and infinities are not."""
        return (self.low < value if self.above else self.low <= value) and value <= self.high

    @property
    def span(self) -> str:
        """The range in words."""
        low, high = number(self.low), number(self.high)
        return f"more than {low} and at most {high}" if self.above else f"{low} to {high}"

    def check(self, value: float) -> None:
        """Raise :class:`TonescopeError` for a number outside."""
        if not self.holds(value):
            usual = f" ({self.usual})" if self.usual else ""
            raise TonescopeError(f"{self.refusal.format(number(value))}; ask for {self.span}{usual}.")


def number(value: float) -> str:
    """A number as people write it: integers in full where they can be read, others in four digits."""
    if isinstance(value, int) and abs(value) < 10**20:
        return str(value)
    try:
        return f"{float(value):.4g}"
    except OverflowError:
        return "a number of hundreds of digits"


@dataclass(frozen=True)
class Flag:
    """How an option is written: its names, of which the first is the one to use, and what its help calls its value."""

    names: tuple[str, ...]
    metavar: str | None = None

    def __init__(self, *names: str, metavar: str | None = None) -> None:
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "metavar", metavar)


@dataclass(frozen=True)
class Positional:
    """Marks a field as an argument that is written without a name."""

    metavar: str | None = None


class JobParameters(BaseModel):
    """The base of a job's parameters: nothing unknown is accepted, and neither NaN nor infinities."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def fields(parameters: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a job's parameters by name, arguments first."""
    found = parameters.model_fields
    return dict(sorted(found.items(), key=lambda item: marked(item[1], Positional) is None))


def marked(field: FieldInfo, kind: type[Mark]) -> Mark | None:
    """What a field's annotation says of one kind."""
    return next((mark for mark in field.metadata if isinstance(mark, kind)), None)


def check_ranges(parameters: BaseModel) -> None:
    """Raise :class:`TonescopeError` for the first number, or list of numbers, that is outside its field's range."""
    for name, field in type(parameters).model_fields.items():
        if (allowed := marked(field, Range)) is not None:
            for value in _numbers(getattr(parameters, name)):
                allowed.check(value)


def _numbers(value: Any) -> Iterable[float]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def made(parameters: type[Model], given: dict[str, Any]) -> Model:
    """Parameters from what was given. Raises :class:`TonescopeError` for the first value that does not fit."""
    try:
        return parameters.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or parameters.__name__
        asked = place.split(".")[0]
        field = parameters.model_fields.get(asked)
        flag = marked(field, Flag) if field else None
        name = flag.names[0] if flag and flag.names else asked.replace("_", "-")
        reason = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
        shown = str(first.get("input"))[:LONGEST_SHOWN]
        raise TonescopeError(
            f"“{shown}” cannot be used for {name}: {reason[:1].lower()}{reason[1:]}; choose another value."
        ) from error
