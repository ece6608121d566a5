"""Label sets: small TOML files that say what a judge with a text tower is asked about.

A file has a title, templates (sentences around a label, ``{}`` for the label), and families of genres with their other
names::

    title = "what our club plays"
    templates = ["This audio is a {} song.", "{} music"]

    [families.electronic]
    house = ["house music", "deep house"]
    techno = []

Those of :data:`BUILT_IN` come with Tonescope (``label_sets/``).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tonescope.diagnose.audio_files.sound_files import printable
from tonescope.diagnose.taxonomy import Taxonomy, from_rows
from tonescope.models.errors import TonescopeError
from tonescope.models.metadata import Metadata, Name, Template

COMMON = "common"
BUILT_IN = (COMMON, "broad")
ENDING = ".toml"
LARGEST = 2**20  # bytes of a file
MOST_LABELS, MOST_TEMPLATES = 2_000, 100
TWICE = "Cannot overwrite a value"  # what the reader of TOML says of a key that it had before


@dataclass(frozen=True)
class LabelSet:
    """What a judge chooses between, and how it is asked.

    Attributes:
        name: as it was named: one of :data:`BUILT_IN`, or the name of a file.
        title: what the labels are, in words.
        taxonomy: labels, their families and other names.
        templates: sentences around a label; none, for those of the judge.
    """

    name: str
    title: str
    taxonomy: Taxonomy
    templates: tuple[str, ...] = ()


class _File(BaseModel):
    """What a file holds."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Name = "labels"
    templates: Annotated[list[Template], Field(max_length=MOST_TEMPLATES)] = []
    families: Annotated[dict[Name, dict[Name, list[Name]]], Field(min_length=1)]

    def rows(self) -> list[dict[str, Any]]:
        """One row a label."""
        return [
            {"label": label, "family": family, "aliases": aliases}
            for family, labels in self.families.items()
            for label, aliases in labels.items()
        ]


@lru_cache(maxsize=8)
def _built_in(name: str) -> LabelSet:
    text = (resources.files(__package__) / "label_sets" / f"{name}{ENDING}").read_text(encoding="utf-8")
    return _read(text, name)


def open_label_set(named: str) -> LabelSet:
    """One of :data:`BUILT_IN`, or a file. Raises :class:`TonescopeError` for what is neither, or makes no sense."""
    if named in BUILT_IN:
        return _built_in(named)
    path = Path(named).expanduser()
    shown = printable(named)[:200]
    try:
        if not path.is_file():
            raise FileNotFoundError(2, "no such file")
        if path.stat().st_size > LARGEST:
            raise TonescopeError(f"{shown} is larger than a label set can be; name another file with --labels.")
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = "it is no text in UTF-8" if isinstance(error, UnicodeDecodeError) else None
        reason = reason or getattr(error, "strerror", None) or str(error)
        raise TonescopeError(
            f"the label set {shown} cannot be read ({reason}); name {', '.join(BUILT_IN)}, or a TOML file of families "
            "and genres."
        ) from error
    return _read(text, printable(path.name))


def _read(text: str, name: str) -> LabelSet:
    try:
        given = _File.model_validate(tomllib.loads(text))
        rows = given.rows()
        if len(rows) > MOST_LABELS:
            raise ValueError(f"it has {len(rows)} labels, and {MOST_LABELS} are the most")
        if len(rows) < 2:
            raise ValueError(f"it has {len(rows) or 'no'} label, and a judge chooses between two labels or more")
        Metadata.model_validate({"labels": rows})  # each name once, as for the labels that a judge brings
    except (ValidationError, tomllib.TOMLDecodeError, ValueError) as error:
        raise TonescopeError(f"the label set {name} cannot be used: {_reason(error)}; mend it there.") from error
    return LabelSet(name, given.title, from_rows(rows), tuple(given.templates))


def _reason(error: Exception) -> str:
    """What is wrong, in words that go on from the name of the file."""
    if isinstance(error, tomllib.TOMLDecodeError):
        twice = str(error).startswith(TWICE)
        return f"a name is there more than once ({error})" if twice else f"it is no TOML ({error})"
    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors(include_url=False)
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"“{where}” is no key of a label set, which has title, templates and families"
    if first["type"] == "missing":
        return f"it has no {where}, such as [families.jazz] with a line for each genre"
    told = str(first["msg"]).removeprefix("Value error, ").removeprefix("labels: ")
    return f"{where}: {told}" if where else told
