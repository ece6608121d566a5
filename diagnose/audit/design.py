"""The design of an audit: which prompts are asked how often, declared in YAML and hashed before anything is played.

Factorial prompts (genre × instrument × tempo × mood × wording) as in Prompt2MusicLibrary, beside plain prompts for
each genre and neutral prompts for none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from tonescope.diagnose.audit.checklist import About
from tonescope.diagnose.audit.thresholds import Thresholds
from tonescope.models.errors import TonescopeError

LARGEST_FILE = 1_000_000  # bytes
MOST_LEVELS, MOST_WORDINGS, MOST_NEUTRAL = 60, 12, 40
ROUNDING = 0.005  # that shares may add up to above 1

WORDS: Mapping[str, str] = {
    "instruments": " with {}",
    "vocals": ", {}",
    "moods": ", {}",
    "tempos": ", {}",
    "keys": ", in {}",
    "eras": ", {}",
    "regions": ", from {}",
    "languages": ", sung in {}",
}
"""The factors beside genres, and how a level of each is said after the genre."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Levels = Annotated[tuple[Text, ...], Field(max_length=MOST_LEVELS)]
Takes = Annotated[int, Field(ge=1, le=256)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Reference(_Strict):
    """How often each genre should be heard: whose figures these are (``name``), and ``shares`` by genre, or that all
    are equal."""

    name: Text
    shares: Literal["equal"] | dict[str, Annotated[float, Field(gt=0, le=1)]] = "equal"


class Money(_Strict):
    """What computing costs: ``per_hour`` in a ``currency``."""

    per_hour: Annotated[float, Field(ge=0, le=1e6)]
    currency: Text = "EUR"


class Design(_Strict):
    """What an audit asks. See ``default_design.yaml`` for what each part means."""

    name: Text
    factors: dict[str, Literal["all"] | Levels]
    wordings: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_WORDINGS)] = ("{genre}",)
    neutral: Annotated[tuple[Text, ...], Field(min_length=2, max_length=MOST_NEUTRAL)] = ("music", "a song")
    takes: Takes = 12
    takes_per_combination: Takes = 1
    takes_at_most: Annotated[int, Field(ge=1, le=1_000_000)] = 2000
    seconds: Annotated[float, Field(gt=0, le=60)] = 4.0
    reference: Reference = Reference(name="each genre as often as it is asked for")
    cost: Money | None = None
    thresholds: Thresholds = Thresholds()
    about: About = About()

    @property
    def genres(self) -> tuple[str, ...] | None:
        """The genres as the file names them; ``None`` for all that the judge knows."""
        named = self.factors.get("genres", "all")
        return None if isinstance(named, str) else named

    @property
    def words(self) -> dict[str, tuple[str, ...]]:
        """The other factors with their levels, those without any left out, in the order in which they are said."""
        given = {name: self.factors[name] for name in WORDS if name in self.factors}
        return {name: levels for name, levels in given.items() if not isinstance(levels, str) and levels}


