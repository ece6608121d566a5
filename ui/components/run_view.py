"""A run as HTML: how far it is, what was found so far, and what can be asked next. It needs no model.

All text of a run is escaped here or in :mod:`tonescope.diagnose.report.render_html`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from tonescope.diagnose.report import render_html
from tonescope.diagnose.report.view import Command, Figure, Sound, View
from tonescope.diagnose.runtime.run_queue import RunProgress
from tonescope.diagnose.store.run_files import Content, StoredSounds
from tonescope.diagnose.store.run_list import Run

MOST_UNITS, MOST_WORDS = 12, 40  # that can be asked about by a button
MOST_TOGETHER = 50  # units that are changed together by one
ENDED = {
    "failed": "This run failed.",
    "stopped": "This run was stopped. What was found until then is kept below.",
    "interrupted": "Tonescope was ended during this run. What was found until then is kept; start it again.",
}


@dataclass(frozen=True)
class ServedSounds:
    """The sounds of a run, by addresses on this server.

    ``address`` is the run's own.
    """

    stored: StoredSounds
    address: str

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.stored.rate

    def title(self, sound: Sound) -> str:
        """The heading of the row that a sound is in."""
        return self.stored.title(sound)

    def samples(self, sound: Sound) -> NDArray[Any]:
        """(samples,), or (samples, 2) of a stereo model."""
        return self.stored.samples(sound)

    def uri(self, sound: Sound) -> str:
        """Where its file is."""
        path = self.stored.path(sound)
        return f"{self.address}/audio/{self.stored.folder.name}/{path.name}"


@dataclass(frozen=True)
class Ask:
    """A button that starts a run made of the one that is shown, as :func:`tonescope.ui.components.asking.derived`
    reads it."""

    kind: str
    value: str
    told: str


def mark(run: Run, content: Content) -> str:
    """What changes with what is shown of a run."""
    views = content.folder / "views.json"
    try:
        changed = views.stat().st_mtime_ns
    except OSError:
        changed = 0
    return f"{run.state}-{content.folder.name}-{changed}"


def progress_told(told: RunProgress) -> str:
    """How far a run is, in one sentence."""
    if told.state == "queued":
        place = "It is next" if told.place == 1 else f"Place {told.place} in the queue" if told.place else "It waits"
        starts = "" if told.starts_in is None else f"; it starts in {seconds_told(told.starts_in)}"
        return f"{place}{starts}."
    if told.state == "running":
        left = "" if told.seconds_left is None else f", {seconds_told(told.seconds_left)} left"
        return f"{round(100 * told.share)} %{left}. Now: {told.stage or 'start'}."
    return f"{ENDED.get(told.state, '')} {told.problem}".strip()


def seconds_told(seconds: float) -> str:
    """A time to wait, as people say it."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min"


def html(run: Run, content: Content, address: str, labels: Sequence[str]) -> str:
    """What was found so far, from the verdict to everything folded.

    Args:
        run: which.
        content: its views and sounds.
        address: the run's own.
        labels: what the judge chooses between.
    """
    return _made(_Key(run, mark(run, content), address, tuple(labels)), _Held(content))


@dataclass(frozen=True)
class _Key:
    """What the HTML of a run depends on; parameters never change."""

    run: Run
    mark: str
    address: str
    labels: tuple[str, ...]

    def __hash__(self) -> int:
        return hash((self.run.name, self.mark, self.address, self.labels))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._all == other._all

    @property
    def _all(self) -> tuple[str, str, str, tuple[str, ...]]:
        return self.run.name, self.mark, self.address, self.labels


class _Held:
    """Content that a cache does not compare."""

    def __init__(self, content: Content) -> None:
        self.content = content

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)


@lru_cache(maxsize=16)
def _made(key: _Key, held: _Held) -> str:
    content, run = held.content, key.run
    plays = ServedSounds(content.sounds, key.address)
    views = sorted(content.views, key=_place)
    result = content.result or {}
    return _template().render(
        run=run,
        views=views,
        folded=render_html.folded({view.depth for view in views}),
        part=render_html,
        player=lambda view: Markup(render_html.player(view, plays)),
        figure=_figure,
        tries=[tried for view in views for tried in _tries(view, run)],
        without_commands=lambda view: replace(view, commands=_without_lines(view.commands)),
        asks=_asks(run, result, key.labels),
        address=key.address,
        is_whole=content.is_whole,
        Markup=Markup,
    )


def _place(view: View) -> int:
    """The verdict, why, what can be heard, what to type instead, all else."""
    if view.depth != "first":
        return 4
    return 0 if view.tone else 2 if view.sounds else 3 if view.commands else 1


def _figure(figure: Figure) -> Markup:
    drawn = render_html.figure(figure)
    return Markup(drawn) if drawn else Markup('<p class="soft">{}</p>').format(figure.alt)


def _tries(view: View, run: Run) -> list[tuple[str, str]]:
    """Other prompts that a view tells to try: why, and the prompt."""
    asked = str(run.parameters.get("prompt", ""))
    found = []
    for command in view.commands:
        words = _words(command.line)
        if words[:2] == ["tonescope", "diagnose"] and len(words) > 2 and words[2] not in ("--", asked):
            found.append((command.told, words[2]))
    return found


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return []


def _without_lines(commands: Sequence[Command]) -> list[Command]:
    """What can be done next, in words: lines for a shell are folded away."""
    return [replace(command, told=f"{command.told.rstrip(':.')}.", line="") for command in commands]


def _asks(run: Run, result: Mapping[str, Any], labels: Sequence[str]) -> dict[str, list[Ask]]:
    """What can be asked about a diagnosis by one click."""
    if run.job != "diagnose":
        return {"foil": [], "word": [], "unit": []}
    heard = (result.get("contrast") or {}).get("target")
    drivers = result.get("drivers") or {}
    words = [word for word in drivers.get("words", []) if not word.get("in_pieces")][:MOST_WORDS]
    units = [unit["unit"] for unit in drivers.get("units", [])][:MOST_UNITS]
    together = (drivers.get("group") or {}).get("names", [])
    both = [Ask("unit", ",".join(together), "all of the set")] if 1 < len(together) <= MOST_TOGETHER else []
    return {
        "foil": [Ask("foil", label, label) for label in labels if label != heard],
        "word": [Ask("word", f"{word['start']}:{word['end']}", word["word"]) for word in words],
        "unit": both + [Ask("unit", unit, unit) for unit in units],
    }


@lru_cache(maxsize=1)
def _template() -> Any:
    made = Environment(
        loader=PackageLoader(__package__ or "", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return made.get_template("run_view.html.j2")
