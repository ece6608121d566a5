"""A form made of a job's parameters: one field a parameter, as the command line has one option a parameter.

What cannot be used is told beside the field that it was typed into.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tonescope.diagnose.jobs.parameters import Range, made, marked, number
from tonescope.models.errors import TonescopeError
from tonescope.ui.components.parameter_fields import is_listed, kind, label, typed

LISTED = " (several, with commas)"
ENDLESS = 1_000_000  # beyond which nobody wants to know how far a number may go


@dataclass(frozen=True)
class Field:
    """One parameter on a page: what is typed into, and what is told beside it."""

    name: str
    about: FieldInfo
    typed: Any
    told: Any


@dataclass(frozen=True)
class JobForm:
    """The fields of a job's parameters, but for those that a page has elsewhere.

    Attributes:
        parameters: the job's.
        fields: in their order.
    """

    parameters: type[BaseModel]
    fields: Sequence[Field]

    @classmethod
    def build(
        cls,
        parameters: type[BaseModel],
        *,
        without: Collection[str],
        choices: Mapping[str, Sequence[str]],
        several: Collection[str] = (),
        most: Mapping[str, float],
        names: Mapping[str, str] = MappingProxyType({}),
        infos: Mapping[str, str] = MappingProxyType({}),
        parts: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> JobForm:
        """Put the fields on the page.

        Args:
            without: parameters that have no field.
            choices: what can be chosen, by parameter; of ``several``, many at once, and others can be typed.
            most: the largest number that this server's model takes, by parameter.
            names: what fields are called; others have the names of the command line's options.
            infos: what is said of fields, where the command line says another thing.
            parts: headings, and the parameters that come under each, in this order; all others come last.
        """
        placed = {name for some in parts.values() for name in some}
        others = [name for name in parameters.model_fields if name not in placed]
        found = []
        for heading, some in [*parts.items(), ("", others)]:
            if heading:
                gr.HTML(f'<h3 class="tonescope run-part">{escape(heading)}</h3>', apply_default_css=False)
            with gr.Row(elem_classes="run-grid"):
                for name in some:
                    about = parameters.model_fields[name]
                    if name in without or kind(about) is Path:
                        continue
                    with gr.Column(min_width=240):
                        called = names.get(name, label(name, about))
                        told_of = infos.get(name, about.description or "")
                        offered = (choices.get(name), name in several)
                        made_of = _component(name, called, about, told_of, *offered, most=most.get(name))
                        found.append(Field(name, about, made_of, gr.HTML("", apply_default_css=False)))
        return cls(parameters, found)

    @property
    def typed(self) -> list[Any]:
        """Everything that is typed into."""
        return [field.typed for field in self.fields]

    @property
    def told(self) -> list[Any]:
        """Everything that is told beside it."""
        return [field.told for field in self.fields]

    def read(self, given: Sequence[Any]) -> dict[str, Any]:
        """What was really typed, by parameter."""
        values = {field.name: typed(value, field.about) for field, value in zip(self.fields, given, strict=True)}
        return {name: value for name, value in values.items() if value is not None}

    def problems(self, given: Mapping[str, Any]) -> dict[str, str]:
        """What cannot be used, as a sentence by parameter."""
        found = {}
        for field in self.fields:
            if field.name in given:
                try:
                    self._check(field, given[field.name])
                except TonescopeError as error:
                    found[field.name] = str(error)
        return found

    def _check(self, field: Field, value: Any) -> None:
        required = {name: "x" for name, about in self.parameters.model_fields.items() if about.is_required()}
        read = getattr(made(self.parameters, required | {field.name: value}), field.name)
        if (allowed := marked(field.about, Range)) is not None:
            for each in read if isinstance(read, list | tuple) else [read]:
                allowed.check(each)

    def shown(self, problems: Mapping[str, str]) -> list[str]:
        """What is told beside each field."""
        return [told(problems.get(field.name, "")) for field in self.fields]


def told(problem: str) -> str:
    """A problem as it stands beside a field."""
    if not problem:
        return ""
    return f'<p class="run-error" role="alert">{escape(problem[:1].upper() + problem[1:])}</p>'


def _component(
    name: str,
    called: str,
    about: FieldInfo,
    info: str,
    choices: Sequence[str] | None,
    is_several: bool,
    *,
    most: float | None,
) -> Any:
    """What a parameter is typed into. Numbers are typed as text, so that nothing is rounded or cut in silence."""
    allowed, is_of = marked(about, Range), kind(about)
    high = min(allowed.high, most) if allowed and most is not None else allowed.high if allowed else None
    span = _span(allowed.low, high) if allowed and high is not None else ""
    shown: dict[str, Any] = {
        "elem_id": f"field-{name}",
        "label": called,
        "info": f"{info}{span}{LISTED if is_listed(about) else ''}",
    }
    if choices is not None and is_several:
        return gr.Dropdown(list(choices), value=[], multiselect=True, allow_custom_value=True, **shown)
    if choices is not None:
        return gr.Dropdown(["", *choices], value="", **shown)
    if is_of is bool:
        return gr.Checkbox(bool(about.default), **shown)
    default = "" if about.is_required() or about.default in (None, ()) else about.default
    if is_of is float and most is not None and default != "":
        default = min(default, most)
    usual = f"{default:g}" if isinstance(default, float) else str(default)
    return gr.Textbox(usual, max_lines=1, max_length=200, **shown)


def _span(low: float, high: float) -> str:
    return f" ({number(low)} or more)" if high >= ENDLESS else f" ({number(low)} to {number(high)})"