def read_design(path: Path | None) -> Design:
    """The design in a YAML file; the default one, if absent.

    Raises:
        TonescopeError: the file cannot be read, is no YAML, or says what no design can.
    """
    if path is None:
        text = (resources.files(__package__) / "default_design.yaml").read_text(encoding="utf-8")
        return design_of(text, "the default design")
    if not str(path).strip() or str(path) == ".":
        raise TonescopeError("--design names no file; name a YAML file, or leave it out for the default design.")
    path, shown = path.expanduser(), str(path)[:200]
    try:
        if not path.is_file():
            raise TonescopeError(f"{shown} is no file that holds a design; name a YAML file.")
        if path.stat().st_size > LARGEST_FILE:
            raise TonescopeError(f"{shown} is too large for a design; name a YAML file of at most 1 MB.")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TonescopeError(f"{shown} is no text in UTF-8, so it holds no design; save it as UTF-8.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TonescopeError(f"the design {shown} cannot be read ({reason}); check its name.") from error
    return design_of(text, shown)


def design_of(text: str, shown: str) -> Design:
    """The design that a YAML text holds; ``shown`` names it. Raises :class:`TonescopeError`."""
    data = _parsed(text, shown)
    if not isinstance(data, dict):
        raise TonescopeError(f"{shown} holds no design: it is a list of “name: value”, as default_design.yaml shows.")
    _check_factors(data.get("factors"), shown)
    try:
        design = Design.model_validate(data)
    except ValidationError as error:
        raise TonescopeError(_what_is_wrong(error, shown)) from error
    _check(design, shown)
    return design


def _parsed(text: str, shown: str) -> Any:
    import yaml

    class Plain(yaml.SafeLoader):
        """YAML without aliases, by which a few lines can stand for billions."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases (*name) are not read; write it out")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Plain)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise TonescopeError(f"{shown} is no YAML{where} ({reason}); mend it, as default_design.yaml shows.") from error


def _check_factors(factors: Any, shown: str) -> None:
    """Refuse factors that an audit does not know, by their names."""
    known = ("genres", *WORDS)
    if not isinstance(factors, dict):
        raise TonescopeError(f"{shown} has no factors; name some of {', '.join(known)}, each with a list of levels.")
    unknown = [str(name)[:60] for name in factors if name not in known]
    if unknown:
        raise TonescopeError(
            f"{shown} has the factor{'s' * (len(unknown) > 1)} {', '.join(unknown)}, which an audit does not know; "
            f"the factors are {', '.join(known)}."
        )


def _what_is_wrong(error: ValidationError, shown: str) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"] if not str(part).startswith(("literal", "tuple", "dict")))
    if first["type"] == "extra_forbidden":
        known = ", ".join(Design.model_fields)
        return f"{shown} says “{place[:60]}”, which is no part of a design; its parts are {known}."
    reason = str(first["msg"]).rstrip(".")
    return f"{shown} cannot be used: {place or 'it'}: {reason[:1].lower()}{reason[1:]}; mend that line."


def _check(design: Design, shown: str) -> None:
    """Refuse what is well formed and still no design."""
    if design.genres is not None and not design.genres:
        raise TonescopeError(f"{shown} names no genre; list some, or write “genres: all”.")
    for name, levels in {"genres": design.genres or (), **design.words}.items():
        seen: set[str] = set()
        for level in levels:
            if level.casefold() in seen:
                raise TonescopeError(f"{shown} names “{level}” twice among {name}, and takes would count twice.")
            seen.add(level.casefold())
    wrong = [name for name in WORDS if design.factors.get(name) == "all"]
    if wrong:
        raise TonescopeError(f"{shown} says “{wrong[0]}: all”, which only genres can be; list the levels.")
    shares = design.reference.shares
    if isinstance(shares, dict) and (total := sum(shares.values())) > 1 + ROUNDING:
        raise TonescopeError(
            f"{shown} has reference shares that add up to {total:.3g}; write what part of all each is."
        )
    if strange := [wording for wording in design.wordings if wording.count("{genre}") != 1]:
        raise TonescopeError(f"{shown} has the wording “{strange[0]}” without one {{genre}}; write where it goes.")
    for name, texts in (("wording", design.wordings), ("neutral prompt", design.neutral)):
        if len({text.casefold() for text in texts}) < len(texts):
            raise TonescopeError(f"{shown} has a {name} twice, and takes would count twice; write each once.")


# --- prompts ----------------------------------------------------------------------------------------------------------


Kind = Literal["plain", "words", "neutral"]


@dataclass(frozen=True)
class Cell:
    """One prompt of a design.

    Attributes:
        kind: a genre alone (``plain``), with further ``words``, or no genre (``neutral``).
        genre: the judge's label; empty for a neutral prompt.
        levels: the level of every word factor, in the order of :data:`WORDS`; empty where the prompt has none.
        wording: the place of its wording.
        takes: how often it is played.
    """

    kind: Kind
    genre: str
    levels: tuple[str, ...]
    wording: int
    prompt: str
    takes: int


def prompt_of(design: Design, genre: str, wording: int, levels: Mapping[str, str]) -> str:
    """How a genre is asked for in one wording with levels by factor (empty ones are not said)."""
    said = "".join(WORDS[name].format(level) for name, level in levels.items() if level)
    return design.wordings[wording].replace("{genre}", genre) + said
